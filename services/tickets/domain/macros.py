"""What is done to tickets again and again, as one decision."""

from __future__ import annotations

from datetime import datetime

from services.tickets.domain import decisions
from services.tickets.domain.terms import Terms
from services.tickets.domain.ticket import Decision, Ticket
from shared.commands.tickets import (
    AssignTicket,
    ClassifyTicket,
    Macro,
    ReplyTicket,
    ResolveTicket,
    WaitTicket,
)
from shared.errors import Refused
from shared.events.tickets import Author, TicketEvent


def apply(ticket: Ticket, macro: Macro, rep: str | None, at: datetime, terms: Terms) -> Decision:
    """All that a macro says, in turn: what the ticket is, whose, what is said, whose turn it is, and its end.

    What is so already stays. Raises `Refused` as each of them does, and `Refused("macro-unneeded")` when nothing
    changes.
    """
    facts: list[TicketEvent] = []
    said = ClassifyTicket(
        category=macro.category, priority=macro.priority, queue=macro.queue, tier=macro.tier, rep=rep
    )
    if said.model_dump(exclude_none=True, exclude={"rep"}).items() - _traits(ticket).items():
        ticket, told = decisions.classify(ticket, said, at, terms)
        facts += told
    if macro.to is not None and macro.to != ticket.agent:
        ticket, told = decisions.assign(ticket, AssignTicket(to=macro.to, rep=rep), at, terms)
        facts += told
    if macro.text is not None:
        reply = ReplyTicket(
            author=Author.AGENT,
            text=macro.text,
            internal=macro.internal,
            waits_for=None if macro.internal else macro.waits_for,
            rep=rep,
        )
        ticket, told = decisions.reply(ticket, reply, at, terms)
        facts += told
    if macro.waits_for is not None and decisions.turn(ticket) != macro.waits_for:
        ticket, told = decisions.wait(ticket, WaitTicket(waits_for=macro.waits_for, rep=rep), at, terms)
        facts += told
    if macro.resolution is not None:
        ticket, told = decisions.resolve(
            ticket, ResolveTicket(resolution=macro.resolution, rep=rep), at, terms
        )
        facts += told
    if not facts:
        raise Refused("macro-unneeded", f"ticket {ticket.id} is as {macro.name} would have it already")
    return ticket, facts


def _traits(ticket: Ticket) -> dict[str, object]:
    return {
        "category": ticket.category,
        "priority": ticket.priority,
        "queue": ticket.queue,
        "tier": ticket.tier,
    }
