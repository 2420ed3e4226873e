"""What is published arrives in order per key, or the caller hears in time that it did not."""

from __future__ import annotations

import asyncio

import pytest

from shared.bus.brokers import Brokers
from shared.bus.outgoing import MAX_RECORD_BYTES, Outgoing
from shared.bus.publisher import Publisher
from shared.bus.topics import Topics
from shared.errors import Refused, Unavailable
from tests.shared.kit import log, published, publishing


async def test_records_of_a_key_stand_in_the_log_in_the_order_they_were_published(topics: Topics) -> None:
    async with publishing(topics) as publisher:
        for start in range(0, 300, 100):
            await published(
                publisher,
                [
                    Outgoing("signals", f"lead-{number % 7}", str(number).encode())
                    for number in range(start, start + 100)
                ],
            )
        assert publisher.status() == {"records_under_way": 0}

    by_key: dict[bytes, list[int]] = {}
    for record in await log(topics, "signals"):
        by_key.setdefault(record.key, []).append(int(record.value))
        assert dict(record.headers)["content-type"].startswith(b"application/cloudevents+json")
    assert by_key == {f"lead-{key}".encode(): list(range(key, 300, 7)) for key in range(7)}


async def test_a_record_too_large_is_refused_and_those_beside_it_are_not(topics: Topics) -> None:
    async with publishing(topics) as publisher:
        first, large, last = await publisher.publish_all(
            [Outgoing("signals", "ana", bytes(size)) for size in (1, MAX_RECORD_BYTES + 1, MAX_RECORD_BYTES)]
        )
        assert isinstance(large, Refused)
        assert large.slug == "record-too-large"
        assert isinstance(first, tuple)
        assert isinstance(last, tuple)
        with pytest.raises(Refused):
            await publisher.publish(Outgoing("signals", "ana", bytes(MAX_RECORD_BYTES + 1)))
    assert len(await log(topics, "signals")) == 2


async def test_more_callers_than_places_all_have_their_turn(topics: Topics) -> None:
    async with publishing(topics, capacity=3) as publisher:
        await asyncio.gather(
            *(published(publisher, [Outgoing("signals", f"{n}", b"x") for _ in range(10)]) for n in range(5))
        )
    assert len(await log(topics, "signals")) == 50


async def test_a_publisher_that_is_stopped_says_so_for_every_record(topics: Topics) -> None:
    publisher = Publisher(topics)
    results = await publisher.publish_all([Outgoing("signals", "ana", b"x")] * 2)
    assert [type(result) for result in results] == [Unavailable, Unavailable]


async def test_it_does_not_start_without_a_broker() -> None:
    with pytest.raises(Unavailable, match=r"no Kafka broker answers at 127\.0\.0\.1:9"):
        await Publisher(Topics(Brokers("127.0.0.1:9"), "nowhere")).start()
