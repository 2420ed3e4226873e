"""Policies that are published: open clocks follow them, ended ones stay, and long threads are reckoned whole."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from services.tickets import handlers as desk
from services.tickets import publications
from services.tickets.store import PolicyBook, Tickets, tickets
from shared.commands.tickets import (
    AnswerTicket,
    OpenTicket,
    PublishPolicies,
    ReplyTicket,
    ResolveTicket,
    WaitTicket,
)
from shared.errors import Conflict, Refused
from shared.events.tickets import Author, SlaClock, TicketCategory
from shared.mongo import Mongo
from tests.tickets.sla.desk import OFFICE, at

OPEN = OpenTicket(lead_id="ana", category=TicketCategory.QUESTION, subject="?")


def clock(when: datetime) -> Callable[[], datetime]:
    return lambda: when


@pytest.fixture
async def kept(mongo: Mongo) -> Tickets:
    own = tickets(mongo)
    await mongo.start()
    return own


@pytest.fixture
def book(mongo: Mongo) -> PolicyBook:
    return PolicyBook(mongo)


async def test_open_clocks_follow_what_is_published_and_ended_ones_only_if_one_asks(
    kept: Tickets, book: PolicyBook
) -> None:
    await publications.publish(kept, book, PublishPolicies(text=OFFICE), clock(at(2, 8)))
    one, two = [await desk.open(kept, book, OPEN, None, clock(at(2, 9))) for _ in range(2)]
    await desk.change(kept, book, two.id, ResolveTicket(), None, clock(at(2, 17)))
    other = PublishPolicies(text=OFFICE.replace("16h", "4h"))

    seen = await publications.preview(kept, book, other, clock(at(2, 18)))
    assert (seen.changed, seen.stayed) == (1, 1)  # the first response was missed, and is
    done = await publications.publish(kept, book, other, clock(at(2, 18)))
    assert done == seen
    (resolution,) = (
        each for each in (await desk.get(kept, one.id)).sla.promises if each.clock is SlaClock.RESOLUTION
    )
    assert resolution.due_at == at(2, 13)
    (frozen,) = (
        each for each in (await desk.get(kept, two.id)).sla.ended if each.clock is SlaClock.RESOLUTION
    )
    assert frozen.met

    everything = other.model_copy(update={"closed_too": True})
    effect = await publications.publish(kept, book, everything, clock(at(2, 18)))
    assert (effect.changed, effect.missed) == (1, 1)
    (anew,) = (each for each in (await desk.get(kept, two.id)).sla.ended if each.clock is SlaClock.RESOLUTION)
    assert (anew.met, anew.due_at) == (False, at(2, 13))
    with pytest.raises(Conflict, match="meanwhile it would change 0 clocks"):
        await publications.publish(
            kept,
            book,
            PublishPolicies.model_validate({"text": other.text, "expect": {"changed": 3}}),
            clock(at(2, 18)),
        )
    found = await book.publications.collection.find_one({"_id": "sla"})
    assert [fact["data"]["changed"] for fact in found["outbox"]] == [0, 1, 1]


async def test_a_thread_that_is_long_is_reckoned_from_its_whole_history(
    kept: Tickets, book: PolicyBook
) -> None:
    await publications.publish(kept, book, PublishPolicies(text=OFFICE), clock(at(2, 8)))
    ticket = await desk.open(kept, book, OPEN, None, clock(at(2, 9)))
    when = at(2, 9)
    for number in range(150):
        when += timedelta(minutes=1)
        waits = WaitTicket(waits_for="us" if number % 2 else "third_party")
        await desk.change(kept, book, ticket.id, waits, None, clock(when))
        if number % 50 == 49:
            reply = ReplyTicket(author=Author.AGENT, text="!")
            await desk.change(kept, book, ticket.id, reply, None, clock(when))
            await desk.answer(kept, book, ticket.id, AnswerTicket(text="?"), None, clock(when))
        await kept.collection.update_one({"_id": ticket.id}, {"$set": {"outbox": []}})
    now = await desk.get(kept, ticket.id)
    assert (now.version, len(now.history) <= 66, now.sla.seal is not None) == (157, True, True)

    others = OFFICE.replace("[waiting_for_customer]", "[waiting_for_third_party]")
    await publications.publish(kept, book, PublishPolicies(text=others), clock(when))
    (resolution,) = (
        each for each in (await desk.get(kept, ticket.id)).sla.promises if each.clock is SlaClock.RESOLUTION
    )
    assert resolution.due_at == at(4, 10, 15)  # 75 of the 150 minutes were none

    why = await publications.explanation(kept, book, ticket.id, when)
    (explained,) = (each for each in why.clocks if each.clock is SlaClock.RESOLUTION)
    assert (explained.business_seconds, explained.due_at) == (75 * 60, at(4, 10, 15))
    assert {each.why for each in explained.spans} == {None, "waiting_for_third_party"}
    assert len(explained.spans) == 150
    past = await publications.explanation(kept, book, ticket.id, at(2, 9, 30))
    assert [each.clock for each in past.clocks] == [SlaClock.FIRST_RESPONSE, SlaClock.RESOLUTION]


async def test_policies_that_cannot_be_read_are_refused_with_their_line(
    kept: Tickets, book: PolicyBook
) -> None:
    for wrong, why in (
        (OFFICE.replace("2h", "2d"), "policies, line 7: 2d is not open time"),
        (OFFICE.replace("50%", "120%"), "line 11: a warning comes before the target"),
        (
            OFFICE.replace("calendar: office", "calendar: shop"),
            "line 6: there is no calendar shop; there are office",
        ),
        (
            OFFICE + "  late: {calendar: office, resolution: 1h}",
            "line 13: all fits all: what follows it is never",
        ),
        (OFFICE.replace("[waiting_for_customer]", "[lunch]"), "line 10: there is no state that pauses lunch"),
    ):
        with pytest.raises(Refused, match=why):
            await publications.preview(kept, book, PublishPolicies(text=wrong), clock(at(2, 9)))
