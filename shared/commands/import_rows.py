"""Rows of an import, which are commands with the time at which they happened."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
)

from shared.commands.followup import LogActivity, PersonId
from shared.commands.leads import (
    CaptureLead,
    ChangeStage,
    FieldWarning,
    LeadForm,
    LoseLead,
    OfferLead,
    WinLead,
)
from shared.events.base import LeadId, Slug
from shared.events.followup import ActivityKind, ActivityResult
from shared.events.leads import Channel, Money
from shared.events.signals import SignalKind
from shared.events.tickets import Priority, TicketCategory
from shared.fields import Body, Line, Time, Words


class HistoryRow(BaseModel):
    """One row of an import: its number in the file, whose it is, when it happened, and what."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    row: Annotated[int, Field(strict=True, ge=1)]
    lead_id: LeadId
    at: Time
    what: Annotated[
        Captured | StageChanged | Offered | Won | Lost | Activity | Signal | Person | TicketRow,
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


class TicketRow(Body):
    """A ticket as a help desk's log has it: that somebody wrote in it, or how it stands from then on.

    The ticket's lead is the row's. What is absent is as before; the first row of a ticket opens it.
    """

    action: Literal["ticket"] = "ticket"
    ticket_id: LeadId
    wrote: Literal["customer", "agent"] | None = None
    state: TicketState | None = None
    opened_at: Time | None = Field(
        None, description="For the row that opens it; the row's own time, if absent."
    )
    resolved_at: Time | None = Field(
        None, description="For a row that settles it; the row's own time, if absent."
    )
    category: TicketCategory | None = None
    priority: Priority | None = None
    queue: Slug | None = None
    tier: Slug | None = None
    agent: PersonId | None = None
    channel: Channel | None = None
    subject: Line | None = None


class LastActivity(BaseModel):
    """The last thing that another program knows to have been done for a lead."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    at: Time
    kind: ActivityKind
    result: ActivityResult = ActivityResult.DONE


class End(BaseModel):
    """When and how a lead was closed: a lost one has a reason, and a won one has none."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    at: Time
    outcome: Literal["won", "lost"]
    reason: Slug | None = None


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


TicketState = Literal["open", "waiting_for_customer", "waiting_for_third_party", "resolved", "closed"]
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


TicketRow.model_rebuild()
HistoryRow.model_rebuild()
