"""From outbox to log: everything arrives, in order per aggregate, whatever fails in between."""

from __future__ import annotations

import asyncio
import json
import random
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import cast

import pytest

from shared.bus.outgoing import Outgoing
from shared.bus.publisher import Publisher
from shared.bus.topics import Topics
from shared.clock import utc_now
from shared.documents import Decision, Documents, Step
from shared.errors import Refused, Unavailable
from shared.events.leads import LeadCaptured
from shared.mongo import Mongo
from shared.outbox import Relay
from tests.shared.kit import Diary, consuming, diaries, log, publishing, told, writing
from tests.waiting import until

LEADS = [f"lead-{number}" for number in range(8)]


def tells(lead: str) -> Step[Diary]:
    def decide(diary: Diary | None) -> Decision[Diary]:
        diary = diary or Diary(lead)
        fact = LeadCaptured.model_validate({"lead_id": lead, "at": utc_now(), "channel": "web"})
        return replace(diary, lines=(*diary.lines, f"line {len(diary.lines) + 1}")), [fact]

    return Step(lead, decide)


async def tell(documents: Documents[Diary], times: int, leads: Sequence[str] = LEADS) -> None:
    for _ in range(times):
        await documents.apply([tells(lead) for lead in leads])


async def empty(documents: Documents[Diary]) -> bool:
    return await documents.collection.find_one({"outbox.recordedtime": {"$gt": ""}}) is None


def soon() -> datetime:
    """A clock that is ahead, so that what is in an outbox counts as left behind at once."""
    return utc_now() + timedelta(seconds=3)


class Moody:
    """A publisher that refuses some records, and takes some without saying so."""

    def __init__(self, mood: random.Random) -> None:
        self.taken: list[Outgoing] = []
        self._mood = mood

    async def publish_all(self, records: Sequence[Outgoing]) -> list[tuple[int, int] | Unavailable | Refused]:
        results: list[tuple[int, int] | Unavailable | Refused] = []
        for record in records:
            await asyncio.sleep(0)
            mood = self._mood.random()
            if mood > 0.15:
                self.taken.append(record)
            results.append((0, len(self.taken)) if mood > 0.3 else Unavailable("away", "try again"))
        return results


def relay(documents: Documents[Diary], publisher: object) -> Relay:
    return Relay("leads", documents, cast("Publisher", publisher), "leads", clock=soon)


def sequences(values: Sequence[bytes]) -> dict[str, list[int]]:
    found = defaultdict(list)
    for value in values:
        fact = json.loads(value)
        found[fact["subject"]].append(fact["sequence"])
    return found


def first_times(numbers: Sequence[int]) -> list[int]:
    """What a reader who skips the repeats is left with."""
    return list(dict.fromkeys(numbers))


@pytest.mark.parametrize("seed", [1, 2])
async def test_two_relays_and_a_moody_broker_keep_the_order_of_every_aggregate(
    mongo: Mongo, seed: int
) -> None:
    publisher = Moody(random.Random(seed))
    both = [diaries(mongo), diaries(mongo)]
    relays = [relay(documents, publisher) for documents in both]
    for each in relays:
        await each.start()
    try:
        await asyncio.gather(*(tell(documents, 3) for documents in both))
        await until(partial(empty, both[0]))
    finally:
        for each in relays:
            await each.stop()

    arrived = sequences([record.value for record in publisher.taken])
    assert {lead: first_times(numbers) for lead, numbers in arrived.items()} == {
        lead: [1, 2, 3, 4, 5, 6] for lead in LEADS
    }
    assert all(record.key == json.loads(record.value)["subject"] for record in publisher.taken)


class Stuck:
    """A publisher whose process dies after the broker has the records and before it hears so."""

    def __init__(self, publisher: Publisher) -> None:
        self._publisher = publisher
        self.records = 0

    async def publish_all(self, records: Sequence[Outgoing]) -> None:
        await self._publisher.publish_all(records)
        self.records += len(records)
        if self.records > 12:
            await asyncio.Event().wait()


async def test_a_relay_that_dies_before_it_could_tidy_up_leaves_repeats_and_nothing_worse(
    topics: Topics, mongo: Mongo, servers: object
) -> None:
    writer, reader = diaries(mongo), Documents(mongo.collection("readers"), Diary)
    async with publishing(topics) as publisher:
        dying = Stuck(publisher)
        first = relay(writer, _results(dying))
        await first.start()
        await tell(writer, 4)

        async def has_died() -> bool:
            return dying.records > 12

        await until(has_died)
        for task in (first._task, first._sweep, first._tidying):
            assert task is not None
            task.cancel()
        assert not await empty(writer)

        second = relay(diaries(mongo), publisher)
        await second.start()
        async with consuming(topics, publisher, partial(writing.handle, reader)) as consumer:

            async def all_heard() -> bool:
                heard = await reader.get_many(LEADS)
                return await empty(writer) and [len(each.lines) for each in heard.values()] == [4] * 8

            await until(all_heard)
            assert (
                consumer.status()["dead_letters_left"] == 200
            )  # none was made: a fifth of the limit may come in a row
        await second.stop()

    arrived = sequences([record.value for record in await log(topics, "leads")])
    assert sum(len(numbers) for numbers in arrived.values()) > 4 * len(LEADS)
    assert {lead: first_times(numbers) for lead, numbers in arrived.items()} == {
        lead: [1, 2, 3, 4] for lead in LEADS
    }
    assert await reader.get_many(LEADS) == {lead: Diary(lead, told(lead, 4)) for lead in LEADS}


def _results(dying: Stuck) -> object:
    """A relay that lives past the first records needs their results."""

    class Lives:
        async def publish_all(self, records: Sequence[Outgoing]) -> list[tuple[int, int]]:
            await dying.publish_all(records)
            return [(0, 0)] * len(records)

    return Lives()


async def test_what_a_dead_process_left_behind_is_in_the_log_in_the_end(mongo: Mongo) -> None:
    dead = diaries(mongo)
    await tell(dead, 2)
    publisher = Moody(random.Random(0))
    publisher._mood.random = lambda: 1.0  # type: ignore[method-assign]
    documents = diaries(mongo)
    living = Relay("leads", documents, cast("Publisher", publisher), "leads")
    await living.start()
    try:
        await until(partial(empty, documents))
    finally:
        await living.stop()
    assert sequences([record.value for record in publisher.taken]) == {lead: [1, 2] for lead in LEADS}


async def test_a_relay_publishes_what_its_own_process_wrote_at_once(mongo: Mongo) -> None:
    publisher = Moody(random.Random(0))
    publisher._mood.random = lambda: 1.0  # type: ignore[method-assign]
    documents = diaries(mongo)
    living = Relay("leads", documents, cast("Publisher", publisher), "leads")
    await living.start()
    try:
        await tell(documents, 1)
        await until(partial(empty, documents))
        await until(lambda: living.status() == {"outbox_pending": 0})
    finally:
        await living.stop()
    with pytest.raises(Unavailable):
        await living.check()


async def test_the_sweep_counts_as_pending_what_is_not_in_the_log_yet(mongo: Mongo) -> None:
    await tell(diaries(mongo), 1)
    relay = Relay("leads", diaries(mongo), cast("Publisher", Moody(random.Random(0))), "leads")
    relay._pending = 1  # it failed before, so it looks at the young ones too
    await relay._find_left_behind()
    assert relay.status() == {"outbox_pending": len(LEADS)}

    relay._done = dict.fromkeys(LEADS[1:], 1)  # published while they were read
    await relay._find_left_behind()
    assert relay.status() == {"outbox_pending": 1}
