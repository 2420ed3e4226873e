"""What tickets does when asked, and when time closes a ticket. It listens to nobody."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from services.tickets import store
from services.tickets.domain import decisions, macros, relations
from services.tickets.domain.decisions import TICKET_MERGED, TICKET_OVER
from services.tickets.domain.imported import bring_in
from services.tickets.domain.moments import Status
from services.tickets.domain.sla import promises
from services.tickets.domain.terms import Terms
from services.tickets.domain.ticket import Decision, Message, Ticket
from services.tickets.store import Macros, PolicyBook, Tickets
from shared.applied_once import (
    Key,
    idempotency,
)
from shared.clock import Clock, clamp, new_id
from shared.commands.base import (
    Command,
)
from shared.commands.import_rows import HistoryRow, HistoryRows, RowOutcomes, TicketRow
from shared.commands.tickets import (
    AnswerTicket,
    ApplyMacro,
    AssignTicket,
    ClassifyTicket,
    CloseTicket,
    EscalateTicket,
    LinkTicket,
    MergeTickets,
    OpenTicket,
    ReopenTicket,
    ReplyTicket,
    ResolveTicket,
    SplitTicket,
    TicketCommand,
    WaitTicket,
)
from shared.documents import Step
from shared.errors import NotFound, Refused
from shared.events.base import HISTORY_AFTER
from shared.events.tickets import Author
from shared.ids import (
    derived_id,
)
from shared.import_rows import take_history
from shared.timers import DocumentTimers

_DECISIONS: Final[Mapping[type[Command], Callable[[Ticket, Any, datetime, Terms], Decision]]] = {
    ReplyTicket: decisions.reply,
    AnswerTicket: decisions.answer,
    AssignTicket: decisions.assign,
    WaitTicket: decisions.wait,
    ClassifyTicket: decisions.classify,
    EscalateTicket: decisions.escalate,
    ResolveTicket: decisions.resolve,
    ReopenTicket: decisions.reopen,
    CloseTicket: decisions.close,
    LinkTicket: decisions.link,
}


@dataclass(frozen=True, slots=True)
class Answered:
    """Where a customer's answer stands: in the ticket itself, the one it goes on in, or a new one that follows it."""

    ticket_id: str
    status: Status


@dataclass(frozen=True, slots=True)
class Messages:
    """Messages of a ticket, the first of which has the number `first` (from 0) of `count`."""

    ticket_id: str
    first: int
    count: int
    messages: tuple[Message, ...]


async def open(
    tickets: Tickets, book: PolicyBook, command: OpenTicket, key: str | None, clock: Clock
) -> Ticket:
    """Open a ticket. A lead not heard of yet is accepted: its capture is on the way.

    Returns the ticket as it was opened, also when it is sent again: who may open may not see what became of it.
    """
    ticket_id = derived_id("ticket", key) if key else new_id()
    return await _open(tickets, book, ticket_id, command, idempotency(key, command), clock)


async def change(
    tickets: Tickets, book: PolicyBook, ticket_id: str, command: TicketCommand, key: str | None, clock: Clock
) -> Ticket:
    """Carry out a command on a ticket that exists. What a customer says too late opens one that follows it."""
    if isinstance(command, ReplyTicket) and command.author is Author.CUSTOMER:
        return await _answer(tickets, book, ticket_id, command, key, clock)
    return await _change(tickets, book, ticket_id, command, key, clock)


async def answer(
    tickets: Tickets, book: PolicyBook, ticket_id: str, command: AnswerTicket, key: str | None, clock: Clock
) -> Answered:
    """Take what a customer wrote, and say no more than where it stands."""
    ticket = await _answer(tickets, book, ticket_id, command, key, clock)
    return Answered(ticket.id, ticket.status)


async def merge(
    tickets: Tickets, book: PolicyBook, ticket_id: str, command: MergeTickets, key: str | None, clock: Clock
) -> Ticket:
    """Let another ticket go on in this one: first the other ends, then this one says so. Sent again it goes on."""
    now = clock()
    into, at = await get(tickets, ticket_id), clamp(command.at, now)
    if command.absorb not in into.absorbed:
        decisions.asked(into, command, now)
    end = _under_policies(lambda other, _: relations.be_absorbed(other, into, at, command.rep), at, now, book)
    absorbed = await tickets.state_after(Step(command.absorb, end), book.look)
    go_on = _under_policies(
        lambda ticket, _: relations.absorb(ticket, absorbed, at, command.rep), at, now, book
    )
    return await tickets.state_after(Step(ticket_id, go_on, idempotency(key, command)), book.look)


async def split(
    tickets: Tickets, book: PolicyBook, ticket_id: str, command: SplitTicket, key: str | None, clock: Clock
) -> Ticket:
    """Open a ticket for part of this one, then say so here; returns the new one. Sent again it goes on."""
    now = clock()
    ticket, at = await get(tickets, ticket_id), clamp(command.at, now)
    off = derived_id("split", ticket_id, key) if key else new_id()
    if off not in ticket.split_off:
        decisions.asked(ticket, command, now)
    opened = relations.split_off(ticket, command).model_copy(update={"at": command.at})
    new = await _open(tickets, book, off, opened, idempotency(key, opened), clock, follows=ticket_id)
    say_so = _under_policies(
        lambda ticket, _: relations.split(decisions.known(ticket), off, at, command.rep), at, now, book
    )
    await tickets.change(Step(ticket_id, say_so, idempotency(key, command)), book.look)
    return new


async def apply_macro(
    tickets: Tickets,
    book: PolicyBook,
    kept: Macros,
    ticket_id: str,
    command: ApplyMacro,
    key: str | None,
    clock: Clock,
) -> Ticket:
    """Do what a macro says. Raises `NotFound("macro-not-found")`."""
    macro, now = await kept.get(command.macro), clock()
    at = clamp(command.at, now)

    def decided(ticket: Ticket | None, terms: Terms) -> Decision:
        return macros.apply(decisions.asked(ticket, command, now), macro, command.rep, at, terms)

    step = Step(ticket_id, _under_policies(decided, at, now, book), idempotency(key, command))
    return await tickets.state_after(step, book.look)


async def get(tickets: Tickets, ticket_id: str) -> Ticket:
    ticket = await tickets.get(ticket_id)
    if ticket is None:
        raise NotFound("ticket-not-found", f"there is no ticket {ticket_id}")
    return ticket


async def messages(tickets: Tickets, ticket_id: str, before: int | None, limit: int) -> Messages:
    """A page of what was said, the newest last: what lies before message number `before`, or the end."""
    ticket = await get(tickets, ticket_id)
    count = ticket.earlier + len(ticket.messages)
    end = count if before is None else min(before, count)
    first = max(0, end - limit)
    return Messages(ticket_id, first, count, await store.messages(tickets, ticket, first, end))


async def words(tickets: Tickets, asked: Sequence[tuple[str, datetime]]) -> list[str | None]:
    """What was said in a ticket at an instant, or else what it is about; None of one that does not exist."""
    return await store.words(tickets, asked)


async def take_rows(tickets: Tickets, book: PolicyBook, piece: HistoryRows, clock: Clock) -> RowOutcomes:
    """Take the rows of an import that are about tickets."""
    now = clock()

    def decide(row: HistoryRow) -> Callable[[Ticket | None], Decision]:
        what = row.what
        if not isinstance(what, TicketRow):
            raise Refused("not-for-tickets", f"tickets does not take {what.action}")
        at = clamp(row.at, now)
        return _under_policies(lambda ticket, _: bring_in(ticket, row.lead_id, what, at), at, now, book)

    return await take_history(tickets, piece, decide, book.look, _ticket_of)


def _ticket_of(row: HistoryRow) -> str:
    return row.what.ticket_id if isinstance(row.what, TicketRow) else row.lead_id


def timers(tickets: Tickets, book: PolicyBook, clock: Clock) -> DocumentTimers[Ticket]:
    """Tells of deadlines that come near or are missed, and closes what was resolved long enough ago."""

    def fire(now: datetime) -> Callable[[Ticket | None], Decision]:
        return lambda ticket: promises.fire(decisions.known(ticket), book.now, now)

    return DocumentTimers(tickets, "timer", fire, clock, book.look)


async def _open(
    tickets: Tickets,
    book: PolicyBook,
    ticket_id: str,
    command: OpenTicket,
    guard: Key | None,
    clock: Clock,
    follows: str | None = None,
) -> Ticket:
    now = clock()
    at = clamp(command.at, now)
    decide = _under_policies(
        lambda ticket, _: decisions.open(ticket, ticket_id, command, at, follows), at, now, book
    )
    kept = await tickets.left_by(Step(ticket_id, decide, guard), book.look)
    return decisions.open(None, ticket_id, command, kept.opened_at, follows)[0]


async def _change(
    tickets: Tickets,
    book: PolicyBook,
    ticket_id: str,
    command: TicketCommand | AnswerTicket,
    key: str | None,
    clock: Clock,
    follows: Ticket | None = None,
) -> Ticket:
    """Decide on a ticket; where there is none yet and it `follows` another one, open it."""
    decide, now = _DECISIONS[type(command)], clock()
    at = clamp(command.at, now)

    def decided(ticket: Ticket | None, terms: Terms) -> Decision:
        if ticket is None and follows is not None and isinstance(command, ReplyTicket | AnswerTicket):
            return decisions.open(None, ticket_id, decisions.following(follows, command), at, follows.id)
        return decide(decisions.asked(ticket, command, now), command, at, terms)

    step = Step(ticket_id, _under_policies(decided, at, now, book), idempotency(key, command))
    return await tickets.state_after(step, book.look)


async def _answer(
    tickets: Tickets,
    book: PolicyBook,
    ticket_id: str,
    command: ReplyTicket | AnswerTicket,
    key: str | None,
    clock: Clock,
) -> Ticket:
    """The customer's words, in the ticket they are meant for, the one it goes on in, or the one that follows it."""
    follows: Ticket | None = None
    while True:
        try:
            return await _change(tickets, book, ticket_id, command, key, clock, follows)
        except Refused as error:
            if error.slug not in (TICKET_MERGED, TICKET_OVER):
                raise
            ticket = await get(tickets, ticket_id)
            if error.slug == TICKET_OVER:
                ticket_id, follows = derived_id("follows", ticket_id), ticket
            else:
                assert ticket.merged_into is not None  # each is merged into one that was not: no circle
                ticket_id, follows = ticket.merged_into, None


def _under_policies(
    decide: Callable[[Ticket | None, Terms], Decision], at: datetime, now: datetime, book: PolicyBook
) -> Callable[[Ticket | None], Decision]:
    """A decision on a ticket, followed by what it means for what was promised."""

    def decided(state: Ticket | None) -> Decision:
        policies = book.now  # after the look that follows the loading of the document
        ticket, facts = decide(state, policies.terms)
        is_history = now - at > HISTORY_AFTER
        # Of history it is reckoned as of then: the years since would be walked through for every row.
        ticket, more = promises.kept(ticket, policies, at if is_history else max(at, now), is_history)
        return ticket, [*facts, *more]

    return decided
