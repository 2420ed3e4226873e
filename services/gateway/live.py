"""The live stream: what changes while somebody looks.

Every replica reads all partitions by itself, without a group. A position in the stream is the vector of Kafka
offsets, so any replica can resume a client where another left off. A change is sent only once the views' projector,
wherever it runs, has passed it: who is told of a change finds it in the views. The projector of this process says so
itself, after each batch; the broker is asked only for partitions that others project.
"""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from shared.bus.cluster import admin
from shared.bus.positions import committed
from shared.bus.topics import Topics
from shared.errors import Refused, Unavailable
from shared.installation import VIEWS
from shared.logs import logger
from shared.tasks import ended

TOPICS = (*VIEWS.topics, "scoring")
KEPT = 20_000
"""Changes kept in memory, so how long ago a client may have left and still resume."""
BEHIND = 10_000
"""Changes a slow client may lag before it is told to begin anew."""
LOOK_SECONDS = 0.1
"""How often the broker is asked how far other processes' projectors are, while something waits for them."""

Vector = Mapping[tuple[str, int], int]
"""The next offset of each (topic, partition)."""


@dataclass(frozen=True, slots=True)
class LiveChange:
    """Something new about a lead, and the position after it. A `reset` means: read everything again."""

    id: str
    type: str
    lead_id: str | None = None
    time: str | None = None


@dataclass(frozen=True, slots=True)
class _Read:
    topic: str
    partition: int
    offset: int
    type: str
    lead_id: str
    time: str


class Live:
    """One replica's reading of the log, and the clients that listen to it.

    `handled` says how far the projector of this process is in the partitions that it reads; `look` is to be called
    when it has moved on.
    """

    def __init__(
        self,
        topics: Topics,
        projector: str,
        handled: Callable[[], Mapping[TopicPartition, int]] = dict,
    ) -> None:
        self._topics = topics
        self._handled = handled
        self._projected: dict[tuple[str, int], int] = {}
        self._group = f"{topics.prefix}.{projector}"
        self._consumer: AIOKafkaConsumer | None = None
        self._task: asyncio.Task[None] | None = None
        self._waiting: deque[_Read] = deque()
        self._kept: deque[_Read] = deque()
        self._from: dict[tuple[str, int], int] = {}
        self._passed: dict[tuple[str, int], int] = {}
        self._end: dict[tuple[str, int], int] = {}
        self._clients: set[asyncio.Queue[_Read | None]] = set()
        self._asking = AsyncExitStack()
        self._admin: AIOKafkaAdminClient | None = None

    async def start(self) -> None:
        consumer = AIOKafkaConsumer(
            **self._topics.brokers.client,
            auto_offset_reset="earliest",
            isolation_level="read_committed",
            fetch_max_wait_ms=1_000,
            metadata_max_age_ms=30_000,
        )
        try:
            await consumer.start()
            partitions = await self._partitions(consumer)
            # Asked before anything is fetched: a fetch that waits at the broker holds up what is asked after it.
            begins, ends = (
                await consumer.beginning_offsets(partitions),
                await consumer.end_offsets(partitions),
            )
            consumer.assign(partitions)
        except KafkaError as error:
            await consumer.stop()
            raise self._topics.brokers.unreachable() from error
        for tp in partitions:
            # A little of the past, so that those who were connected to a replica that went away can resume here.
            offset = max(begins[tp], ends[tp] - KEPT // len(partitions))
            consumer.seek(tp, offset)
            key = self._key(tp)
            self._from[key] = self._passed[key] = self._end[key] = offset
        self._consumer = consumer
        self._task = asyncio.create_task(self._run(consumer), name="live")

    async def stop(self) -> None:
        for queue in list(self._clients):
            self._dismiss(queue)
        if self._task is not None:
            await ended(self._task)
        await self._asking.aclose()
        if self._consumer is not None:
            await self._consumer.stop()

    async def check(self) -> None:
        if self._task is None or self._task.done():
            raise Unavailable("live-down", "the live stream is not running")

    @property
    def task(self) -> asyncio.Task[None] | None:
        return self._task

    def status(self) -> dict[str, object]:
        return {
            "clients": len(self._clients),
            "changes_kept": len(self._kept),
            "changes_held": len(self._waiting),
        }

    def position(self) -> str:
        """Where the stream stands. Read it before the views, and connect from there: nothing falls in between."""
        return _encode(self._passed)

    async def changes(self, position: str | None) -> AsyncGenerator[LiveChange]:
        """Changes from a position on, or from now. Raises `Refused("bad-position")`."""
        vector = dict(self._passed) if position is None else decode_position(position)
        queue: asyncio.Queue[_Read | None] = asyncio.Queue(maxsize=BEHIND)
        self._clients.add(queue)
        try:
            if vector.keys() != self._from.keys() or any(
                not self._from[key] <= vector[key] <= self._end[key] for key in vector
            ):
                vector = dict(self._passed)
                yield LiveChange(_encode(vector), "reset")
            for read in [read for read in self._kept if read.offset >= vector[read.topic, read.partition]]:
                yield _change(read, vector)
            while (next_read := await queue.get()) is not None:
                if next_read.offset >= vector[next_read.topic, next_read.partition]:
                    yield _change(next_read, vector)
            yield LiveChange(_encode(vector), "reset")
        finally:
            self._clients.discard(queue)

    def look(self) -> None:
        """Tell what the projector of this process has passed."""
        if self._waiting:
            self._projected |= {self._key(tp): offset for tp, offset in self._handled().items()}
            self._release(self._projected)

    async def _run(self, consumer: AIOKafkaConsumer) -> None:
        looked = 0.0
        while True:
            patience = LOOK_SECONDS if self._waits_for_others else 1.0
            records = await consumer.getmany(timeout_ms=int(1_000 * patience), max_records=2_000)
            for tp, several in records.items():
                self._waiting.extend(
                    _read(self._topics.short(tp.topic), tp.partition, record) for record in several
                )
                self._end[self._key(tp)] = several[-1].offset + 1
            self.look()
            if records:  # what follows closely comes together
                await asyncio.sleep(VIEWS.gather)
            now = asyncio.get_running_loop().time()
            if self._waits_for_others and now - looked > LOOK_SECONDS:
                looked = now
                await self._ask()
                self.look()

    @property
    def _waits_for_others(self) -> bool:
        own = {self._key(tp) for tp in self._handled()} if self._waiting else set()
        return any((read.topic, read.partition) not in own for read in self._waiting)

    def _release(self, projected: Vector) -> None:
        held: deque[_Read] = deque()
        for read in self._waiting:
            key = read.topic, read.partition
            if read.topic in VIEWS.topics and read.offset >= projected.get(key, 0):
                held.append(read)
                continue
            self._passed[key] = max(self._passed[key], read.offset + 1)
            self._kept.append(read)
            for queue in list(self._clients):
                self._give(queue, read)
        self._waiting = held
        while len(self._kept) > KEPT:
            gone = self._kept.popleft()
            self._from[gone.topic, gone.partition] = gone.offset + 1

    def _give(self, queue: asyncio.Queue[_Read | None], read: _Read) -> None:
        try:
            queue.put_nowait(read)
        except asyncio.QueueFull:
            self._dismiss(queue)

    def _dismiss(self, queue: asyncio.Queue[_Read | None]) -> None:
        """Tell a client to begin anew, whatever it still had to read."""
        while not queue.empty():
            queue.get_nowait()
        queue.put_nowait(None)
        self._clients.discard(queue)

    async def _ask(self) -> None:
        """How far the group of the projector has committed; as before while the broker does not say."""
        try:
            if self._admin is None:
                self._admin = await self._asking.enter_async_context(admin(self._topics.brokers))
            stands = await committed(self._admin, self._group)
        except (Unavailable, KafkaError, TimeoutError) as error:
            logger().warning("live_waits", because=type(error).__name__)
            self._admin = None
            await self._asking.aclose()
        else:
            self._projected |= {self._key(tp): position.offset for tp, position in stands.items()}

    async def _partitions(self, consumer: AIOKafkaConsumer) -> list[TopicPartition]:
        names = [self._topics.name(topic) for topic in TOPICS]
        await consumer._client._wait_on_metadata(names[0])
        return [
            TopicPartition(name, partition)
            for name in names
            for partition in sorted(await consumer._client._wait_on_metadata(name))
        ]

    def _key(self, tp: TopicPartition) -> tuple[str, int]:
        return self._topics.short(tp.topic), tp.partition


def _read(topic: str, partition: int, record: object) -> _Read:
    try:
        body = json.loads(record.value)  # type: ignore[attr-defined]
        type, lead_id, time = str(body["type"]), str(body["subject"]), str(body["time"])
    except (ValueError, KeyError, TypeError, RecursionError):
        # A dead letter to those who handle events; here its position still counts.
        type, lead_id, time = "unreadable", "", ""
    return _Read(topic, partition, record.offset, type, lead_id, time)  # type: ignore[attr-defined]


def _change(read: _Read, vector: dict[tuple[str, int], int]) -> LiveChange:
    vector[read.topic, read.partition] = read.offset + 1
    return LiveChange(_encode(vector), read.type, read.lead_id or None, read.time or None)


def _encode(vector: Vector) -> str:
    """`followup:3.0.7.1,heat:…`: topics by name, the offsets of their partitions in order."""
    topics: dict[str, list[str]] = {}
    for (topic, _), offset in sorted(vector.items()):
        topics.setdefault(topic, []).append(str(offset))
    return ",".join(f"{topic}:{'.'.join(offsets)}" for topic, offsets in topics.items())


def decode_position(position: str) -> dict[tuple[str, int], int]:
    """Raises `Refused("bad-position")`."""
    try:
        return {
            (topic, partition): int(offset)
            for topic, _, offsets in (part.partition(":") for part in position.split(","))
            for partition, offset in enumerate(offsets.split("."))
        }
    except ValueError:
        raise Refused("bad-position", "this is not a position in the stream; connect without one") from None
