"""What tells which rules are in force: one partition, a key for each publication, so that none is ever lost."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field, StringConstraints

from shared.events.base import Event, Instant
from shared.events.scoring import RulesVersion


class RulesPublished(Event, type="ascua.rules.published", version=1):
    """Rules for heat and risk, in force from an instant on.

    It is about no lead: its subject is the publication itself, which has the event's id. The rules of an instant are
    those of the greatest `effective_at` up to it, of two with the same one those told later. What was published takes
    effect when it entered the log at the earliest (the record's LogAppendTime), so the past stays as it was.
    """

    topic: ClassVar[str] = "rules"
    source: ClassVar[str] = "/ascua/scoring"

    rules: Annotated[RulesVersion, Field(description="The version: a digest of what the rules say.")]
    effective_at: Instant
    text: Annotated[str, StringConstraints(max_length=250_000)]
    """The rules as somebody wrote them, YAML with its comments."""

    @property
    def aggregate(self) -> str:
        return f"rules:{self.lead_id}"
