"""One partition number in the hands of a worker: its memory, and the transactions that keep it.

Everything that follows from a batch goes out in one transaction: the events, the state records of the changed leads
and, as one more of these records, the positions of the facts that led there. So a fact is folded exactly once,
whatever dies, and an event always belongs to a state that is kept.

The transactional id is `<prefix>.scoring-<number>`. Whoever starts it next fences the owner before: its open
transaction is aborted, its next commit fails, and it stops.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence, Set
from datetime import datetime, timedelta
from time import monotonic
from typing import Any

import msgspec
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaError
from aiokafka.partitioner import DefaultPartitioner
from aiokafka.producer import sender
from aiokafka.structs import OffsetAndMetadata

from services.scoring.processor.protocols import FIRED_AT_ONCE, Fold, Output, Record
from services.scoring.runtime.collector import Collector
from services.scoring.runtime.log import Log
from services.scoring.runtime.transport import unless
from shared.clock import Clock, from_milliseconds
from shared.errors import Refused
from shared.logs import logger

MOST_SECONDS = 0.5
"""No longer than this a partition rests between commits."""

SHARE = 0.5
"""A partition rests this many times as long as its last commit took, so that commits do not crowd out folding: an
idle worker sends heat at once, a loaded one in bigger batches."""

sender.BACKOFF_OVERRIDE = 0.003
"""How long aiokafka waits when the broker has not closed the transaction before: 20 ms otherwise, most of a commit."""

MANY = 1_000
"""After a commit of more facts than these a partition rests all the while that it may: it is catching up, and each
lead's heat and state are sent once for many facts. Garbage is not looked for meanwhile; there is hardly any."""

OVERDUE_SECONDS = 2.0
"""Folding stops while a partition has had uncommitted facts for this long."""

POSITIONS = b"/positions"
"""The key of the state record that says where the facts stand; no lead is called so."""

LATE = timedelta(milliseconds=100)
"""So much later time alone may have its way, so that facts come first which are on their way into the log."""

GRACE = 3.0
"""How long a revoked partition may take over its last commit."""


Stands = Mapping[TopicPartition, OffsetAndMetadata]
"""Where the facts of a partition stand, each with the id of its topic."""


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

    async def fence(self) -> None:
        """Fence the owner before: from here on neither its state nor its positions can change."""
        await self._producer.start()

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
                await unless(
                    self._closing.wait(), MOST_SECONDS if is_behind else min(MOST_SECONDS, SHARE * took)
                )
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
