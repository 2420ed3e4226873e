"""Dead letters: records a consumer could not handle, kept whole, listed and sent back."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterable
from dataclasses import asdict, dataclass
from datetime import datetime

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition

from shared.bus.publisher import MAX_RECORD_BYTES, Outgoing, Publisher
from shared.bus.topics import DEAD_LETTERS, NAMES, REPLAYS, Topics
from shared.events.base import rfc3339

Origin = tuple[str, int, int]
"""Where a record stood first: topic (its short name), partition and offset."""


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

    @property
    def name(self) -> str:
        """`consumer/topic/partition/offset`, the letter's one name."""
        return f"{self.consumer}/{self.topic}/{self.partition}/{self.offset}"

    def to_record(self) -> Outgoing:
        """The original bytes, so that every record fits that did before; the rest is in a header."""
        told = {name: value for name, value in asdict(self).items() if name != "original"}
        return Outgoing(DEAD_LETTERS.name, self.name, self.original, (("letter", json.dumps(told).encode()),))

    def to_mark(self) -> Outgoing:
        """Says that this letter was sent back; a later one of the same name has another `at` and stays open."""
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
    """The letters not sent back yet, in the order of their log positions."""
    letters: dict[str, DeadLetter] = {}
    async for record in _read(topics):
        name, headers = record.key.decode(), dict(record.headers)
        if "letter" in headers:
            letters[name] = DeadLetter(**json.loads(headers["letter"]), original=record.value)
        elif name in letters and letters[name].at == headers["sent"].decode():
            del letters[name]
    chosen = [letter for letter in letters.values() if consumer in (None, letter.consumer)]
    return sorted(chosen, key=lambda letter: (letter.consumer, letter.topic, letter.partition, letter.offset))


async def replay(publisher: Publisher, letters: Iterable[DeadLetter]) -> int:
    """Send letters back to their consumers, in order, and mark each as sent. A letter that fails again comes back."""
    count = 0
    for letter in letters:
        await publisher.publish(letter.to_replay())
        await publisher.publish(letter.to_mark())
        count += 1
    return count


async def _read(topics: Topics) -> AsyncIterator[ConsumerRecord]:
    partition = TopicPartition(topics.name(DEAD_LETTERS.name), 0)
    consumer = AIOKafkaConsumer(
        bootstrap_servers=topics.bootstrap, auto_offset_reset="earliest", isolation_level="read_committed"
    )
    await consumer.start()
    try:
        consumer.assign([partition])
        end = (await consumer.end_offsets([partition]))[partition]
        while await consumer.position(partition) < end:
            for record in (await consumer.getmany(timeout_ms=200)).get(partition, ()):
                yield record
    finally:
        await consumer.stop()
