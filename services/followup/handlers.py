"""What followup does when asked, and when a step comes due."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from services.followup import store
from services.followup.domain import assignment, decisions
from services.followup.domain import playbook_change as transition
from services.followup.domain.model import Decision, FollowUp
from services.followup.domain.playbooks import Playbooks
from services.followup.store import FollowUps, PublishedPlaybooks
from shared import business_time
from shared.applied_once import idempotency
from shared.clock import Clock, clamp, new_id
from shared.commands.base import Command
from shared.commands.followup import (
    ActivityOutcome,
    ActivityOutcomes,
    AssignLead,
    LogActivities,
    LogActivity,
    PlanStep,
    Worked,
    WorkedBeyond,
    WorkedSpans,
)
from shared.commands.import_rows import Activity, HistoryRow, HistoryRows, Person, RowOutcomes
from shared.documents import Outcome, Step
from shared.errors import NotFound, Refused
from shared.events.base import Event
from shared.ids import derived_id
from shared.import_rows import take_history
from shared.timers import DocumentTimers

_DECISIONS: dict[type[Command], Callable[..., Decision]] = {
    PlanStep: decisions.plan,
    AssignLead: assignment.assign,
}


async def log(
    followups: FollowUps,
    books: PublishedPlaybooks,
    lead_id: str,
    command: LogActivity,
    key: str | None,
    clock: Clock,
) -> str:
    """Log an activity and return its id. A lead not heard of yet is accepted: its capture is on the way."""
    activity_id, step = _activity(lead_id, command, key, clock(), books)
    await followups.change(step, books.look)
    return activity_id


async def log_many(
    followups: FollowUps, books: PublishedPlaybooks, command: LogActivities, key: str | None, clock: Clock
) -> ActivityOutcomes:
    """Log activities, each on its own: one that is refused does not keep the others."""
    now = clock()
    made = []
    for number, each in enumerate(command.activities):
        own = each.key or (f"{key}.{number}" if key else None)
        plain = LogActivity.model_validate(each.model_dump(exclude={"lead_id", "key"}))
        made.append(_activity(each.lead_id, plain, own, now, books))
    outcomes = await followups.apply([step for _, step in made], books.look)
    return ActivityOutcomes(
        outcomes=[
            _of_activity(each.lead_id, activity_id, outcome)
            for each, (activity_id, _), outcome in zip(command.activities, made, outcomes, strict=True)
        ]
    )


async def change(
    followups: FollowUps,
    books: PublishedPlaybooks,
    lead_id: str,
    command: Command,
    key: str | None,
    clock: Clock,
) -> FollowUp:
    """Carry out a command on the follow-up of a lead that was heard of."""
    decide, now = _DECISIONS[type(command)], clock()
    step = Step(
        lead_id,
        under_playbooks(lambda followup, book: decide(followup, command, now, book), now, books),
        idempotency(key, command),
    )
    return await followups.state_after(step, books.look)


async def get(followups: FollowUps, lead_id: str) -> FollowUp:
    followup = await followups.get(lead_id)
    if followup is None:
        raise NotFound("followup-not-found", f"nothing was done for lead {lead_id} yet")
    return followup


async def notes(followups: FollowUps, lead_id: str, activity_ids: Sequence[str]) -> dict[str, str]:
    """What was written about activities of a lead, of those that have a note."""
    return await store.notes(followups, lead_id, activity_ids)


async def take_rows(
    followups: FollowUps, books: PublishedPlaybooks, piece: HistoryRows, clock: Clock
) -> RowOutcomes:
    """Take the rows of an import that are activities."""

    def decide(row: HistoryRow) -> Callable[[FollowUp | None], Decision]:
        now = clock()
        if isinstance(row.what, Person):
            return _bring_in(row.lead_id, row.what, clamp(row.at, now), now, books)
        if not isinstance(row.what, Activity):
            raise Refused("not-for-followup", f"followup does not take {row.what.action}")
        activity_id = derived_id("activity", piece.import_id, str(row.row))
        return _log(row.lead_id, activity_id, row.what, row.at, now, books)

    return await take_history(followups, piece, decide, books.look)


def timers(followups: FollowUps, books: PublishedPlaybooks, clock: Clock) -> DocumentTimers[FollowUp]:
    """Tells of each step what has come due."""

    def fire(now: datetime) -> Callable[[FollowUp | None], Decision]:
        return under_playbooks(lambda state, book: decisions.fire(known(state), now, book), now, books)

    return DocumentTimers(followups, "timer", fire, clock, books.look)


async def worked(books: PublishedPlaybooks, asked: WorkedSpans) -> Worked:
    """Business time by the hours of each rep in the playbooks in force."""
    book = await books.current()

    def reckon() -> Worked:
        seconds = [
            business_time.between(book.rep(span.rep).calendar, span.start, span.end).total_seconds()
            for span in asked.spans
        ]
        return Worked(playbooks=book.version, seconds=seconds, instants=list(map(passed, asked.beyond)))

    def passed(beyond: WorkedBeyond) -> datetime | None:
        longer = timedelta(seconds=beyond.seconds, milliseconds=1)  # instants are whole milliseconds
        try:
            return business_time.add(book.rep(beyond.rep).calendar, beyond.start, longer)
        except (business_time.NeverOpen, OverflowError):
            return None

    return await asyncio.to_thread(reckon)


def under_playbooks(
    decide: Callable[[FollowUp | None, Playbooks], Decision], at: datetime, books: PublishedPlaybooks
) -> Callable[[FollowUp | None], Decision]:
    """A decision on a document, brought under the playbooks in force."""

    def decided(state: FollowUp | None) -> Decision:
        book = books.now  # after the look that follows the loading of the document
        return decide(None, book) if state is None else transition.brought_up(state, at, book, decide)

    return decided


def _activity(
    lead_id: str, command: LogActivity, key: str | None, now: datetime, books: PublishedPlaybooks
) -> tuple[str, Step[FollowUp]]:
    activity_id = derived_id("activity", lead_id, key) if key else new_id()
    decide = _log(lead_id, activity_id, command, command.at or now, now, books)
    return activity_id, Step(lead_id, decide, idempotency(key, command))


def _log(
    lead_id: str,
    activity_id: str,
    command: LogActivity,
    happened: datetime,
    now: datetime,
    books: PublishedPlaybooks,
) -> Callable[[FollowUp | None], Decision]:
    def decide(state: FollowUp | None, book: Playbooks) -> Decision:
        at = clamp(happened, now)
        count_from = decisions.counted_from(at, now)
        return decisions.log(state or FollowUp(lead_id), activity_id, command, at, count_from, book)

    return under_playbooks(decide, now, books)


def _bring_in(
    lead_id: str, person: Person, at: datetime, now: datetime, books: PublishedPlaybooks
) -> Callable[[FollowUp | None], Decision]:
    """What another program knows of the follow-up of a lead: whose it is, and what was done last."""

    def decide(state: FollowUp | None, book: Playbooks) -> Decision:
        followup, facts = state or FollowUp(lead_id), list[Event]()
        if person.owner is not None:
            followup, facts = assignment.bring_in(followup, person.owner, at, book)
        if (last := person.last_activity) is None:
            return followup, facts
        activity = LogActivity(kind=last.kind, result=last.result, rep=person.owner)
        activity_id = derived_id("activity", "people", lead_id)
        followup, logged = _log(lead_id, activity_id, activity, last.at, now, books)(followup)
        return followup, facts + logged

    return under_playbooks(decide, now, books)


def _of_activity(lead_id: str, activity_id: str, outcome: Outcome[FollowUp]) -> ActivityOutcome:
    if outcome.error is not None:
        return ActivityOutcome(
            lead_id=lead_id, outcome="refused", error=outcome.error.slug, reason=outcome.error.sentence
        )
    kind = "known" if outcome.kind == "known" else "logged"
    return ActivityOutcome(lead_id=lead_id, outcome=kind, activity_id=activity_id)


def known(state: FollowUp | None) -> FollowUp:
    if state is None:
        raise NotFound("followup-not-found", "there is no such follow-up")
    return state
