"""What tests of the kit share: a diary as the simplest document, facts to write into it, and looks at the log."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord, TopicPartition

from shared.bus.consumer import Consumer
from shared.bus.outgoing import Outgoing
from shared.bus.publisher import Publisher
from shared.bus.received import Handle
from shared.bus.topics import Topics
from shared.clock import new_id, utc_now
from shared.documents import Decision, Documents
from shared.errors import Refused
from shared.events.base import Event, Recorded, encode
from shared.events.leads import LeadStageChanged, Stage
from shared.mongo import Mongo
from shared.outbox import OUTBOX_INDEX
from shared.reactions import Reactions
from tests.waiting import until


@dataclass(frozen=True, slots=True)
class Diary:
    """All that was said of a lead, in the order in which it was heard."""

    lead_id: str
    lines: tuple[str, ...] = ()


def diaries(mongo: Mongo) -> Documents[Diary]:
    return Documents(mongo.collection("diaries", (OUTBOX_INDEX,)), Diary)


def line(recorded: Recorded[Event]) -> str:
    return f"{recorded.aggregate}/{recorded.sequence}"


def write(diary: Diary, recorded: Recorded[Event]) -> Decision[Diary]:
    return replace(diary, lines=(*diary.lines, line(recorded))), ()


writing = Reactions(Diary, write)


class Whim:
    """Reactions that refuse the events they dislike; whether they do can change."""

    def __init__(self, *dislikes: str) -> None:
        self.dislikes = set(dislikes)
        self.heard: list[str] = []

    def __call__(self, diary: Diary, recorded: Recorded[Event]) -> Decision[Diary]:
        self.heard.append(line(recorded))
        if line(recorded) in self.dislikes:
            raise Refused("disliked", "this cannot be handled before the cause is mended")
        return write(diary, recorded)


def fact(lead: str, sequence: int) -> Outgoing:
    """The lead's `sequence`th fact, on its way to the topic `leads`."""
    stages = Stage.NEW, Stage.QUALIFIED
    event = LeadStageChanged(
        lead_id=lead, at=utc_now(), stage=stages[sequence % 2], previous=stages[1 - sequence % 2]
    )
    recorded: Recorded[Event] = Recorded(new_id(), event, utc_now(), sequence, event.aggregate)
    return Outgoing("leads", lead, encode(recorded))


def facts(lead: str, last: int) -> list[Outgoing]:
    return [fact(lead, sequence) for sequence in range(1, last + 1)]


def told(lead: str, last: int) -> tuple[str, ...]:
    """The lines of a diary that has heard the lead's first facts, each once and in order."""
    return tuple(f"lead:{lead}/{sequence}" for sequence in range(1, last + 1))


async def stopped(consumer: Consumer) -> str:
    """Wait until a consumer has stopped by itself, and return why."""

    async def it_has() -> bool:
        return consumer.stopped is not None

    await until(it_has)
    assert consumer.stopped is not None
    return consumer.stopped


async def published(publisher: Publisher, records: Iterable[Outgoing]) -> list[tuple[int, int]]:
    """Publish records; return where each went, partition and offset."""
    results = await publisher.publish_all(list(records))
    for result in results:
        assert not isinstance(result, Exception), result
    return results  # type: ignore[return-value]


@asynccontextmanager
async def publishing(topics: Topics, **options: Any) -> AsyncIterator[Publisher]:
    publisher = Publisher(topics, **options)
    await publisher.start()
    try:
        yield publisher
    finally:
        await publisher.stop()


@asynccontextmanager
async def consuming(
    topics: Topics, publisher: Publisher, handle: Handle, group: str = "diary", **options: Any
) -> AsyncIterator[Consumer]:
    consumer = Consumer(topics, publisher, group, ["leads"], handle, **options)
    await consumer.start()
    try:
        yield consumer
    finally:
        await consumer.stop()


async def log(topics: Topics, topic: str) -> list[ConsumerRecord]:
    """All records of a topic, each partition's in order."""
    name = topics.name(topic)
    async with AIOKafkaConsumer(
        **topics.brokers.client, auto_offset_reset="earliest", isolation_level="read_committed"
    ) as reader:
        partitions = [TopicPartition(name, each) for each in await reader._client._wait_on_metadata(name)]
        reader.assign(partitions)
        ends = await reader.end_offsets(partitions)
        records: list[ConsumerRecord] = []
        for tp in partitions:
            while await reader.position(tp) < ends[tp]:
                records += (await reader.getmany(tp, timeout_ms=200)).get(tp, [])
        return records


async def positions(topics: Topics, group: str) -> dict[TopicPartition, int]:
    """Where the group would go on."""
    from shared.bus.cluster import admin
    from shared.bus.positions import committed

    async with admin(topics.brokers) as client:
        found = await committed(client, f"{topics.prefix}.{group}")
    return {tp: position.offset for tp, position in found.items()}


async def move(topics: Topics, group: str, to: dict[TopicPartition, int]) -> None:
    """Set the positions of a group that nobody is a member of."""
    async with AIOKafkaConsumer(
        **topics.brokers.client, group_id=f"{topics.prefix}.{group}", enable_auto_commit=False
    ) as member:
        member.assign(list(to))
        await member.commit(to)


async def abandoned_transaction(topics: Topics, topic: str, lead: str) -> None:
    """Write a record and take it back: what stays are offsets that nobody is shown."""
    producer = AIOKafkaProducer(**topics.brokers.client, transactional_id=f"{topics.prefix}.test")
    await producer.start()
    try:
        await producer.begin_transaction()
        await producer.send_and_wait(topics.name(topic), key=lead.encode(), value=b"{}")
        await producer.abort_transaction()
    finally:
        await producer.stop()
