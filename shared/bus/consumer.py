"""A consumer group's member: batches in, effects written, then the position committed.

Delivery is at least once. What cannot be decoded or handled goes to the dead letters and the rest flows on; while a
server is away the batch is begun again with growing pauses. The member stops, and says so in /readyz, when going on
could lose or double something: a position beyond the log's end, a topic that is not the one known before, a log that
went back, or too many dead letters.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import stamina
from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, ConsumerRecord, TopicPartition
from aiokafka.errors import CommitFailedError, IllegalStateError, KafkaError
from aiokafka.structs import OffsetAndMetadata

from shared import metrics
from shared.bus.letters import DeadLetter, Origin, dead_letter, replayed
from shared.bus.positions import committed
from shared.bus.publisher import Publisher
from shared.bus.topics import REPLAYS, Topics, admin
from shared.clock import Clock, utc_now
from shared.errors import AscuaError, Conflict, NotFound, Refused, Unavailable
from shared.events.base import Event, Recorded, Trace, decode
from shared.logs import logger
from shared.tasks import Pace

DEAD_LETTER_LIMIT = 1_000


@dataclass(frozen=True, slots=True)
class Received:
    """An event and where it stood in the log. `topic` is the short name."""

    event: Recorded[Event]
    topic: str
    partition: int
    offset: int

    @property
    def trace(self) -> Trace:
        """The trace for what this event causes."""
        trace = self.event.trace
        return Trace(trace.traceparent, trace.correlation_id, causation_id=self.event.id)


Handle = Callable[[Sequence[Received]], Awaitable[Sequence[AscuaError | None]]]
"""Write the effects of a batch; say for each event, in order, why it could not be handled. An `Unavailable` or a
`Conflict` that is raised instead means that nothing is decided and the whole batch is to be tried again. After any
other `AscuaError` each event is handled by itself, and those that raise it again become dead letters."""


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
        dead_letter_limit: int = DEAD_LETTER_LIMIT,
        clock: Clock = utc_now,
    ) -> None:
        self._topics = topics
        self._publisher = publisher
        self._group = group
        self._names = [topics.name(topic) for topic in (*subscribes, REPLAYS.name)]
        self._handle = handle
        self._batch = batch
        self._letters_left = dead_letter_limit
        self._clock = clock
        self._topic_ids: dict[str, str] = {}
        self._generation = 0
        self._compared = asyncio.Event()
        self._next: dict[TopicPartition, int] = {}
        self._committed: dict[TopicPartition, int] = {}
        self._consumer: AIOKafkaConsumer | None = None
        self._task: asyncio.Task[None] | None = None
        self._stopping = asyncio.Event()
        self._is_alone = False
        self.stopped: str | None = None

    async def start(self) -> None:
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self._topics.bootstrap,
            group_id=f"{self._topics.prefix}.{self._group}",
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            isolation_level="read_committed",
            session_timeout_ms=6_000,
            heartbeat_interval_ms=1_000,
            max_poll_interval_ms=600_000,
            fetch_max_wait_ms=100,
            max_partition_fetch_bytes=4 * 1024 * 1024,
            metadata_max_age_ms=30_000,
        )
        consumer.subscribe(self._names, listener=_Listener(self._revoked, self._assigned))
        try:
            await consumer.start()
        except KafkaError as error:
            await consumer.stop()
            raise Unavailable(
                "kafka-unreachable", f"no Kafka broker answers at {self._topics.bootstrap}"
            ) from error
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

    def status(self) -> dict[str, object]:
        return {"group": self._group, "stopped": self.stopped, "dead_letters_left": self._letters_left}

    async def _run(self, consumer: AIOKafkaConsumer) -> None:
        while not self._stopping.is_set() and self.stopped is None:
            records = await consumer.getmany(timeout_ms=200, max_records=self._batch)
            generation = self._generation
            if records:
                await self._compared.wait()
            if records and self.stopped is None and generation == self._generation:
                await self._take([record for several in records.values() for record in several])
            if self._compared.is_set() and self.stopped is None and generation == self._generation:
                self._next.update({tp: several[-1].offset + 1 for tp, several in records.items()})
                await self._commit(consumer)
        if self.stopped is not None:
            metrics.CONSUMER_STOPPED.labels(self._group).set(1)
            logger().error("consumer_stopped", consumer=self._group, reason=self.stopped)
            await self._stopping.wait()

    async def _take(self, records: Sequence[ConsumerRecord]) -> None:
        started = time.perf_counter()
        letters: list[DeadLetter] = []
        batch: list[tuple[ConsumerRecord, Received]] = []
        pace = Pace()
        for record in records:
            await pace()
            position = TopicPartition(record.topic, record.partition)
            if record.offset < self._next.get(position, 0):
                self.stopped = f"{record.topic}/{record.partition} went back to offset {record.offset}"
                return
            if (origin := self._origin(record)) is None:
                continue
            try:
                batch.append((record, Received(decode(record.value or b""), *origin)))
            except AscuaError as error:
                letters.append(self._letter(record, origin, error))
        outcomes = await self._handled([received for _, received in batch])
        letters += [
            self._letter(record, (received.topic, received.partition, received.offset), failure)
            for (record, received), failure in zip(batch, outcomes, strict=True)
            if failure is not None
        ]
        await self._put_aside(letters)
        self._measure(batch, outcomes, started)

    def _origin(self, record: ConsumerRecord) -> Origin | None:
        """Where a record stood first; None for a replay meant for another consumer."""
        topic = self._topics.short(record.topic)
        if topic == REPLAYS.name:
            return replayed(record.headers, self._group)
        return topic, record.partition, record.offset

    async def _handled(self, batch: Sequence[Received]) -> Sequence[AscuaError | None]:
        if not batch:
            return []
        async for attempt in stamina.retry_context(
            on=(Unavailable, Conflict),
            attempts=None,
            timeout=None,
            wait_initial=0.05,
            wait_max=2.0,
            wait_jitter=0.5,
        ):
            with attempt:
                if attempt.num > 1:
                    metrics.RETRIES.labels(self._group).inc()
                try:
                    return await self._handle(batch)
                except (NotFound, Refused) as error:
                    if len(batch) == 1:
                        return [error]
                    return [(await self._handled([received]))[0] for received in batch]
        raise AssertionError("unreachable: the attempts never end")

    async def _put_aside(self, letters: Sequence[DeadLetter]) -> None:
        if len(letters) > self._letters_left:
            self.stopped = (
                f"too many dead letters (the next: {letters[0].name}, {letters[0].reason}: {letters[0].sentence}); "
                "see `ascua dlq list`, mend the cause and start it again"
            )
            return
        for letter in letters:
            logger().warning("dead_letter", letter=letter.name, reason=letter.reason)
            metrics.DEAD_LETTERS.labels(self._group, letter.reason).inc()
        waiting = [letter.to_record() for letter in letters]
        while waiting:
            results = await self._publisher.publish_all(waiting)
            if refused := next((result for result in results if isinstance(result, Refused)), None):
                self.stopped = f"a record cannot be put aside: {refused}"
                return
            waiting = [
                r for r, result in zip(waiting, results, strict=True) if isinstance(result, Unavailable)
            ]
            await asyncio.sleep(0.1 if waiting else 0)
        self._letters_left -= len(letters)

    def _letter(self, record: ConsumerRecord, origin: Origin, error: AscuaError) -> DeadLetter:
        return dead_letter(
            self._group, *origin, record.key, record.value, error.slug, error.sentence, self._clock()
        )

    async def _commit(self, consumer: AIOKafkaConsumer) -> None:
        """Commit how far we are; past the markers of transactions too, so that an idle group has no lag.

        Each commit names the ids of all topics: the broker forgets the positions of a topic that is deleted.
        """
        try:
            known = [tp for tp in consumer.assignment() if consumer.highwater(tp) is not None]
            position = {tp: await consumer.position(tp) for tp in known}
            position = {tp: offset for tp, offset in position.items() if self._committed.get(tp) != offset}
            if not position:
                return
            ids = ",".join(f"{self._topics.short(name)}={self._topic_ids[name]}" for name in self._names)
            await consumer.commit({tp: OffsetAndMetadata(offset, ids) for tp, offset in position.items()})
            self._committed.update(position)
        except (CommitFailedError, IllegalStateError) as error:
            # The partition has another owner by now; what was written is guarded, so it may do it again.
            logger().info("commit_skipped", consumer=self._group, because=type(error).__name__)
        except KafkaError as error:
            logger().warning("commit_failed", consumer=self._group, because=type(error).__name__)

    async def _revoked(self) -> None:
        """What was fetched before belongs to the old assignment: it comes again to whoever owns it now."""
        self._generation += 1
        self._compared.clear()

    async def _assigned(self, assigned: Sequence[TopicPartition]) -> None:
        """Compare the committed position with the log before anything is taken from it."""
        self._next, self._committed = {}, {}
        while not self._stopping.is_set():
            try:
                self.stopped = self.stopped or await self._difference(assigned)
                self._compared.set()
                return
            except (Unavailable, KafkaError) as error:
                logger().warning("assignment_waits", consumer=self._group, because=type(error).__name__)
                await asyncio.sleep(0.2)

    async def _difference(self, assigned: Sequence[TopicPartition]) -> str | None:
        """Why going on from the committed positions would be wrong: a topic made anew, or a log that lost its end."""
        group = f"{self._topics.prefix}.{self._group}"
        async with admin(self._topics.bootstrap) as client:
            stands = await committed(client, group)
            partitions = await self._topics.partitions(client)
        self._is_alone = len(assigned) == sum(partitions[name] for name in self._names)
        known: dict[str, str] = {}
        for position in stands.values():
            pairs = (pair.split("=") for pair in position.metadata.split(",") if pair)
            known |= {self._topics.name(topic): id for topic, id in pairs}
        current = await self._topics.ids()
        self._topic_ids = {**known, **current}
        if anew := [name for name, id in known.items() if current.get(name, id) != id]:
            return (
                f"{', '.join(anew)} is not the topic known before (another topic id), and what it says may seem "
                f"known already; bring the old log back, or begin anew: drop the database and delete group {group}"
            )
        async with AIOKafkaConsumer(bootstrap_servers=self._topics.bootstrap) as reader:
            ends = await reader.end_offsets(list(assigned)) if assigned else {}
        for tp, end in ends.items():
            if tp in stands and stands[tp].offset > end:
                return f"position {stands[tp].offset} lies beyond the end {end} of {tp.topic}/{tp.partition}"
        return None

    def _measure(
        self,
        batch: Sequence[tuple[ConsumerRecord, Received]],
        outcomes: Sequence[AscuaError | None],
        started: float,
    ) -> None:
        metrics.BATCH_SECONDS.labels(self._group).observe(time.perf_counter() - started)
        now = self._clock()
        for (_, received), error in zip(batch, outcomes, strict=True):
            outcome = "handled" if error is None else "dead_letter"
            metrics.CONSUMED.labels(self._group, received.topic, outcome).inc()
            if not received.event.is_history:
                age = (now - received.event.recorded_at).total_seconds()
                metrics.EVENT_AGE_SECONDS.labels(self._group).observe(max(0.0, age))


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
