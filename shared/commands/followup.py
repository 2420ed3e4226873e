"""What followup is asked to do, and what it is asked about business time."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StrictInt,
    StringConstraints,
)

from shared.commands.base import Command
from shared.events.base import Instant, LeadId
from shared.events.followup import ActivityKind, ActivityResult, Direction, Id, Objection
from shared.fields import Body, Line, Text, Time, like

PersonId = LeadId


class PlannedStep(Body):
    """A next step that a person gives."""

    action: ActivityKind
    due: Time


class LogActivity(Command):
    """Somebody did something for the lead."""

    model_config = like(
        kind="call",
        direction="outbound",
        result="objection",
        objection="price",
        note="wants a proposal",
        next={"action": "call", "due": "2026-11-23T09:00:00Z"},
    )

    kind: ActivityKind
    result: ActivityResult = ActivityResult.DONE
    rep: PersonId | None = None
    duration_seconds: Annotated[int, Field(strict=True, ge=0, le=86_400)] | None = None
    note: Text | None = Field(None, description="Stays with followup; never enters the log.")
    direction: Direction | None = None
    objection: Objection | None = Field(None, description="Which, where the result is an objection.")
    step_id: Id | None = Field(
        None, description="The step that this does: refused when it is not the open one, or another rep's."
    )
    next: PlannedStep | None = Field(
        None, description="What the person wants to do next; without it the playbook says."
    )


class LeadActivity(LogActivity):
    """One of many activities; with a `key` it is logged once, however often it is sent."""

    model_config = like(lead_id="ana", kind="call", result="no_answer", rep="marta", key="marta-0412")

    lead_id: LeadId
    key: Annotated[str, StringConstraints(pattern=r"^[!-~]{1,132}$")] | None = None
    """As long as an Idempotency-Key with the activity's place among many behind it."""


class LogActivities(Body):
    """A day's activities at once, each with an outcome of its own."""

    model_config = like(
        activities=[{"lead_id": "ana", "kind": "call", "result": "no_answer", "key": "marta-0412"}]
    )

    activities: Annotated[list[LeadActivity], Field(min_length=1, max_length=500)]


class ActivityOutcome(BaseModel):
    """What became of an activity: `logged`, `known` from before, or `refused` with the error's slug and sentence."""

    lead_id: str
    outcome: Literal["logged", "known", "refused"]
    activity_id: str | None = None
    error: str | None = None
    reason: str | None = None


class ActivityOutcomes(BaseModel):
    """In the order of what was sent."""

    outcomes: list[ActivityOutcome]


class PlanStep(Command):
    """A person says what is done next; it takes the place of what the playbook says."""

    model_config = like(action="call", due="2026-11-23T09:00:00Z")

    action: ActivityKind
    due: Time
    rep: PersonId | None = Field(None, description="Who says so; refused when the step is another rep's.")


class AssignLead(Command):
    """The lead is handed to a rep."""

    model_config = like(rep="marta")

    rep: PersonId


class WorkedSpan(BaseModel):
    """A rep, and from when until when; `rep` None is anybody."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    rep: PersonId | None = None
    start: Instant
    end: Instant


class WorkedBeyond(BaseModel):
    """A rep, from when on, and for how long."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    rep: PersonId | None = None
    start: Instant
    seconds: Annotated[int, Field(ge=0)]


class WorkedSpans(BaseModel):
    """How much of each span was business time? And from when on was it more than so many seconds?"""

    model_config = ConfigDict(frozen=True, extra="forbid")

    spans: Annotated[list[WorkedSpan], Field(max_length=1_000)] = []
    beyond: Annotated[list[WorkedBeyond], Field(max_length=1_000)] = []


class Worked(BaseModel):
    """The answers in the order of the questions, by the hours of the playbooks in force.

    Seconds of each span; the first instant at which there were more, or None where there never will be.
    """

    model_config = ConfigDict(frozen=True)

    playbooks: str
    seconds: list[float]
    instants: list[Instant | None]


class Expected(BaseModel):
    """What publishing was said to do to those on their way."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    stay: StrictInt
    move: StrictInt
    end: StrictInt


class PublishPlaybooks(Body):
    """Playbooks as YAML. With `expect`, they are published only if that is still what happens."""

    model_config = like(text="calendars: {always: {zone: UTC}}", expect={"stay": 120, "move": 14, "end": 3})

    text: Annotated[str, StringConstraints(min_length=1, max_length=262_144)]
    source: Line = Field("playbooks", description="What errors call the file.")
    expect: Expected | None = None
