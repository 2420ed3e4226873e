"""A ticket: what somebody asked, what was said, what became of it, and when."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final

from services.tickets.domain.moments import Moment, Status, Traits, What
from services.tickets.domain.sla.record import Sla
from shared.events.base import Instant
from shared.events.leads import Channel
from shared.events.tickets import Author, Priority, TicketCategory, TicketEvent

KEPT: Final = 32
"""Messages that stay with the ticket once it has more than twice as many."""


@dataclass(frozen=True, slots=True)
class Attached:
    """Something that lies elsewhere."""

    name: str
    url: str
    media_type: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Message:
    author: Author
    at: Instant
    text: str
    internal: bool = False
    agent: str | None = None
    attachments: tuple[Attached, ...] = ()


@dataclass(frozen=True, slots=True)
class Ticket:
    """A matter between a lead and us. `subject` and `messages` never leave this service's documents."""

    id: str
    lead_id: str
    category: TicketCategory
    priority: Priority
    subject: str
    opened_at: Instant
    status: Status = Status.OPEN
    messages: tuple[Message, ...] = ()
    """The latest; `earlier` is how many there were before them, which are in the archive."""
    earlier: int = 0
    resolved_at: Instant | None = None
    resolution: str | None = None
    version: int = 0
    """How much has happened to it: `history` and what of it has left for the archive."""
    history: tuple[Moment, ...] = ()
    channel: Channel | None = None
    queue: str | None = None
    tier: str | None = None
    agent: str | None = None
    asked_at: Instant | None = None
    """Since when the customer waits for an answer."""
    escalated_to: str | None = None
    closed_at: Instant | None = None
    follows: str | None = None
    """The ticket this one goes on from."""
    merged_into: str | None = None
    absorbed: tuple[str, ...] = ()
    split_off: tuple[str, ...] = ()
    problem: str | None = None
    sla: Sla = field(default_factory=Sla)
    timer: Instant | None = None
    """When time alone changes something."""

    @property
    def traits(self) -> Traits:
        return Traits(self.priority, self.category, self.queue, self.tier)


Decision = tuple[Ticket, list[TicketEvent]]


def happened(
    ticket: Ticket, what: What, at: datetime, by: str | None = None, since: datetime | None = None
) -> Ticket:
    """The ticket, which stands as it does now because of what happened."""
    before = next((moment.traits for moment in reversed(ticket.history) if moment.traits), None)
    traits = ticket.traits if ticket.traits != before else None
    if ticket.history:
        at = max(at, ticket.history[-1].at)
    moment = Moment(at, what, ticket.status, traits, by, since)
    return replace(ticket, history=(*ticket.history, moment), version=ticket.version + 1)


def with_history(ticket: Ticket) -> Ticket:
    """A ticket of before histories were kept, with what can be known of it."""
    if ticket.version:
        return ticket
    now, status = ticket, ticket.status
    ticket = happened(replace(ticket, status=Status.OPEN), What.OPENED, ticket.opened_at)
    for message in ticket.messages:
        if message.at > ticket.opened_at:
            is_agents = message.author is Author.AGENT
            ticket = happened(ticket, What.AGENT_REPLIED if is_agents else What.CUSTOMER_REPLIED, message.at)
    if now.resolved_at is not None:
        ticket = happened(replace(ticket, status=status), What.RESOLVED, now.resolved_at)
    return ticket


def pack(ticket: Ticket, kept: int = KEPT) -> tuple[Ticket, tuple[Message, ...], tuple[Moment, ...]]:
    """The ticket without its old messages, and the moments that its promises have in sum; and those, oldest first."""
    messages = ticket.messages[:-kept] if len(ticket.messages) > 2 * kept else ()
    summed = ticket.sla.seal.course.count if ticket.sla.seal is not None else 0
    moments = ticket.history[: max(0, summed - (ticket.version - len(ticket.history)))]
    packed = replace(
        ticket,
        messages=ticket.messages[len(messages) :],
        earlier=ticket.earlier + len(messages),
        history=ticket.history[len(moments) :],
    )
    return packed, messages, moments
