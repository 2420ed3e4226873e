"""The state of the partitions that a worker owns, kept in the log as Kafka Streams keeps it.

Everything that follows from a batch goes out in one transaction per partition number: what is told, the state
records of the changed leads and, as one more of these records, the positions of the facts that led there. So a fact
is folded exactly once, whatever dies, and what is told always belongs to a state that is kept.

The transactional id is `<prefix>.scoring-<number>`. Whoever starts it next fences the owner before: its open
transaction is aborted, its next commit fails, and it stops. Only then is the state read back, with read_committed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import datetime, timedelta
from time import monotonic
from typing import Any, NamedTuple, Protocol

import msgspec
import stamina
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaError
from aiokafka.partitioner import DefaultPartitioner
from aiokafka.producer import sender
from aiokafka.structs import OffsetAndMetadata

from services.scoring.collector import Collector
from services.scoring.runtime.transport import Record, unless
from shared.bus.positions import committed
from shared.bus.topics import REPLAYS, SCORING_MEMBERS, SCORING_STATE, Topics, admin
from shared.clock import Clock, from_milliseconds, utc_now
from shared.errors import Refused, Unavailable
from shared.installation import SCORING
from shared.logs import logger

"""The topics whose facts make heat; replays of dead letters and what merged leads count come on top."""

MOST_SECONDS = 0.5
"""At least so often a busy partition commits."""

SHARE = 0.5
"""A partition rests this many times as long as its last commit took, so that commits do not crowd out folding: an
idle worker tells heat at once, a loaded one in bigger batches."""

sender.BACKOFF_OVERRIDE = 0.003
"""How long aiokafka waits when the broker has not closed the transaction before: 20 ms otherwise, most of a commit."""

MANY = 1_000
"""After a commit of more facts than these a partition rests all the while that it may: it is catching up, and each
lead's heat and state are told once for many facts. Garbage is not looked for meanwhile; there is hardly any."""

OVERDUE_SECONDS = 2.0
"""Folding stops while a partition has had uncommitted facts for this long."""

TOLD = ("heat", "scoring")

POSITIONS = b"/positions"
"""The key of the state record that says where the facts stand; no lead is called so."""

NEARLY = 2_000
"""A partition waits for a promotion that lacks fewer facts than these."""

LATE = timedelta(milliseconds=100)
"""So much later time alone may have its way, so that facts come first which are on their way into the log."""

FIRED_AT_ONCE = 50
"""How many leads are looked at in one go when time alone changes them."""

TRANSACTION_TIMEOUT = 60.0
"""The broker gives up a transaction that is open for so long, and with it the worker."""

GRACE = 3.0
"""How long a revoked partition may take over its last commit."""


Stands = Mapping[TopicPartition, OffsetAndMetadata]
"""Where the facts of a partition stand, each with the id of its topic."""


class Output(NamedTuple):
    """A record to send. `topic` is the full name.

    `partition` is a number, or the key of whose records it joins; none means the number of the partition that tells it.
    """

    topic: str
    key: bytes
    value: bytes | None
    partition: int | bytes | None = None
    headers: tuple[tuple[str, bytes], ...] = ()


class Fold(Protocol):
    """The memory of one partition number. It does no I/O and never waits."""

    def __len__(self) -> int:
        """How many leads it knows."""

    def restore(self, key: bytes, value: bytes | None) -> None:
        """Take back a state record; the last one of a key counts."""

    def fold(self, topic: str, records: Sequence[Record], now: datetime) -> None:
        """Add records that follow each other in one topic."""

    def fire_timers(self, until: datetime, now: datetime) -> int:
        """Let happen what is due up to an instant without any record, at most `FIRED_AT_ONCE` of it; say how
        much it was."""

    def take(self, now: datetime) -> Sequence[Output]:
        """What is to be sent since the last take, state records included."""

    def due(self, now: datetime) -> Promotion | None:
        """What has to be done to the whole memory before it goes on; None, mostly."""


class Promotion(Protocol):
    """A change of a whole memory, and the facts that it needs."""

    @property
    def needs_facts(self) -> bool: ...

    def fold(self, topic: str, records: Sequence[Record]) -> None:
        """Add facts, from the first one to where the partition stands."""

    def remind(self, record: Record) -> None:
        """Hear again what was told before."""

    def apply(self) -> Iterator[int]:
        """Change the memory, a step at a time; after each, what there is to send can be taken."""


@dataclass(frozen=True, slots=True)
class Log:
    """Where a worker reads and writes."""

    topics: Topics

    @property
    def group(self) -> str:
        return self.topics.name(SCORING.name)

    @property
    def facts(self) -> list[str]:
        """The full names of the topics that are folded."""
        return [self.topics.name(name) for name in (*SCORING.topics, REPLAYS.name, SCORING_MEMBERS.name)]

    @property
    def state(self) -> str:
        return self.topics.name(SCORING_STATE.name)

    def transactional_id(self, number: int) -> str:
        return f"{self.topics.prefix}.scoring-{number}"


class Partition:
    """One partition number in the hands of this worker."""

    def __init__(
        self,
        number: int,
        log: Log,
        fold: Fold,
        producer: AIOKafkaProducer,
        clock: Clock,
        failed: Callable[[BaseException], None],
        collector: Collector,
    ) -> None:
        self.number = number
        self.memory = fold
        self.relief = asyncio.Event()
        self.committed: dict[TopicPartition, int] = {}
        self.commits = 0
        self.committed_at: datetime | None = None
        self.flows = asyncio.Event()
        self.flows.set()
        self.behind: Set[str] = frozenset()
        """The topics that hold facts which are not in the memory yet."""
        self.stood: Stands = {}
        """Where the facts stand by the state that was read back."""
        self.is_restored = False
        """Whether its state has been read back, under the rules in force: before that no lead may be looked at."""
        self._waiting: list[tuple[str, Sequence[Record]]] = []
        self.is_committing = False
        self._log = log
        self._clock = clock
        self._producer = producer
        self._failed = failed
        self._collector = collector
        self._positions: dict[TopicPartition, int] = {}
        self._committing: dict[TopicPartition, int] = {}
        self._topic_ids: Mapping[str, str] = {}
        self._reached: dict[str, int] = {}
        self._facts = 0
        self._broken = False
        self._since: float | None = None
        self._wanted = asyncio.Event()
        self._closing = asyncio.Event()
        self._work: asyncio.Task[None] | None = None

    def start(
        self, positions: Mapping[TopicPartition, int], topic_ids: Mapping[str, str], behind: Set[str]
    ) -> None:
        self.committed, self._topic_ids, self.behind = dict(positions), topic_ids, behind
        self._work = asyncio.create_task(self._keep_committing())

    def restore(self, key: bytes, value: bytes | None) -> None:
        """Take back a record of the state."""
        if key == POSITIONS:
            self.stood = _stands(value, self.number)
        else:
            self.memory.restore(key, value)

    @property
    def folded(self) -> Mapping[TopicPartition, int]:
        """The positions up to which facts are in the memory."""
        return {**self.committed, **self._committing, **self._positions}

    async def flush(self) -> None:
        """Wait until all that there is to send has been taken for sending."""
        self._want()
        await self.relief.wait()

    def resume(self) -> None:
        self.flows.set()
        waiting, self._waiting = self._waiting, []
        for topic, records in waiting:
            self.fold(topic, records)

    def fold(self, topic: str, records: Sequence[Record]) -> None:
        if not self.flows.is_set():
            self._waiting.append((topic, records))
            return
        self._broken = True  # half a batch is never committed
        self.memory.fold(topic, records, self._clock())
        self._broken = False
        self._positions[TopicPartition(topic, self.number)] = records[-1].offset + 1
        self._reached[topic] = records[-1].timestamp
        self._facts += len(records)
        self._want()

    def passed(self, tp: TopicPartition, position: int) -> None:
        """Stand behind the markers of transactions that follow what was folded last."""
        if self.flows.is_set() and position > self.folded.get(tp, position):
            self._positions[tp] = position
            self._want()

    def fire_timers(self) -> bool:
        """Let happen what is due, but not before facts that wait; true when there may be more."""
        now = self._clock()
        until = self._ripe(now)
        if until is None or not self.flows.is_set():
            return False
        fired = self.memory.fire_timers(until, now)
        if fired:
            self._want()
        return fired >= FIRED_AT_ONCE

    def _ripe(self, now: datetime) -> datetime | None:
        """Up to when all facts are in the memory; None where not even their beginning is."""
        if not self.behind <= self._reached.keys():
            return None
        reached = [from_milliseconds(self._reached[topic]) for topic in self.behind]
        return min([now, *reached]) - LATE

    @property
    def is_overdue(self) -> bool:
        return self._since is not None and monotonic() - self._since > OVERDUE_SECONDS

    async def close(self) -> None:
        """Commit once more, if that works quickly, and forget."""
        self._closing.set()
        self._wanted.set()
        if self._work is not None:
            try:
                await asyncio.wait_for(self._work, GRACE)
            except TimeoutError:
                logger().warning("last commit given up", partition=self.number)
        await dismiss(self._producer)

    def _want(self) -> None:
        if self._since is None:
            self._since = monotonic()
            self.relief.clear()
        self._wanted.set()

    async def _keep_committing(self) -> None:
        try:
            while not self._closing.is_set():
                if not self._wanted.is_set():
                    self._collector.works(self.number, is_behind=False)
                await self._wanted.wait()
                began, facts = monotonic(), self._facts
                await self._commit()
                took = monotonic() - began
                is_behind = facts > MANY
                self._collector.works(self.number, is_behind)
                rest = max(SHARE * took, MOST_SECONDS - took) if is_behind else SHARE * took
                await unless(self._closing.wait(), min(MOST_SECONDS, rest))
            await self._commit()
        except Exception as error:
            if self._closing.is_set():
                logger().warning("last commit refused", partition=self.number, error=repr(error))
            else:
                self._failed(error)
        finally:
            self._collector.gone(self.number)

    async def _commit(self) -> None:
        if self._broken:
            return
        self._facts = 0
        outputs = self.memory.take(self._clock())
        positions, self._positions = self._positions, {}
        self._committing = positions
        self._since = None
        self._wanted.clear()
        self.relief.set()
        if positions:
            stands = {tp.topic: stand for tp, stand in self._at(self.folded).items()}
            outputs = [*outputs, Output(self._log.state, POSITIONS, msgspec.json.encode(stands))]
        if not outputs:
            return
        producer = self._producer
        self.is_committing = True
        await producer.begin_transaction()
        # The client would commit although a batch failed: only its future tells.
        await asyncio.gather(*await self._send(outputs))
        await producer.commit_transaction()
        self.committed.update(positions)
        self._committing = {}
        self.committed_at = self._clock()
        self.is_committing = False
        self.commits += 1

    def stands(self) -> Stands:
        """Where the facts stand that are in the state."""
        return self._at(self.committed)

    def _at(self, positions: Mapping[TopicPartition, int]) -> Stands:
        return {tp: OffsetAndMetadata(offset, self._topic_ids[tp.topic]) for tp, offset in positions.items()}

    async def _send(self, outputs: Sequence[Output]) -> list[asyncio.Future[Any]]:
        sent = []
        create = self._producer.create_batch
        batches: dict[tuple[str, int], Any] = {}
        for topic, key, value, partition, headers in outputs:
            number = self.number if partition is None else await self._number_of(topic, partition)
            batch = batches.get((topic, number))
            while batch is None or not batch.append(
                key=key, value=value, timestamp=None, headers=list(headers) if headers else []
            ):
                if batch is not None:
                    sent.append(await self._producer.send_batch(batch, topic, partition=number))
                batch = batches[topic, number] = create()
        for (topic, to), batch in batches.items():
            sent.append(await self._producer.send_batch(batch, topic, partition=to))
        return sent

    async def _number_of(self, topic: str, partition: int | bytes) -> int:
        if isinstance(partition, int):
            return partition
        numbers = sorted(await self._producer.partitions_for(topic))
        return int(DefaultPartitioner()(partition, numbers, numbers))


class OwnedPartitions:
    """What this worker owns, for the transport to drive."""

    def __init__(
        self,
        log: Log,
        new_fold: Callable[[int], Fold],
        failed: Callable[[BaseException], None],
        clock: Clock = utc_now,
    ) -> None:
        self.partitions: dict[int, Partition] = {}
        self._log = log
        self._new_fold = new_fold
        self._failed = failed
        self._clock = clock
        self._collector = Collector()

    async def take(self, numbers: Sequence[int]) -> Mapping[TopicPartition, int]:
        log = self._log
        for number in numbers:
            producer = AIOKafkaProducer(
                bootstrap_servers=log.topics.bootstrap,
                transactional_id=log.transactional_id(number),
                transaction_timeout_ms=int(TRANSACTION_TIMEOUT * 1000),
                max_batch_size=512 * 1024,
                request_timeout_ms=10_000,
                retry_backoff_ms=20,
            )
            self.partitions[number] = Partition(
                number, log, self._new_fold(number), producer, self._clock, self._failed, self._collector
            )
        # First of all the owner before is fenced; from here on neither state nor positions can change.
        await asyncio.gather(*(owned._producer.start() for owned in self.partitions.values()))
        async for attempt in stamina.retry_context(
            on=(KafkaError, Unavailable), attempts=None, timeout=TRANSACTION_TIMEOUT, wait_max=1.0
        ):
            with attempt:
                topic_ids = await log.topics.ids()
                await self._read_back()
                positions, ends = await self._positions(topic_ids)
        for number, owned in self.partitions.items():
            own = {tp: offset for tp, offset in positions.items() if tp.partition == number}
            owned.start(own, topic_ids, {tp.topic for tp, offset in own.items() if offset < ends[tp]})
            await self._promote(owned)
            owned.is_restored = True
            await self._fire_timers(owned)  # what came due while nobody worked is told first
        return positions

    @property
    def stands(self) -> Stands:
        """Where the facts stand that are in the state."""
        return {tp: stand for owned in self.partitions.values() for tp, stand in owned.stands().items()}

    async def room(self) -> None:
        while late := [owned for owned in self.partitions.values() if owned.is_overdue]:
            await unless(late[0].relief.wait(), MOST_SECONDS)
        for owned in list(self.partitions.values()):
            await owned.flows.wait()

    def fold(self, topic: str, partition: int, records: Sequence[Record]) -> None:
        self.partitions[partition].fold(topic, records)

    async def fire_timers(self) -> None:
        """Let happen what is due by now in every partition."""
        for owned in self._restored():
            await self._fire_timers(owned)

    async def _fire_timers(self, owned: Partition) -> None:
        more = True
        while more and self.partitions.get(owned.number) is owned:
            more = owned.fire_timers()
            await asyncio.sleep(0)

    async def promote(self) -> None:
        """Do what has become due to whole memories."""
        for owned in self._restored():
            await self._promote(owned)

    def _restored(self) -> list[Partition]:
        return [owned for owned in self.partitions.values() if owned.is_restored]

    async def _promote(self, owned: Partition) -> None:
        promotion = owned.memory.due(self._clock())
        if promotion is None:
            return
        began = monotonic()
        try:
            if promotion.needs_facts:
                await self._retell(owned, promotion)
            owned.flows.clear()
            await owned.flush()
            for _ in promotion.apply():
                await owned.flush()
                await asyncio.sleep(0)
            await owned.flush()
        finally:
            owned.resume()
        logger().info("promoted", partition=owned.number, seconds=round(monotonic() - began, 3))

    async def _retell(self, owned: Partition, promotion: Promotion) -> None:
        """Give a promotion the facts up to where the partition stands, which waits for the last of them."""
        log = self._log
        facts = [TopicPartition(topic, owned.number) for topic in log.facts]
        told = [TopicPartition(log.topics.name(topic), owned.number) for topic in TOLD]
        async with AIOKafkaConsumer(
            bootstrap_servers=log.topics.bootstrap,
            isolation_level="read_committed",
            auto_offset_reset="earliest",
            fetch_max_wait_ms=50,
            max_partition_fetch_bytes=4 * 1024 * 1024,
        ) as reader:
            reader.assign([*facts, *told])
            for tp, end in (await reader.end_offsets(told)).items():
                while await reader.position(tp) < end:
                    for record in (await reader.getmany(tp, timeout_ms=200)).get(tp, ()):
                        promotion.remind(record)
            while True:
                folded = owned.folded
                behind = {tp: folded[tp] - await reader.position(tp) for tp in facts if tp in folded}
                behind = {tp: missing for tp, missing in behind.items() if missing > 0}
                if not behind:
                    if not owned.flows.is_set():
                        return
                    owned.flows.clear()
                    continue
                if sum(behind.values()) < NEARLY:
                    owned.flows.clear()
                    folded = owned.folded
                for tp, records in (await reader.getmany(*behind, timeout_ms=200)).items():
                    known = [record for record in records if record.offset < folded[tp]]
                    if known:
                        promotion.fold(tp.topic, known)
                    if len(known) < len(records):
                        reader.seek(tp, folded[tp])
                    await asyncio.sleep(0)

    def waits(self, behind: Set[TopicPartition]) -> None:
        for number, owned in self.partitions.items():
            owned.behind = {tp.topic for tp in behind if tp.partition == number}

    def passed(self, positions: Mapping[TopicPartition, int]) -> None:
        for tp, position in positions.items():
            self.partitions[tp.partition].passed(tp, position)

    async def let_go(self) -> None:
        gone, self.partitions = self.partitions, {}
        await asyncio.gather(*(owned.close() for owned in gone.values()))

    async def _positions(
        self, topic_ids: Mapping[str, str]
    ) -> tuple[dict[TopicPartition, int], dict[TopicPartition, int]]:
        """Where to read on in all facts, and where they end.

        Raises `Refused("position-unknown")` when the log is not the one where scoring stood: a topic made anew, or
        one that lost its end or its beginning. Whoever went on there would lose facts or count some twice.
        """
        log = self._log
        facts = [TopicPartition(topic, number) for topic in log.facts for number in self.partitions]
        stands: dict[TopicPartition, OffsetAndMetadata] = {}
        async with admin(log.topics.bootstrap) as client:
            told = await committed(client, log.group)
        for number, owned in self.partitions.items():
            # A state that an earlier version kept says it in the group alone.
            of_group = {tp: stand for tp, stand in told.items() if tp.partition == number}
            stands |= owned.stood or (of_group if len(owned.memory) else {})
        async with AIOKafkaConsumer(bootstrap_servers=log.topics.bootstrap) as reader:
            first, last = await reader.beginning_offsets(facts), await reader.end_offsets(facts)
        positions = {}
        for tp in facts:
            if tp not in stands:
                positions[tp] = first[tp]
                continue
            stood, known_as = stands[tp]
            if known_as == topic_ids[tp.topic] and first[tp] <= stood <= last[tp]:
                positions[tp] = stood
            else:
                raise Refused(
                    "position-unknown",
                    f"scoring stood at offset {stood} of {tp.topic}/{tp.partition}, which now holds {first[tp]} to "
                    f"{last[tp]}, or is another topic of that name; restore the log, or start scoring anew",
                )
        return positions, last

    async def _read_back(self) -> None:
        """Read the state records of all owned partitions to their end."""
        began, records = monotonic(), 0
        async with AIOKafkaConsumer(
            bootstrap_servers=self._log.topics.bootstrap,
            isolation_level="read_committed",
            auto_offset_reset="earliest",
            fetch_max_wait_ms=50,
            max_partition_fetch_bytes=1024 * 1024,
        ) as reader:
            waiting = {TopicPartition(self._log.state, number) for number in self.partitions}
            reader.assign(waiting)
            ends = await reader.end_offsets(waiting)
            while waiting := {tp for tp in waiting if await reader.position(tp) < ends[tp]}:
                for tp, batch in (await reader.getmany(*waiting, timeout_ms=200)).items():
                    restore = self.partitions[tp.partition].restore
                    for record in batch:
                        restore(record.key, record.value)
                    records += len(batch)
                    await asyncio.sleep(0)
        self._collector.look_at_all()
        logger().info(
            "state_read_back",
            partitions=len(self.partitions),
            records=records,
            seconds=round(monotonic() - began, 3),
        )


def _stands(record: bytes | None, number: int) -> Stands:
    try:
        stands = msgspec.json.decode(record or b"{}", type=dict[str, tuple[int, str]])
    except msgspec.DecodeError as error:
        raise Refused(
            "position-unknown",
            f"the state of partition {number} says where it stands in words that cannot be read: {error}",
        ) from error
    return {TopicPartition(topic, number): OffsetAndMetadata(*stand) for topic, stand in stands.items()}


async def dismiss(producer: AIOKafkaProducer) -> None:
    """Close a producer without waiting for what it can no longer send."""
    try:
        await asyncio.wait_for(producer.stop(), GRACE)
    except (KafkaError, TimeoutError) as error:
        logger().warning("producer did not close", error=repr(error))
