"""A bare aiokafka loop: getmany, a dict, and the worker's transactions (heat, crossings, state and positions).

Commits run beside the folding, as the worker's do.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from time import monotonic
from typing import Any

import msgspec
import uvloop
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord, TopicPartition

from bench.scoring.cluster import named_brokers
from bench.scoring.peers.score import COMMIT_SECONDS, DECODER, RULES, Stopwatch, crossed, told
from services.scoring.processor.decisions import take_in
from services.scoring.processor.fact_mapping import MappedFact
from services.scoring.processor.lead import ScoredLead
from services.scoring.runtime.partition import POSITIONS
from shared.bus.topics import PARTITIONS, Topics


class Partition:
    def __init__(self, number: int, topics: Topics) -> None:
        self.number = number
        self.leads: dict[str, ScoredLead] = {}
        self.changed: dict[str, ScoredLead] = {}
        self.crossings: list[Any] = []
        self.positions: dict[TopicPartition, int] = {}
        self.stood: dict[str, int] = {}
        self.due = 0.0
        self.committing: asyncio.Task[None] | None = None
        self.topics = topics
        self.producer = AIOKafkaProducer(
            **topics.brokers.client,
            transactional_id=f"{topics.prefix}.bare-{number}",
            max_batch_size=512 * 1024,
        )

    def fold(self, tp: TopicPartition, records: Sequence[ConsumerRecord]) -> None:
        leads, changed = self.leads, self.changed
        for new in DECODER.read_all([record.value for record in records]):
            assert isinstance(new, MappedFact)
            lead = leads.get(new.lead_id)
            if lead is None:
                lead = leads[new.lead_id] = ScoredLead.new(new.lead_id)
            is_new, crossings = take_in(lead, new, RULES)
            if is_new:
                changed[new.lead_id] = lead
            if crossings:
                self.crossings += crossings
        self.positions[tp] = records[-1].offset + 1

    def may_commit(self) -> bool:
        is_free = self.committing is None or self.committing.done()
        return is_free and bool(self.positions) and monotonic() >= self.due

    async def commit(self) -> None:
        self.due = monotonic() + COMMIT_SECONDS
        outputs = [("scoring", each.lead_id.encode(), crossed(each)) for each in self.crossings]
        for lead_id, lead in self.changed.items():
            key, heat = lead_id.encode(), told(lead)
            if heat is not None:
                outputs.append(("heat", key, heat))
            outputs.append(("scoring-state", key, lead.encode()))
        self.stood |= {tp.topic: offset for tp, offset in self.positions.items()}
        outputs.append(("scoring-state", POSITIONS, msgspec.json.encode(self.stood)))
        self.changed, self.crossings, self.positions = {}, [], {}
        await self.producer.begin_transaction()
        await self._send(outputs)
        await self.producer.commit_transaction()

    async def _send(self, outputs: Sequence[tuple[str, bytes, bytes]]) -> None:
        batches: dict[str, Any] = {}
        sent = []
        for topic, key, value in outputs:
            batch = batches.get(topic)
            while batch is None or not batch.append(key=key, value=value, timestamp=None):
                if batch is not None:
                    sent.append(await self._send_batch(batch, topic))
                batch = batches[topic] = self.producer.create_batch()
        sent += [await self._send_batch(batch, topic) for topic, batch in batches.items()]
        await asyncio.gather(*sent)

    async def _send_batch(self, batch: Any, topic: str) -> asyncio.Future[Any]:
        future: asyncio.Future[Any]
        future = await self.producer.send_batch(batch, self.topics.name(topic), partition=self.number)
        return future


async def main(prefix: str, events: str) -> None:
    topics, watch = Topics(named_brokers(), prefix), Stopwatch(int(events))
    partitions = [Partition(number, topics) for number in range(PARTITIONS)]
    await asyncio.gather(*(each.producer.start() for each in partitions))
    consumer = AIOKafkaConsumer(
        topics.name("signals"),
        topics.name("followup"),
        **topics.brokers.client,
        group_id=f"{prefix}.bare",
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        isolation_level="read_committed",
    )
    await consumer.start()
    done = False
    while not done:
        for tp, records in (await consumer.getmany(timeout_ms=200)).items():
            done = watch.count(len(records))
            partitions[tp.partition].fold(tp, records)
            await asyncio.sleep(0)
        for each in partitions:
            if each.committing is not None and each.committing.done():
                each.committing.result()
            if each.may_commit():
                each.committing = asyncio.create_task(each.commit())
    await asyncio.gather(*(each.committing for each in partitions if each.committing is not None))
    await asyncio.gather(*(each.commit() for each in partitions if each.positions))
    watch.stop()
    await consumer.stop()
    await asyncio.gather(*(each.producer.stop() for each in partitions))


if __name__ == "__main__":
    uvloop.run(main(*sys.argv[1:]))
