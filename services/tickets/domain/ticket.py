"""A ticket: what somebody asked, what was said, and how it ended."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Final

from shared.commands.tickets import (
    OpenTicket,
    ReplyTicket,
    ResolveTicket,
)
from shared.errors import Conflict, NotFound, Refused
from shared.events.base import Instant
from shared.events.tickets import (
    Author,
    Priority,
    TicketCategory,
    TicketEvent,
    TicketOpened,
    TicketReplied,
    TicketResolved,
)

KEPT: Final = 32
"""Messages that stay with the ticket once it has more than twice as many."""


class Status(StrEnum):
    OPEN = "open"
    RESOLVED = "resolved"


@dataclass(frozen=True, slots=True)
class Message:
    author: Author
    at: Instant
    text: str


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


Decision = tuple[Ticket, list[TicketEvent]]


def pack(ticket: Ticket, kept: int = KEPT) -> tuple[Ticket, tuple[Message, ...]]:
    """The ticket without its old messages, and those, oldest first. No decision needs them."""
    if len(ticket.messages) <= 2 * kept:
        return ticket, ()
    old = ticket.messages[:-kept]
    return replace(ticket, messages=ticket.messages[-kept:], earlier=ticket.earlier + len(old)), old


def open(ticket: Ticket | None, ticket_id: str, command: OpenTicket, at: datetime) -> Decision:
    if ticket is not None:
        raise Conflict("ticket-exists", f"ticket {ticket_id} was opened before")
    messages = (Message(Author.CUSTOMER, at, command.text),) if command.text else ()
    opened = Ticket(
        ticket_id, command.lead_id, command.category, command.priority, command.subject, at, messages=messages
    )
    fact = TicketOpened(
        lead_id=command.lead_id,
        at=at,
        ticket_id=ticket_id,
        category=command.category,
        priority=command.priority,
    )
    return opened, [fact]


def reply(ticket: Ticket | None, command: ReplyTicket, at: datetime) -> Decision:
    ticket = _open(ticket)
    replied = replace(ticket, messages=(*ticket.messages, Message(command.author, at, command.text)))
    return replied, [TicketReplied(lead_id=ticket.lead_id, at=at, ticket_id=ticket.id, author=command.author)]


def resolve(ticket: Ticket | None, command: ResolveTicket, at: datetime) -> Decision:
    ticket = _open(ticket)
    resolved = replace(ticket, status=Status.RESOLVED, resolved_at=at, resolution=command.resolution)
    fact = TicketResolved(lead_id=ticket.lead_id, at=at, ticket_id=ticket.id, resolution=command.resolution)
    return resolved, [fact]


def _open(ticket: Ticket | None) -> Ticket:
    if ticket is None:
        raise NotFound("ticket-not-found", "there is no such ticket")
    if ticket.status is not Status.OPEN:
        raise Refused("ticket-resolved", f"ticket {ticket.id} is resolved; open a new one")
    return ticket
