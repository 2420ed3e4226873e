"""The decisions about one ticket: what is said in it, whose turn it is, how it ends and begins again.

A decision gets the state, the command, the instant and the terms; it returns the new state and the facts. It raises
`NotFound`; `Conflict("ticket-changed")` when somebody was faster; `Refused` with what to do instead.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from services.tickets.domain.meanwhile import must_be_as_looked_at
from services.tickets.domain.moments import UNSETTLED, Status, What
from services.tickets.domain.terms import Terms
from services.tickets.domain.ticket import Attached, Decision, Message, Ticket, happened, with_history
from shared.commands.tickets import (
    AnswerTicket,
    AssignTicket,
    Attachments,
    ClassifyTicket,
    CloseTicket,
    EscalateTicket,
    LinkTicket,
    OpenTicket,
    ReopenTicket,
    ReplyTicket,
    ResolveTicket,
    TicketCommand,
    WaitTicket,
)
from shared.errors import Conflict, NotFound, Refused
from shared.events.tickets import (
    Author,
    TicketAssigned,
    TicketClassified,
    TicketClosed,
    TicketEscalated,
    TicketEvent,
    TicketLinked,
    TicketNoted,
    TicketOpened,
    TicketReopened,
    TicketReplied,
    TicketResolved,
    TicketWaiting,
    WaitsFor,
)

TICKET_OVER: Final = "ticket-over"
TICKET_MERGED: Final = "ticket-merged"
ANSWERED: Final = "answered"


def open(
    ticket: Ticket | None, ticket_id: str, command: OpenTicket, at: datetime, follows: str | None = None
) -> Decision:
    """Raises `Conflict("ticket-exists")`."""
    if ticket is not None:
        raise Conflict("ticket-exists", f"ticket {ticket_id} was opened before")
    said = Message(Author.CUSTOMER, at, command.text or "", attachments=_attached(command.attachments))
    opened = Ticket(
        ticket_id,
        command.lead_id,
        command.category,
        command.priority,
        command.subject,
        at,
        messages=(said,) if command.text or command.attachments else (),
        channel=command.channel,
        queue=command.queue,
        tier=command.tier,
        asked_at=at,
        follows=follows,
    )
    fact = TicketOpened(
        lead_id=command.lead_id,
        at=at,
        ticket_id=ticket_id,
        category=command.category,
        priority=command.priority,
        channel=command.channel,
        queue=command.queue,
        tier=command.tier,
        follows=follows,
    )
    return happened(opened, What.OPENED, at), [fact]


def reply(ticket: Ticket, command: ReplyTicket, at: datetime, terms: Terms) -> Decision:
    """What was said stays with the ticket; that it was is told.

    An agent's first reply makes nobody's ticket theirs. A customer's reopens a resolved one in time; after that it is
    refused as `ticket-over`, and goes into a ticket that follows this one.
    """
    if command.author is Author.CUSTOMER:
        if command.internal or command.waits_for is not None:
            raise Refused("agents-only", "internal and waits_for go with what an agent writes")
        return answer(ticket, AnswerTicket(text=command.text, attachments=command.attachments), at, terms)
    message = Message(
        Author.AGENT, at, command.text, command.internal, command.rep, _attached(command.attachments)
    )
    if command.internal:
        noted = replace(ticket, messages=(*ticket.messages, message))
        fact = TicketNoted(lead_id=ticket.lead_id, at=at, ticket_id=ticket.id, agent=command.rep)
        return happened(noted, What.NOTED, at, command.rep), [fact]
    _must_be_unsettled(ticket)
    facts: list[TicketEvent] = [
        TicketReplied(
            lead_id=ticket.lead_id, at=at, ticket_id=ticket.id, author=Author.AGENT, agent=command.rep
        )
    ]
    replied = replace(ticket, messages=(*ticket.messages, message), asked_at=None)
    if ticket.agent is None and command.rep is not None:
        replied = replace(replied, agent=command.rep)
        facts.append(_assigned(replied, None, at))
    if command.waits_for is not None and (status := _STATUS[command.waits_for]) is not ticket.status:
        replied = replace(replied, status=status)
        facts.append(_waiting(replied, at))
    return happened(replied, What.AGENT_REPLIED, at, command.rep), facts


def answer(ticket: Ticket, command: AnswerTicket, at: datetime, terms: Terms) -> Decision:
    """The customer wrote: it is our turn. Raises `Refused("ticket-over")` when it is too late for this ticket."""
    facts: list[TicketEvent] = []
    if ticket.status not in UNSETTLED:
        ticket, facts = _reopened(ticket, ANSWERED, at, terms)
    elif ticket.status is Status.WAITING_FOR_CUSTOMER:
        ticket = replace(ticket, status=Status.OPEN)
        facts = [_waiting(ticket, at)]
    said = Message(Author.CUSTOMER, at, command.text, attachments=_attached(command.attachments))
    answered = replace(ticket, messages=(*ticket.messages, said), asked_at=ticket.asked_at or at)
    replied = TicketReplied(lead_id=ticket.lead_id, at=at, ticket_id=ticket.id, author=Author.CUSTOMER)
    return happened(answered, What.CUSTOMER_REPLIED, at), [*facts, replied]


def following(ticket: Ticket, command: ReplyTicket | AnswerTicket) -> OpenTicket:
    """The ticket that an answer opens which came too late for this one."""
    return OpenTicket(
        lead_id=ticket.lead_id,
        category=ticket.category,
        priority=ticket.priority,
        subject=ticket.subject,
        text=command.text,
        channel=ticket.channel,
        queue=ticket.queue,
        tier=ticket.tier,
        attachments=command.attachments,
    )


def assign(ticket: Ticket, command: AssignTicket, at: datetime, terms: Terms) -> Decision:
    if ticket.status is Status.CLOSED:
        raise Refused("ticket-closed", f"ticket {ticket.id} is closed; reopen it, or open a new one")
    if ticket.agent == command.to:
        raise Refused("agent-unchanged", f"ticket {ticket.id} is {command.to or 'nobody'}'s already")
    assigned = replace(ticket, agent=command.to)
    return happened(assigned, What.ASSIGNED, at, command.rep), [_assigned(assigned, ticket.agent, at)]


def wait(ticket: Ticket, command: WaitTicket, at: datetime, terms: Terms) -> Decision:
    _must_be_unsettled(ticket)
    if (status := _STATUS[command.waits_for]) is ticket.status:
        raise Refused("turn-unchanged", f"ticket {ticket.id} is {ticket.status} already")
    waiting = replace(ticket, status=status)
    return happened(waiting, What.WAITED, at, command.rep), [_waiting(waiting, at)]


def classify(ticket: Ticket, command: ClassifyTicket, at: datetime, terms: Terms) -> Decision:
    if ticket.status is Status.CLOSED:
        raise Refused("ticket-closed", f"ticket {ticket.id} is closed: what it was stays")
    classified = replace(
        ticket,
        category=command.category or ticket.category,
        priority=command.priority or ticket.priority,
        queue=command.queue or ticket.queue,
        tier=command.tier or ticket.tier,
    )
    if classified.traits == ticket.traits:
        raise Refused("traits-unchanged", f"ticket {ticket.id} is that already")
    fact = TicketClassified(
        lead_id=ticket.lead_id,
        at=at,
        ticket_id=ticket.id,
        category=classified.category,
        priority=classified.priority,
        queue=classified.queue,
        tier=classified.tier,
    )
    return happened(classified, What.CLASSIFIED, at, command.rep), [fact]


def escalate(ticket: Ticket, command: EscalateTicket, at: datetime, terms: Terms) -> Decision:
    _must_be_unsettled(ticket)
    escalated = replace(ticket, escalated_to=command.to)
    fact = TicketEscalated(
        lead_id=ticket.lead_id, at=at, ticket_id=ticket.id, to=command.to, because=command.because
    )
    return happened(escalated, What.ESCALATED, at, command.rep), [fact]


def resolve(ticket: Ticket, command: ResolveTicket, at: datetime, terms: Terms) -> Decision:
    _must_be_unsettled(ticket)
    resolved = replace(
        ticket, status=Status.RESOLVED, resolved_at=at, resolution=command.resolution, asked_at=None
    )
    fact = TicketResolved(lead_id=ticket.lead_id, at=at, ticket_id=ticket.id, resolution=command.resolution)
    return happened(resolved, What.RESOLVED, at, command.rep), [fact]


def reopen(ticket: Ticket, command: ReopenTicket, at: datetime, terms: Terms) -> Decision:
    if ticket.status in UNSETTLED:
        raise Refused("ticket-open", f"ticket {ticket.id} is open")
    reopened, facts = _reopened(ticket, "not_solved", at, terms, command.rep)
    return reopened, facts


def close(ticket: Ticket, command: CloseTicket, at: datetime, terms: Terms) -> Decision:
    if ticket.status is not Status.RESOLVED:
        raise Refused("ticket-not-resolved", f"ticket {ticket.id} is {ticket.status}; resolve it first")
    return _closed(ticket, "by_hand", at, command.rep)


def link(ticket: Ticket, command: LinkTicket, at: datetime, terms: Terms) -> Decision:
    if ticket.problem == command.problem:
        raise Refused("problem-unchanged", f"ticket {ticket.id} belongs to {command.problem} already")
    fact = TicketLinked(lead_id=ticket.lead_id, at=at, ticket_id=ticket.id, problem=command.problem)
    return happened(replace(ticket, problem=command.problem), What.LINKED, at, command.rep), [fact]


def turn(ticket: Ticket) -> str | None:
    """Whose turn it is, as `waits_for` says it; None once it is settled."""
    return next((who for who, status in _STATUS.items() if status is ticket.status), None)


def closes_at(ticket: Ticket, terms: Terms) -> datetime | None:
    """When a resolved ticket is closed by time."""
    if ticket.status is not Status.RESOLVED or ticket.resolved_at is None:
        return None
    return ticket.resolved_at + terms.close_after


def close_in_time(ticket: Ticket, now: datetime, terms: Terms) -> Decision:
    """Put a ticket away that was resolved so long ago."""
    at = closes_at(ticket, terms)
    return (ticket, []) if at is None or now < at else _closed(ticket, "time", at)


def known(ticket: Ticket | None) -> Ticket:
    if ticket is None:
        raise NotFound("ticket-not-found", "there is no such ticket")
    return with_history(ticket)


def asked(ticket: Ticket | None, command: TicketCommand | AnswerTicket, at: datetime) -> Ticket:
    """The ticket that a command is about, as whoever sends it saw it, and not a part of another one."""
    ticket = known(ticket)
    if ticket.status is Status.MERGED:
        raise Refused(TICKET_MERGED, f"ticket {ticket.id} goes on in {ticket.merged_into}")
    if isinstance(command, TicketCommand) and command.expected_version is not None:
        must_be_as_looked_at(ticket, command.expected_version, at)
    return ticket


def _must_be_unsettled(ticket: Ticket) -> None:
    if ticket.status not in UNSETTLED:
        raise Refused(
            f"ticket-{ticket.status}", f"ticket {ticket.id} is {ticket.status}; reopen it, or open a new one"
        )


def _reopened(ticket: Ticket, because: str, at: datetime, terms: Terms, by: str | None = None) -> Decision:
    if ticket.resolved_at is None or at - ticket.resolved_at > terms.reopen_within:
        days = terms.reopen_within / timedelta(days=1)
        raise Refused(
            TICKET_OVER,
            f"ticket {ticket.id} was resolved more than {days:g} days ago; open a new one that follows it",
        )
    reopened = replace(ticket, status=Status.OPEN, resolved_at=None, resolution=None, closed_at=None)
    fact = TicketReopened(
        lead_id=ticket.lead_id,
        at=at,
        ticket_id=ticket.id,
        because=because,
        category=ticket.category,
        priority=ticket.priority,
        opened_at=ticket.opened_at,
    )
    return happened(reopened, What.REOPENED, at, by), [fact]


def _closed(ticket: Ticket, because: str, at: datetime, by: str | None = None) -> Decision:
    closed = replace(ticket, status=Status.CLOSED, closed_at=at)
    fact = TicketClosed(lead_id=ticket.lead_id, at=at, ticket_id=ticket.id, because=because)
    return happened(closed, What.CLOSED, at, by), [fact]


def _assigned(ticket: Ticket, previous: str | None, at: datetime) -> TicketAssigned:
    return TicketAssigned(
        lead_id=ticket.lead_id, at=at, ticket_id=ticket.id, agent=ticket.agent, previous=previous
    )


def _waiting(ticket: Ticket, at: datetime) -> TicketWaiting:
    return TicketWaiting(
        lead_id=ticket.lead_id, at=at, ticket_id=ticket.id, waits_for=_WAITS_FOR.get(ticket.status)
    )


def _attached(attachments: Attachments) -> tuple[Attached, ...]:
    return tuple(Attached(each.name, each.url, each.media_type, each.size_bytes) for each in attachments)


_STATUS: Final = {
    "customer": Status.WAITING_FOR_CUSTOMER,
    "third_party": Status.WAITING_FOR_THIRD_PARTY,
    "us": Status.OPEN,
}
_WAITS_FOR: Final = {
    Status.WAITING_FOR_CUSTOMER: WaitsFor.CUSTOMER,
    Status.WAITING_FOR_THIRD_PARTY: WaitsFor.THIRD_PARTY,
}
