"""Where tickets are kept: one document each, and what was said long ago in their archive."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import partial

from services.tickets.domain.ticket import KEPT, Ticket, pack
from shared.answers import Answers
from shared.archive import Archive, Entry
from shared.documents import Documents
from shared.events.base import rfc3339
from shared.mongo import Mongo
from shared.outbox import OUTBOX_INDEX

Tickets = Documents[Ticket]


def tickets(mongo: Mongo, kept: int = KEPT) -> Tickets:
    return Documents(
        mongo.collection("tickets", (OUTBOX_INDEX,)),
        Ticket,
        archive=Archive(mongo, "tickets"),
        pack=partial(_pack, kept),
        answers=Answers(mongo, "tickets", Ticket),
    )


def _pack(kept: int, ticket: Ticket) -> tuple[Ticket, list[Entry]]:
    packed, old = pack(ticket, kept)
    return packed, [
        Entry(ticket.id, f"{ticket.id}/message/{number}", _said(ticket.id, message.at), message)
        for number, message in enumerate(old, ticket.earlier)
    ]


async def words(tickets: Tickets, asked: Sequence[tuple[str, datetime]]) -> list[str | None]:
    """What was said in a ticket at an instant, or else what it is about; None of one that does not exist."""
    found = await tickets.get_many([ticket_id for ticket_id, _ in asked])
    said = {
        _said(ticket.id, message.at): message.text for ticket in found.values() for message in ticket.messages
    }
    keys = [_said(ticket_id, at) for ticket_id, at in asked]
    if tickets.archive is not None:
        packed = {id for id, ticket in found.items() if ticket.earlier}
        away = [key for key, (id, _) in zip(keys, asked, strict=True) if key not in said and id in packed]
        async for ticket_id, _, message in tickets.archive.find(away):
            said[_said(ticket_id, message["at"])] = message["text"]
    return [
        said.get(key) or (found[ticket_id].subject if ticket_id in found else None)
        for key, (ticket_id, _) in zip(keys, asked, strict=True)
    ]


def _said(ticket_id: str, at: datetime) -> str:
    return f"{ticket_id}@{rfc3339(at)}"
