"""Tickets of another help desk, row by row: each brings the ticket to where the row says it was."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from services.tickets.domain import decisions
from services.tickets.domain.moments import UNSETTLED, Status
from services.tickets.domain.terms import Terms
from services.tickets.domain.ticket import Decision, Ticket
from shared.commands.import_rows import TicketRow
from shared.commands.tickets import (
    AnswerTicket,
    AssignTicket,
    ClassifyTicket,
    CloseTicket,
    OpenTicket,
    ReopenTicket,
    ReplyTicket,
    ResolveTicket,
    WaitTicket,
)
from shared.events.tickets import Author, Priority, TicketCategory, TicketEvent

IMPORTED: Final = "imported"
NOT_KEPT: Final = "(not in the import)"
"""What stands for words that a log does not have."""
_EVER: Final = Terms(reopen_within=timedelta(days=36_500))
_WAITS_FOR: Final = {
    Status.OPEN: "us",
    Status.WAITING_FOR_CUSTOMER: "customer",
    Status.WAITING_FOR_THIRD_PARTY: "third_party",
}


def bring_in(ticket: Ticket | None, lead_id: str, row: TicketRow, at: datetime) -> Decision:
    """The ticket after a row. What a row repeats changes nothing. Raises `Refused` for what cannot have been."""
    facts: list[TicketEvent] = []
    if ticket is None:
        command = OpenTicket(
            lead_id=lead_id,
            category=row.category or TicketCategory.REQUEST,
            priority=row.priority or Priority.NORMAL,
            subject=row.subject or NOT_KEPT,
            channel=row.channel,
            queue=row.queue,
            tier=row.tier,
        )
        ticket, told = decisions.open(None, row.ticket_id, command, row.opened_at or at)
        facts += told
    ticket, at = decisions.known(ticket), max(at, ticket.opened_at)
    for decide in (_stood, _was_whose, _was_what, _was_written):
        ticket, told = decide(ticket, row, at)
        facts += told
    return ticket, facts


def _was_what(ticket: Ticket, row: TicketRow, at: datetime) -> Decision:
    command = ClassifyTicket.model_construct(
        category=row.category, priority=row.priority, queue=row.queue, tier=row.tier
    )
    same = all(
        new in (None, old)
        for new, old in (
            (row.category, ticket.category),
            (row.priority, ticket.priority),
            (row.queue, ticket.queue),
            (row.tier, ticket.tier),
        )
    )
    return (
        (ticket, [])
        if same or ticket.status is Status.CLOSED
        else decisions.classify(ticket, command, at, _EVER)
    )


def _was_whose(ticket: Ticket, row: TicketRow, at: datetime) -> Decision:
    if row.agent in (None, ticket.agent) or ticket.status is Status.CLOSED:
        return ticket, []
    return decisions.assign(ticket, AssignTicket(to=row.agent), at, _EVER)


def _was_written(ticket: Ticket, row: TicketRow, at: datetime) -> Decision:
    if row.wrote is None:
        return ticket, []
    if row.wrote == "customer":
        return decisions.answer(ticket, AnswerTicket(text=NOT_KEPT), at, _EVER)
    return decisions.reply(ticket, ReplyTicket(author=Author.AGENT, text=NOT_KEPT, rep=row.agent), at, _EVER)


def _stood(ticket: Ticket, row: TicketRow, at: datetime) -> Decision:
    status = Status(row.state) if row.state is not None else ticket.status
    facts: list[TicketEvent] = []
    if status is ticket.status:
        return ticket, facts
    if ticket.status not in UNSETTLED and status is not Status.CLOSED:
        ticket, facts = decisions.reopen(ticket, ReopenTicket(), at, _EVER)
    if status in UNSETTLED:
        if status is ticket.status:
            return ticket, facts
        turn = WaitTicket.model_validate({"waits_for": _WAITS_FOR[status]})
        ticket, told = decisions.wait(ticket, turn, at, _EVER)
        return ticket, facts + told
    if ticket.status in UNSETTLED:
        settled = min(at, max(row.resolved_at or at, ticket.history[-1].at))
        ticket, told = decisions.resolve(ticket, ResolveTicket(resolution=IMPORTED), settled, _EVER)
        facts += told
    if status is Status.CLOSED:
        ticket, told = decisions.close(ticket, CloseTicket(), at, _EVER)
        facts += told
    return ticket, facts
