"""Tickets that turn out to be one matter, and a ticket that turns out to be two."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Final

from services.tickets.domain import decisions
from services.tickets.domain.moments import UNSETTLED, Status, What
from services.tickets.domain.ticket import Decision, Ticket, happened
from shared.commands.tickets import OpenTicket, SplitTicket
from shared.errors import Conflict, Refused
from shared.events.tickets import TicketAbsorbed, TicketMerged, TicketSplit

MOST: Final = 200
"""Tickets that one may absorb, or be split into."""


def be_absorbed(ticket: Ticket | None, into: Ticket, at: datetime, by: str | None) -> Decision:
    """End a ticket that goes on in another one; again without effect.

    Raises `Refused` (`merged-with-itself`, `another-lead`, `ticket-merged`, `too-many-merged`, `ticket-resolved`).
    """
    ticket = decisions.known(ticket)
    if ticket.merged_into == into.id:
        return ticket, []
    if ticket.id == into.id:
        raise Refused("merged-with-itself", f"ticket {ticket.id} cannot become part of itself")
    if ticket.lead_id != into.lead_id:
        raise Refused(
            "another-lead",
            f"ticket {ticket.id} is another lead's; link both to a problem, or merge the leads first",
        )
    if ticket.status is Status.MERGED:
        raise Refused("ticket-merged", f"ticket {ticket.id} goes on in {ticket.merged_into}")
    if into.status not in UNSETTLED:
        raise Refused(f"ticket-{into.status}", f"ticket {into.id} is {into.status}; reopen it first")
    if len(into.absorbed) >= MOST:
        raise Refused(
            "too-many-merged", f"ticket {into.id} has taken in {MOST} others; link them to a problem"
        )
    merged = replace(ticket, status=Status.MERGED, merged_into=into.id, closed_at=at)
    fact = TicketMerged(
        lead_id=ticket.lead_id,
        at=at,
        ticket_id=ticket.id,
        into=into.id,
        was_resolved=ticket.status not in UNSETTLED,
    )
    return happened(merged, What.MERGED, at, by), [fact]


def absorb(ticket: Ticket | None, other: Ticket, at: datetime, by: str | None) -> Decision:
    """Go on with a ticket that was ended for this one. Its customer has waited since they asked there."""
    ticket = decisions.known(ticket)
    if other.id in ticket.absorbed:
        return ticket, []
    waits_since = min(filter(None, (ticket.asked_at, other.asked_at)), default=None)
    absorbing = replace(ticket, absorbed=(*ticket.absorbed, other.id), asked_at=waits_since)
    fact = TicketAbsorbed(lead_id=ticket.lead_id, at=at, ticket_id=ticket.id, absorbed=other.id)
    return happened(absorbing, What.ABSORBED, at, by, other.asked_at), [fact]


def split_off(ticket: Ticket, command: SplitTicket) -> OpenTicket:
    """The ticket that part of this one becomes."""
    return OpenTicket(
        lead_id=ticket.lead_id,
        category=command.category,
        priority=command.priority,
        subject=command.subject,
        text=command.text,
        channel=ticket.channel,
        queue=ticket.queue,
        tier=ticket.tier,
    )


def split(ticket: Ticket, off: str, at: datetime, by: str | None) -> Decision:
    """Say that part of the ticket goes on in `off`; again without effect."""
    if off in ticket.split_off:
        return ticket, []
    if len(ticket.split_off) >= MOST:
        raise Conflict("too-many-split", f"ticket {ticket.id} was split {MOST} times; open a new one")
    parted = replace(ticket, split_off=(*ticket.split_off, off))
    fact = TicketSplit(lead_id=ticket.lead_id, at=at, ticket_id=ticket.id, off=off)
    return happened(parted, What.SPLIT, at, by), [fact]
