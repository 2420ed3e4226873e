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
    CALL_BACK = "call_back"
    VOICEMAIL = "voicemail"
    NOT_INTERESTED = "not_interested"


class Direction(StrEnum):
    """Who began it: they (`inbound`) or we."""

    INBOUND = "inbound"
    OUTBOUND = "outbound"


class Objection(StrEnum):
    """What speaks against it."""

    PRICE = "price"
    TIMING = "timing"
    COMPETITOR = "competitor"
    AUTHORITY = "authority"
    NEED = "need"
    TRUST = "trust"
    OTHER = "other"


Id = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.-]{1,80}$")]


PlaybooksVersion = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{12,64}$")]
"""The content hash of a set of playbooks."""


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
    direction: Direction | None = None
    objection: Objection | None = None
    """Which, where the result is an objection."""


class StepEvent(FollowUpEvent):
    """About one step; `owner` is the rep who promised it."""

    step_id: Id
    due: Instant
    owner: LeadId | None = None


class NextStepScheduled(StepEvent, type="ascua.next_step.scheduled", version=1):
    """The one thing to do next for this lead; it replaces the step before, if any was open."""

    action: ActivityKind
    because: Slug
    """`agreed` when a person gave it, else what the playbook follows: `new_lead`, `after_no_answer`, `replied`…"""
    playbook: Slug | None = None
    """The playbook it is a step of; none when it follows what happened, after a cadence."""
    step: Slug | None = None
    """Its name in the playbook."""
    variant: Slug | None = None
    """The variant of the playbook that this lead has by its hash."""
    template: Slug | None = None
    """What to say or send, by the name it has with whoever sends it."""
    automatic: bool | None = None
    """Marketing automation does it when it is due; nobody else has to."""


class NextStepDone(StepEvent, type="ascua.next_step.done", version=1):
    """The promised step was kept by an activity."""

    activity_id: Id


class StepDue(StepEvent, type="ascua.next_step.due", version=1):
    """The step's time has come. An automatic one is for marketing automation to do now."""

    action: ActivityKind
    playbook: Slug | None = None
    step: Slug | None = None
    variant: Slug | None = None
    template: Slug | None = None
    automatic: bool | None = None


class StepOverdue(StepEvent, type="ascua.next_step.overdue", version=1):
    """The step was not done by its due time and the grace after it."""


class StepEscalated(StepEvent, type="ascua.next_step.escalated", version=1):
    """The step was not done for so long that the owner's manager hears of it."""

    manager: LeadId


class OwnerChanged(FollowUpEvent, type="ascua.owner.changed", version=1):
    """The lead is another rep's from now on, and so is its open step."""

    owner: LeadId
    previous: LeadId | None = None
    because: Slug
    """`claimed` by the first rep who did something for it, `handed_over`, or `imported` from where it was theirs."""


class CadenceStopped(FollowUpEvent, type="ascua.cadence.stopped", version=1):
    """A playbook's cadence ended before its last step, and its step is withdrawn."""

    playbook: Slug
    because: Slug
    """`replied`, `unsubscribed`, or `playbook_changed`; a lead that is won or lost says so with `followup.closed`."""


class CadencePaused(FollowUpEvent, type="ascua.cadence.paused", version=1):
    """What was promised waits; until it goes on there is a step that looks after the reason."""

    because: Slug


class CadenceResumed(FollowUpEvent, type="ascua.cadence.resumed", version=1):
    """The reason for the pause is gone, and the step that looked after it is withdrawn; what was promised goes on."""

    because: Slug


class FollowUpClosed(FollowUpEvent, type="ascua.followup.closed", version=1):
    """There is nothing left to do: the lead was won or lost."""

    reason: Slug


class PlaybooksPublished(Event, type="ascua.playbooks.published", version=1):
    """Other playbooks are in force. It is about no lead: its subject is `playbooks`."""

    topic: ClassVar[str] = "playbooks"
    source: ClassVar[str] = "/ascua/followup"

    playbooks: PlaybooksVersion
    previous: PlaybooksVersion | None = None
    stayed: Annotated[int, Field(ge=0)]
    """Leads on their way whose playbook is the same as before."""
    moved: Annotated[int, Field(ge=0)]
    """Leads that go on in the new playbook, from the step they had."""
    ended: Annotated[int, Field(ge=0)]
    """Leads whose playbook or step is gone: their cadence was stopped."""

    @property
    def aggregate(self) -> str:
        return "playbooks:playbooks"
