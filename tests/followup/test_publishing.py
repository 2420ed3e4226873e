"""Playbooks that are published while something else happens: nobody is put under older ones again."""

from __future__ import annotations

from datetime import UTC, datetime

from services.followup import handlers, publications, reactions
from services.followup.domain.model import FollowUp
from services.followup.store import PublishedPlaybooks, followups
from shared.bus.received import Received
from shared.commands.followup import (
    ActivityOutcome,
    LeadActivity,
    LogActivities,
    LogActivity,
    PublishPlaybooks,
)
from shared.documents import Documents, Step
from shared.events.base import Recorded
from shared.events.followup import ActivityKind
from shared.events.leads import Channel, LeadCaptured
from shared.mongo import Mongo
from tests.followup.books import TEXT
from tests.names import drawn

NOON = datetime(2026, 3, 2, 11, tzinfo=UTC)
OTHER = TEXT.replace("first_call: {do: call, after: 5m", "first_call: {do: call, after: 6m")


def clock() -> datetime:
    return NOON


async def heard(own: Documents[FollowUp], books: PublishedPlaybooks, lead: str) -> None:
    event = LeadCaptured(lead_id=lead, at=NOON, channel=Channel.WEB)
    record = Recorded(drawn(), event, NOON, 1, event.aggregate)
    assert await reactions.follow(own, books, [Received(record, "leads", 0, 0)]) == [None]


async def test_a_decision_that_was_overtaken_by_a_publication_is_made_under_what_is_in_force(
    mongo: Mongo,
) -> None:
    own, others, mine, theirs, lead = (
        followups(mongo),
        followups(mongo),
        PublishedPlaybooks(mongo),
        PublishedPlaybooks(mongo),
        drawn(),
    )
    await mongo.start()
    await publications.publish(own, mine, PublishPlaybooks(text=TEXT), clock)
    await own.change(Step(lead, lambda _: (FollowUp(lead), ())))
    overtaken = False
    save = own._save

    async def overtaking(documents: list[object]) -> object:
        """Between this one's decision and its write others publish, and the lead enters a playbook of theirs."""
        nonlocal overtaken
        if not overtaken:
            overtaken = True
            await publications.publish(others, theirs, PublishPlaybooks(text=OTHER), clock)
            await heard(others, theirs, lead)
        return await save(documents)  # type: ignore[arg-type]

    own._save = overtaking  # type: ignore[assignment, method-assign]
    note = LogActivity(kind=ActivityKind.NOTE, note="asks again in spring")
    await handlers.log(own, mine, lead, note, None, clock)

    assert overtaken
    found = await own.collection.find_one({"_id": lead})
    told = [fact["type"] for fact in found["outbox"]]
    assert told[-1] == "ascua.activity.logged.v1"
    assert "ascua.cadence.stopped.v1" not in told
    followup = await handlers.get(own, lead)
    assert followup.place is not None
    assert followup.place.digest == (await theirs.current()).playbooks["web"].digest


async def test_of_many_activities_the_one_with_an_impossible_time_is_refused_alone(mongo: Mongo) -> None:
    own, books, lead = followups(mongo), PublishedPlaybooks(mongo), drawn()
    await mongo.start()
    times: list[datetime | None] = [None, datetime.fromisoformat("0001-01-01T00:00:00+14:00"), NOON]
    calls = [LeadActivity(lead_id=lead, kind=ActivityKind.CALL, at=at) for at in times]

    done = await handlers.log_many(own, books, LogActivities(activities=calls), None, clock)

    assert [(each.outcome, each.error) for each in done.outcomes] == [
        ("logged", None), ("refused", "time-out-of-range"), ("logged", None),
    ]  # fmt: skip


async def test_many_activities_under_the_longest_key_are_logged_once(mongo: Mongo) -> None:
    own, books, lead = followups(mongo), PublishedPlaybooks(mongo), drawn()
    await mongo.start()
    calls = [LeadActivity(lead_id=lead, kind=ActivityKind.CALL) for _ in range(500)]

    async def log(key: str | None, some: list[LeadActivity]) -> list[ActivityOutcome]:
        return (await handlers.log_many(own, books, LogActivities(activities=some), key, clock)).outcomes

    for outcome in ("logged", "known", "known"):
        assert {each.outcome for each in await log("k" * 128, calls)} == {outcome}
    keyed = [call.model_copy(update={"key": f"{'k' * 128}.{n}"}) for n, call in enumerate(calls)]
    valid = LogActivities.model_validate_json(LogActivities(activities=keyed).model_dump_json()).activities
    assert {each.outcome for each in await log(None, valid)} == {"known"}  # as the gateway passes them on
