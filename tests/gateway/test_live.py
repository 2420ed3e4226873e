"""The live stream: told once the views show it, and resumed anywhere without a change lost or told twice."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiokafka import TopicPartition

from services.gateway.live import Live, LiveChange
from shared.bus.outgoing import Outgoing
from shared.bus.publisher import Publisher
from shared.bus.topics import Topics
from shared.errors import Refused
from tests.shared.kit import fact, facts, move, published, publishing
from tests.waiting import HANG, until


@asynccontextmanager
async def showing(topics: Topics) -> AsyncIterator[Live]:
    live = Live(topics, "projector")
    await live.start()
    try:
        yield live
    finally:
        await live.stop()


async def project(topics: Topics, places: list[tuple[int, int]]) -> None:
    """Let the projector have passed these places of the topic `leads`."""
    passed: dict[TopicPartition, int] = {}
    for partition, offset in places:
        passed[TopicPartition(topics.name("leads"), partition)] = offset + 1
    await move(topics, "projector", passed)


class Client:
    """Somebody who looks: the changes that came, in order."""

    def __init__(self, live: Live, position: str | None) -> None:
        self.changes: list[LiveChange] = []
        self._came = asyncio.Condition()
        self._task = asyncio.create_task(self._look(live, position))

    async def _look(self, live: Live, position: str | None) -> None:
        async for change in live.changes(position):
            async with self._came:
                self.changes.append(change)
                self._came.notify_all()

    async def has(self, count: int) -> list[LiveChange]:
        async with asyncio.timeout(HANG), self._came:
            await self._came.wait_for(lambda: len(self.changes) >= count)
        return self.changes

    async def go(self) -> None:
        self._task.cancel()
        await asyncio.wait([self._task])


async def test_a_change_is_told_once_the_projector_has_passed_it(topics: Topics) -> None:
    async with publishing(topics) as publisher, showing(topics) as live:
        client = Client(live, live.position())
        places = await published(publisher, facts("ana", 3))
        await project(topics, places[:2])
        await client.has(2)
        # What is not projected is not waited for: it overtakes the third fact, which is held back.
        await publisher.publish(Outgoing("scoring", "ana", fact("ana", 1).value))
        await client.has(3)
        assert live.status()["changes_held"] == 1

        await project(topics, places)
        changes = await client.has(4)
        assert {change.lead_id for change in changes} == {"ana"}
        assert len({change.id for change in changes}) == 4
        assert changes[-1].id == live.position()
        await client.go()


async def test_a_client_resumes_on_any_replica_where_it_left(topics: Topics) -> None:
    async with publishing(topics) as publisher, showing(topics) as one, showing(topics) as other:
        first = Client(one, one.position())
        places = await published(
            publisher, [each for lead in ("ana", "leo", "eva") for each in facts(lead, 4)]
        )
        await project(topics, places)
        changes = list(await first.has(12))
        witness = Client(other, _beginning(one))
        await witness.has(12)
        for left_after in (0, 5, 11):
            again = Client(other, changes[left_after].id)
            rest = await _rest(topics, publisher, again, 11 - left_after)
            seen = [(change.lead_id, change.time) for change in changes[left_after + 1 :]]
            assert sorted(rest) == sorted((str(lead), str(time)) for lead, time in seen)
            await again.go()
        await first.go()
        await witness.go()


def _beginning(live: Live) -> str:
    return ",".join(f"{part.partition(':')[0]}:0.0.0.0" for part in live.position().split(","))


async def _rest(topics: Topics, publisher: Publisher, client: Client, count: int) -> list[tuple[str, str]]:
    """What the client is told before a mark that is published now."""
    await publisher.publish(Outgoing("scoring", "mark", fact("mark", 1).value))
    changes = await client.has(count + 1)
    while changes[-1].lead_id != "mark":
        changes = await client.has(len(changes) + 1)
    told = [(str(change.lead_id), str(change.time)) for change in changes if change.lead_id != "mark"]
    assert len(told) == count
    return told


async def test_who_comes_from_a_position_that_is_not_known_is_told_to_begin_anew(topics: Topics) -> None:
    async with publishing(topics) as publisher, showing(topics) as live:
        ahead = live.position().replace("leads:0.0.0.0", "leads:9.9.9.9")
        for unknown in ("leads:0", ahead):
            client = Client(live, unknown)
            (reset,) = await client.has(1)
            assert (reset.type, reset.id) == ("reset", live.position())
            place = await publisher.publish(fact("ana", 1))
            await project(topics, [place])
            _, change = await client.has(2)
            assert change.lead_id == "ana"
            await client.go()
    with pytest.raises(Refused, match="not a position in the stream"):
        await anext(live.changes("somewhere"))


async def test_a_record_nobody_can_read_holds_nobody_up(topics: Topics) -> None:
    async with publishing(topics) as publisher, showing(topics) as live:
        client = Client(live, live.position())
        places = await published(publisher, [Outgoing("leads", "ana", b"\xff"), *facts("ana", 1)])
        await project(topics, places)
        unreadable, change = await client.has(2)
        assert (unreadable.type, unreadable.lead_id) == ("unreadable", None)
        assert change.lead_id == "ana"
        await client.go()


async def test_those_who_look_are_told_when_the_replica_goes_away(topics: Topics) -> None:
    async with showing(topics) as live:
        client = Client(live, None)

        async def is_listening() -> bool:
            return live.status()["clients"] == 1

        await until(is_listening)
    (reset,) = await client.has(1)
    assert reset.type == "reset"


async def test_what_cannot_be_read_does_not_end_the_stream(topics: Topics) -> None:
    live = Live(topics, "nobody")
    async with publishing(topics) as publisher:
        await live.start()
        try:
            await published(
                publisher, [Outgoing("scoring", "ana", b"[" * 100_000), Outgoing("scoring", "ana", b"")]
            )

            async def both_passed() -> bool:
                return live.status()["changes_kept"] == 2

            await until(both_passed)
            await live.check()
        finally:
            await live.stop()


async def test_it_stops_although_a_client_has_not_read_for_long(
    topics: Topics, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.gateway.live.BEHIND", 1)
    async with publishing(topics) as publisher, showing(topics) as live:
        changes = live.changes(None)
        reading = asyncio.ensure_future(anext(changes))
        await until(lambda: live.status()["clients"] == 1)
        await publisher.publish(Outgoing("scoring", "ana", fact("ana", 1).value))
        await reading
        await publisher.publish(Outgoing("scoring", "ana", fact("ana", 2).value))
        await until(lambda: next(iter(live._clients)).full())
        await live.stop()
        assert [change.type async for change in changes] == ["reset"]


async def test_what_the_projector_of_this_process_has_passed_is_told_without_asking_the_broker(
    topics: Topics,
) -> None:
    passed: dict[TopicPartition, int] = {}
    live = Live(topics, "projector", lambda: passed)
    async with publishing(topics) as publisher:
        await live.start()
        try:
            client = Client(live, live.position())
            passed |= {TopicPartition(topics.name("leads"), number): 0 for number in range(4)}
            places = await published(publisher, facts("ana", 2))
            await until(lambda: live.status()["changes_held"] == 2)
            for partition, offset in places:
                passed[TopicPartition(topics.name("leads"), partition)] = offset + 1
                live.look()
            assert [change.lead_id for change in await client.has(2)] == ["ana", "ana"]
            assert live._admin is None
            await client.go()
        finally:
            await live.stop()
