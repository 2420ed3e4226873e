"""A broker and a store for the tests that need them, and topics of their own for each."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import pytest

from shared.bus.topics import Topics
from shared.embedded import Servers


@pytest.fixture(scope="session")
async def servers(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Servers]:
    home: Path = tmp_path_factory.mktemp("home")
    async with Servers(home) as running:
        yield running


@pytest.fixture
async def topics(servers: Servers) -> Topics:
    topics = Topics(servers.kafka_bootstrap, f"t{uuid4().hex[:12]}")
    await topics.apply()
    return topics
