"""The topics, declared once here, and their names in one installation. Pure; `cluster` makes them and checks them."""

from __future__ import annotations

from dataclasses import dataclass

from shared.bus.brokers import Brokers

DAY_MS = 24 * 60 * 60 * 1000
PARTITIONS = 4


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic under its short name. Those keyed by lead all have the same number of partitions."""

    name: str
    keyed_by_lead: bool = True
    compacted: bool = False
    retention_ms: int = -1
    broker_time: bool = False
    """Whether records bear the time at which the broker appended them, instead of their writer's."""

    @property
    def configs(self) -> dict[str, str]:
        if self.compacted:
            times = {"message.timestamp.type": "LogAppendTime"} if self.broker_time else {}
            return {"cleanup.policy": "compact", **times}
        return {"cleanup.policy": "delete", "retention.ms": str(self.retention_ms)}


FACTS = tuple(Topic(name) for name in ("leads", "followup", "tickets", "signals", "scoring"))
HEAT = Topic("heat", compacted=True)
SCORING_STATE = Topic("scoring-state", compacted=True)
SCORING_MEMBERS = Topic("scoring-members", compacted=True)
"""What merged leads tell their survivors: keyed by `<survivor>/<member>`, in the survivor's partition."""
REPLAYS = Topic("replays", retention_ms=30 * DAY_MS)
"""Dead letters on their way back: original bytes, with the consumer they are meant for in the headers."""
DEAD_LETTERS = Topic("dead-letters", keyed_by_lead=False, retention_ms=30 * DAY_MS)
RULES = Topic("rules", keyed_by_lead=False, compacted=True, broker_time=True)
PLAYBOOKS = Topic("playbooks", keyed_by_lead=False)
SLA = Topic("sla", keyed_by_lead=False)

ALL = (*FACTS, HEAT, SCORING_STATE, SCORING_MEMBERS, REPLAYS, DEAD_LETTERS, RULES, PLAYBOOKS, SLA)
NAMES = frozenset(topic.name for topic in ALL)


def compacted(topic: str) -> bool:
    """Whether older records of a key may be gone from the topic (its short name)."""
    return any(each.compacted for each in ALL if each.name == topic)


@dataclass(frozen=True, slots=True)
class Topics:
    """The topics of one installation, on one cluster: `ascua.leads`, `ascua.heat`, …"""

    brokers: Brokers
    prefix: str = "ascua"

    def name(self, topic: str) -> str:
        return f"{self.prefix}.{topic}"

    def short(self, name: str) -> str:
        return name.removeprefix(f"{self.prefix}.")
