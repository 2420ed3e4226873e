"""A ticket is opened, talked about and resolved; what people wrote stays in it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from services.tickets.domain import ticket as domain
from services.tickets.domain.ticket import Message, Status, Ticket
from shared.commands.tickets import (
    OpenTicket,
    ReplyTicket,
    ResolveTicket,
)
from shared.errors import Conflict, NotFound, Refused
from shared.events.tickets import (
    Author,
    Priority,
    TicketCategory,
    TicketOpened,
    TicketReplied,
    TicketResolved,
)

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
OPEN = OpenTicket(
    lead_id="ana",
    category=TicketCategory.COMPLAINT,
    priority=Priority.HIGH,
    subject="my heater smokes",
    text="and my cat coughs",
)


def opened() -> Ticket:
    ticket, _ = domain.open(None, "t1", OPEN, NOON)
    return ticket


def test_an_opened_ticket_keeps_what_was_written_and_tells_only_that_it_was() -> None:
    ticket, (fact,) = domain.open(None, "t1", OPEN, NOON)

    assert (ticket.subject, ticket.messages) == (
        "my heater smokes", (Message(Author.CUSTOMER, NOON, "and my cat coughs"),),
    )  # fmt: skip
    assert isinstance(fact, TicketOpened)
    assert (fact.lead_id, fact.aggregate, fact.category, fact.priority) == (
        "ana", "ticket:t1", TicketCategory.COMPLAINT, Priority.HIGH,
    )  # fmt: skip
    assert not any(word in fact.model_dump_json() for word in ("heater", "cat "))


def test_a_ticket_without_words_begins_without_messages() -> None:
    ticket, _ = domain.open(None, "t1", OPEN.model_copy(update={"text": None}), NOON)
    assert ticket.messages == ()


def test_replies_stand_in_the_order_they_were_given_and_their_words_are_not_told() -> None:
    ticket, later = opened(), NOON + timedelta(hours=1)
    ticket, (first,) = domain.reply(ticket, ReplyTicket(author=Author.AGENT, text="open a window"), later)
    ticket, _ = domain.reply(ticket, ReplyTicket(author=Author.CUSTOMER, text="it is open"), later)

    assert [message.text for message in ticket.messages][1:] == ["open a window", "it is open"]
    assert isinstance(first, TicketReplied)
    assert (first.author, first.at) == (Author.AGENT, later)
    assert "window" not in first.model_dump_json()


def test_a_resolved_ticket_is_closed_for_good() -> None:
    ticket, (fact,) = domain.resolve(opened(), ResolveTicket(resolution="replaced"), NOON)

    assert (ticket.status, ticket.resolution, ticket.resolved_at) == (Status.RESOLVED, "replaced", NOON)
    assert isinstance(fact, TicketResolved)
    assert fact.resolution == "replaced"
    for decide in (
        lambda: domain.reply(ticket, ReplyTicket(author=Author.AGENT, text="?"), NOON),
        lambda: domain.resolve(ticket, ResolveTicket(), NOON),
    ):
        with pytest.raises(Refused, match="ticket t1 is resolved; open a new one"):
            decide()


def test_a_ticket_is_opened_once_and_only_then_answered() -> None:
    with pytest.raises(Conflict):
        domain.open(opened(), "t1", OPEN, NOON)
    with pytest.raises(NotFound):
        domain.reply(None, ReplyTicket(author=Author.AGENT, text="?"), NOON)
    with pytest.raises(NotFound):
        domain.resolve(None, ResolveTicket(), NOON)
