"""What the services are asked to do: the bodies of the gateway's commands, which it passes on as they are.

People's details and words appear here and in the owners' documents, and nowhere else.
"""

from __future__ import annotations

import hashlib
import uuid
from typing import Annotated, Literal, Self
from zoneinfo import available_timezones

from pydantic import (
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    JsonValue,
    StrictBool,
    StringConstraints,
    field_validator,
    model_validator,
)

from shared.documents import Key
from shared.events.base import Instant, LeadId, Slug
from shared.events.followup import ActivityKind, ActivityResult, Direction, Id, Objection
from shared.events.leads import Channel, ConsentBasis, Money, Qualities, Stage, Zone
from shared.events.signals import Attributes, SignalKind
from shared.events.tickets import Author, Priority, TicketCategory

Line = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=10_000)]
When = Annotated[
    AwareDatetime,
    Field(
        description="When it happened (RFC 3339 with offset); now, if absent. A time that lies more than five minutes "
        "ahead is set back to five minutes from now.",
        examples=["2026-11-21T09:30:00Z"],
    ),
]
PersonId = LeadId


def _known_zone(zone: str) -> str:
    if zone not in available_timezones():
        raise ValueError("no such IANA time zone; write it as Europe/Madrid")
    return zone


def _like(**example: JsonValue) -> ConfigDict:
    """Frozen, strict about unknown fields, and shown by an example."""
    return ConfigDict(frozen=True, extra="forbid", json_schema_extra={"examples": [example]})


class Command(BaseModel):
    """A request to change something. What it does not know it refuses, so that a misspelt field is not lost."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    at: When | None = None


class Profile(BaseModel):
    """Who the lead is. Kept by leads alone."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Line
    email: Annotated[str, StringConstraints(pattern=r"^[^@\s]+@[^@\s]+\.[^@\s]+$", max_length=254)] | None = (
        None
    )
    phone: Annotated[str, StringConstraints(pattern=r"^\+?[0-9 ()./-]{5,30}$")] | None = None
    company: Line | None = None


class CaptureLead(Command):
    """Someone left their details with us."""

    model_config = _like(
        profile={"name": "Ana Torres", "email": "ana@example.com"},
        channel="web",
        campaign="autumn",
        acquisition_cost={"minor": 1250, "currency": "EUR"},
    )

    lead_id: LeadId | None = Field(None, description="The channel's own opaque id; made for you, if absent.")
    profile: Profile | None = None
    channel: Channel
    stage: Stage = Stage.NEW
    origin: Slug | None = None
    campaign: Slug | None = None
    acquisition_cost: Money | None = None
    segment: Slug | None = None
    tier: Slug | None = Field(None, description="Of the account, such as `key`.")
    zone: Zone | None = Field(None, description="Where their clock is: an IANA time zone.")

    @field_validator("zone")
    @classmethod
    def _zone_exists(cls, zone: str | None) -> str | None:
        return zone and _known_zone(zone)


class ChangeStage(Command):
    model_config = _like(stage="qualified")

    stage: Stage


class OfferLead(Command):
    """An offer was sent to the lead."""

    model_config = _like(value={"minor": 950000, "currency": "EUR"})

    value: Money | None = None


class WinLead(Command):
    model_config = _like(value={"minor": 900000, "currency": "EUR"})

    value: Money | None = None


class LoseLead(Command):
    model_config = _like(reason="no_budget")

    reason: Slug = Field(examples=["no_budget"])


class PlannedStep(BaseModel):
    """A next step that a person gives."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    action: ActivityKind
    due: AwareDatetime


class QualifyLead(Command):
    """What the lead is, in words of your own vocabulary; it replaces what was said before."""

    model_config = _like(
        attributes={"segment": "target", "budget": "confirmed", "timeframe": "this_quarter"},
        person={"authority": "decides"},
        consent="legitimate_interest",
    )

    attributes: Qualities = Field(
        default_factory=dict,
        description="What concerns the company and the deal: ICP, budget, need, timeframe.",
    )
    person: Qualities = Field(
        default_factory=dict, description="What concerns the person. Told only with a basis for it."
    )
    consent: ConsentBasis | None = Field(
        None, description="The basis for what concerns the person; the one given before, if absent."
    )


class WithdrawConsent(Command):
    """The person no longer agrees: what concerns them is forgotten, and told to be gone."""

    model_config = _like()


class MergeLeads(Command):
    """Another lead turned out to be the same customer."""

    model_config = _like(absorb="ana-2")

    absorb: LeadId = Field(description="The lead that becomes part of this one.")


class SplitLead(Command):
    """A lead that was merged into this one was somebody else after all."""

    model_config = _like(member="ana-2")

    member: LeadId


class LogActivity(Command):
    """Somebody did something for the lead."""

    model_config = _like(
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
    duration_seconds: Annotated[int, Field(ge=0, le=86_400)] | None = None
    note: Text | None = Field(None, description="Stays with followup; never enters the log.")
    direction: Direction | None = None
    objection: Objection | None = Field(None, description="Which, where the result is an objection.")
    step_id: Id | None = Field(
        None, description="The step that this does: refused when it is not the open one, or another rep's."
    )
    next: PlannedStep | None = Field(
        None, description="What the person wants to do next; without it the playbook says."
    )

    @model_validator(mode="after")
    def _objection_has_a_result(self) -> Self:
        if self.objection is not None and self.result is not ActivityResult.OBJECTION:
            raise ValueError("an objection goes with the result objection")
        return self


class LeadActivity(LogActivity):
    """One of many activities; with a `key` it is logged once, however often it is sent."""

    model_config = _like(lead_id="ana", kind="call", result="no_answer", rep="marta", key="marta-0412")

    lead_id: LeadId
    key: Annotated[str, StringConstraints(pattern=r"^[!-~]{1,132}$")] | None = None
    """As long as an Idempotency-Key with the activity's place among many behind it."""


class LogActivities(BaseModel):
    """A day's activities at once, each with an outcome of its own."""

    model_config = _like(
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

    model_config = _like(action="call", due="2026-11-23T09:00:00Z")

    action: ActivityKind
    due: AwareDatetime
    rep: PersonId | None = Field(None, description="Who says so; refused when the step is another rep's.")


class AssignLead(Command):
    """The lead is handed to a rep."""

    model_config = _like(rep="marta")

    rep: PersonId


class ReadLine(BaseModel):
    """A line about what was done, to be read into an activity. It is looked at and forgotten."""

    model_config = _like(line="llamé, no contesta, mañana 10am", zone="Europe/Madrid")

    line: Annotated[str, StringConstraints(max_length=500)]
    zone: Zone = "UTC"
    language: Literal["en", "es"] | None = Field(None, description="What the writer speaks, if it is known.")
    at: Instant | None = Field(None, description="When it was written; now, if absent.")

    @field_validator("zone")
    @classmethod
    def _zone_exists(cls, zone: str) -> str:
        return _known_zone(zone)


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


class OpenCalendar(BaseModel):
    """A rep wants their steps in the calendar they use."""

    model_config = _like(rep="marta", zone="Europe/Madrid", language="es")

    rep: PersonId | None = Field(None, description="Whose steps; a rep's own key needs not say it.")
    zone: Zone = "UTC"
    language: Literal["en", "es"] = "en"
    names: bool = Field(
        False,
        description="Whether leads are named. Who has the link, as the calendar's provider, reads along.",
    )

    @field_validator("zone")
    @classmethod
    def _zone_exists(cls, zone: str) -> str:
        return _known_zone(zone)


class Expected(BaseModel):
    """What publishing was said to do to those on their way."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    stay: int
    move: int
    end: int


class PublishPlaybooks(BaseModel):
    """Playbooks as YAML. With `expect`, they are published only if that is still what happens."""

    model_config = _like(text="calendars: {always: {zone: UTC}}", expect={"stay": 120, "move": 14, "end": 3})

    text: Annotated[str, StringConstraints(min_length=1, max_length=262_144)]
    source: Line = Field("playbooks", description="What errors call the file.")
    expect: Expected | None = None


class OpenTicket(Command):
    model_config = _like(lead_id="ana", category="complaint", priority="high", subject="It does not start")

    lead_id: LeadId
    category: TicketCategory
    priority: Priority = Priority.NORMAL
    subject: Line
    text: Text | None = None


class ReplyTicket(Command):
    model_config = _like(author="agent", text="We are on our way.")

    author: Author
    text: Text


class ResolveTicket(Command):
    model_config = _like(resolution="solved")

    resolution: Slug = Field("solved", examples=["solved"])


class SendSignal(BaseModel):
    """What a lead did on a channel."""

    model_config = _like(lead_id="ana", kind="page_viewed", attributes={"page": "pricing"})

    id: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.:-]{1,64}$")] | None = Field(
        None, description="Yours, to send it twice without counting twice; made for you, if absent."
    )
    lead_id: LeadId
    kind: SignalKind
    at: When | None = None
    attributes: Attributes = Field(default_factory=dict)
    user_agent: Annotated[str, StringConstraints(max_length=1_000)] | None = Field(
        None,
        description="Of the program that opened, clicked or viewed. Machines are known by it; it is not kept.",
    )
    prefetch: StrictBool = Field(
        False, description="It was fetched ahead of a person (`Sec-Purpose: prefetch`)."
    )


class HistoryRow(BaseModel):
    """One row of an import: its number in the file, whose it is, when it happened, and what."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    row: Annotated[int, Field(ge=1)]
    lead_id: LeadId
    at: AwareDatetime
    what: Annotated[
        Captured | StageChanged | Offered | Won | Lost | Activity | Signal | Person,
        Field(discriminator="action"),
    ]


class Captured(CaptureLead):
    action: Literal["captured"] = "captured"


class StageChanged(ChangeStage):
    action: Literal["stage"] = "stage"


class Offered(OfferLead):
    action: Literal["offered"] = "offered"


class Won(WinLead):
    action: Literal["won"] = "won"


class Lost(LoseLead):
    action: Literal["lost"] = "lost"


class Activity(LogActivity):
    action: Literal["activity"] = "activity"


class Signal(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    action: Literal["signal"] = "signal"
    kind: SignalKind
    attributes: Attributes = Field(default_factory=dict)


class LastActivity(BaseModel):
    """The last thing that another program knows to have been done for a lead."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    at: AwareDatetime
    kind: ActivityKind
    result: ActivityResult = ActivityResult.DONE


class End(BaseModel):
    """When and how a lead was closed."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    at: AwareDatetime
    outcome: Literal["won", "lost"]
    reason: Slug | None = None

    @model_validator(mode="after")
    def _lost_for_a_reason(self) -> Self:
        if (self.outcome == "lost") != (self.reason is not None):
            raise ValueError("a lost lead has a reason, and a won one has none")
        return self


class Person(CaptureLead):
    """A lead as another program has it: who it is, where it stands, whose it is. It is brought in once."""

    action: Literal["lead"] = "lead"
    value: Money | None = Field(None, description="Of the sale, or of the offer that is out.")
    owner: PersonId | None = None
    last_activity: LastActivity | None = None
    end: End | None = None

    @property
    def concerns_followup(self) -> bool:
        return self.owner is not None or self.last_activity is not None


ImportId = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")]


class HistoryRows(BaseModel):
    """A piece of an import, in the order of the file. `import_id` is the digest of the file and its mapping."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "import_id": "0123456789abcdef0123456789abcdef",
                    "rows": [
                        {
                            "row": 1,
                            "lead_id": "ana",
                            "at": "2012-03-01T09:30:00Z",
                            "what": {"action": "captured", "channel": "web"},
                        }
                    ],
                }
            ]
        }
    )

    import_id: ImportId
    rows: Annotated[list[HistoryRow], Field(min_length=1, max_length=5_000)]


class RowOutcome(BaseModel):
    """What became of a row: told (`published`), `known` from an earlier run, or `rejected` and why."""

    row: int
    outcome: Literal["published", "known", "rejected"]
    reason: str | None = None


class RowOutcomes(BaseModel):
    outcomes: list[RowOutcome]


HistoryRow.model_rebuild()

_NAMESPACE = uuid.UUID("6a3c1f0e-6f1b-5d0e-9c59-3b1f5b0c9d11")


def derived_id(*words: str) -> str:
    """An id that is the same whenever it is made from the same words (UUIDv5)."""
    return str(uuid.uuid5(_NAMESPACE, "\n".join(words)))


def idempotency(key: str | None, command: BaseModel) -> Key | None:
    """The guard for a command that came with an Idempotency-Key."""
    if key is None:
        return None
    request = f"{type(command).__name__}\n{command.model_dump_json()}"
    return Key(key, hashlib.sha256(request.encode()).hexdigest()[:32])
