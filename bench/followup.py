"""Timers and the simulated office, on each embedded store that is found.

Timers: so many steps come due within one minute, on a real broker; lateness is from a step's due time to the moment a
consumer has its `StepDue`. Then the same many come due within ten minutes in which nobody runs, by a simulated clock.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path
from statistics import quantiles
from uuid import uuid4

from aiokafka import AIOKafkaConsumer, ConsumerRecord

from bench.imports import found
from bench.tables import Row, keep, row
from services.followup import reactions
from services.followup.domain.model import FollowUp
from services.followup.handlers import timers as timers_of
from services.followup.store import PublishedPlaybooks, followups
from shared.bus.cluster import Cluster
from shared.bus.publisher import Publisher
from shared.bus.received import Received
from shared.bus.topics import Topics
from shared.clock import utc_now
from shared.documents import Documents
from shared.embedded import Servers
from shared.events.base import Recorded, decode
from shared.events.followup import StepDue
from shared.events.leads import Channel, LeadCaptured
from shared.mongo import Mongo
from shared.outbox import Relay
from tests.followup.simulation import World, judge
from tests.waiting import until

PROMISE = timedelta(minutes=5)
"""Within which the default playbooks call a lead from the web."""
MANY = {"secantusd-py": 20_000}
MORE = 100_000


class Office:
    """Followup's store, relay and topics, without a consumer: what it hears is handed to it."""

    def __init__(self, mongo: Mongo, publisher: Publisher, topics: Topics) -> None:
        self.mongo, self.publisher, self.topics = mongo, publisher, topics
        self.followups: Documents[FollowUp] = followups(mongo)
        self.books = PublishedPlaybooks(mongo)
        self.relay = Relay("followup", self.followups, publisher, "followup")

    async def capture(self, count: int, first_due: datetime, within: timedelta) -> None:
        """Leads whose first calls are due at even distances from `first_due` on."""
        for at in range(0, count, 500):
            batch = []
            for number in range(at, min(at + 500, count)):
                due = first_due + within * (number / count)
                event = LeadCaptured(lead_id=f"lead-{number}", at=due - PROMISE, channel=Channel.WEB)
                recorded = Recorded(f"e{number}", event, due - PROMISE, 1, event.aggregate)
                batch.append(Received(recorded, "leads", 0, number))
            await reactions.follow(self.followups, self.books, batch)

    async def quiet(self) -> None:
        """Return once every outbox is empty."""

        async def is_empty() -> bool:
            left = {"outbox.recordedtime": {"$gt": ""}}
            return await self.followups.collection.find_one(left, {"_id": 1}) is None

        await until(is_empty, within=600)

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[AIOKafkaConsumer]:
        """A reader at the end of the log: what was told before is not part of what is measured."""
        topic = self.topics.name("followup")
        async with AIOKafkaConsumer(topic, **self.topics.brokers.client) as reader:
            await reader.seek_to_end()
            for tp in reader.assignment():
                await reader.position(tp)  # it seeks when it is asked where it stands
            yield reader


async def told(reader: AIOKafkaConsumer, count: int, give_up: float) -> list[tuple[datetime, datetime, int]]:
    """(due, heard, partition) of every StepDue, until `count` leads have theirs; asserts that each is told once.

    They are decoded at the end: reading must not take the processor from what is measured.
    """
    heard: list[tuple[datetime, ConsumerRecord]] = []
    leads: set[bytes] = set()
    deadline = time.monotonic() + give_up
    while len(leads) < count and time.monotonic() < deadline:
        for records in (await reader.getmany(timeout_ms=100)).values():
            now = utc_now()
            due = [record for record in records if b"next_step.due" in record.value]
            heard += [(now, record) for record in due]
            leads.update(record.key for record in due)
    found: dict[tuple[str, int | None], tuple[datetime, datetime, int]] = {}
    for when, record in heard:
        recorded = decode(record.value)
        if isinstance(recorded.event, StepDue):
            # A relay may publish a fact twice: the sequence says that it is the same one.
            name = (recorded.event.step_id, recorded.sequence)
            found.setdefault(name, (recorded.event.due, when, record.partition))
    assert len({step for step, _ in found}) == len(found), "a step was told due twice"
    return list(found.values())


@asynccontextmanager
async def office(servers: Servers) -> AsyncIterator[Office]:
    name = f"b{uuid4().hex[:8]}"
    topics = Topics(servers.kafka, name)
    await Cluster(topics).apply()
    mongo = Mongo(servers.mongo_url, name)
    publisher = Publisher(topics)
    own = Office(mongo, publisher, topics)
    await mongo.start()
    await publisher.start()
    await own.relay.start()
    try:
        yield own
    finally:
        await own.relay.stop()
        await publisher.stop()
        await mongo.stop()


async def lateness(servers: Servers, count: int, minute: timedelta) -> list[float]:
    """Seconds from due to heard, of `count` steps that come due within a minute, by a clock set to begin then."""
    first = utc_now() + PROMISE
    async with office(servers) as own:
        await own.capture(count, first, minute)
        await own.quiet()
        async with own.listening() as reader:
            ahead = first - (utc_now() + timedelta(seconds=3))
            timers = timers_of(own.followups, own.books, lambda: utc_now() + ahead)
            await timers.start()
            heard = await told(reader, count, 600)
            await timers.stop()
    assert len(heard) == count, f"{len(heard)} of {count} were told"
    return [(when + ahead - due).total_seconds() for due, when, _ in heard]


async def after_a_stop(servers: Servers, count: int) -> float:
    """Seconds to tell all that came due in ten minutes without a process; asserts the order and that each is once."""
    first = utc_now() + PROMISE

    def later() -> datetime:
        return max(utc_now(), first + timedelta(minutes=10))

    async with office(servers) as own:
        await own.capture(count, first, timedelta(minutes=10))
        await own.quiet()
        async with own.listening() as reader:
            started = time.perf_counter()
            timers = timers_of(own.followups, own.books, later)
            await timers.start()
            heard = await told(reader, count, 600)
            seconds = time.perf_counter() - started
            await timers.stop()
    assert len(heard) == count, f"{len(heard)} of {count} were told"
    by_partition: dict[int, list[datetime]] = defaultdict(list)
    for due, _, partition in heard:
        by_partition[partition].append(due)
    assert all(dues == sorted(dues) for dues in by_partition.values()), "not the oldest first"
    return seconds


async def measure(store: Path, count: int) -> list[Row]:
    rows = []
    with tempfile.TemporaryDirectory() as directory:
        async with Servers(Path(directory), store_binary=store) as servers:
            name = store.name
            late = await lateness(servers, count, timedelta(minutes=1))
            cuts = quantiles(late, n=100)
            what = f"{name}: {count:,} timers within a minute, late"
            rows += [
                row("followup", f"{what}, p50", "seconds", [cuts[49]]),
                row("followup", f"{what}, p99", "seconds", [cuts[98]], "≤ 5"),
                row("followup", f"{what}, worst", "seconds", [max(late)]),
            ]
            seconds = await after_a_stop(servers, count)
            rows.append(
                row(
                    "followup",
                    f"{name}: {count:,} came due in a stop, told, oldest first",
                    "seconds",
                    [seconds],
                )
            )
            mongo = Mongo(servers.mongo_url, f"s{uuid4().hex[:8]}")
            world = World(mongo, leads=2_000, days=90, seed=7)
            started = time.perf_counter()
            await world.run()
            seconds = time.perf_counter() - started
            await judge(world)
            await mongo.stop()
            told = sum(map(len, world.log.facts.values()))
            what = f"{name}: 90 days of 2,000 leads and 20 reps ({world.steps:,} steps, {told:,} facts)"
            rows.append(row("followup", what, "seconds", [seconds], "≤ 180"))
    return rows


def main() -> None:
    rows = [each for store in found() for each in asyncio.run(measure(store, MANY.get(store.name, MORE)))]
    keep("followup", rows, ["Broker, store, timers and the consumer on the same cores"])
