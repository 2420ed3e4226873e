"""What a member of a consumer group finds when it is given partitions: the log as it was known before, or another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from aiokafka import AIOKafkaConsumer, TopicPartition

from shared.bus.cluster import Cluster, admin
from shared.bus.positions import committed
from shared.bus.topics import Topics


@dataclass(frozen=True, slots=True)
class Assignment:
    """The partitions that a member reads from now on, compared with the log."""

    is_whole: bool
    """Whether they are all there are of its topics: nobody else of the group reads any."""
    metadata: str
    """The ids of all topics, as they go with each commit."""
    difference: str | None
    """Why going on from the committed positions would be wrong: a topic made anew, or a log that lost its end."""


async def compared(
    topics: Topics, group: str, names: Sequence[str], assigned: Sequence[TopicPartition]
) -> Assignment:
    """The assignment of a member of `group`, which reads the topics `names` (both full names).

    Raises `Unavailable` or `KafkaError` while the broker does not say.
    """
    async with admin(topics.brokers) as client:
        stands = await committed(client, group)
        partitions = await Cluster(topics).partitions(client)
    known: dict[str, str] = {}
    for position in stands.values():
        pairs = (pair.split("=") for pair in position.metadata.split(",") if pair)
        known |= {topics.name(topic): id for topic, id in pairs}
    current = await Cluster(topics).ids()
    ids = {**known, **current}
    if anew := [name for name, id in known.items() if current.get(name, id) != id]:
        difference: str | None = (
            f"{', '.join(anew)} is not the topic known before (another topic id), and what it says may seem "
            f"known already; bring the old log back, or begin anew: drop the database and delete group {group}"
        )
    else:
        async with AIOKafkaConsumer(**topics.brokers.client) as reader:
            ends = await reader.end_offsets(list(assigned)) if assigned else {}
        beyond = [(tp, end) for tp, end in ends.items() if tp in stands and stands[tp].offset > end]
        difference = next(
            (
                f"position {stands[tp].offset} lies beyond the end {end} of {tp.topic}/{tp.partition}"
                for tp, end in beyond
            ),
            None,
        )
    return Assignment(
        len(assigned) == sum(partitions[name] for name in names),
        ",".join(f"{topics.short(name)}={ids[name]}" for name in names),
        difference,
    )
