"""A broker and a store for the tests that need them, and topics of their own for each."""

from __future__ import annotations

from collections.abc import AsyncIterator
from uuid import uuid4

import pytest

from shared.bus.topics import Topics
from tests.servers import Addresses, embedded


@pytest.fixture(scope="session")
async def servers(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Addresses]:
    async with embedded(tmp_path_factory.mktemp("home")) as addresses:
        yield addresses


@pytest.fixture
async def topics(servers: Addresses) -> Topics:
    topics = Topics(servers.kafka_bootstrap, f"t{uuid4().hex[:12]}")
    await topics.apply()
    return topics
