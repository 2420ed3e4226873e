"""Tickets in their store: what takes two of them, what time does, and threads of any length."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from services.tickets import handlers as desk
from services.tickets.domain.moments import Status
from services.tickets.domain.ticket import Ticket
from services.tickets.store import PolicyBook, Tickets, tickets
from shared.commands.tickets import (
    AnswerTicket,
    MergeTickets,
    OpenTicket,
    ReplyTicket,
    ResolveTicket,
    SplitTicket,
)
from shared.documents import Documents
from shared.errors import Conflict, NotFound
from shared.events.base import rfc3339
from shared.events.tickets import Author, TicketCategory
from shared.mongo import Mongo
from tests.names import drawn

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
OPEN = OpenTicket(lead_id="ana", category=TicketCategory.COMPLAINT, subject="It smokes", text="a lot")


def at(when: datetime) -> Callable[[], datetime]:
    return lambda: when


@pytest.fixture
async def kept(mongo: Mongo) -> Tickets:
    own = tickets(mongo, 4)
    await mongo.start()
    return own


@pytest.fixture
def book(mongo: Mongo) -> PolicyBook:
    return PolicyBook(mongo)


async def told(kept: Tickets, id: str) -> list[str]:
    found = await kept.collection.find_one({"_id": id})
    return [fact["type"].split(".")[2] for fact in found["outbox"] if ".ticket." in fact["type"]]


async def test_an_answer_that_comes_too_late_opens_a_ticket_that_follows_and_later_ones_go_there(
    kept: Tickets, book: PolicyBook
) -> None:
    ticket = await desk.open(kept, book, OPEN, None, at(NOON))
    await desk.change(kept, book, ticket.id, ResolveTicket(), None, at(NOON))
    late, key = at(NOON + timedelta(days=30)), drawn()

    first = await desk.answer(kept, book, ticket.id, AnswerTicket(text="it smokes again"), key, late)
    again = await desk.answer(kept, book, ticket.id, AnswerTicket(text="it smokes again"), key, late)
    other = await desk.answer(kept, book, ticket.id, AnswerTicket(text="much"), None, late)

    assert first.ticket_id not in (ticket.id,)
    assert {first, again, other} == {first}
    new = await desk.get(kept, first.ticket_id)
    assert (new.follows, new.subject) == (ticket.id, "It smokes")
    assert [message.text for message in new.messages] == ["it smokes again", "much"]
    assert (await desk.get(kept, ticket.id)).status is Status.RESOLVED


async def test_an_answer_to_a_ticket_that_was_merged_goes_where_the_matter_goes_on(
    kept: Tickets, book: PolicyBook
) -> None:
    one, two = [await desk.open(kept, book, OPEN, None, at(NOON)) for _ in range(2)]
    merge = MergeTickets(absorb=two.id, expected_version=1)
    survivor = await desk.merge(kept, book, one.id, merge, "m", at(NOON))
    assert survivor.absorbed == (two.id,)
    assert await desk.merge(kept, book, one.id, merge, "m", at(NOON)) == survivor

    answered = await desk.answer(kept, book, two.id, AnswerTicket(text="hello?"), None, at(NOON))
    assert answered.ticket_id == one.id
    assert (await desk.get(kept, one.id)).messages[-1].text == "hello?"
    assert await told(kept, one.id) == ["opened", "absorbed", "replied"]
    assert await told(kept, two.id) == ["opened", "merged"]
    with pytest.raises(NotFound):
        await desk.merge(kept, book, one.id, MergeTickets(absorb="nobody"), None, at(NOON))


async def test_a_merge_that_was_cut_short_is_carried_on_when_it_is_sent_again(
    kept: Tickets, book: PolicyBook
) -> None:
    one, two = [await desk.open(kept, book, OPEN, None, at(NOON)) for _ in range(2)]
    merge, change = MergeTickets(absorb=two.id), kept.state_after

    async def dies(step: object, look: object = None) -> object:
        if step.id == one.id:  # type: ignore[attr-defined]
            raise ConnectionError
        return await change(step)  # type: ignore[arg-type]

    kept.state_after = dies  # type: ignore[assignment, method-assign]
    with pytest.raises(ConnectionError):
        await desk.merge(kept, book, one.id, merge, "m", at(NOON))
    kept.state_after = change  # type: ignore[method-assign]
    assert (await desk.get(kept, two.id)).merged_into == one.id

    assert (await desk.merge(kept, book, one.id, merge, "m", at(NOON))).absorbed == (two.id,)
    assert await told(kept, two.id) == ["opened", "merged"]


async def test_a_split_that_is_sent_again_opens_one_ticket(kept: Tickets, book: PolicyBook) -> None:
    ticket = await desk.open(kept, book, OPEN, None, at(NOON))
    split = SplitTicket(category=TicketCategory.QUESTION, subject="Which logs?", expected_version=1)

    new = await desk.split(kept, book, ticket.id, split, "s", at(NOON))
    assert await desk.split(kept, book, ticket.id, split, "s", at(NOON)) == new
    assert (new.follows, new.lead_id) == (ticket.id, "ana")
    assert (await desk.get(kept, ticket.id)).split_off == (new.id,)
    assert await told(kept, ticket.id) == ["opened", "split"]
    with pytest.raises(Conflict, match="split it just now"):
        await desk.split(kept, book, ticket.id, split, None, at(NOON))


async def test_of_two_agents_who_answer_at_once_one_is_told_of_the_other(
    kept: Tickets, book: PolicyBook
) -> None:
    ticket = await desk.open(kept, book, OPEN, None, at(NOON))
    reply = ReplyTicket(author=Author.AGENT, text="We come.", rep="marta", expected_version=ticket.version)
    await desk.change(kept, book, ticket.id, reply, "one", at(NOON + timedelta(minutes=1)))

    with pytest.raises(Conflict, match="meanwhile marta replied a minute ago; look again"):
        await desk.change(
            kept,
            book,
            ticket.id,
            reply.model_copy(update={"rep": "leo"}),
            "two",
            at(NOON + timedelta(minutes=2)),
        )
    await desk.change(
        kept, book, ticket.id, reply, "one", at(NOON + timedelta(minutes=3))
    )  # a repeat is none
    assert [message.text for message in (await desk.get(kept, ticket.id)).messages] == ["a lot", "We come."]


async def test_time_closes_what_was_resolved_long_enough_ago(kept: Tickets, book: PolicyBook) -> None:
    ticket = await desk.open(kept, book, OPEN, None, at(NOON))
    await desk.change(kept, book, ticket.id, ResolveTicket(), None, at(NOON))
    assert await desk.timers(kept, book, at(NOON + timedelta(days=6))).fire() == 0
    assert await desk.timers(kept, book, at(NOON + timedelta(days=8))).fire() == 1
    assert await desk.timers(kept, book, at(NOON + timedelta(days=9))).fire() == 0

    closed = await desk.get(kept, ticket.id)
    assert (closed.status, closed.closed_at) == (Status.CLOSED, NOON + timedelta(days=7))


async def test_deadlines_that_passed_while_nobody_looked_are_told_once_by_whoever_looks(
    kept: Tickets, book: PolicyBook
) -> None:
    opened = [NOON + timedelta(minutes=number) for number in range(130)]
    ids = [(await desk.open(kept, book, OPEN, None, at(when))).id for when in opened]
    later = at(NOON + timedelta(hours=25))
    lookers = [desk.timers(Documents(kept.collection, Ticket), book, later) for _ in range(2)]

    await asyncio.gather(*(looker.fire() for looker in lookers))

    for id, when in zip(ids, opened, strict=True):
        found = await kept.collection.find_one({"_id": id})
        breached = [fact["time"] for fact in found["outbox"] if fact["type"] == "ascua.sla.breached.v1"]
        due = when + timedelta(hours=24)
        assert breached == ([rfc3339(due)] if due <= later() else [])
    assert await lookers[0].fire() == 0


async def test_a_thread_is_read_in_pages_wherever_its_messages_are(kept: Tickets, book: PolicyBook) -> None:
    ticket = await desk.open(kept, book, OPEN, None, at(NOON))
    for number in range(100):
        reply = ReplyTicket(author=Author.AGENT, text=f"word {number}", rep="marta")
        await desk.change(kept, book, ticket.id, reply, None, at(NOON + timedelta(minutes=number)))
    now = await desk.get(kept, ticket.id)
    assert len(now.messages) < 10
    assert len(now.history) <= 66
    assert now.version == 101

    found, before = [], None
    while before != 0:
        page = await desk.messages(kept, ticket.id, before, 7)
        assert page.count == 101
        found, before = [message.text for message in page.messages] + found, page.first
    assert found == ["a lot", *(f"word {number}" for number in range(100))]
