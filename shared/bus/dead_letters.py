"""Dead letters: records a consumer could not handle, kept whole, listed and sent back."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from dataclasses import asdict, dataclass, replace
from datetime import datetime

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError

from shared import metrics
from shared.bus.publisher import MAX_RECORD_BYTES, Outgoing, Publisher
from shared.bus.topics import DEAD_LETTERS, NAMES, REPLAYS, Topics
from shared.errors import AscuaError
from shared.events.base import rfc3339
from shared.logs import logger
from shared.tasks import ended

LOOK_SECONDS = 30.0

Origin = tuple[str, int, int]
"""Where a record stood first: topic (its short name), partition and offset."""


WAITS = "sequence-gap"
"""The reason of those that only wait behind a letter of their aggregate."""


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A record that was put aside, where it stood, why, and its bytes as they were. `topic` is the short name."""

    consumer: str
    topic: str
    partition: int
    offset: int
    key: str | None
    reason: str
    sentence: str
    at: str
    original: bytes
    aggregate: str | None = None
    """The one that is parked by it: what follows of it waits behind."""

    @property
    def name(self) -> str:
        """`consumer/topic/partition/offset`, the letter's one name."""
        return f"{self.consumer}/{self.topic}/{self.partition}/{self.offset}"

    def to_record(self) -> Outgoing:
        """The original bytes, so that every record fits that did before; the rest is in a header."""
        told = {name: value for name, value in asdict(self).items() if name != "original"}
        return Outgoing(DEAD_LETTERS.name, self.name, self.original, (("letter", json.dumps(told).encode()),))

    def to_mark(self) -> Outgoing:
        """Closes this letter, sent back or discarded; a later one of the same name has another `at` and stays open."""
        return Outgoing(DEAD_LETTERS.name, self.name, b"", (("sent", self.at.encode()),))

    def to_replay(self) -> Outgoing:
        """The original bytes, addressed to the consumer that could not handle them."""
        headers = {
            "consumer": self.consumer,
            "topic": self.topic,
            "partition": self.partition,
            "offset": self.offset,
        }
        return Outgoing(
            REPLAYS.name,
            self.key or self.name,
            self.original,
            tuple((name, str(value).encode()) for name, value in headers.items()),
        )


def replayed(headers: Iterable[tuple[str, bytes | None]], consumer: str) -> Origin | None:
    """Where a record that is sent back to `consumer` stood first; None if it is another's, or nobody's."""
    said = {name: (value or b"").decode(errors="replace") for name, value in headers}
    if said.get("consumer") != consumer:
        return None
    try:
        topic, partition, offset = said["topic"], int(said["partition"]), int(said["offset"])
    except (KeyError, ValueError):
        return None
    return (topic, partition, offset) if topic in NAMES else None


def dead_letter(
    consumer: str,
    topic: str,
    partition: int,
    offset: int,
    key: bytes | None,
    value: bytes | None,
    reason: str,
    sentence: str,
    now: datetime,
) -> DeadLetter:
    original = value or b""
    if len(original) > MAX_RECORD_BYTES:
        sentence += f" (the first {MAX_RECORD_BYTES} of {len(original)} bytes are kept; all stand in the log)"
    return DeadLetter(
        consumer, topic, partition, offset, key.decode(errors="replace") if key else None, reason, sentence,
        rfc3339(now), original[:MAX_RECORD_BYTES],
    )  # fmt: skip


async def open_letters(topics: Topics, consumer: str | None = None) -> list[DeadLetter]:
    """The letters neither sent back nor discarded yet, in the order of their log positions."""
    letters: dict[str, DeadLetter] = {}
    async for record in _read(topics):
        _follow(letters, record)
    chosen = [letter for letter in letters.values() if consumer in (None, letter.consumer)]
    return sorted(chosen, key=lambda letter: (letter.consumer, letter.topic, letter.partition, letter.offset))


def _follow(letters: dict[str, DeadLetter], record: ConsumerRecord) -> None:
    """Take a record of the topic into the letters that are open."""
    name, headers = record.key.decode(), dict(record.headers)
    if "letter" in headers:
        letters[name] = DeadLetter(**json.loads(headers["letter"]), original=record.value)
    elif name in letters and letters[name].at == headers["sent"].decode():
        del letters[name]


async def replay(publisher: Publisher, letters: Iterable[DeadLetter]) -> int:
    """Send letters back to their consumers, in order, and mark each as sent. A letter that fails again comes back."""
    count = 0
    for letter in letters:
        await publisher.publish(letter.to_replay())
        await publisher.publish(letter.to_mark())
        count += 1
    return count


class OpenLetters:
    """Says in a metric how many letters are open, by consumer, as a part of a process: a look every half a minute."""

    def __init__(self, topics: Topics) -> None:
        self._topics = topics
        self._open: Counter[str] = Counter()
        self._letters: dict[str, DeadLetter] = {}
        self._next = 0
        self.task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self.task = asyncio.create_task(self._run(), name="open letters")

    async def stop(self) -> None:
        if self.task is not None:
            await ended(self.task)

    async def check(self) -> None:
        """Nothing hangs on it."""

    def status(self) -> dict[str, object]:
        return {"open": dict(self._open)}

    async def _run(self) -> None:
        while True:
            try:
                async for record in _read(self._topics, self._next):
                    # Their bytes may be many, and nobody looks at them here.
                    _follow(self._letters, replace(record, value=b""))
                    self._next = record.offset + 1
                found = Counter(letter.consumer for letter in self._letters.values())
                for consumer in self._open | found:
                    metrics.DEAD_LETTERS_OPEN.labels(consumer).set(found[consumer])
                self._open = found
            except (AscuaError, KafkaError) as error:
                logger().warning("letters_not_counted", because=type(error).__name__)
            await asyncio.sleep(LOOK_SECONDS)


async def discard(publisher: Publisher, letters: Iterable[DeadLetter]) -> int:
    """Close letters without sending them back; the records stay in the log where they stood."""
    count = 0
    for letter in letters:
        await publisher.publish(letter.to_mark())
        count += 1
    return count


def with_predecessors(chosen: Iterable[DeadLetter], open: Iterable[DeadLetter]) -> list[DeadLetter]:
    """The chosen letters, and those open ones that stand before them in their aggregate: sent back without them, the
    chosen would come back in vain. In the order of the log."""
    last: dict[tuple[str, str | None], tuple[str, int, int]] = {}
    names = set()
    for letter in chosen:
        names.add(letter.name)
        if letter.aggregate is not None:
            place = letter.topic, letter.partition, letter.offset
            key = letter.consumer, letter.aggregate
            last[key] = max(last.get(key, place), place)
    return [
        letter
        for letter in open
        if letter.name in names
        or (letter.topic, letter.partition, letter.offset)
        < last.get((letter.consumer, letter.aggregate), ("", 0, 0))
    ]


async def _read(topics: Topics, start: int = 0) -> AsyncIterator[ConsumerRecord]:
    """The records from an offset to the end."""
    partition = TopicPartition(topics.name(DEAD_LETTERS.name), 0)
    consumer = AIOKafkaConsumer(
        bootstrap_servers=topics.bootstrap, auto_offset_reset="earliest", isolation_level="read_committed"
    )
    await consumer.start()
    try:
        consumer.assign([partition])
        end = (await consumer.end_offsets([partition]))[partition]
        if start:
            consumer.seek(partition, start)
        while await consumer.position(partition) < end:
            for record in (await consumer.getmany(timeout_ms=200)).get(partition, ()):
                yield record
    finally:
        await consumer.stop()
