"""A document is bounded whatever happens to it, nothing of its history is lost, and others are served as before."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import bson
import pytest

from services.followup import handlers, reactions
from services.followup.domain.model import Enrolment, FollowUp
from services.followup.store import PublishedPlaybooks, followups, of_playbook
from services.gateway.boards.heat.standing import placed
from services.gateway.views.projector import project
from services.gateway.views.store import Views
from services.gateway.views.view import LeadView
from services.scoring.ledger import Entry, Ledger
from services.tickets import handlers as desk
from services.tickets.store import PolicyBook, tickets
from shared.applied_once import MARKS_KEPT, Key, Seen
from shared.bus.received import Received
from shared.commands.followup import (
    LeadActivity,
    LogActivities,
)
from shared.commands.tickets import (
    OpenTicket,
    ReplyTicket,
)
from shared.documents import Decision, Documents, Step
from shared.errors import Refused
from shared.events.base import Event, Recorded
from shared.events.followup import ActivityKind
from shared.events.leads import Channel, LeadCaptured
from shared.events.tickets import Author, Priority, TicketCategory, TicketOpened, TicketResolved
from shared.mongo import Mongo
from tests.names import drawn
from tests.shared.kit import Diary, diaries
from tests.shared.test_documents import says

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
KEPT = 4
LARGEST = 16 * 1024 * 1024


async def size(documents: Documents[object], id: str) -> int:
    return len(bson.encode(await documents.collection.find_one({"_id": id})))


def clock() -> Callable[[], datetime]:
    """Every look is a second later."""
    ticks = iter(range(10**9))
    return lambda: NOON + timedelta(seconds=next(ticks))


async def test_a_lead_with_a_long_history_stays_small_and_keeps_every_note(mongo: Mongo) -> None:
    own, books, now = followups(mongo, KEPT), PublishedPlaybooks(mongo), clock()
    await mongo.start()
    lead, notes, sizes = drawn(), {}, []
    for page in range(40):
        texts = [f"{page}.{number} " + "x" * 9_900 for number in range(50)]
        calls = [LeadActivity(lead_id=lead, kind=ActivityKind.CALL, note=text) for text in texts]
        logged = await handlers.log_many(own, books, LogActivities(activities=calls), None, now)
        assert {each.outcome for each in logged.outcomes} == {"logged"}
        notes |= {each.activity_id: text for each, text in zip(logged.outcomes, texts, strict=True)}
        await own.collection.update_one({"_id": lead}, {"$set": {"outbox": []}})  # as a relay does
        sizes.append(await size(own, lead))

    assert sum(map(len, notes.values())) > LARGEST
    assert max(sizes[2:]) < 1.2 * sizes[1]
    followup = await handlers.get(own, lead)
    assert len(followup.activities) == KEPT + 50
    assert await handlers.notes(own, lead, list(notes)) == notes


async def test_a_long_talk_stays_small_and_every_word_is_found(mongo: Mongo) -> None:
    own, policies, now = tickets(mongo, KEPT), PolicyBook(mongo), clock()
    await mongo.start()
    opened = OpenTicket(lead_id="ana", category=TicketCategory.QUESTION, subject="It smokes", text="word -1")
    ticket = await desk.open(own, policies, opened, None, now)
    for number in range(120):
        said = ReplyTicket(author=Author.AGENT, text=f"word {number}")
        ticket = await desk.change(own, policies, ticket.id, said, None, now)
        await own.collection.update_one({"_id": ticket.id}, {"$set": {"outbox": []}})

    assert ticket.earlier + len(ticket.messages) == 121
    assert len(ticket.messages) <= 2 * KEPT + 1
    moments = [NOON + timedelta(seconds=second) for second in range(122)]
    words = await desk.words(own, [(ticket.id, at) for at in moments])
    assert words == [f"word {number}" for number in range(-1, 120)] + ["It smokes"]
    assert await desk.words(own, [("nobody's", NOON)]) == [None]


async def test_what_has_left_is_written_before_and_once_whoever_loses_the_race(mongo: Mongo) -> None:
    """Many writers of one lead, each packing what it finds: every note is kept, in one place at least."""
    stores = [followups(mongo, KEPT) for _ in range(3)]
    books, now = PublishedPlaybooks(mongo), clock()
    await mongo.start()
    lead = drawn()

    async def write(number: int) -> dict[str, str]:
        notes = {}
        for page in range(12):
            word = f"{number}.{page}"
            call = LeadActivity(lead_id=lead, kind=ActivityKind.CALL, note=word, key=word)
            calls, outcome = LogActivities(activities=[call]), None
            while outcome is None or outcome.error == "too-much-at-once":
                (outcome,) = (await handlers.log_many(stores[number % 3], books, calls, None, now)).outcomes
            assert outcome.activity_id is not None
            notes[outcome.activity_id] = word
        return notes

    notes = {id: note for some in await asyncio.gather(*map(write, range(6))) for id, note in some.items()}
    assert len(notes) == 72
    assert await handlers.notes(stores[0], lead, list(notes)) == notes
    followup = await handlers.get(stores[0], lead)
    assert len(followup.activities) <= 2 * KEPT + 1


async def test_a_document_of_before_is_packed_by_its_next_change(mongo: Mongo) -> None:
    before, own, books, now = (
        followups(mongo, 10**6),
        followups(mongo, KEPT),
        PublishedPlaybooks(mongo),
        clock(),
    )
    await mongo.start()
    lead = drawn()
    calls = [LeadActivity(lead_id=lead, kind=ActivityKind.CALL, note=f"call {n}") for n in range(200)]
    logged = await handlers.log_many(before, books, LogActivities(activities=calls), None, now)
    fat = await size(before, lead)

    note = LeadActivity(lead_id=lead, kind=ActivityKind.NOTE, note="and that")
    await handlers.log_many(own, books, LogActivities(activities=[note]), None, now)

    ids = [str(each.activity_id) for each in logged.outcomes]
    assert await handlers.notes(own, lead, ids) == {id: f"call {n}" for n, id in enumerate(ids)}
    followup = await handlers.get(own, lead)
    assert len(followup.activities) == KEPT + 1
    assert await size(own, lead) < fat


async def test_an_experiment_counts_the_ways_that_have_left(mongo: Mongo) -> None:
    own, lead = followups(mongo, KEPT), drawn()
    await mongo.start()
    runs = [
        Enrolment(playbook, NOON + timedelta(days=day), "a", ended_at=NOON + timedelta(days=day, hours=1))
        for day in range(40)
        for playbook in ("web", "store" if day == 0 else "web2")
    ]
    await own.change(Step(lead, lambda _: (FollowUp(lead, runs=tuple(runs)), ())))
    await own.change(Step(lead, lambda state: (state or FollowUp(lead), ())))

    (kept,) = (await own.get_many([lead])).values()
    assert len(kept.runs) == KEPT + 3  # of each playbook the last stays
    assert {run.playbook for run in kept.runs} == {"web", "web2", "store"}
    (whole,) = await of_playbook(own, "web")
    assert sum(run.playbook == "web" for run in whole.runs) == 40


async def test_marks_leave_and_are_known_for_ever(mongo: Mongo) -> None:
    own, id = followups(mongo), drawn()
    await mongo.start()
    count = 4 * MARKS_KEPT

    def keep(followup: FollowUp | None) -> Decision[FollowUp]:
        return followup or FollowUp(id), ()

    guards = [Seen(f"ticket:{number}", 1) for number in range(count)]
    keys = [Key(f"key {number}", "one") for number in range(count)]
    for at in range(0, count, 10):
        some = (*guards[at : at + 10], *keys[at : at + 10])
        assert {each.kind for each in await own.apply([Step(id, keep, guard) for guard in some])} == {
            "applied"
        }

    found = await own.collection.find_one({"_id": id})
    assert len(found["seen"]) <= 2 * MARKS_KEPT + 10
    assert len(found["answers"]) <= 2 * MARKS_KEPT + 10
    known = await own.apply([Step(id, keep, guard) for guard in (*guards, *keys)])
    assert {each.kind for each in known} == {"known"}
    reused, gap, following = await own.apply(
        [
            Step(id, keep, Key("key 0", "another")),
            Step(id, keep, Seen("ticket:0", 3)),
            Step(id, keep, Seen("ticket:0", 2)),
        ]
    )
    assert (reused.error and reused.error.slug, gap.error and gap.error.slug) == (
        "idempotency-key-reused", "sequence-gap",
    )  # fmt: skip
    assert following.kind == "applied"
    for _ in range(3):  # it leaves again, with what it has come to
        await own.apply([Step(id, keep, Seen(f"ticket:{drawn()}", 1)) for _ in range(count)])
    assert (await own.change(Step(id, keep, Seen("ticket:0", 2)))).kind == "known"


async def test_a_view_lists_the_last_open_tickets_and_counts_the_others(mongo: Mongo) -> None:
    views, lead = Views(mongo), drawn()
    await mongo.start()

    async def hear(*events: Event) -> None:
        sequences = {TicketOpened: 1, TicketResolved: 2}
        batch = [
            Received(Recorded(drawn(), event, NOON, sequences[type(event)], event.aggregate), "tickets", 0, n)
            for n, event in enumerate(events)
        ]
        assert await project(views, None, placed, lambda: NOON, batch) == [None] * len(batch)  # type: ignore[arg-type]

    await hear(
        *(
            TicketOpened(
                lead_id=lead,
                at=NOON,
                ticket_id=f"t{n}",
                category=TicketCategory.QUESTION,
                priority=Priority.LOW,
            )
            for n in range(500)
        )
    )
    view = (await views.get(lead)) or LeadView(lead)
    assert (len(view.tickets), view.open_tickets, view.tickets[-1].id) == (32, 500, "t499")
    await hear(
        *(TicketResolved(lead_id=lead, at=NOON, ticket_id=f"t{n}", resolution="solved") for n in range(499))
    )
    view = (await views.get(lead)) or LeadView(lead)
    assert ([each.id for each in view.tickets], view.open_tickets) == (["t499"], 1)
    assert await size(views, lead) < 20_000


async def test_what_the_store_does_not_take_is_refused_alone(mongo: Mongo) -> None:
    own, huge = diaries(mongo), "y" * 17_000_000
    await own.change(says("leo", "one"))

    outcomes = await own.apply(
        [
            says("ana", "one"),
            says("fat", huge),
            says("huge", huge),
            says("leo", "two"),
            says("fat", "small"),
            says("half", "half a pair \ud800"),
        ]
    )

    assert [each.error and each.error.slug for each in outcomes] == [
        None, "too-large", "too-large", None, None, "not-storable",
    ]  # fmt: skip
    assert all(isinstance(each.error, Refused | None) for each in outcomes)
    assert await own.get_many(["ana", "leo", "fat", "huge", "half"]) == {
        "ana": Diary("ana", ("one",)),
        "leo": Diary("leo", ("one", "two")),
        "fat": Diary("fat", ("small",)),
    }
    assert "yyy" not in repr([each.error for each in outcomes])


async def test_a_document_waits_while_the_log_takes_nothing(mongo: Mongo) -> None:
    own, books, now = followups(mongo), PublishedPlaybooks(mongo), clock()
    await mongo.start()
    lead = drawn()
    calls = [LeadActivity(lead_id=lead, kind=ActivityKind.NOTE, note="n") for _ in range(500)]
    outcomes = [
        outcome
        for _ in range(5)
        for outcome in (
            await handlers.log_many(own, books, LogActivities(activities=calls), None, now)
        ).outcomes
    ]

    assert [each.error for each in outcomes] == [None] * 1_000 + ["log-behind"] * 1_500
    await own.collection.update_one({"_id": lead}, {"$set": {"outbox": []}})
    (again,) = (await handlers.log_many(own, books, LogActivities(activities=calls[:1]), None, now)).outcomes
    assert again.outcome == "logged"


async def test_other_leads_are_served_while_one_cannot_be_kept(mongo: Mongo) -> None:
    own, books = followups(mongo), PublishedPlaybooks(mongo)
    await mongo.start()
    fat, others = drawn("fat"), [drawn() for _ in range(20)]
    await own.change(Step(fat, lambda _: (FollowUp(fat, complaints=("x" * 16_776_500,)), ())))
    batch = []
    for number, lead in enumerate([*others[:10], fat, *others[10:]]):
        event = LeadCaptured(lead_id=lead, at=NOON, channel=Channel.WEB)
        batch.append(Received(Recorded(drawn(), event, NOON, 1, event.aggregate), "leads", 0, number))

    errors = await reactions.follow(own, books, batch)

    assert [error.slug for error in errors if error is not None] == ["too-large"]
    kept = await own.get_many(others)
    assert all(kept[lead].step is not None for lead in others)


async def test_an_entry_that_the_ledger_cannot_keep_is_refused_and_those_it_has_are_no_error(
    mongo: Mongo,
) -> None:
    ledger = Ledger(mongo)
    await mongo.start()

    def entry(id: str, word: str = "pricing") -> Entry:
        data = {"attributes": {"page": word}}
        return Entry("ana", id, "s.v1", "page_viewed", 1, 2, None, None, "signals", 0, 0, data)

    await ledger.add([entry("one"), entry("two")])
    await ledger.add([entry("two"), entry("three")])
    for word, slug in (("x" * 17_000_000, "too-large"), ("\ud800", "not-storable")):
        with pytest.raises(Refused) as refused:
            await ledger.add([entry("bad", word)])
        assert refused.value.slug == slug

    assert {each.event_id async for portion in ledger.upwards(["ana"], 1) for each in portion} == {
        "one",
        "two",
        "three",
    }
