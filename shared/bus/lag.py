"""How far consumer groups are behind the log."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from typing import TypedDict

from aiokafka import AIOKafkaConsumer, TopicPartition

from shared.bus.cluster import admin
from shared.bus.positions import committed
from shared.bus.topics import Topics


class Lag(TypedDict):
    """`lag` is the number of offsets between what the group has `committed` (None: nothing yet) and the log's end.

    The marker of a transaction takes an offset too: behind a topic written in transactions an idle group shows 1.
    """

    committed: int | None
    end: int
    lag: int


async def lag(topics: Topics, groups: Iterable[str]) -> dict[str, dict[str, Lag]]:
    """Group → `topic/partition` (short name) → lag, for every partition of the topics that the group reads.

    A topic is known to be read by a group once one of its partitions is committed.
    """
    names = list(groups)
    async with admin(topics.brokers) as client:
        found = await asyncio.gather(*(committed(client, f"{topics.prefix}.{name}") for name in names))
        partitions = {
            topic["topic"]: [
                TopicPartition(topic["topic"], each["partition"]) for each in topic["partitions"]
            ]
            for topic in await client.describe_topics()
        }
    stands = {
        name: {tp: position.offset for tp, position in positions.items() if tp.topic in partitions}
        for name, positions in zip(names, found, strict=True)
    }
    reads = {
        name: [tp for topic in sorted({tp.topic for tp in positions}) for tp in partitions[topic]]
        for name, positions in stands.items()
    }
    beginnings, ends = await _bounds(topics, {tp for several in reads.values() for tp in several})

    def behind(position: int | None, tp: TopicPartition) -> Lag:
        start = beginnings[tp] if position is None else position
        return {"committed": position, "end": ends[tp], "lag": max(0, ends[tp] - start)}

    return {
        name: {
            f"{topics.short(tp.topic)}/{tp.partition}": behind(stands[name].get(tp), tp)
            for tp in sorted(several)
        }
        for name, several in reads.items()
    }


async def _bounds(
    topics: Topics, partitions: Iterable[TopicPartition]
) -> tuple[Mapping[TopicPartition, int], Mapping[TopicPartition, int]]:
    """Where the log of each partition begins and ends."""
    asked = list(partitions)
    if not asked:
        return {}, {}
    async with AIOKafkaConsumer(**topics.brokers.client) as reader:
        return await reader.beginning_offsets(asked), await reader.end_offsets(asked)
