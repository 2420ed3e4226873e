"""Whatever dies or stalls, each record is folded once and each telling belongs to a state that is kept."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer, ConsumerRecord, TopicPartition
from aiokafka.structs import OffsetAndMetadata

from services.scoring.processor.protocols import Output, Record
from services.scoring.runtime.log import Log
from services.scoring.runtime.owned_partitions import OwnedPartitions
from services.scoring.runtime.partition import POSITIONS
from services.scoring.runtime.worker import Worker, look
from shared.bus.cluster import Cluster, admin
from shared.bus.lag import lag
from shared.bus.topics import Topics
from shared.clock import milliseconds, utc_now
from shared.errors import Refused
from tests.scoring.log import Reader, producer, records
from tests.scoring.tally import IMPATIENT, Tally, tallying
from tests.waiting import HANG, until

ROOT = Path(__file__).parents[2]
KEYS = [f"lead-{number}".encode() for number in range(60)]


class Traffic:
    """Records to the fact topics, one every few milliseconds, and the truth about how many each key got."""

    def __init__(self, topics: Topics, sender: AIOKafkaProducer) -> None:
        self.sent: Counter[bytes] = Counter()
        self._topics = topics
        self._sender = sender

    async def send(self, count: int) -> None:
        futures = []
        for number in range(count):
            key = KEYS[(number * 7) % len(KEYS)]
            futures.append(
                await self._sender.send(
                    self._topics.name("signals" if number % 2 else "leads"), b"x", key=key
                )
            )
            self.sent[key] += 1
        await asyncio.gather(*futures)

    async def flow(self) -> None:
        while True:
            await self.send(5)
            await asyncio.sleep(0.005)


@asynccontextmanager
async def traffic(topics: Topics) -> AsyncIterator[Traffic]:
    async with producer(topics) as sender:
        yield Traffic(topics, sender)


@asynccontextmanager
async def flowing(topics: Topics) -> AsyncIterator[Traffic]:
    async with traffic(topics) as given:
        task = asyncio.create_task(given.flow())
        try:
            yield given
        finally:
            if not task.done():
                task.cancel()
            await asyncio.gather(task, return_exceptions=True)


@asynccontextmanager
async def working(topics: Topics) -> AsyncIterator[Worker]:
    stream = tallying(topics)
    await stream.start()
    try:
        await until(lambda: stream.is_ready)
        yield stream
    finally:
        await stream.stop()


@asynccontextmanager
async def process(topics: Topics) -> AsyncIterator[asyncio.subprocess.Process]:
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "tests.scoring.tally", topics.prefix),
        cwd=ROOT,
        env={**os.environ, **topics.brokers.environment()},
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        yield child
    finally:
        if child.returncode is None:
            child.kill()
        await child.wait()


def counts(found: list[ConsumerRecord]) -> dict[bytes, list[int]]:
    return {record.key: json.loads(record.value) for record in found}


def counted(found: list[ConsumerRecord]) -> Counter[bytes]:
    return Counter({key: count for key, (count, _) in counts(found).items()})


async def kept(topics: Topics) -> Counter[bytes]:
    """How many records of each key the committed state knows of."""
    return counted(await records(topics, "scoring-state"))


async def caught_up(topics: Topics, given: Traffic) -> None:
    """Wait until every key is known as often as it has been sent by now: no partition stands still."""
    target = Counter(given.sent)
    async with Reader(topics, "scoring-state") as state:

        async def is_known() -> bool:
            return counted(await state.read()) >= target

        await until(is_known)


async def assert_told_without_hole_or_repeat(topics: Topics) -> None:
    told: dict[bytes, list[list[int]]] = {}
    for record in await records(topics, "heat"):
        told.setdefault(record.key, []).append(json.loads(record.value))
    for tellings in told.values():
        assert [number for _, number in tellings] == list(range(1, len(tellings) + 1))
        assert [count for count, _ in tellings] == sorted({count for count, _ in tellings})


async def test_a_worker_that_starts_again_goes_on_where_the_last_commit_stood(topics: Topics) -> None:
    async with traffic(topics) as given:
        for _ in range(2):
            async with working(topics):
                await given.send(500)
                await caught_up(topics, given)
        assert await kept(topics) == given.sent
        await assert_told_without_hole_or_repeat(topics)


async def test_a_stopped_worker_has_committed_all_that_it_folded(topics: Topics) -> None:
    async with traffic(topics) as given:
        async with working(topics) as stream:
            await given.send(300)
            await until(lambda: folded(stream) == 300)

        assert await kept(topics) == given.sent


async def test_two_workers_share_the_partitions_and_forget_what_they_gave_away(topics: Topics) -> None:
    async with flowing(topics) as given, working(topics) as first:
        await until(lambda: folded(first) > 100)
        assert set(first.state.partitions) == {0, 1, 2, 3}
        async with working(topics) as second:
            await until(lambda: first.is_ready and second.is_ready and len(first.state.partitions) == 2)

            assert set(first.state.partitions) | set(second.state.partitions) == {0, 1, 2, 3}
            assert set(first.state.partitions).isdisjoint(second.state.partitions)
        await until(lambda: first.is_ready and len(first.state.partitions) == 4)
    async with working(topics):
        await caught_up(topics, given)
    assert await kept(topics) == given.sent
    await assert_told_without_hole_or_repeat(topics)


async def test_the_next_owner_fences_one_that_stalled(topics: Topics) -> None:
    failures: list[BaseException] = []
    record = ConsumerRecord(topics.name("leads"), 0, 0, 0, 0, b"lead", b"x", None, 4, 1, ())
    stalled = OwnedPartitions(Log(topics), lambda _: Tally(topics), failures.append)
    owner = OwnedPartitions(Log(topics), lambda _: Tally(topics), failures.append)
    await stalled.take([0])
    await owner.take([0])

    stalled.fold(record.topic, 0, [record])
    await until(lambda: len(failures) == 1)
    owner.fold(record.topic, 0, [record])
    await until(lambda: owner.partitions[0].commits == 1)
    await stalled.let_go()
    await owner.let_go()

    assert counts(await records(topics, "scoring-state")) == {b"lead": [1, 1]}
    assert len(await records(topics, "heat")) == 1


async def test_nothing_rings_before_the_state_has_been_read_back(topics: Topics) -> None:
    calls: list[str] = []

    class Listening(Tally):
        def restore(self, key: bytes, value: bytes | None) -> None:
            calls.append("restore")

        def due(self, now: datetime) -> None:
            calls.append("due")

        def fire_timers(self, until: datetime, now: datetime) -> int:
            calls.append("fire")
            return 0

    state = OwnedPartitions(Log(topics), lambda _: Listening(topics), lambda _: None)

    async def fire_timers() -> None:
        while True:
            await state.fire_timers()
            await state.promote()
            await asyncio.sleep(0)

    async with producer(topics) as sender:
        for number in range(500):
            await sender.send(topics.name("scoring-state"), b"[1,%d]" % number, key=b"lead", partition=0)
    ringing = asyncio.create_task(fire_timers())
    await state.take([0])
    await until(lambda: calls.count("due") > 1 and calls.count("fire") > 1)
    ringing.cancel()
    await state.let_go()

    assert calls[:502] == ["restore"] * 500 + ["due", "fire"]


async def test_time_alone_waits_for_the_facts_that_are_in_the_log(
    topics: Topics, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker that catches up tells what it would have told had it kept up."""
    monkeypatch.setattr("services.scoring.runtime.transport.FETCH_BYTES", 2_048)
    monkeypatch.setattr("services.scoring.runtime.worker.TIMER_SECONDS", 0.001)
    written = [milliseconds(utc_now()) - 1_000 * (900 - number) for number in range(900)]
    left, untils = list(written), list[int]()

    class Listening(Tally):
        def fold(self, topic: str, records: Sequence[Record], now: datetime) -> None:
            del left[: len(records)]

        def fire_timers(self, until: datetime, now: datetime) -> int:
            untils.append(milliseconds(until))
            assert not left or untils[-1] < left[0]
            return 0

    async with producer(topics) as sender:
        for at in written:
            await sender.send(topics.name("signals"), b"x" * 100, b"lead", partition=0, timestamp_ms=at)
    memories = {0: Listening(topics)}
    worker = Worker(Log(topics), lambda number: memories.get(number, Tally(topics)), patience=IMPATIENT)
    await worker.start()
    await until(lambda: not left and untils[-1] > written[-1])
    assert len({at for at in untils if at < written[-1]}) > 3, "nothing fired while it caught up"
    await until(lambda: milliseconds(utc_now()) - untils[-1] < 1_000)
    await worker.stop()


async def test_what_an_aborted_transaction_left_is_not_read_back(topics: Topics) -> None:
    log = Log(topics)
    async with AIOKafkaProducer(**topics.brokers.client, transactional_id=log.transactional_id(0)) as broken:
        await broken.begin_transaction()
        await broken.send_and_wait(log.state, b"[9,9]", key=b"lead", partition=0)
        await broken.abort_transaction()
    state = OwnedPartitions(log, lambda _: Tally(topics), lambda _: None)

    async with asyncio.timeout(HANG):
        positions = await state.take([0])
    memory = state.partitions[0].memory
    await state.let_go()

    assert isinstance(memory, Tally)
    assert memory.counts == {}
    assert set(positions.values()) == {0}


async def stopped(topics: Topics) -> str:
    """Why a worker stops."""
    stream = tallying(topics)
    await stream.start()
    try:
        await until(lambda: stream.stopped is not None)
        return str(stream.stopped)
    finally:
        await stream.stop()


async def test_a_position_beyond_the_log_stops_the_worker_and_it_says_why(topics: Topics) -> None:
    log = Log(topics)
    ids = await Cluster(topics).ids()
    async with producer(topics) as sender:
        beyond = json.dumps({log.facts[0]: [1_000, ids[log.facts[0]]]}).encode()
        await sender.send_and_wait(log.state, beyond, key=POSITIONS, partition=0)
    assert "offset 1000" in await stopped(topics)


async def test_a_position_in_another_topic_of_that_name_stops_the_worker(topics: Topics) -> None:
    log = Log(topics)
    async with producer(topics) as sender:
        elsewhere = json.dumps({log.facts[0]: [0, "another"]}).encode()
        await sender.send_and_wait(log.state, elsewhere, key=POSITIONS, partition=0)
    assert "another topic of that name" in await stopped(topics)


async def test_positions_that_cannot_be_read_stop_the_worker(topics: Topics) -> None:
    async with producer(topics) as sender:
        await sender.send_and_wait(Log(topics).state, b"no json", key=POSITIONS, partition=0)
    assert "cannot be read" in await stopped(topics)


async def test_a_state_that_says_no_positions_stands_where_the_group_does(topics: Topics) -> None:
    log = Log(topics)
    fact, ids = TopicPartition(log.facts[0], 0), await Cluster(topics).ids()
    async with producer(topics) as sender:
        for _ in range(3):
            await sender.send_and_wait(fact.topic, b"x", key=b"lead", partition=0)
        await sender.send_and_wait(log.state, b"[2,2]", key=b"lead", partition=0)
    async with AIOKafkaProducer(**topics.brokers.client, transactional_id=log.transactional_id(0)) as earlier:
        await earlier.begin_transaction()
        stand = OffsetAndMetadata(2, ids[fact.topic])
        await earlier.send_offsets_to_transaction({fact: stand}, log.group)
        await earlier.commit_transaction()
    async with working(topics) as stream:
        await until(lambda: stream.state.partitions[0].commits == 1)

    assert await kept(topics) == Counter({b"lead": 3})


async def test_a_group_without_a_state_begins_anew(topics: Topics) -> None:
    async with traffic(topics) as given:
        async with working(topics):
            await given.send(100)
            await caught_up(topics, given)
        async with admin(topics.brokers) as client:
            await client.delete_topics([Log(topics).state])

            async def is_gone() -> bool:
                return Log(topics).state not in await client.list_topics()

            await until(is_gone)
        await Cluster(topics).apply()
        async with working(topics) as stream:
            await until(lambda: folded(stream) == 100)


async def test_the_group_hears_where_the_state_stands(topics: Topics) -> None:
    async with traffic(topics) as given, working(topics):
        await given.send(100)

        async def is_heard() -> bool:
            found = await lag(topics, ["scoring"])
            return sum(place["lag"] for place in found["scoring"].values()) == 0

        await caught_up(topics, given)
        await until(is_heard)


async def test_a_partition_that_has_to_commit_and_does_not_is_noticed(topics: Topics) -> None:
    log = Log(topics)
    fact = TopicPartition(log.facts[0], 0)
    state = OwnedPartitions(log, lambda _: Tally(topics), lambda _: None)
    await state.take([0])
    owned = state.partitions[0]

    assert look(owned, {fact: 0}, times=3, commits=0) == (0, 0)  # nothing waits
    assert look(owned, {fact: 7}, times=3, commits=0) == (4, 0)  # seven facts wait
    owned.fold(fact.topic, [ConsumerRecord(fact.topic, 0, 6, 0, 0, b"lead", b"x", None, 4, 1, ())])
    await until(lambda: owned.commits == 1)
    assert look(owned, {fact: 9}, times=3, commits=0) == (0, 1)  # more wait, but it commits
    await state.let_go()


async def test_a_broken_fold_commits_nothing_of_its_batch(topics: Topics) -> None:
    taken: list[Output] = []

    class Refusing(Tally):
        def fold(self, topic: str, records: Sequence[ConsumerRecord], now: datetime) -> None:
            super().fold(topic, records, now)
            raise Refused("too-much", "no more")

        def take(self, now: datetime) -> Sequence[Output]:
            taken.extend(outputs := super().take(now))
            return outputs

    stream = Worker(Log(topics), lambda _: Refusing(topics))
    await stream.start()
    async with traffic(topics) as given:
        await given.send(10)
        await until(lambda: stream.stopped == "no more")
    await stream.stop()

    assert taken == []
    assert await kept(topics) == Counter()


async def test_workers_killed_and_stalled_neither_lose_nor_double_a_record(topics: Topics) -> None:
    async with flowing(topics) as given, process(topics) as first, process(topics) as second:
        await given.send(200)
        await caught_up(topics, given)
        first.kill()
        async with process(topics):
            await caught_up(topics, given)
            second.send_signal(signal.SIGSTOP)
            await given.send(200)
            await caught_up(topics, given)
            second.send_signal(signal.SIGCONT)
            await given.send(200)
            await caught_up(topics, given)
    async with working(topics):
        await caught_up(topics, given)
    assert await kept(topics) == given.sent
    await assert_told_without_hole_or_repeat(topics)


def folded(stream: Worker) -> int:
    memories = [owned.memory for owned in stream.state.partitions.values()]
    return sum(
        count for memory in memories if isinstance(memory, Tally) for count, _ in memory.counts.values()
    )
