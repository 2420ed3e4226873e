"""What tickets does when asked. It listens to nobody."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from services.tickets import store
from services.tickets.domain import ticket as domain
from services.tickets.domain.ticket import Decision, Ticket
from services.tickets.store import Tickets
from shared.applied_once import (
    idempotency,
)
from shared.clock import Clock, clamp, new_id
from shared.commands.base import (
    Command,
)
from shared.commands.tickets import (
    OpenTicket,
    ReplyTicket,
    ResolveTicket,
)
from shared.documents import Step
from shared.errors import NotFound
from shared.ids import (
    derived_id,
)

_DECISIONS: dict[type[Command], Callable[..., Decision]] = {
    ReplyTicket: domain.reply,
    ResolveTicket: domain.resolve,
}


async def open(tickets: Tickets, command: OpenTicket, key: str | None, clock: Clock) -> Ticket:
    """Open a ticket. A lead not heard of yet is accepted: its capture is on the way.

    Returns the ticket as it was opened, also when it is sent again: who may open may not see what became of it.
    """
    ticket_id = derived_id("ticket", key) if key else new_id()
    at = clamp(command.at, clock())

    def decide(ticket: Ticket | None) -> Decision:
        return domain.open(ticket, ticket_id, command, at)

    kept = await tickets.left_by(Step(ticket_id, decide, idempotency(key, command)))
    return domain.open(None, ticket_id, command, kept.opened_at)[0]


async def change(tickets: Tickets, ticket_id: str, command: Command, key: str | None, clock: Clock) -> Ticket:
    """Carry out a command on a ticket that exists."""
    decide, at = _DECISIONS[type(command)], clamp(command.at, clock())
    return await tickets.state_after(
        Step(ticket_id, lambda ticket: decide(ticket, command, at), idempotency(key, command))
    )


async def get(tickets: Tickets, ticket_id: str) -> Ticket:
    ticket = await tickets.get(ticket_id)
    if ticket is None:
        raise NotFound("ticket-not-found", f"there is no ticket {ticket_id}")
    return ticket


async def words(tickets: Tickets, asked: Sequence[tuple[str, datetime]]) -> list[str | None]:
    """What was said in a ticket at an instant, or else what it is about; None of one that does not exist."""
    return await store.words(tickets, asked)
