"""A consumer group's member: batches in, effects written, and the position committed soon after.

Delivery is at least once: what was handled and not yet committed (`shared.bus.offsets`) comes again after a crash.
What cannot be decoded or handled goes to the dead letters and the rest flows on; while a server is away the batch is
begun again with growing pauses (`shared.bus.batch_handler`). While there are too many dead letters it waits and tries
the same records again (`shared.bus.dead_letter_channel`). The member stops, and says so in /readyz, when going on could
lose or double something: a position beyond the log's end, a topic that is not the one known before
(`shared.bus.assignment`), or a log that went back.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError

from shared import metrics
from shared.bus.allowance import WINDOW, Allowance
from shared.bus.assignment import compared
from shared.bus.batch_handler import BatchHandler
from shared.bus.dead_letter_channel import DeadLetterChannel
from shared.bus.dead_letters import DeadLetter
from shared.bus.offsets import Offsets
from shared.bus.publisher import Publisher
from shared.bus.received import Handle
from shared.bus.topics import REPLAYS, Topics
from shared.clock import Clock, utc_now
from shared.errors import Refused, Unavailable
from shared.logs import logger

DEAD_LETTER_LIMIT = 1_000
WAIT_SECONDS = 0.2
"""How long to wait for records before it is looked whether to stop."""
LAST_COMMIT = 1.0
"""How long a rebalance waits for it."""
FETCH_SECONDS = 1.0
"""How long a fetch waits at the broker for the next record, whichever comes first."""


class Consumer:
    """Member of the group `group`, reading `subscribes` (short topic names) and its own replays."""

    def __init__(
        self,
        topics: Topics,
        publisher: Publisher,
        group: str,
        subscribes: Sequence[str],
        handle: Handle,
        *,
        batch: int = 500,
        gather: float = 0.0,
        dead_letter_limit: int = DEAD_LETTER_LIMIT,
        dead_letter_window: float = WINDOW,
        clock: Clock = utc_now,
    ) -> None:
        self._topics = topics
        self._group = group
        self._group_id = f"{topics.prefix}.{group}"
        self._names = [topics.name(topic) for topic in (*subscribes, REPLAYS.name)]
        self._batch = batch
        self._gather = gather
        self._handler = BatchHandler(topics, group, handle, clock)
        allowance = Allowance(dead_letter_limit, dead_letter_window)
        self._channel = DeadLetterChannel(topics, publisher, group, allowance)
        self._offsets = Offsets(group)
        self._waits: str | None = None
        self._generation = 0
        self._compared = asyncio.Event()
        self._next: dict[TopicPartition, int] = {}
        self._consumer: AIOKafkaConsumer | None = None
        self._task: asyncio.Task[None] | None = None
        self._stopping = asyncio.Event()
        self._is_alone = False
        self.stopped: str | None = None
        self.on_handled: Callable[[], None] = lambda: None
        """Called when effects were written: `handled` has moved on."""

    async def start(self) -> None:
        consumer = AIOKafkaConsumer(
            **self._topics.brokers.client,
            group_id=self._group_id,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            isolation_level="read_committed",
            session_timeout_ms=6_000,
            heartbeat_interval_ms=2_000,
            max_poll_interval_ms=600_000,
            fetch_max_wait_ms=int(1_000 * FETCH_SECONDS),
            max_partition_fetch_bytes=4 * 1024 * 1024,
            metadata_max_age_ms=30_000,
        )
        consumer.subscribe(self._names, listener=_Listener(self._revoked, self._assigned))
        try:
            await consumer.start()
        except KafkaError as error:
            await consumer.stop()
            raise self._topics.brokers.unreachable() from error
        self._consumer = consumer
        metrics.CONSUMER_STOPPED.labels(self._group).set(0)
        self._task = asyncio.create_task(self._run(consumer), name=f"consumer {self._group}")

    async def stop(self) -> None:
        """Finish the batch at hand, commit, and leave the group."""
        self._stopping.set()
        if self._task is not None:
            await asyncio.wait([self._task], timeout=5)
            self._task.cancel()
        if self._consumer is not None:
            await self._consumer.stop()

    async def check(self) -> None:
        if self.stopped is not None:
            raise Refused("consumer-stopped", f"consumer {self._group} stopped: {self.stopped}")
        if self._waits is not None:
            raise Refused("dead-letters", f"consumer {self._group} waits: {self._waits}")
        if self._task is None or self._task.done():
            raise Unavailable("consumer-down", f"consumer {self._group} is not running")

    @property
    def task(self) -> asyncio.Task[None] | None:
        """The loop; when it ends, the process must end too."""
        return self._task

    @property
    def alone_since(self) -> int | None:
        """The assignment in which this member reads every partition of its topics; None while others read some."""
        return self._generation if self._is_alone and self._compared.is_set() else None

    @property
    def handled(self) -> Mapping[TopicPartition, int]:
        """The next offset of each partition that this member reads: the effects of all before it are written."""
        return self._offsets.handled

    def status(self) -> dict[str, object]:
        return {
            "group": self._group,
            "stopped": self.stopped,
            "waits": self._waits,
            "dead_letters_left": self._channel.left,
        }

    async def _run(self, consumer: AIOKafkaConsumer) -> None:
        while not self._stopping.is_set() and self.stopped is None:
            patience = int(1_000 * self._offsets.seconds_left(WAIT_SECONDS))
            fetched = await consumer.getmany(timeout_ms=patience, max_records=self._batch)
            began, generation = time.monotonic(), self._generation
            if fetched:
                await self._compared.wait()
            if self._may_go_on(generation) and await self._take(fetched) and self._may_go_on(generation):
                self._next.update({tp: several[-1].offset + 1 for tp, several in fetched.items()})
                if await self._offsets.advance(consumer):
                    self.on_handled()
                if self._offsets.is_due:
                    await self._offsets.commit(consumer)
            if fetched:
                await self._pause(began + self._gather - time.monotonic())
        await self._offsets.commit(consumer)
        if self.stopped is not None:
            metrics.CONSUMER_STOPPED.labels(self._group).set(1)
            logger().error("consumer_stopped", consumer=self._group, reason=self.stopped)
            await self._stopping.wait()

    def _may_go_on(self, generation: int) -> bool:
        """Whether what was fetched in this generation is still this member's, and the log the one known before."""
        return self._compared.is_set() and self.stopped is None and generation == self._generation

    async def _pause(self, seconds: float) -> None:
        """Wait, but not beyond the order to stop."""
        if seconds > 0:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), seconds)

    async def _take(self, fetched: Mapping[TopicPartition, Sequence[ConsumerRecord]]) -> bool:
        """Handle records; False when it had to end before all were handled or put aside."""
        for tp, several in fetched.items():
            if back := next((each for each in several if each.offset < self._next.get(tp, 0)), None):
                self.stopped = f"{tp.topic}/{tp.partition} went back to offset {back.offset}"
                return False
        records = [record for several in fetched.values() for record in several]
        while records and not self._stopping.is_set():
            started = time.perf_counter()
            handled = await self._handler(records)
            try:
                done = await self._channel.put_aside(records, handled.letters)
            except Refused as error:
                self.stopped = f"a record cannot be put aside: {error}"
                return False
            if any(handled.letters[:done]):  # a letter that came twice would be open again
                self._offsets.hurry()
            records = records[done:]
            if not records:
                self._waits = None
                self._handler.measure(handled, time.perf_counter() - started)
            else:
                await self._wait_for_allowance(next(filter(None, handled.letters[done:])))
        return not records

    async def _wait_for_allowance(self, letter: DeadLetter) -> None:
        self._waits = (
            f"too many dead letters (the next: {letter.name}, {letter.reason}: {letter.sentence}); "
            "it goes on by itself, slowly; see `ascua dlq list` and mend the cause"
        )
        logger().error("consumer_waits", consumer=self._group, letter=letter.name, reason=letter.reason)
        if self._consumer is not None:
            await self._offsets.commit(self._consumer)
        await self._pause(self._channel.pause)

    async def _revoked(self) -> None:
        """What was fetched before belongs to the old assignment: it comes again to whoever owns it now."""
        if self._consumer is not None:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._offsets.commit(self._consumer), LAST_COMMIT)
        self._generation += 1
        self._compared.clear()
        self._offsets.forget()

    async def _assigned(self, assigned: Sequence[TopicPartition]) -> None:
        """Compare the committed position with the log before anything is taken from it."""
        self._next = {}
        self._offsets.forget()
        self._channel.outdate()
        while not self._stopping.is_set():
            try:
                assignment = await compared(self._topics, self._group_id, self._names, assigned)
            except (Unavailable, KafkaError) as error:
                logger().warning("assignment_waits", consumer=self._group, because=type(error).__name__)
                await asyncio.sleep(0.2)
                continue
            self._is_alone = assignment.is_whole
            self._offsets.begin(assignment.metadata)
            self.stopped = self.stopped or assignment.difference
            self._compared.set()
            return


class _Listener(ConsumerRebalanceListener):
    def __init__(
        self,
        revoked: Callable[[], Awaitable[None]],
        assigned: Callable[[Sequence[TopicPartition]], Awaitable[None]],
    ) -> None:
        self._revoked = revoked
        self._assigned = assigned

    async def on_partitions_revoked(self, revoked: Sequence[TopicPartition]) -> None:
        """What the old owner still writes is guarded by sequence, and its commit is refused."""
        await self._revoked()

    async def on_partitions_assigned(self, assigned: Sequence[TopicPartition]) -> None:
        await self._assigned(list(assigned))
