"""A consumer group's member: batches in, effects written, and the position committed soon after.

Delivery is at least once: what was handled within the last `COMMIT_SECONDS` comes again after a crash. What cannot be
decoded or handled goes to the dead letters and the rest flows on; while a server is away the batch is begun again with
growing pauses. While there are too many dead letters it waits and tries the same records again
(`shared.bus.allowance`). The member stops, and says so in /readyz, when going on could lose or double something: a
position beyond the log's end, a topic that is not the one known before, or a log that went back.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace

import stamina
from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, ConsumerRecord, TopicPartition
from aiokafka.errors import CommitFailedError, IllegalStateError, KafkaError
from aiokafka.structs import OffsetAndMetadata

from shared import metrics
from shared.bus.allowance import WINDOW, Allowance
from shared.bus.cluster import Cluster, admin
from shared.bus.dead_letters import DeadLetter, Origin, dead_letter, replayed
from shared.bus.parked import Parked
from shared.bus.positions import committed
from shared.bus.publisher import Publisher
from shared.bus.received import Handle, Received
from shared.bus.topics import REPLAYS, Topics
from shared.clock import Clock, utc_now
from shared.errors import AscuaError, Conflict, NotFound, Refused, Unavailable
from shared.events.base import decode
from shared.logs import logger
from shared.tasks import Pace

DEAD_LETTER_LIMIT = 1_000
COMMIT_SECONDS = 0.1
"""So long after the first batch that is not committed yet the position is."""
GATHER_SECONDS = 0.025
"""A batch begins so long after the one before: the first fact after a rest is handled at once, those that follow it
closely together."""
WAIT_SECONDS = 0.2
"""How long to wait for records before it is looked whether to stop."""
LAST_COMMIT = 1.0
"""How long a rebalance waits for it."""
FETCH_SECONDS = 0.5
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
        dead_letter_limit: int = DEAD_LETTER_LIMIT,
        dead_letter_window: float = WINDOW,
        clock: Clock = utc_now,
    ) -> None:
        self._topics = topics
        self._publisher = publisher
        self._group = group
        self._names = [topics.name(topic) for topic in (*subscribes, REPLAYS.name)]
        self._handle = handle
        self._batch = batch
        self._allowance = Allowance(dead_letter_limit, dead_letter_window)
        self._parked = Parked(topics, group)
        self._waits: str | None = None
        self._clock = clock
        self._topic_ids: dict[str, str] = {}
        self._generation = 0
        self._compared = asyncio.Event()
        self._next: dict[TopicPartition, int] = {}
        self._committed: dict[TopicPartition, int] = {}
        self._passed: dict[TopicPartition, int] = {}
        self._commit_at: float | None = None
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
            group_id=f"{self._topics.prefix}.{self._group}",
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
        return self._passed

    def status(self) -> dict[str, object]:
        return {
            "group": self._group,
            "stopped": self.stopped,
            "waits": self._waits,
            "dead_letters_left": self._allowance.left(time.monotonic()),
        }

    async def _run(self, consumer: AIOKafkaConsumer) -> None:
        while not self._stopping.is_set() and self.stopped is None:
            records = await consumer.getmany(timeout_ms=self._patience(), max_records=self._batch)
            began, generation = time.monotonic(), self._generation
            if records:
                await self._compared.wait()
            is_done = True
            if records and self.stopped is None and generation == self._generation:
                is_done = await self._take([record for several in records.values() for record in several])
            if (
                is_done
                and self._compared.is_set()
                and self.stopped is None
                and generation == self._generation
            ):
                self._next.update({tp: several[-1].offset + 1 for tp, several in records.items()})
                await self._pass(consumer)
                if self._commit_at is not None and time.monotonic() >= self._commit_at:
                    await self._commit(consumer)
            if records:
                await self._rest(began + GATHER_SECONDS - time.monotonic())
        await self._commit(consumer)
        if self.stopped is not None:
            metrics.CONSUMER_STOPPED.labels(self._group).set(1)
            logger().error("consumer_stopped", consumer=self._group, reason=self.stopped)
            await self._stopping.wait()

    def _patience(self) -> int:
        """How long to wait for records (ms): not beyond the next commit."""
        until_commit = WAIT_SECONDS if self._commit_at is None else self._commit_at - time.monotonic()
        return int(1_000 * max(0.0, min(WAIT_SECONDS, until_commit)))

    async def _rest(self, seconds: float) -> None:
        if seconds > 0:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), seconds)

    async def _take(self, records: Sequence[ConsumerRecord]) -> bool:
        """Handle records; False when it had to end before all were handled or put aside."""
        for record in records:
            position = TopicPartition(record.topic, record.partition)
            if record.offset < self._next.get(position, 0):
                self.stopped = f"{record.topic}/{record.partition} went back to offset {record.offset}"
                return False
        while records and not self._stopping.is_set():
            started = time.perf_counter()
            batch, outcomes, letters = await self._judged(records)
            done = await self._put_aside(records, letters)
            records = records[done:]
            if self.stopped is not None:
                return False
            if not records:
                self._waits = None
                self._measure(batch, outcomes, started)
                return True
            first = next(letter for letter in letters[done:] if letter is not None)
            self._waits = (
                f"too many dead letters (the next: {first.name}, {first.reason}: {first.sentence}); "
                "it goes on by itself, slowly; see `ascua dlq list` and mend the cause"
            )
            logger().error("consumer_waits", consumer=self._group, letter=first.name, reason=first.reason)
            if self._consumer is not None:
                await self._commit(self._consumer)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), self._allowance.window / 4)
        return not records

    async def _judged(
        self, records: Sequence[ConsumerRecord]
    ) -> tuple[list[tuple[ConsumerRecord, Received]], Sequence[AscuaError | None], list[DeadLetter | None]]:
        """Handle a batch: what could be decoded and what became of it; and of each record its letter, or None."""
        letters: dict[int, DeadLetter] = {}
        batch: list[tuple[ConsumerRecord, Received]] = []
        places: list[int] = []
        pace = Pace()
        for place, record in enumerate(records):
            await pace()
            if (origin := self._origin(record)) is None:
                continue
            try:
                batch.append((record, Received(decode(record.value or b""), *origin)))
                places.append(place)
            except AscuaError as error:
                letters[place] = self._letter(record, origin, error)
        outcomes = await self._handled([received for _, received in batch])
        for place, (record, received), failure in zip(places, batch, outcomes, strict=True):
            if failure is not None:
                origin = (received.topic, received.partition, received.offset)
                letters[place] = self._letter(record, origin, failure, received.event.aggregate)
        return batch, outcomes, [letters.get(place) for place in range(len(records))]

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

    async def _put_aside(
        self, records: Sequence[ConsumerRecord], letters: Sequence[DeadLetter | None]
    ) -> int:
        """Put aside what may be put aside now; how many of the records are done with that."""
        if any(letters):
            await self._parked.recall()
        left, done, aside = self._allowance.left(time.monotonic()), 0, list[DeadLetter]()
        outcomes: list[bool] = []
        for record, letter in zip(records, letters, strict=True):
            if letter is None:
                outcomes.append(True)
            else:
                if self._counts(record, letter):
                    if not left:
                        break
                    left -= 1
                    outcomes.append(False)
                aside.append(letter)
                self._parked.add(letter)
            done += 1
        self._allowance.take(outcomes, time.monotonic())
        await self._published(aside)
        if aside:  # a letter that came twice would be open again
            self._commit_at = 0.0
        return done

    def _counts(self, record: ConsumerRecord, letter: DeadLetter) -> bool:
        """Whether a letter uses up the allowance: not one that was sent back in vain, nor one behind a parked one."""
        if self._topics.short(record.topic) == REPLAYS.name:
            return False
        return not self._parked.holds(letter)

    async def _published(self, letters: Sequence[DeadLetter]) -> None:
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

    def _letter(
        self, record: ConsumerRecord, origin: Origin, error: AscuaError, aggregate: str | None = None
    ) -> DeadLetter:
        letter = dead_letter(
            self._group, *origin, record.key, record.value, error.slug, error.sentence, self._clock()
        )
        return replace(letter, aggregate=aggregate)

    async def _pass(self, consumer: AIOKafkaConsumer) -> None:
        """Stand where the fetched records end; past the markers of transactions too: an idle group has no lag."""
        try:
            known = [tp for tp in consumer.assignment() if consumer.highwater(tp) is not None]
            handled = {tp: await consumer.position(tp) for tp in known}
        except IllegalStateError:  # the partition has another owner by now
            return
        except KafkaError as error:
            logger().warning("commit_failed", consumer=self._group, because=type(error).__name__)
            return
        if handled == self._passed:
            return
        self._passed = handled
        if self._commit_at is None:
            self._commit_at = time.monotonic() + COMMIT_SECONDS
        self.on_handled()

    async def _commit(self, consumer: AIOKafkaConsumer) -> None:
        """Commit how far we are. Each commit names the ids of all topics: the broker forgets the positions of a topic
        that is deleted."""
        handled, self._commit_at = self._passed, None
        position = {tp: offset for tp, offset in handled.items() if self._committed.get(tp) != offset}
        if not position:
            return
        try:
            ids = ",".join(f"{self._topics.short(name)}={self._topic_ids[name]}" for name in self._names)
            await consumer.commit({tp: OffsetAndMetadata(offset, ids) for tp, offset in position.items()})
            self._committed.update(position)
        except (CommitFailedError, IllegalStateError) as error:
            # The partition has another owner by now; what was written is guarded, so it may do it again.
            logger().info("commit_skipped", consumer=self._group, because=type(error).__name__)
        except KafkaError as error:
            self._commit_at = time.monotonic() + COMMIT_SECONDS
            logger().warning("commit_failed", consumer=self._group, because=type(error).__name__)

    async def _revoked(self) -> None:
        """What was fetched before belongs to the old assignment: it comes again to whoever owns it now."""
        if self._consumer is not None:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._commit(self._consumer), LAST_COMMIT)
        self._generation += 1
        self._compared.clear()
        self._passed = {}

    async def _assigned(self, assigned: Sequence[TopicPartition]) -> None:
        """Compare the committed position with the log before anything is taken from it."""
        self._next, self._committed, self._passed, self._commit_at = {}, {}, {}, None
        self._parked.outdate()
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
        async with admin(self._topics.brokers) as client:
            stands = await committed(client, group)
            partitions = await Cluster(self._topics).partitions(client)
        self._is_alone = len(assigned) == sum(partitions[name] for name in self._names)
        known: dict[str, str] = {}
        for position in stands.values():
            pairs = (pair.split("=") for pair in position.metadata.split(",") if pair)
            known |= {self._topics.name(topic): id for topic, id in pairs}
        current = await Cluster(self._topics).ids()
        self._topic_ids = {**known, **current}
        if anew := [name for name, id in known.items() if current.get(name, id) != id]:
            return (
                f"{', '.join(anew)} is not the topic known before (another topic id), and what it says may seem "
                f"known already; bring the old log back, or begin anew: drop the database and delete group {group}"
            )
        async with AIOKafkaConsumer(**self._topics.brokers.client) as reader:
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
