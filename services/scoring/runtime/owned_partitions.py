"""The partitions that a worker owns, for the transport to drive: taken, recovered, promoted and let go of.

Their state is kept in the log as Kafka Streams keeps it (`services.scoring.runtime.partition`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence, Set
from time import monotonic

import stamina
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaError

from services.scoring.processor.protocols import Fold, Record
from services.scoring.runtime.collector import Collector
from services.scoring.runtime.log import Log
from services.scoring.runtime.partition import MOST_SECONDS, Partition, Stands
from services.scoring.runtime.recovery import positions_of, read_back, refold
from services.scoring.runtime.transport import unless
from shared.bus.cluster import Cluster
from shared.clock import Clock, utc_now
from shared.errors import Unavailable
from shared.logs import logger

TRANSACTION_TIMEOUT = 60.0
"""The broker gives up a transaction that is open for so long, and with it the worker."""


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
                **log.topics.brokers.client,
                transactional_id=log.transactional_id(number),
                transaction_timeout_ms=int(TRANSACTION_TIMEOUT * 1000),
                max_batch_size=512 * 1024,
                request_timeout_ms=10_000,
                retry_backoff_ms=20,
            )
            self.partitions[number] = Partition(
                number, log, self._new_fold(number), producer, self._clock, self._failed, self._collector
            )
        # First of all the owner before is fenced.
        await asyncio.gather(*(owned.fence() for owned in self.partitions.values()))
        async for attempt in stamina.retry_context(
            on=(KafkaError, Unavailable), attempts=None, timeout=TRANSACTION_TIMEOUT, wait_max=1.0
        ):
            with attempt:
                topic_ids = await Cluster(log.topics).ids()
                await self._read_back()
                positions, ends = await positions_of(log, self.partitions, topic_ids)
        for number, owned in self.partitions.items():
            own = {tp: offset for tp, offset in positions.items() if tp.partition == number}
            owned.start(own, topic_ids, {tp.topic for tp, offset in own.items() if offset < ends[tp]})
            await self._promote(owned)
            owned.is_restored = True
            await self._fire_timers(owned)  # what came due while nobody worked is sent first
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
                await refold(self._log, owned, promotion)
            owned.flows.clear()
            await owned.flush()
            for _ in promotion.apply():
                await owned.flush()
                await asyncio.sleep(0)
            await owned.flush()
        finally:
            owned.resume()
        logger().info("promoted", partition=owned.number, seconds=round(monotonic() - began, 3))

    def waits(self, behind: Set[TopicPartition]) -> None:
        for number, owned in self.partitions.items():
            owned.behind = {tp.topic for tp in behind if tp.partition == number}

    def passed(self, positions: Mapping[TopicPartition, int]) -> None:
        for tp, position in positions.items():
            self.partitions[tp.partition].passed(tp, position)

    async def let_go(self) -> None:
        gone, self.partitions = self.partitions, {}
        await asyncio.gather(*(owned.close() for owned in gone.values()))

    async def _read_back(self) -> None:
        began = monotonic()
        records = await read_back(self._log, self.partitions)
        self._collector.look_at_all()
        logger().info(
            "state_read_back",
            partitions=len(self.partitions),
            records=records,
            seconds=round(monotonic() - began, 3),
        )
