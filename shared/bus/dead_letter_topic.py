"""The topic of the dead letters: which are open, and how they are sent back or discarded."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from dataclasses import replace

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError

from shared import metrics
from shared.bus.dead_letters import DeadLetter
from shared.bus.publisher import Publisher
from shared.bus.topics import DEAD_LETTERS, Topics
from shared.errors import AscuaError
from shared.logs import logger
from shared.tasks import ended

LOOK_SECONDS = 30.0


async def open_dead_letters(topics: Topics, consumer: str | None = None) -> list[DeadLetter]:
    """The dead letters neither sent back nor discarded yet, in the order of their log positions."""
    dead_letters: dict[str, DeadLetter] = {}
    async for record in _read(topics):
        _follow(dead_letters, record)
    chosen = [letter for letter in dead_letters.values() if consumer in (None, letter.consumer)]
    return sorted(chosen, key=lambda letter: (letter.consumer, letter.topic, letter.partition, letter.offset))


def _follow(dead_letters: dict[str, DeadLetter], record: ConsumerRecord) -> None:
    """Take a record of the topic into those that are open; what is neither a letter nor a mark is passed over."""
    try:
        name, headers = record.key.decode(), dict(record.headers)
        if "letter" in headers:
            dead_letters[name] = DeadLetter(**json.loads(headers["letter"]), original=record.value or b"")
        elif name in dead_letters and dead_letters[name].at == headers["sent"].decode():
            del dead_letters[name]
    except (AttributeError, KeyError, TypeError, ValueError):
        logger().warning("no_dead_letter", offset=record.offset)


async def replay(publisher: Publisher, letters: Iterable[DeadLetter]) -> int:
    """Send dead letters back to their consumers, in order, and mark each as sent. One that fails again comes back."""
    count = 0
    for letter in letters:
        await publisher.publish(letter.to_replay())
        await publisher.publish(letter.to_mark())
        count += 1
    return count


async def discard(publisher: Publisher, letters: Iterable[DeadLetter]) -> int:
    """Close dead letters without sending them back; the records stay in the log where they stood."""
    count = 0
    for letter in letters:
        await publisher.publish(letter.to_mark())
        count += 1
    return count


class OpenDeadLetters:
    """Says in a metric how many are open, by consumer, as a part of a process: a look every half a minute."""

    def __init__(self, topics: Topics, look_seconds: float = LOOK_SECONDS) -> None:
        self._topics = topics
        self._look_seconds = look_seconds
        self._open: Counter[str] = Counter()
        self._dead_letters: dict[str, DeadLetter] = {}
        self._next = 0
        self.task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self.task = asyncio.create_task(self._run(), name="open dead letters")

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
                    _follow(self._dead_letters, replace(record, value=b""))
                    self._next = record.offset + 1
                found = Counter(letter.consumer for letter in self._dead_letters.values())
                for consumer in self._open | found:
                    metrics.DEAD_LETTERS_OPEN.labels(consumer).set(found[consumer])
                self._open = found
            except (AscuaError, KafkaError) as error:
                logger().warning("dead_letters_not_counted", because=type(error).__name__)
            await asyncio.sleep(self._look_seconds)


async def _read(topics: Topics, start: int = 0) -> AsyncIterator[ConsumerRecord]:
    """The records from an offset to the end."""
    partition = TopicPartition(topics.name(DEAD_LETTERS.name), 0)
    consumer = AIOKafkaConsumer(
        **topics.brokers.client, auto_offset_reset="earliest", isolation_level="read_committed"
    )
    await consumer.start()
    try:
        # Asked before anything is fetched: a fetch that waits at the broker holds up what is asked after it.
        end = (await consumer.end_offsets([partition]))[partition]
        consumer.assign([partition])
        if start:
            consumer.seek(partition, start)
        while await consumer.position(partition) < end:
            for record in (await consumer.getmany(timeout_ms=200)).get(partition, ()):
                yield record
    finally:
        await consumer.stop()
