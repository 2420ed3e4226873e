"""The log as it stands, read without a group: nobody's position moves, and nothing is written."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from cli.lab.histories import History, history
from services.scoring.processor.decoding import Decoder
from services.scoring.processor.fact_mapping import MappedFact
from services.scoring.processor.merged_replay import absorbed_in
from services.scoring.scorecard.ties import TYING
from shared.bus.cluster import admin
from shared.bus.topics import Topics
from shared.errors import Unavailable, Undecodable
from shared.installation import FOLDED

Watch = Callable[[int, int], None]
"""Records read, and how many there are."""


@dataclass(slots=True)
class Read:
    """What was read of the log."""

    records: int = 0
    unreadable: int = 0
    """Records that could not be decoded; scoring has put them aside as dead letters."""


@dataclass(slots=True)
class Facts:
    """The facts of the log as it stands now, the leads of one partition number after the other.

    All facts of a lead lie in the partitions of one number, so that only those of one number are held at a time; and
    those of leads that were merged, which may lie in several.
    """

    topics: Topics
    watch: Watch = lambda done, total: None
    read: Read = field(default_factory=Read)

    async def histories(self) -> AsyncIterator[History]:
        """Every lead's history. Raises `Unavailable` when the broker is away."""
        merged: dict[str, list[MappedFact]] = {}
        names = [self.topics.name(topic) for topic in FOLDED]
        try:
            async with admin(self.topics.brokers) as client:
                described = await client.describe_topics(names)
            numbers = sorted({each["partition"] for topic in described for each in topic["partitions"]})
            async with AIOKafkaConsumer(
                **self.topics.brokers.client,
                isolation_level="read_committed",
                auto_offset_reset="earliest",
                enable_auto_commit=False,
                fetch_max_wait_ms=50,
            ) as reader:
                ends = await reader.end_offsets(
                    [TopicPartition(name, number) for name in names for number in numbers]
                )
                total = sum(ends.values())
                for number in numbers:
                    mine = {tp: end for tp, end in ends.items() if tp.partition == number}
                    for lead_id, facts in (await self._partition(reader, mine, total)).items():
                        if any(fact.kind in TYING for fact in facts):
                            merged[lead_id] = facts
                        else:
                            yield history(lead_id, facts)
        except KafkaError as error:
            raise Unavailable(
                "kafka-unreachable", f"Kafka at {self.topics.brokers.bootstrap} does not answer: {error}"
            ) from error

        for lead_id, facts in merged.items():
            others = (fact for other in absorbed_in(facts) for fact in merged.get(other, ()))
            yield history(lead_id, facts, others)

    async def _partition(
        self, reader: AIOKafkaConsumer, ends: dict[TopicPartition, int], total: int
    ) -> dict[str, list[MappedFact]]:
        decoder = Decoder()
        leads: dict[str, list[MappedFact]] = {}
        reader.assign(list(ends))
        waiting = set(ends)
        while waiting := {tp for tp in waiting if await reader.position(tp) < ends[tp]}:
            for tp, batch in (await reader.getmany(*waiting, timeout_ms=200)).items():
                for record in batch:
                    if record.offset >= ends[tp]:
                        continue
                    self.read.records += 1
                    try:
                        new = decoder.read(record.value or b"")
                    except Undecodable:
                        self.read.unreadable += 1
                    else:
                        leads.setdefault(new.lead_id, []).append(new)
            self.watch(self.read.records, total)
        return leads
