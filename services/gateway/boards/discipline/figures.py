"""The figures of the discipline board, one by one. Pure; docs/discipline.md says in full what each means.

A figure is a function from trails to the `Item`s it is made of, a lead, a step or an offer each: the number on the
board is a sum over them, and opening the number shows them. Everything is told as of an instant: what happened later
is not seen, so a period that is over does not change any more.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from services.gateway.boards.discipline.trail import NEVER, Contact, Promise, Trail
from shared.events.followup import ActivityKind, ActivityResult
from shared.events.scoring import Band

STALE_OFFER: Final = timedelta(days=5)
"""An offer nobody called about for so long is not followed up."""
WITH_THE_OFFER: Final = timedelta(hours=1)
"""What is logged so soon after an offer is the work of making it, and not yet its follow-up."""
FIRST_TRY: Final = timedelta(hours=1)
LEFT_INTERESTED: Final = timedelta(days=3)
LONG_OVERDUE: Final = timedelta(days=2)
TRIES: Final = 3
"""Tries after which one may give up, or should try another way."""


@dataclass(frozen=True, slots=True)
class Period:
    """From `start` until before `end`."""

    start: datetime
    end: datetime

    def __contains__(self, at: datetime) -> bool:
        return self.start <= at < self.end

    @property
    def before(self) -> Period:
        """The one of the same length that ends where this begins."""
        return Period(self.start - (self.end - self.start), self.start)


@dataclass(frozen=True, slots=True)
class Item:
    """One of those a figure is made of: a lead, a step or an offer by its `id`, and what it adds.

    `seconds` is what is measured, `worked` the same in business time. `facts` are the ids of the activities and steps
    behind it, `state` how it stands, if it can stand in several ways.
    """

    id: str
    trail: Trail
    rep: str | None
    at: datetime
    seconds: float = 0.0
    worked: float | None = None
    count: int = 1
    state: str | None = None
    facts: tuple[str, ...] = ()


Hours = Callable[[str | None, datetime, datetime], timedelta]
"""How much time at work a rep had between two instants."""


@dataclass(frozen=True, slots=True)
class Look:
    """From where the board is looked at: the period, the instant as of which it is told, and the business hours."""

    period: Period
    at: datetime
    hours: Hours | None = None

    def worked(self, rep: str | None, start: datetime, end: datetime) -> float | None:
        """Seconds of a rep's business time; None where nobody says what business hours are."""
        return self.hours(rep, start, end).total_seconds() if self.hours is not None else None

    def since(self, then: datetime) -> float:
        return (self.at - then).total_seconds()


class Figure(StrEnum):
    """What the board tells; the hints are figures too. docs/discipline.md has the formulas."""

    LEADS = "leads"
    SPEED = "speed"
    UNTOUCHED = "untouched"
    OVERDUE = "overdue"
    ATTEMPTS = "attempts"
    CALLS_AFTER_OFFER = "calls_after_offer"
    FOLLOW_THROUGH = "follow_through"
    LATE_AFTER_OFFER = "late_after_offer"
    GONE_COLD = "gone_cold"
    STALE_PROPOSALS = "stale_proposals"
    NO_FIRST_TRY = "no_first_try"
    LEFT_INTERESTED = "left_interested"
    GIVEN_UP_EARLY = "given_up_early"
    ONE_WAY_ONLY = "one_way_only"
    LONG_OVERDUE = "long_overdue"


HINTS: Final = (
    Figure.STALE_PROPOSALS, Figure.NO_FIRST_TRY, Figure.LEFT_INTERESTED, Figure.LONG_OVERDUE, Figure.ONE_WAY_ONLY,
    Figure.GIVEN_UP_EARLY,
)  # fmt: skip
"""Patterns worth a word with the rep; the costlier first."""


class Kept(StrEnum):
    """How a promise ended, or that it did not."""

    ON_TIME = "on_time"
    LATE = "late"
    MISSED = "missed"


def items(figure: Figure, trails: Iterable[Trail], look: Look) -> Iterator[Item]:
    """What a figure is made of."""
    find = _FIND[figure]
    for trail in trails:
        is_absorbed = trail.absorbed_at is not None and trail.absorbed_at <= look.at
        if trail.captured_at is not None and trail.captured_at <= look.at and not is_absorbed:
            yield from find(trail, look)


Span = tuple[str | None, datetime, datetime]
"""A rep, and from when until when."""


def spans(figures: Iterable[Figure], trails: Sequence[Trail], look: Look) -> list[Span]:
    """Of what the figures will ask how much of it was business time."""
    found: dict[Span, None] = {}

    def note(rep: str | None, start: datetime, end: datetime) -> timedelta:
        found[rep, start, end] = None
        return timedelta(0)

    for figure in figures:
        for _ in items(figure, trails, replace(look, hours=note)):
            pass
    return list(found)


def _leads(trail: Trail, look: Look) -> Iterator[Item]:
    captured = _captured(trail)
    if captured in look.period:
        yield Item(trail.lead_id, trail, _rep(trail, look.at), captured)


def _speed(trail: Trail, look: Look) -> Iterator[Item]:
    captured = _captured(trail)
    if captured not in look.period:
        return
    first = next((each for each in _contacts(trail, captured, look.at) if each.is_real), None)
    if first is not None:
        rep = first.rep or _rep(trail, look.at)
        yield Item(
            trail.lead_id,
            trail,
            rep,
            first.at,
            (first.at - captured).total_seconds(),
            look.worked(rep, captured, first.at),
            facts=(first.id,),
        )


def _untouched(trail: Trail, look: Look) -> Iterator[Item]:
    captured = _captured(trail)
    if captured in look.period and trail.until > look.at and not _tries(trail, look):
        rep = _rep(trail, look.at)
        worked = look.worked(rep, captured, look.at)
        yield Item(trail.lead_id, trail, rep, captured, look.since(captured), worked)


def _overdue(trail: Trail, look: Look) -> Iterator[Item]:
    for promise in trail.promises:
        if promise.is_automatic:
            continue
        if promise.is_open(look.at) and promise.due < look.at:
            worked = look.worked(_rep(trail, look.at), promise.due, look.at)
            yield _of_promise(trail, promise, look, look.since(promise.due), worked)


def _attempts(trail: Trail, look: Look) -> Iterator[Item]:
    captured = _captured(trail)
    if captured in look.period:
        tries = _tries(trail, look)
        yield Item(
            trail.lead_id,
            trail,
            _rep(trail, look.at),
            captured,
            count=len(tries),
            facts=tuple(each.id for each in tries),
        )


def _calls_after_offer(trail: Trail, look: Look) -> Iterator[Item]:
    if (offered := _first_offer(trail, look)) in look.period:
        calls = [each for each in _after_offer(trail, offered, look) if each.kind is ActivityKind.CALL]
        facts = tuple(each.id for each in calls)
        yield Item(trail.lead_id, trail, _rep(trail, look.at), offered, count=len(calls), facts=facts)


def _follow_through(trail: Trail, look: Look) -> Iterator[Item]:
    for promise in trail.promises:
        if promise.is_automatic or promise.due not in look.period or promise.due > look.at:
            continue
        done = promise.done_at if promise.done_at is not None and promise.done_at <= look.at else None
        if done is None and not promise.is_open(promise.due):
            continue  # replaced or no longer needed before its time, or promised for a time past: nobody broke it
        end = done or min(look.at, promise.ended_at or look.at)
        state = Kept.MISSED if done is None else Kept.ON_TIME if done <= promise.due else Kept.LATE
        late = max(0.0, (end - promise.due).total_seconds())
        yield _of_promise(trail, promise, look, late, state=state)


def _late_after_offer(trail: Trail, look: Look) -> Iterator[Item]:
    """Offers that nobody followed up within `STALE_OFFER`; measured until somebody did, or it was over."""
    for number, offered in enumerate(trail.offers):
        if offered not in look.period or offered > look.at:
            continue
        contact = next(iter(_after_offer(trail, offered, look)), None)
        end = min(trail.until, look.at, contact.at if contact else look.at)
        if (late := end - offered - STALE_OFFER) > timedelta(0):
            facts = (contact.id,) if contact else ()
            yield Item(
                f"{trail.lead_id}.{number}",
                trail,
                _rep(trail, look.at),
                offered,
                late.total_seconds(),
                facts=facts,
            )


def _gone_cold(trail: Trail, look: Look) -> Iterator[Item]:
    captured = _captured(trail)
    if captured not in look.period or _tries(trail, look):
        return
    crossings = [each for each in trail.crossings if each.at <= look.at]
    went_cold = crossings[-1].at if crossings and crossings[-1].band is Band.COLD else None
    lost = trail.until if trail.is_lost and trail.until <= look.at else None
    if ends := [each for each in (went_cold, lost) if each is not None]:
        yield Item(
            trail.lead_id, trail, _rep(trail, look.at), min(ends), (min(ends) - captured).total_seconds()
        )


def _stale_proposals(trail: Trail, look: Look) -> Iterator[Item]:
    offers = [each for each in trail.offers if each <= look.at]
    if trail.until <= look.at or not offers or look.at - offers[-1] <= STALE_OFFER:
        return
    if not any(each.kind is ActivityKind.CALL for each in _after_offer(trail, offers[-1], look)):
        yield Item(trail.lead_id, trail, _rep(trail, look.at), offers[-1], look.since(offers[-1]))


def _no_first_try(trail: Trail, look: Look) -> Iterator[Item]:
    for item in _untouched(trail, look):
        if (item.seconds if item.worked is None else item.worked) > FIRST_TRY.total_seconds():
            yield item


def _left_interested(trail: Trail, look: Look) -> Iterator[Item]:
    contacts = _contacts(trail, _captured(trail), look.at)
    if trail.until <= look.at or not contacts:
        return
    last = contacts[-1]
    if last.result is ActivityResult.INTERESTED and look.at - last.at > LEFT_INTERESTED:
        yield Item(trail.lead_id, trail, _rep(trail, look.at), last.at, look.since(last.at), facts=(last.id,))


def _given_up_early(trail: Trail, look: Look) -> Iterator[Item]:
    if not (trail.is_lost and trail.until in look.period and trail.until <= look.at):
        return
    contacts = _contacts(trail, _captured(trail), trail.until)
    if len(contacts) < TRIES and not any(each.is_real for each in contacts):
        spent = (trail.until - _captured(trail)).total_seconds()
        facts = tuple(each.id for each in contacts)
        yield Item(trail.lead_id, trail, _rep(trail, look.at), trail.until, spent, count=1, facts=facts)


def _one_way_only(trail: Trail, look: Look) -> Iterator[Item]:
    tries = _tries(trail, look)
    is_vain = len(tries) >= TRIES and not any(each.is_real for each in tries)
    if trail.until > look.at and is_vain and len({each.kind for each in tries}) == 1:
        facts = tuple(each.id for each in tries)
        yield Item(
            trail.lead_id, trail, _rep(trail, look.at), tries[-1].at, look.since(tries[0].at), facts=facts
        )


def _long_overdue(trail: Trail, look: Look) -> Iterator[Item]:
    for item in _overdue(trail, look):
        if item.seconds > LONG_OVERDUE.total_seconds():
            yield item


_FIND: Final[Mapping[Figure, Callable[[Trail, Look], Iterator[Item]]]] = {
    Figure.LEADS: _leads,
    Figure.SPEED: _speed,
    Figure.UNTOUCHED: _untouched,
    Figure.OVERDUE: _overdue,
    Figure.ATTEMPTS: _attempts,
    Figure.CALLS_AFTER_OFFER: _calls_after_offer,
    Figure.FOLLOW_THROUGH: _follow_through,
    Figure.LATE_AFTER_OFFER: _late_after_offer,
    Figure.GONE_COLD: _gone_cold,
    Figure.STALE_PROPOSALS: _stale_proposals,
    Figure.NO_FIRST_TRY: _no_first_try,
    Figure.LEFT_INTERESTED: _left_interested,
    Figure.GIVEN_UP_EARLY: _given_up_early,
    Figure.ONE_WAY_ONLY: _one_way_only,
    Figure.LONG_OVERDUE: _long_overdue,
}


def _captured(trail: Trail) -> datetime:
    assert trail.captured_at is not None
    return trail.captured_at


def _contacts(trail: Trail, start: datetime, end: datetime) -> Sequence[Contact]:
    """Contacts and tries after `start`, up to `end`, and not after the lead was closed."""
    end = min(end, trail.until)
    return [each for each in trail.contacts if start <= each.at <= end]


def _tries(trail: Trail, look: Look) -> Sequence[Contact]:
    """What we did; that they came to us by themselves is no try of ours."""
    return [each for each in _contacts(trail, _captured(trail), look.at) if not each.is_inbound]


def _after_offer(trail: Trail, offered: datetime, look: Look) -> Sequence[Contact]:
    return _contacts(trail, offered + WITH_THE_OFFER, look.at)


def _first_offer(trail: Trail, look: Look) -> datetime:
    return next((each for each in trail.offers if each <= look.at), NEVER)


def _rep(trail: Trail, at: datetime) -> str | None:
    """Whose lead it was at an instant, or else who was last in touch."""
    owners = [each.owner for each in trail.owners if each.at <= at]
    reps = [each.rep for each in trail.contacts if each.at <= at and each.rep]
    return next(reversed(owners), None) or next(reversed(reps), None)


def _of_promise(
    trail: Trail,
    promise: Promise,
    look: Look,
    seconds: float,
    worked: float | None = None,
    state: Kept | None = None,
) -> Item:
    """A step, and whose it was when it ended."""
    rep = _rep(trail, min(look.at, promise.ended_at or look.at))
    return Item(promise.id, trail, rep, promise.due, seconds, worked, state=state, facts=(promise.id,))
