"""What the tests write to the log and read from it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord, TopicPartition

from services.scoring.runtime.partition import POSITIONS
from shared.bus.topics import Topics


@asynccontextmanager
async def producer(topics: Topics) -> AsyncIterator[AIOKafkaProducer]:
    async with AIOKafkaProducer(**topics.brokers.client, linger_ms=2) as open_producer:
        yield open_producer


class Reader:
    """A topic (short name) from its beginning; `read` adds what has been committed since, positions left out."""

    def __init__(self, topics: Topics, topic: str) -> None:
        self.records: list[ConsumerRecord] = []
        self._name = topics.name(topic)
        self._consumer = AIOKafkaConsumer(
            **topics.brokers.client,
            isolation_level="read_committed",
            auto_offset_reset="earliest",
            fetch_max_wait_ms=20,
        )
        self._partitions: list[TopicPartition] = []

    async def __aenter__(self) -> Reader:
        await self._consumer.start()
        await self._consumer._client._wait_on_metadata(self._name)
        numbers = sorted(self._consumer.partitions_for_topic(self._name) or ())
        self._partitions = [TopicPartition(self._name, number) for number in numbers]
        self._consumer.assign(self._partitions)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._consumer.stop()

    async def read(self) -> list[ConsumerRecord]:
        ends = await self._consumer.end_offsets(self._partitions)
        while [tp for tp, end in ends.items() if await self._consumer.position(tp) < end]:
            for batch in (await self._consumer.getmany(timeout_ms=50)).values():
                self.records += [record for record in batch if record.key != POSITIONS]
        return self.records


async def records(topics: Topics, topic: str) -> list[ConsumerRecord]:
    """Every committed record of a topic (short name), in order per key."""
    async with Reader(topics, topic) as reader:
        return await reader.read()
