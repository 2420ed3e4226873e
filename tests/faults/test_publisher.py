"""A publisher whose broker goes away: callers hear so in time, and afterwards everything goes on in order."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import AsyncIterator

import pytest

from shared.bus.cluster import Cluster
from shared.bus.outgoing import Outgoing
from shared.bus.publisher import Publisher
from shared.bus.topics import Topics
from shared.embedded import Servers
from shared.errors import Unavailable
from tests.shared.kit import log, published, publishing
from tests.waiting import HANG, until


@pytest.fixture(scope="module")
async def broker(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Servers]:
    """A broker of this module's own, to be hurt."""
    home = tmp_path_factory.mktemp("broker")
    async with Servers(home, mongo_url="mongodb://127.0.0.1:9") as servers:
        await Cluster(Topics(servers.kafka)).apply(partitions=1)
        yield servers


def pid(servers: Servers) -> int:
    assert servers._supervisor is not None
    return servers._supervisor.pids()["kafka"]


def numbered(key: str, first: int, last: int) -> list[Outgoing]:
    return [Outgoing("signals", key, str(number).encode()) for number in range(first, last)]


async def recovered(publisher: Publisher, key: str, number: int) -> None:
    """Publish a record again and again until the broker has it."""

    async def goes_through() -> bool:
        (result,) = await publisher.publish_all(numbered(key, number, number + 1))
        return isinstance(result, tuple)

    await until(goes_through)


async def in_the_log(topics: Topics, key: str) -> list[int]:
    return [int(record.value) for record in await log(topics, "signals") if record.key == key.encode()]


async def test_while_the_broker_is_silent_callers_hear_so_within_their_patience(broker: Servers) -> None:
    topics = Topics(broker.kafka)
    async with publishing(topics, patience=1.0, capacity=5) as publisher:
        await recovered(publisher, "silent", 0)
        await published(publisher, numbered("silent", 1, 3))
        os.kill(pid(broker), signal.SIGSTOP)
        try:
            began = time.monotonic()
            results = await publisher.publish_all(numbered("silent", 3, 12))
            waited = time.monotonic() - began
        finally:
            os.kill(pid(broker), signal.SIGCONT)
        assert [type(result) for result in results] == [Unavailable] * 9
        assert 0.9 < waited < HANG
        await recovered(publisher, "silent", 12)
        assert publisher.status() == {"records_under_way": 0}

    found = list(dict.fromkeys(await in_the_log(topics, "silent")))
    # Those that had a place may have arrived after all; those that had none are certainly not there.
    assert found == sorted(found)
    assert {0, 1, 2, 12} <= set(found) <= {0, 1, 2, 3, 4, 5, 6, 7, 12}


async def test_a_broker_that_was_killed_is_found_again_and_no_acknowledged_record_is_gone(
    broker: Servers,
) -> None:
    topics = Topics(broker.kafka)
    async with publishing(topics, patience=2.0) as publisher:
        await recovered(publisher, "killed", 0)
        await published(publisher, numbered("killed", 1, 3))
        os.kill(pid(broker), signal.SIGKILL)
        await recovered(publisher, "killed", 3)
        await published(publisher, numbered("killed", 4, 6))
    found = await in_the_log(topics, "killed")
    assert list(dict.fromkeys(found)) == [0, 1, 2, 3, 4, 5]
