"""What followup does when asked, when leads, tickets and signals tell something, and when a step comes due."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from services.followup import store
from services.followup.domain import followup as domain
from services.followup.domain.experiments import Trial, trial
from services.followup.domain.followup import FollowUp, Told
from services.followup.domain.playbook_parser import read
from services.followup.domain.playbooks import UNSUBSCRIBED, Book
from services.followup.store import SHELF, Books, Edition, FollowUps, Shelf
from shared import business_time
from shared.bus import Received
from shared.clock import Clock, clamp, new_id
from shared.commands import (
    Activity,
    ActivityOutcome,
    ActivityOutcomes,
    AssignLead,
    HistoryRow,
    HistoryRows,
    LogActivities,
    LogActivity,
    Person,
    PlanStep,
    PublishPlaybooks,
    RowOutcomes,
    Worked,
    WorkedBeyond,
    WorkedSpans,
    derived_id,
    idempotency,
)
from shared.documents import Decision, Outcome, Step
from shared.errors import AscuaError, Conflict, NotFound, Refused, Unavailable
from shared.events.base import HISTORY_AFTER, Event, Recorded
from shared.events.followup import PlaybooksPublished
from shared.events.leads import (
    LeadCaptured,
    LeadLost,
    LeadOffered,
    LeadQualified,
    LeadsMerged,
    LeadSplit,
    LeadStageChanged,
    LeadWon,
    Stage,
)
from shared.events.signals import SignalReceived
from shared.events.tickets import Author, TicketCategory, TicketOpened, TicketReplied, TicketResolved
from shared.history import take_history
from shared.reactions import Reactions

FIRED_AT_ONCE = 100  # the first of a portion waits for its last
MOVED_AT_ONCE = 500


def reactions(in_force: Callable[[], Book]) -> Reactions[FollowUp]:
    """How a follow-up follows events under the playbooks in force."""
    following: Reactions[FollowUp] = Reactions(begin=FollowUp)

    @following.on(LeadCaptured)
    def captured(followup: FollowUp, event: Recorded[LeadCaptured]) -> Decision[FollowUp]:
        count_from = _count_from(event.event.at, event.recorded_at)
        return domain.captured(followup, event.event, count_from, in_force())

    @following.on(LeadWon)
    def won(followup: FollowUp, event: Recorded[LeadWon]) -> Decision[FollowUp]:
        return _up(
            followup,
            event,
            in_force,
            lambda now, book: domain.close(now, "won", "won", event.event.at, event.is_history, book),
        )

    @following.on(LeadLost)
    def lost(followup: FollowUp, event: Recorded[LeadLost]) -> Decision[FollowUp]:
        told = event.event
        return _up(
            followup,
            event,
            in_force,
            lambda now, book: domain.close(now, "lost", told.reason, told.at, event.is_history, book),
        )

    @following.on(LeadsMerged)
    def merged(followup: FollowUp, event: Recorded[LeadsMerged]) -> Decision[FollowUp]:
        if event.event.survivor is None:
            return followup, ()
        return _up(followup, event, in_force, lambda now, book: domain.absorb(now, event.event.at, book))

    @following.on(LeadSplit)
    def split(followup: FollowUp, event: Recorded[LeadSplit]) -> Decision[FollowUp]:
        if event.event.survivor is None:
            return followup, ()
        return _up(followup, event, in_force, lambda now, book: domain.release(now, event.event.at, book))

    @following.on(LeadQualified)
    def qualified(followup: FollowUp, event: Recorded[LeadQualified]) -> Decision[FollowUp]:
        return domain.qualify(followup, event.event.attributes)

    @following.on(LeadStageChanged)
    def moved(followup: FollowUp, event: Recorded[LeadStageChanged]) -> Decision[FollowUp]:
        return domain.move_stage(followup, event.event.stage)

    @following.on(LeadOffered)
    def offered(followup: FollowUp, _: Recorded[LeadOffered]) -> Decision[FollowUp]:
        stages = [str(stage) for stage in Stage]
        further = max(followup.stage or Stage.NEW.value, Stage.PROPOSAL.value, key=stages.index)
        return domain.move_stage(followup, further)

    @following.on(TicketOpened)
    def opened(followup: FollowUp, event: Recorded[TicketOpened]) -> Decision[FollowUp]:
        told = event.event
        if event.is_history:
            return followup, ()
        if told.category is TicketCategory.COMPLAINT:
            return _up(
                followup,
                event,
                in_force,
                lambda now, book: domain.complain(now, told.ticket_id, told.at, book),
            )
        return _up(
            followup,
            event,
            in_force,
            lambda now, book: domain.trigger(
                now,
                "ticket_opened",
                told.at,
                book,
                f"ticket_{told.category}",
                category=told.category,
                priority=told.priority,
            ),
        )

    @following.on(TicketReplied)
    def replied(followup: FollowUp, event: Recorded[TicketReplied]) -> Decision[FollowUp]:
        if event.is_history or event.event.author is not Author.CUSTOMER:
            return followup, ()
        return _up(followup, event, in_force, lambda now, book: domain.reply(now, event.event.at, book))

    @following.on(TicketResolved)
    def resolved(followup: FollowUp, event: Recorded[TicketResolved]) -> Decision[FollowUp]:
        told = event.event
        if event.is_history:
            return followup, ()

        def decide(now: FollowUp, book: Book) -> Told:
            now, settled = domain.settle(now, told.ticket_id, told.at, book)
            now, entered = domain.trigger(
                now, "ticket_resolved", told.at, book, "ticket_resolved", resolution=told.resolution
            )
            return now, settled + entered

        return _up(followup, event, in_force, decide)

    @following.on(SignalReceived)
    def signalled(followup: FollowUp, event: Recorded[SignalReceived]) -> Decision[FollowUp]:
        told = event.event
        # A machine has answered nobody and wants nothing; but who is not to be written to is not.
        if event.is_history or (told.automated is not None and told.kind != UNSUBSCRIBED):
            return followup, ()

        def decide(now: FollowUp, book: Book) -> Told:
            facts: list[Event] = []
            if told.kind in book.reply_signals:
                now, facts = domain.reply(now, told.at, book)
            if told.kind == UNSUBSCRIBED:
                now, facts = domain.unsubscribe(now, told.at, book)
            elif told.kind == "subscribed":
                now = replace(now, unsubscribed=False)
            now, entered = domain.trigger(
                now, "signal", told.at, book, f"signal_{told.kind}", signal=event.id, kind=told.kind
            )
            return now, facts + entered

        return _up(followup, event, in_force, decide)

    return following


async def follow(followups: FollowUps, books: Books, batch: Sequence[Received]) -> list[AscuaError | None]:
    """Follow a batch of events. Signals that mean nothing here leave no trace."""
    book = await books.current()
    meant = [
        received
        for received in batch
        if not isinstance(received.event.event, SignalReceived) or received.event.event.kind in book.signals
    ]
    errors = iter(await reactions(lambda: books.now).handle(followups, meant, books.look))
    taken = {id(received) for received in meant}
    return [next(errors) if id(received) in taken else None for received in batch]


# --- commands


async def log(
    followups: FollowUps, books: Books, lead_id: str, command: LogActivity, key: str | None, clock: Clock
) -> str:
    """Log an activity and return its id. A lead not heard of yet is accepted: its capture is on the way."""
    activity_id, step = _activity(lead_id, command, key, clock(), books)
    await followups.change(step, books.look)
    return activity_id


async def log_many(
    followups: FollowUps, books: Books, command: LogActivities, key: str | None, clock: Clock
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


async def plan(
    followups: FollowUps, books: Books, lead_id: str, command: PlanStep, key: str | None, clock: Clock
) -> FollowUp:
    now = clock()
    decide = _brought_up(lambda followup, book: domain.plan(followup, command, now, book), now, books)
    return _state(await followups.change(Step(lead_id, decide, idempotency(key, command)), books.look))


async def assign(
    followups: FollowUps, books: Books, lead_id: str, command: AssignLead, key: str | None, clock: Clock
) -> FollowUp:
    now = clock()
    decide = _brought_up(lambda followup, book: domain.assign(followup, command, now, book), now, books)
    return _state(await followups.change(Step(lead_id, decide, idempotency(key, command)), books.look))


async def get(followups: FollowUps, lead_id: str) -> FollowUp:
    followup = await followups.get(lead_id)
    if followup is None:
        raise NotFound("followup-not-found", f"nothing was done for lead {lead_id} yet")
    return followup


async def notes(followups: FollowUps, lead_id: str, activity_ids: Sequence[str]) -> dict[str, str]:
    """What was written about activities of a lead, of those that have a note."""
    return await store.notes(followups, lead_id, activity_ids)


async def take_rows(followups: FollowUps, books: Books, piece: HistoryRows, clock: Clock) -> RowOutcomes:
    """Take the rows of an import that are activities."""

    def decide(row: HistoryRow) -> Callable[[FollowUp | None], Told]:
        now = clock()
        if isinstance(row.what, Person):
            return _bring_in(row.lead_id, row.what, clamp(row.at, now), now, books)
        if not isinstance(row.what, Activity):
            raise Refused("not-for-followup", f"followup does not take {row.what.action}")
        activity_id = derived_id("activity", piece.import_id, str(row.row))
        return _log(row.lead_id, activity_id, row.what, row.at, now, books)

    return await take_history(followups, piece, decide, books.look)


# --- timers


@dataclass(frozen=True, slots=True)
class Fired:
    """Of how many leads something was told, and of which it was refused, and why."""

    leads: int
    refused: Mapping[str, AscuaError]


async def fire(
    followups: FollowUps, books: Books, clock: Clock, resting: Container[str] = frozenset()
) -> Fired:
    """Tell what has come due, the oldest first, but of the leads that rest after a refusal."""
    waiting = [lead_id for lead_id in await store.due(followups, clock()) if lead_id not in resting]
    leads, refused = 0, {}
    for some in (waiting[at : at + FIRED_AT_ONCE] for at in range(0, len(waiting), FIRED_AT_ONCE)):
        now = clock()
        decide = _brought_up(lambda state, book: domain.fire(_known(state), now, book), now, books)  # noqa: B023
        outcomes = await followups.apply([Step(lead_id, decide) for lead_id in some], books.look)
        leads += sum(bool(outcome.facts) and outcome.kind == "applied" for outcome in outcomes)
        refused.update(
            {
                lead_id: outcome.error
                for lead_id, outcome in zip(some, outcomes, strict=True)
                if outcome.error is not None and not isinstance(outcome.error, Unavailable)
            }
        )
    return Fired(leads, refused)


# --- playbooks


@dataclass(frozen=True, slots=True)
class Effect:
    """What other playbooks do, or did, to those on their way."""

    version: str
    previous: str
    stay: int
    move: int
    end: int
    by_playbook: dict[str, dict[str, int]]


async def worked(books: Books, asked: WorkedSpans) -> Worked:
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


async def preview(followups: FollowUps, books: Books, text: str, source: str) -> Effect:
    """What publishing would do now. Raises `LineError`."""
    return _effect(read(text, source), await books.current(), await _on_their_way(followups))


async def publish(followups: FollowUps, books: Books, command: PublishPlaybooks, clock: Clock) -> Effect:
    """Put playbooks in force, then bring everybody on the way under them.

    Raises `LineError`; `Conflict("playbooks-differ")` when `expect` is not what would happen to those on their way.
    Doing it again does what is left to do: each follow-up is brought up also by whatever happens to it next.
    """
    book, before = read(command.text, command.source), await books.current()
    people = await _on_their_way(followups)
    effect = _effect(book, before, people)
    expected = command.expect
    if expected is not None and (expected.stay, expected.move, expected.end) != (
        effect.stay,
        effect.move,
        effect.end,
    ):
        raise Conflict(
            "playbooks-differ",
            f"meanwhile it would let {effect.stay} stay, move {effect.move} and end {effect.end}; look again",
        )
    await books.keep(book.version, command.text)
    now = clock()
    edition = Edition(book.version, now, effect.stay, effect.move, effect.end)

    def decide(shelf: Shelf | None) -> Decision[Shelf]:
        shelf = shelf or Shelf()
        if shelf.editions and shelf.editions[-1].version == book.version:
            return shelf, ()
        told = PlaybooksPublished(
            lead_id=SHELF,
            at=now,
            playbooks=book.version,
            previous=before.version,
            stayed=effect.stay,
            moved=effect.move,
            ended=effect.end,
        )
        return shelf.with_one(edition), [told]

    await books.shelves.change(Step(SHELF, decide))
    ids = [followup.lead_id for followup in people]
    for some in (ids[at : at + MOVED_AT_ONCE] for at in range(0, len(ids), MOVED_AT_ONCE)):
        bring = _brought_up(lambda state, _: (_known(state), []), now, books)
        await followups.apply([Step(lead_id, bring) for lead_id in some], books.look)
    return effect


async def report(followups: FollowUps, books: Books, playbook: str, clock: Clock) -> Trial:
    """What an experiment has shown so far."""
    book = (await books.current()).playbooks.get(playbook)
    if book is None or not book.variants:
        raise NotFound("no-experiment", f"playbook {playbook} has no variants to compare")
    return trial(book, await store.of_playbook(followups, playbook), clock())


async def _on_their_way(followups: FollowUps) -> list[FollowUp]:
    ids = await store.on_their_way(followups)
    found: list[FollowUp] = []
    for some in (ids[at : at + MOVED_AT_ONCE] for at in range(0, len(ids), MOVED_AT_ONCE)):
        found += (await followups.get_many(some)).values()
    return found


def _effect(book: Book, before: Book, people: Sequence[FollowUp]) -> Effect:
    counted: dict[str, Counter[str]] = {}
    for followup in people:
        if followup.place is not None and (what := domain.moves(followup, book)) is not None:
            counted.setdefault(followup.place.playbook, Counter())[what] += 1
    total: Counter[str] = sum(counted.values(), Counter())
    return Effect(
        book.version,
        before.version,
        total["stay"],
        total["move"],
        total["end"],
        {name: dict(each) for name, each in sorted(counted.items())},
    )


# --- inside


def _up(
    followup: FollowUp,
    event: Recorded[Event],
    in_force: Callable[[], Book],
    decide: Callable[[FollowUp, Book], Told],
) -> Decision[FollowUp]:
    """A decision on a follow-up that was brought under the playbooks in force."""
    followup, brought = domain.bring_up(followup, event.event.at, in_force())
    followup, facts = decide(followup, in_force())
    return followup, brought + facts


def _brought_up(
    decide: Callable[[FollowUp | None, Book], Told], at: datetime, books: Books
) -> Callable[[FollowUp | None], Told]:
    def decided(state: FollowUp | None) -> Told:
        book = books.now
        if state is None:
            return decide(None, book)
        state, brought = domain.bring_up(state, at, book)
        state, facts = decide(state, book)
        return state, brought + facts

    return decided


def _activity(
    lead_id: str, command: LogActivity, key: str | None, now: datetime, books: Books
) -> tuple[str, Step[FollowUp]]:
    activity_id = derived_id("activity", lead_id, key) if key else new_id()
    decide = _log(lead_id, activity_id, command, command.at or now, now, books)
    return activity_id, Step(lead_id, decide, idempotency(key, command))


def _log(
    lead_id: str, activity_id: str, command: LogActivity, happened: datetime, now: datetime, books: Books
) -> Callable[[FollowUp | None], Told]:
    def decide(state: FollowUp | None, book: Book) -> Told:
        at = clamp(happened, now)
        count_from = _count_from(at, now)
        return domain.log(state or FollowUp(lead_id), activity_id, command, at, count_from, book)

    return _brought_up(decide, now, books)


def _bring_in(
    lead_id: str, person: Person, at: datetime, now: datetime, books: Books
) -> Callable[[FollowUp | None], Told]:
    """What another program knows of the follow-up of a lead: whose it is, and what was done last."""

    def decide(state: FollowUp | None, book: Book) -> Told:
        followup, facts = state or FollowUp(lead_id), list[Event]()
        if person.owner is not None:
            followup, facts = domain.bring_in(followup, person.owner, at, book)
        if (last := person.last_activity) is None:
            return followup, facts
        activity = LogActivity(kind=last.kind, result=last.result, rep=person.owner)
        activity_id = derived_id("activity", "people", lead_id)
        followup, logged = _log(lead_id, activity_id, activity, last.at, now, books)(followup)
        return followup, facts + logged

    return _brought_up(decide, now, books)


def _of_activity(lead_id: str, activity_id: str, outcome: Outcome[FollowUp]) -> ActivityOutcome:
    if outcome.error is not None:
        return ActivityOutcome(
            lead_id=lead_id, outcome="refused", error=outcome.error.slug, reason=outcome.error.sentence
        )
    kind = "known" if outcome.kind == "known" else "logged"
    return ActivityOutcome(lead_id=lead_id, outcome=kind, activity_id=activity_id)


def _known(state: FollowUp | None) -> FollowUp:
    if state is None:
        raise NotFound("followup-not-found", "there is no such follow-up")
    return state


def _state(outcome: Outcome[FollowUp]) -> FollowUp:
    assert outcome.state is not None
    return outcome.state


def _count_from(happened: datetime, recorded: datetime) -> datetime:
    """Promises count from the deed; those that follow from history count from when we heard of it."""
    return recorded if recorded - happened > HISTORY_AFTER else happened
