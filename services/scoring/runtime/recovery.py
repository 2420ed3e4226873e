"""What a partition is made of again from the log: its state, its positions, and facts for a promotion.

A state is read back, with read_committed, only once the owner before is fenced.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.structs import OffsetAndMetadata

from services.scoring.processor.protocols import Promotion
from services.scoring.runtime.log import Log
from services.scoring.runtime.partition import Partition
from shared.bus.cluster import admin
from shared.bus.positions import committed
from shared.errors import Refused

SENT = ("heat", "scoring")
"""Where what was sent of leads stands."""

NEARLY = 2_000
"""A partition waits for a promotion that lacks fewer facts than these."""


async def read_back(log: Log, partitions: Mapping[int, Partition]) -> int:
    """Read the state records of partitions to their end; how many there were."""
    records = 0
    async with AIOKafkaConsumer(
        **log.topics.brokers.client,
        isolation_level="read_committed",
        auto_offset_reset="earliest",
        fetch_max_wait_ms=50,
        max_partition_fetch_bytes=1024 * 1024,
    ) as reader:
        waiting = {TopicPartition(log.state, number) for number in partitions}
        reader.assign(waiting)
        ends = await reader.end_offsets(waiting)
        while waiting := {tp for tp in waiting if await reader.position(tp) < ends[tp]}:
            for tp, batch in (await reader.getmany(*waiting, timeout_ms=200)).items():
                restore = partitions[tp.partition].restore
                for record in batch:
                    restore(record.key, record.value)
                records += len(batch)
                await asyncio.sleep(0)
    return records


async def positions_of(
    log: Log, partitions: Mapping[int, Partition], topic_ids: Mapping[str, str]
) -> tuple[dict[TopicPartition, int], dict[TopicPartition, int]]:
    """Where to read on in all facts, and where they end.

    Raises `Refused("position-unknown")` when the log is not the one where scoring stood: a topic made anew, or
    one that lost its end or its beginning. Whoever went on there would lose facts or count some twice.
    """
    facts = [TopicPartition(topic, number) for topic in log.facts for number in partitions]
    stands: dict[TopicPartition, OffsetAndMetadata] = {}
    async with admin(log.topics.brokers) as client:
        of_all = await committed(client, log.group)
    for number, owned in partitions.items():
        # A state that an earlier version kept says it in the group alone.
        of_group = {tp: stand for tp, stand in of_all.items() if tp.partition == number}
        stands |= owned.stood or (of_group if len(owned.memory) else {})
    async with AIOKafkaConsumer(**log.topics.brokers.client) as reader:
        first, last = await reader.beginning_offsets(facts), await reader.end_offsets(facts)
    positions = {}
    for tp in facts:
        if tp not in stands:
            positions[tp] = first[tp]
            continue
        stood, known_as = stands[tp]
        if known_as == topic_ids[tp.topic] and first[tp] <= stood <= last[tp]:
            positions[tp] = stood
        else:
            raise Refused(
                "position-unknown",
                f"scoring stood at offset {stood} of {tp.topic}/{tp.partition}, which now holds {first[tp]} to "
                f"{last[tp]}, or is another topic of that name; restore the log, or start scoring anew",
            )
    return positions, last


async def refold(log: Log, owned: Partition, promotion: Promotion) -> None:
    """Give a promotion the facts up to where the partition stands, which waits for the last of them."""
    facts = [TopicPartition(topic, owned.number) for topic in log.facts]
    sent = [TopicPartition(log.topics.name(topic), owned.number) for topic in SENT]
    async with AIOKafkaConsumer(
        **log.topics.brokers.client,
        isolation_level="read_committed",
        auto_offset_reset="earliest",
        fetch_max_wait_ms=50,
        max_partition_fetch_bytes=4 * 1024 * 1024,
    ) as reader:
        reader.assign([*facts, *sent])
        for tp, end in (await reader.end_offsets(sent)).items():
            while await reader.position(tp) < end:
                for record in (await reader.getmany(tp, timeout_ms=200)).get(tp, ()):
                    promotion.remind(record)
        while True:
            folded = owned.folded
            behind = {tp: folded[tp] - await reader.position(tp) for tp in facts if tp in folded}
            behind = {tp: missing for tp, missing in behind.items() if missing > 0}
            if not behind:
                if not owned.flows.is_set():
                    return
                owned.flows.clear()
                continue
            if sum(behind.values()) < NEARLY:
                owned.flows.clear()
                folded = owned.folded
            for tp, records in (await reader.getmany(*behind, timeout_ms=200)).items():
                known = [record for record in records if record.offset < folded[tp]]
                if known:
                    promotion.fold(tp.topic, known)
                if len(known) < len(records):
                    reader.seek(tp, folded[tp])
                await asyncio.sleep(0)
