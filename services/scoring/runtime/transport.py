"""Faust's aiokafka transport, by the batch: the worker's membership stays Faust's, the records go to one fold.

Faust hands over one record at a time, two tasks each, and commits what its agents acknowledged. Here every fetched
batch of a partition goes to `Folding` in one call, and the positions belong to the transactions of
`services.scoring.runtime.partition`; Faust's own commits, seeks and flow control do nothing.

What holds a stalled or late worker apart from the next owner:
- revocation ends the fold, waits for it, and lets go of the partitions' memory before the group moves on;
- a fetch and its fold are one step, and ownership begins and ends between such steps: no batch of one assignment is
  folded in another, and no fetch of the one before takes records after the seek of the next;
- records flow only after the new owner fenced the old one and read the state back (`Folding.take`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterator, Mapping, Sequence, Set
from contextlib import suppress
from typing import Any, NamedTuple, Protocol

import uvloop
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.consumer.fetcher import PartitionRecords
from aiokafka.coordinator.assignors.range import RangePartitionAssignor
from aiokafka.errors import CorruptRecordException, KafkaError
from aiokafka.structs import OffsetAndMetadata
from faust.app import App
from faust.transport.drivers import aiokafka as driver

from services.scoring.processor.protocols import Record
from shared.bus.brokers import Brokers
from shared.errors import Refused
from shared.logs import logger
from shared.tasks import ended

POLL_SECONDS = 0.2
"""How long a fetch waits for records; so much later, at most, the worker notices a change of ownership."""

FETCH_BYTES = 1024 * 1024
"""How much of a partition is fetched at once, and folded before ownership may change: some 20 ms of work. The more of
a partition follows each other, the more of its leads are still in the processor's cache."""

MOST_RECORDS = 1_000
"""How many records are folded before others may work."""


class Folding(Protocol):
    """The state of what this worker owns, as the transport drives it."""

    async def take(self, numbers: Sequence[int]) -> Mapping[TopicPartition, int]:
        """Become the owner of these partition numbers; return where to read on in every topic."""

    async def room(self) -> None:
        """Return once more records may be folded: the way to slow the worker down."""

    def fold(self, topic: str, partition: int, records: Sequence[Record]) -> None:
        """Fold records that follow each other in one partition; never waits."""

    def passed(self, positions: Mapping[TopicPartition, int]) -> None:
        """Nothing is left to fold before these positions, which may lie behind markers of transactions."""

    def waits(self, behind: Set[TopicPartition]) -> None:
        """Of the owned partitions only these hold records that are not folded yet."""

    async def let_go(self) -> None:
        """Commit what was folded, if that is still allowed, and forget everything."""


class Fetched(NamedTuple):
    """Records that follow each other in each partition, where each then stands, and which of them hold more."""

    records: dict[TopicPartition, list[Record]]
    positions: dict[TopicPartition, int]
    behind: frozenset[TopicPartition]


class Thread(driver.AIOKafkaConsumerThread):
    """The consumer's own thread and loop: it keeps up the heartbeats while the other one folds."""

    async def fetch(self, owned: frozenset[TopicPartition]) -> Fetched:
        """Take what has been fetched of the owned partitions, waiting for it at most `POLL_SECONDS`."""
        return await self.call_thread(self._fetch, owned)  # type: ignore[no-any-return]

    async def _fetch(self, owned: frozenset[TopicPartition]) -> Fetched:
        records = await self._records(owned)
        assigned = self._ensure_consumer()._subscription.subscription.assignment
        states = {tp: assigned.state_value(tp) for tp in owned}
        stood = {tp: state for tp, state in states.items() if state is not None and state.has_valid_position}
        return Fetched(
            records,
            {tp: state.position for tp, state in stood.items()},
            frozenset(tp for tp, state in stood.items() if state.lso is None or state.position < state.lso),
        )

    async def _records(self, owned: frozenset[TopicPartition]) -> dict[TopicPartition, list[Record]]:
        # During a reassignment `fetched_records` waits for its end, and the reassignment would wait for us.
        consumer = self._ensure_consumer()
        fetcher, subscriptions = consumer._fetcher, consumer._subscription
        if subscriptions.reassignment_in_progress:
            await asyncio.sleep(0.01)
            return {}
        with subscriptions.fetch_context():
            records = await _taken(fetcher, owned)
            if records:
                return records
            news = fetcher._create_fetch_waiter()
            await asyncio.wait([news], timeout=POLL_SECONDS)
            if not news.done():
                news.cancel()
                return {}
            news.result()  # raises what the coordinator has to say
            if subscriptions.reassignment_in_progress:
                return {}
            return await _taken(fetcher, owned)

    async def stand(self, stands: Mapping[TopicPartition, OffsetAndMetadata]) -> None:
        """Tell the group where its facts stand."""
        await self.call_thread(self._stand, stands)

    async def _stand(self, stands: Mapping[TopicPartition, OffsetAndMetadata]) -> None:
        await self._ensure_consumer().commit(dict(stands))

    async def pause(self, partitions: frozenset[TopicPartition]) -> None:
        await self.call_thread(self._pause, partitions)

    async def _pause(self, partitions: frozenset[TopicPartition]) -> None:
        consumer = self._ensure_consumer()
        consumer.pause(*(partitions & consumer.assignment()))

    async def begin(self, positions: Mapping[TopicPartition, int]) -> bool:
        """Seek and let the records flow; false when another assignment has begun meanwhile."""
        return await self.call_thread(self._begin, positions)  # type: ignore[no-any-return]

    async def _begin(self, positions: Mapping[TopicPartition, int]) -> bool:
        consumer = self._ensure_consumer()
        if consumer._subscription.reassignment_in_progress or set(positions) != consumer.assignment():
            return False
        for partition, offset in positions.items():
            consumer.seek(partition, offset)
        consumer.resume(*positions)
        return True

    def _create_worker_consumer(self, transport: Any) -> AIOKafkaConsumer:
        conf = self.app.conf
        return AIOKafkaConsumer(
            **transport.brokers.client,
            client_id=conf.broker_client_id,
            group_id=conf.id,
            # Faust's own choice spreads the partitions of a number over several workers.
            partition_assignment_strategy=[RangePartitionAssignor],
            enable_auto_commit=False,
            # A position that the log does not have is an error, never a silent new start.
            auto_offset_reset="none",
            isolation_level="read_committed",
            max_partition_fetch_bytes=FETCH_BYTES,
            # aiokafka has one fetch under way per broker: a partition left out of it waits for this long.
            fetch_max_wait_ms=250,
            request_timeout_ms=int(conf.broker_request_timeout * 1000),
            session_timeout_ms=int(conf.broker_session_timeout * 1000),
            rebalance_timeout_ms=int(conf.broker_rebalance_timeout * 1000),
            heartbeat_interval_ms=int(conf.broker_heartbeat_interval * 1000),
            metadata_max_age_ms=conf.consumer_metadata_max_age_ms,
        )


async def _taken(fetcher: Any, owned: frozenset[TopicPartition]) -> dict[TopicPartition, list[Record]]:
    """All that has been fetched; so the next fetch, which is under way at once, leaves no partition out."""
    for fetched in fetcher._records.values():
        records = getattr(fetched, "_partition_records", None)
        if isinstance(records, PartitionRecords):
            fetched._partition_records = Unpacked(records)
    return await fetcher.fetched_records(owned, timeout=0)  # type: ignore[no-any-return]


class Unpacked:
    """Fetched records of a partition as the parser makes them, all at once.

    What aiokafka does for each of them, a `ConsumerRecord` and two generators, takes longer than folding it.
    """

    def __init__(self, fetched: PartitionRecords) -> None:
        self._fetched = fetched
        # It holds its generator, and that holds it: while no garbage is looked for, all that was fetched would stay.
        fetched._records_iterator = None

    @property
    def next_fetch_offset(self) -> int:
        return self._fetched.next_fetch_offset  # type: ignore[no-any-return]

    def __iter__(self) -> Iterator[Record]:
        fetched, unpacked = self._fetched, list[Record]()
        while fetched._records.has_next():
            batch = fetched._records.next_batch()
            if not batch.validate_crc():
                raise CorruptRecordException(f"the checksum of a batch of {fetched._tp} is wrong")
            if self._is_wanted(batch):
                first = fetched.next_fetch_offset
                # A fetch may begin with a batch that was folded in part.
                unpacked += batch if batch.base_offset >= first else [r for r in batch if r.offset >= first]
            fetched.next_fetch_offset = batch.next_offset
        return iter(unpacked)

    def _is_wanted(self, batch: Any) -> bool:
        """Whether it holds records, and none of a transaction that was aborted."""
        fetched = self._fetched
        if batch.producer_id is not None:
            fetched._consume_aborted_up_to(batch.base_offset)
            if batch.is_control_batch and fetched._contains_abort_marker(batch):
                fetched._aborted_producers.discard(batch.producer_id)
            if batch.is_transactional and batch.producer_id in fetched._aborted_producers:
                return False
        return not batch.is_control_batch


class BatchConsumer(driver.Consumer):
    """Faust's consumer, handing whole batches to the transport's `folding`."""

    _thread: Thread
    app: App

    def __init__(self, transport: BatchTransport, *args: Any, **kwargs: Any) -> None:
        super().__init__(transport, *args, **kwargs)
        self.folding = transport.folding
        self.owned: frozenset[TopicPartition] = frozenset()
        self.assigned: frozenset[TopicPartition] = frozenset()
        self._stood: Mapping[TopicPartition, OffsetAndMetadata] = {}
        self._owning = asyncio.Event()
        self._batch = asyncio.Lock()
        self._taking: asyncio.Task[None] | None = None

    @property
    def is_ready(self) -> bool:
        """Whether records flow from everything that the group assigned to this worker."""
        return self.owned == self.assigned and self.app._assignment is not None and not self.app.rebalancing

    async def stand(self, stands: Mapping[TopicPartition, OffsetAndMetadata]) -> None:
        """Tell the group where the state stands, for those who watch how far it lags; nobody reads on from there."""
        if stands and stands != self._stood and self.is_ready:
            with suppress(KafkaError):  # of another generation by now, or told with the next
                await self._thread.stand(stands)
                self._stood = stands

    def _new_consumer_thread(self) -> Thread:
        return Thread(self, thread_loop=uvloop.new_event_loop(), loop=self.loop, beacon=self.beacon)

    async def on_partitions_revoked(self, revoked: Any) -> None:
        await self._let_go()
        await super().on_partitions_revoked(revoked)

    async def on_partitions_assigned(self, assigned: Any, generation_id: int = 0) -> None:
        await self._let_go()
        self.assigned = frozenset(TopicPartition(tp.topic, tp.partition) for tp in assigned)
        await self._thread.pause(self.assigned)
        await super().on_partitions_assigned(assigned, generation_id)
        # Heartbeats begin only after this call: reading the state back must not be part of it.
        self._taking = asyncio.create_task(self._take(self.assigned))

    async def on_stop(self) -> None:
        await self._let_go()
        await super().on_stop()

    async def _take(self, assigned: frozenset[TopicPartition]) -> None:
        try:
            positions = await self.folding.take(numbers_of(assigned)) if assigned else {}
            async with self._batch:
                if await self._thread.begin(positions):
                    self.owned = assigned
                    if assigned:
                        self._owning.set()
        except Exception as error:
            logger().exception("partitions not taken")
            await self.app.crash(error)

    async def _let_go(self) -> None:
        if self._taking is not None:
            await ended(self._taking)
            self._taking = None
        self.owned = frozenset()
        self._owning.clear()
        async with self._batch:
            await self.folding.let_go()

    async def _drain_messages(self, fetcher: Any) -> None:
        try:
            while not (self.should_stop or fetcher.should_stop):
                if not self._owning.is_set():
                    await unless(self._owning.wait(), POLL_SECONDS)
                await self.folding.room()
                async with self._batch:
                    await self._fold_next(self.owned)
        except Exception as error:
            logger().exception("folding failed")
            await self.app.crash(error)

    async def _fold_next(self, owned: frozenset[TopicPartition]) -> None:
        if not owned:
            return
        fetched, positions, behind = await self._thread.fetch(owned)
        if not fetched:
            self.folding.passed(positions)
        self.folding.waits(behind | fetched.keys())
        for partition, records in fetched.items():
            for at in range(0, len(records), MOST_RECORDS):
                self.folding.fold(partition.topic, partition.partition, records[at : at + MOST_RECORDS])
                await asyncio.sleep(0)
        self.folding.waits(behind)

    async def commit(self, *args: Any, **kwargs: Any) -> bool:
        """Positions are part of the state; there is nothing left to commit."""
        return False

    async def perform_seek(self) -> None:
        """Positions are sought once, when the state has been read back."""

    def verify_event_path(self, now: float, tp: Any) -> None:
        """Faust's own check needs its agents; see `services.scoring.runtime.worker.watch`."""


class BatchTransport(driver.Transport):
    Consumer = BatchConsumer

    def __init__(self, url: Any, app: Any, folding: Folding, brokers: Brokers) -> None:
        super().__init__(url, app)
        self.folding = folding
        self.brokers = brokers


def numbers_of(assigned: frozenset[TopicPartition]) -> list[int]:
    """The partition numbers of an assignment.

    Raises `Refused("not-co-partitioned")` when some topic's partition of a number went elsewhere: then two workers
    would fold the same leads.
    """
    topics = {partition.topic for partition in assigned}
    numbers = {partition.partition for partition in assigned}
    if len(assigned) != len(topics) * len(numbers):
        raise Refused(
            "not-co-partitioned",
            "the fact topics do not have the same number of partitions; compare them with `ascua topics apply`",
        )
    return sorted(numbers)


async def unless(awaited: Awaitable[Any], seconds: float) -> None:
    """Wait for something, but not longer."""
    with suppress(TimeoutError):
        await asyncio.wait_for(awaited, seconds)
