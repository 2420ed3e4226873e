"""Where a worker reads and writes: its topics, its group, its transactions. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from shared.bus.topics import REPLAYS, SCORING_MEMBERS, SCORING_STATE, Topics
from shared.installation import SCORING


@dataclass(frozen=True, slots=True)
class Log:
    """Where a worker reads and writes."""

    topics: Topics

    @property
    def group(self) -> str:
        return self.topics.name(SCORING.name)

    @property
    def facts(self) -> list[str]:
        """The full names of the topics that are folded."""
        return [self.topics.name(name) for name in (*SCORING.topics, REPLAYS.name, SCORING_MEMBERS.name)]

    @property
    def state(self) -> str:
        return self.topics.name(SCORING_STATE.name)

    def transactional_id(self, number: int) -> str:
        return f"{self.topics.prefix}.scoring-{number}"
