"""Facts told by the tickets service. What people wrote stays in its documents."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, ClassVar

from pydantic import Field, StringConstraints

from shared.events.base import Event, Instant, LeadId, Slug
from shared.events.leads import Channel


class TicketCategory(StrEnum):
    QUESTION = "question"
    COMPLAINT = "complaint"
    INCIDENT = "incident"
    REQUEST = "request"


class Priority(StrEnum):
    LOW = "low"
    NORMAL = "normal"
    HIGH = "high"
    URGENT = "urgent"


class Author(StrEnum):
    CUSTOMER = "customer"
    AGENT = "agent"


class WaitsFor(StrEnum):
    """Whose turn it is, when it is not ours."""

    CUSTOMER = "customer"
    THIRD_PARTY = "third_party"


class TicketEvent(Event):
    topic: ClassVar[str] = "tickets"
    source: ClassVar[str] = "/ascua/tickets"

    ticket_id: LeadId

    @property
    def aggregate(self) -> str:
        return f"ticket:{self.ticket_id}"


class TicketOpened(TicketEvent, type="ascua.ticket.opened", version=1):
    """Someone asked for help or complained."""

    category: TicketCategory
    priority: Priority
    channel: Channel | None = None
    queue: Slug | None = None
    tier: Slug | None = None
    follows: LeadId | None = None
    """The ticket that this one goes on from: answered too late to be reopened, or split."""


class TicketReplied(TicketEvent, type="ascua.ticket.replied", version=1):
    """One side wrote to the other."""

    author: Author
    agent: LeadId | None = None


class TicketNoted(TicketEvent, type="ascua.ticket.noted", version=1):
    """An agent left a note that the customer does not see."""

    agent: LeadId | None = None


class TicketAssigned(TicketEvent, type="ascua.ticket.assigned", version=1):
    """The ticket is an agent's from now on; nobody's, if there is none."""

    agent: LeadId | None = None
    previous: LeadId | None = None


class TicketWaiting(TicketEvent, type="ascua.ticket.waiting", version=1):
    """It is somebody else's turn; no longer, if nobody is named."""

    waits_for: WaitsFor | None = None


class TicketClassified(TicketEvent, type="ascua.ticket.classified", version=1):
    """What the ticket is was said anew; all of it is told."""

    category: TicketCategory
    priority: Priority
    queue: Slug | None = None
    tier: Slug | None = None


class TicketEscalated(TicketEvent, type="ascua.ticket.escalated", version=1):
    """Somebody above hears of the ticket."""

    to: LeadId
    because: Slug


class TicketResolved(TicketEvent, type="ascua.ticket.resolved", version=1):
    """The matter is settled."""

    resolution: Slug


class TicketReopened(TicketEvent, type="ascua.ticket.reopened", version=1):
    """The matter was not settled after all; what is open again is told as it was opened."""

    because: Slug
    """`answered` by the customer, or `not_solved` as an agent says."""
    category: TicketCategory
    priority: Priority
    opened_at: Instant


class TicketClosed(TicketEvent, type="ascua.ticket.closed", version=1):
    """A resolved ticket is put away."""

    because: Slug
    """`time` has passed since it was resolved, or `by_hand`."""


class TicketMerged(TicketEvent, type="ascua.ticket.merged", version=1):
    """The same matter as another ticket of the same lead, in which it goes on. This one is over."""

    into: LeadId
    was_resolved: bool
    """Whether it was settled before: then it was told to be."""


class TicketAbsorbed(TicketEvent, type="ascua.ticket.absorbed", version=1):
    """Another ticket of the same lead was this matter, and goes on here."""

    absorbed: LeadId


class TicketSplit(TicketEvent, type="ascua.ticket.split", version=1):
    """Part of the ticket was another matter, and goes on in a ticket of its own."""

    off: LeadId


class TicketLinked(TicketEvent, type="ascua.ticket.linked", version=1):
    """The ticket is one of a problem that may have many."""

    problem: LeadId


class SlaClock(StrEnum):
    """What is promised of a ticket."""

    FIRST_RESPONSE = "first_response"
    NEXT_RESPONSE = "next_response"
    RESOLUTION = "resolution"


PoliciesVersion = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{16}$")]


class SlaEvent(TicketEvent):
    """About a promise: the `number`th of its `clock` of the ticket, under a policy."""

    clock: SlaClock
    number: Annotated[int, Field(ge=1)]
    policy: Slug


class SlaWarned(SlaEvent, type="ascua.sla.warned", version=1):
    """So many percent of a target have passed."""

    share: Annotated[int, Field(ge=1)]
    due: Instant | None = None


class SlaBreached(SlaEvent, type="ascua.sla.breached", version=1):
    """A target was missed. Told once for each clock."""

    due: Instant


class SlaClockEnded(SlaEvent, type="ascua.sla.clock_ended", version=1):
    """What became of a promise."""

    started_at: Instant
    due: Instant | None = None
    met: bool | None = None
    """None of a ticket that goes on in another one."""
    business_seconds: Annotated[float, Field(ge=0)]
    policies: PoliciesVersion


class SlaPublished(Event, type="ascua.sla.published", version=1):
    """Other policies are in force. It is about no lead: its subject is `sla`."""

    topic: ClassVar[str] = "sla"
    source: ClassVar[str] = "/ascua/tickets"

    policies: PoliciesVersion
    previous: PoliciesVersion | None = None
    stayed: Annotated[int, Field(ge=0)]
    """Clocks whose deadline is the same as before."""
    changed: Annotated[int, Field(ge=0)]
    """Clocks that begin, end, or have another deadline."""
    closed_too: bool = False
    """Whether clocks that had ended were reckoned anew."""

    @property
    def aggregate(self) -> str:
        return "sla:sla"
