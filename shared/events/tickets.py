"""Facts told by the tickets service. What people wrote stays in its documents."""

from __future__ import annotations

from enum import StrEnum
from typing import ClassVar

from shared.events.base import Event, LeadId, Slug


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


class TicketReplied(TicketEvent, type="ascua.ticket.replied", version=1):
    """One side wrote to the other."""

    author: Author


class TicketResolved(TicketEvent, type="ascua.ticket.resolved", version=1):
    """The matter is settled."""

    resolution: Slug
