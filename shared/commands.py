"""What the services are asked to do: the bodies of the gateway's commands, which it passes on as they are.

People's details and words appear here and in the owners' documents, and nowhere else.
"""

from __future__ import annotations

import hashlib
import uuid
from typing import Annotated, Literal, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    JsonValue,
    StrictBool,
    StrictInt,
    StringConstraints,
    field_validator,
    model_validator,
)

from shared.clock import from_number
from shared.documents import Key
from shared.events.base import Instant, LeadId, Slug
from shared.events.followup import ActivityKind, ActivityResult, Direction, Id, Objection
from shared.events.leads import Channel, ConsentBasis, Money, Qualities, Stage, Zone
from shared.events.signals import SignalKind
from shared.events.tickets import Author, Priority, TicketCategory
from shared.fields import WHEN, Body, Given, Line, Text, Tidy, Time, Words, known_zone, like, words_tidied

PersonId = LeadId


class Command(Body):
    """A request to change something."""

    at: Time | None = Field(None, description=WHEN, examples=["2026-11-21T09:30:00Z"])


class Profile(BaseModel):
    """Who the lead is. Kept by leads alone."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Line | None = None
    email: Annotated[str, StringConstraints(pattern=r"^[^@\s]+@[^@\s]+\.[^@\s]+$", max_length=254)] | None = (
        None
    )
    phone: Annotated[str, StringConstraints(pattern=r"^\+?[0-9 ()./-]{5,30}$")] | None = Field(
        None, description="E.164, as in +34600100200; as it was written, where it is none of its country's."
    )
    company: Line | None = None
    extension: str | None = Field(None, description="Behind the phone number.")


class CaptureLead(Command):
    """A lead as it is kept: what was understood of a `LeadForm`."""

    lead_id: LeadId | None = None
    profile: Profile | None = None
    channel: Channel
    stage: Stage = Stage.NEW
    origin: Slug | None = None
    campaign: Slug | None = None
    acquisition_cost: Money | None = None
    segment: Slug | None = None
    tier: Slug | None = None
    zone: Zone | None = None

    @field_validator("zone")
    @classmethod
    def _zone_exists(cls, zone: str | None) -> str | None:
        return zone and known_zone(zone)


class ProfileForm(Body):
    """Who the lead is, as they or a form wrote it."""

    name: Given | None = Field(None, examples=["Ana Torres"])
    email: Given | None = Field(None, examples=["ana@example.com"])
    phone: Given | None = Field(
        None, description="As it is written where the lead is.", examples=["600 100 200"]
    )
    company: Given | None = None


class LeadForm(Body):
    """Someone left their details with us. Nobody is turned away for a poor optional field: what can be understood is
    kept in its usual form, and what cannot is left out and named in `warnings`.
    """

    model_config = like(
        profile={"name": "Ana Torres", "email": "ana@example.com"},
        channel="web",
        campaign="autumn",
        acquisition_cost={"minor": 1250, "currency": "EUR"},
    )

    at: bool | int | float | str | None = Field(
        None,
        description="When they did (RFC 3339 with offset, or seconds or milliseconds since 1970); now, if absent.",
        examples=["2026-11-21T09:30:00Z"],
    )
    lead_id: LeadId | None = Field(None, description="The channel's own opaque id; made for you, if absent.")
    profile: ProfileForm | None = None
    channel: Channel
    stage: Given = Field(Stage.NEW.value, description="One of the stages of an open lead.")
    origin: Given | None = Field(None, description="Where the channel had them from.", examples=["google"])
    campaign: Given | None = Field(
        None, description="Kept as a short word: `Otoño 2026 | ES` becomes `otono_2026_es`."
    )
    acquisition_cost: Given | dict[str, JsonValue] | None = Field(
        None,
        description="`minor` units of a `currency`, EUR if absent.",
        examples=[{"minor": 1250, "currency": "EUR"}],
    )
    segment: Given | None = None
    tier: Given | None = Field(None, description="Of the account, such as `key`.")
    zone: Given | None = Field(
        None, description="Where their clock is: an IANA time zone.", examples=["Europe/Madrid"]
    )


class FieldWarning(BaseModel):
    """A field that was not kept as it was sent, and why."""

    field: str = Field(examples=["profile.phone"])
    why: str


class ChangeStage(Command):
    model_config = like(stage="qualified")

    stage: Stage


class OfferLead(Command):
    """An offer was sent to the lead."""

    model_config = like(value={"minor": 950000, "currency": "EUR"})

    value: Money | None = None


class WinLead(Command):
    model_config = like(value={"minor": 900000, "currency": "EUR"})

    value: Money | None = None


class LoseLead(Command):
    model_config = like(reason="no_budget")

    reason: Slug = Field(examples=["no_budget"])


class PlannedStep(Body):
    """A next step that a person gives."""

    action: ActivityKind
    due: Time


class QualifyLead(Command):
    """What the lead is, in words of your own vocabulary; it replaces what was said before."""

    model_config = like(
        attributes={"segment": "target", "budget": "confirmed", "timeframe": "this_quarter"},
        person={"authority": "decides"},
        consent="legitimate_interest",
    )

    attributes: Annotated[Qualities, BeforeValidator(words_tidied), Tidy()] = Field(
        default_factory=dict,
        description="What concerns the company and the deal: ICP, budget, need, timeframe.",
    )
    person: Annotated[Qualities, BeforeValidator(words_tidied), Tidy()] = Field(
        default_factory=dict, description="What concerns the person. Told only with a basis for it."
    )
    consent: ConsentBasis | None = Field(
        None, description="The basis for what concerns the person; the one given before, if absent."
    )


class WithdrawConsent(Command):
    """The person no longer agrees: what concerns them is forgotten, and told to be gone."""

    model_config = like()


class MergeLeads(Command):
    """Another lead turned out to be the same customer."""

    model_config = like(absorb="ana-2")

    absorb: LeadId = Field(description="The lead that becomes part of this one.")


class SplitLead(Command):
    """A lead that was merged into this one was somebody else after all."""

    model_config = like(member="ana-2")

    member: LeadId


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


class ReadLine(Body):
    """A line about what was done, to be read into an activity. It is looked at and forgotten."""

    model_config = like(line="llamé, no contesta, mañana 10am", zone="Europe/Madrid")

    line: Annotated[str, StringConstraints(max_length=500)]
    zone: Zone = "UTC"
    language: Literal["en", "es"] | None = Field(None, description="What the writer speaks, if it is known.")
    at: Annotated[Instant, BeforeValidator(from_number)] | None = Field(
        None, description="When it was written; now, if absent."
    )

    @field_validator("zone")
    @classmethod
    def _zone_exists(cls, zone: str) -> str:
        return known_zone(zone)


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


class OpenCalendar(Body):
    """A rep wants their steps in the calendar they use."""

    model_config = like(rep="marta", zone="Europe/Madrid", language="es")

    rep: PersonId | None = Field(None, description="Whose steps; a rep's own key needs not say it.")
    zone: Zone = "UTC"
    language: Literal["en", "es"] = "en"
    names: StrictBool = Field(
        False,
        description="Whether leads are named. Who has the link, as the calendar's provider, reads along.",
    )

    @field_validator("zone")
    @classmethod
    def _zone_exists(cls, zone: str) -> str:
        return known_zone(zone)


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


class OpenTicket(Command):
    model_config = like(lead_id="ana", category="complaint", priority="high", subject="It does not start")

    lead_id: LeadId
    category: TicketCategory
    priority: Priority = Priority.NORMAL
    subject: Line
    text: Text | None = None


class ReplyTicket(Command):
    model_config = like(author="agent", text="We are on our way.")

    author: Author
    text: Text


class ResolveTicket(Command):
    model_config = like(resolution="solved")

    resolution: Slug = Field("solved", examples=["solved"])


class SendSignal(Body):
    """What a lead did on a channel."""

    model_config = like(lead_id="ana", kind="page_viewed", attributes={"page": "pricing"})

    id: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.:-]{1,64}$")] | None = Field(
        None, description="Yours, to send it twice without counting twice; made for you, if absent."
    )
    lead_id: LeadId
    kind: SignalKind
    at: Time | None = Field(None, description=WHEN, examples=["2026-11-21T09:30:00Z"])
    attributes: Words = Field(default_factory=dict)
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

    row: Annotated[int, Field(strict=True, ge=1)]
    lead_id: LeadId
    at: Time
    what: Annotated[
        Captured | StageChanged | Offered | Won | Lost | Activity | Signal | Person,
        Field(discriminator="action"),
    ]


class Captured(LeadForm):
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


class Signal(Body):
    action: Literal["signal"] = "signal"
    kind: SignalKind
    attributes: Words = Field(default_factory=dict)


class LastActivity(BaseModel):
    """The last thing that another program knows to have been done for a lead."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    at: Time
    kind: ActivityKind
    result: ActivityResult = ActivityResult.DONE


class End(BaseModel):
    """When and how a lead was closed."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    at: Time
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
    warnings: list[FieldWarning] | None = None


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
    # A form is guarded by what was sent: how it is understood may change with the years.
    name = CaptureLead.__name__ if isinstance(command, LeadForm) else type(command).__name__
    request = f"{name}\n{command.model_dump_json()}"
    return Key(key, hashlib.sha256(request.encode()).hexdigest()[:32])
