"""Facts told by the followup service: what was done, and what is promised next."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, ClassVar

from pydantic import Field, StringConstraints

from shared.events.base import Event, Instant, LeadId, Slug


class ActivityKind(StrEnum):
    CALL = "call"
    EMAIL = "email"
    MESSAGE = "message"
    MEETING = "meeting"
    VISIT = "visit"
    DEMO = "demo"
    NOTE = "note"


class ActivityResult(StrEnum):
    """What came of it."""

    ANSWERED = "answered"
    NO_ANSWER = "no_answer"
    INTERESTED = "interested"
    APPOINTMENT = "appointment"
    OBJECTION = "objection"
    WRONG_NUMBER = "wrong_number"
    DONE = "done"


Id = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.-]{1,80}$")]


class FollowUpEvent(Event):
    topic: ClassVar[str] = "followup"
    source: ClassVar[str] = "/ascua/followup"

    @property
    def aggregate(self) -> str:
        return f"followup:{self.lead_id}"


class ActivityLogged(FollowUpEvent, type="ascua.activity.logged", version=1):
    """Somebody did something for the lead. What they wrote about it stays with followup."""

    activity_id: Id
    kind: ActivityKind
    result: ActivityResult
    rep: LeadId | None = None
    duration_seconds: Annotated[int, Field(ge=0)] | None = None


class NextStepScheduled(FollowUpEvent, type="ascua.next_step.scheduled", version=1):
    """The one thing to do next for this lead; it replaces the step before, if any was open."""

    step_id: Id
    action: ActivityKind
    due: Instant
    because: Slug


class NextStepDone(FollowUpEvent, type="ascua.next_step.done", version=1):
    """The promised step was kept by an activity."""

    step_id: Id
    activity_id: Id
    due: Instant


class FollowUpClosed(FollowUpEvent, type="ascua.followup.closed", version=1):
    """There is nothing left to do: the lead was won or lost."""

    reason: Slug
