"""When each item of a figure is there: the figures of one lead at all instants at once. Pure.

`figures.py` says what a figure is as of an instant. Here the same is said the other way round, for the board that is
kept: a `Spell` is an item over the time in which it stays as it is, so that the items as of an instant are the spells
around it. Times are milliseconds since 1970. A test holds both to each other at every instant.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import timedelta
from itertools import pairwise
from typing import Final, NamedTuple, TypeVar

from services.gateway.boards.discipline.figures import (
    LEFT_INTERESTED,
    STALE_OFFER,
    TRIES,
    WITH_THE_OFFER,
    Figure,
    Kept,
)
from services.gateway.boards.discipline.trail import NEVER, Contact, Trail
from shared.clock import milliseconds
from shared.events.base import Instant
from shared.events.followup import ActivityKind, ActivityResult
from shared.events.scoring import Band

T = TypeVar("T")

FOREVER: Final = milliseconds(NEVER)
ALWAYS: Final = -FOREVER


def length(span: timedelta) -> int:
    return span // timedelta(milliseconds=1)


_STALE, _WITH_THE_OFFER, _INTERESTED = map(length, (STALE_OFFER, WITH_THE_OFFER, LEFT_INTERESTED))


class Spell(NamedTuple):
    """An item from `since` until before `until`. `at` is what has to lie in the period.

    What is measured is `measure`, or the time since the instant `measure` if it `grows`.
    """

    id: str
    rep: str | None
    at: int
    since: int
    until: int
    measure: int = 0
    grows: bool = False
    counts: int = 1
    state: Kept | None = None


Line = Sequence[tuple[int, T]]
"""What holds from when on, in the order of time."""


class _Lead:
    """A trail in milliseconds, and what all its figures need."""

    def __init__(self, trail: Trail, captured: Instant) -> None:
        self.trail, self.id = trail, trail.lead_id
        self.captured = milliseconds(captured)
        self.gone = FOREVER if trail.absorbed_at is None else milliseconds(trail.absorbed_at)
        self.over = milliseconds(trail.until)
        self.offers = [milliseconds(each) for each in trail.offers]
        timed = [(milliseconds(each.at), each) for each in trail.contacts]
        self.contacts = [(at, each) for at, each in timed if self.captured <= at <= self.over]
        self.tries = [(at, each) for at, each in self.contacts if not each.is_inbound]
        self.tried = self.tries[0][0] if self.tries else FOREVER
        self.reps = _reps(trail, timed)

    def first(self, since: int, fits: Callable[[Contact], bool] = lambda _: True) -> int:
        """When the first fitting contact was, from an instant on."""
        return next((at for at, each in self.contacts if at >= since and fits(each)), FOREVER)

    def spells(self, id: str, at: int, since: int, until: int, measure: int = 0, *, grows: bool = False,
               counts: int = 1, state: Kept | None = None) -> Iterator[Spell]:  # fmt: skip
        """Of an item that belongs to whoever has the lead meanwhile."""
        for start, end, rep in _within(self.reps, max(since, self.captured), min(until, self.gone)):
            yield Spell(id, rep, at, start, end, measure, grows, counts, state)

    def rep_at(self, at: int) -> str | None:
        return next(rep for since, rep in reversed(self.reps) if since <= at)

    def counted(self, at: int, since: int, times: Sequence[int]) -> Iterator[Spell]:
        """Of an item that counts what happened at these times."""
        begins = [since, *(max(since, each) for each in times)]
        for counts, (start, end) in enumerate(pairwise([*begins, FOREVER])):
            yield from self.spells(self.id, at, start, end, counts=counts)


def spells(trail: Trail) -> Mapping[Figure, Sequence[Spell]]:
    """The spells of all figures but those that `DERIVED` tells from others."""
    if trail.captured_at is None:
        return {}
    lead = _Lead(trail, trail.captured_at)
    return {
        figure: [each for each in find(lead) if each.since < each.until] for figure, find in _FIND.items()
    }


def _attempts(lead: _Lead) -> Iterator[Spell]:
    return lead.counted(lead.captured, lead.captured, [at for at, _ in lead.tries])


def _speed(lead: _Lead) -> Iterator[Spell]:
    for at, contact in lead.contacts:
        if contact.is_real:
            measure = at - lead.captured
            if contact.rep:
                yield Spell(lead.id, contact.rep, lead.captured, at, lead.gone, measure)
            else:
                yield from lead.spells(lead.id, lead.captured, at, FOREVER, measure)
            return


def _untouched(lead: _Lead) -> Iterator[Spell]:
    until = min(lead.over, lead.tried)
    return lead.spells(lead.id, lead.captured, lead.captured, until, lead.captured, grows=True)


def _overdue(lead: _Lead) -> Iterator[Spell]:
    for promise in lead.trail.promises:
        if not promise.is_automatic:
            due, told = milliseconds(promise.due), milliseconds(promise.told_at)
            ended = _or_forever(promise.ended_at)
            yield from lead.spells(promise.id, due, max(told, due + 1), ended, due, grows=True)


def _calls_after_offer(lead: _Lead) -> Iterator[Spell]:
    if lead.offers:
        offered = lead.offers[0]
        calls = [at for at, each in lead.contacts if at >= offered + _WITH_THE_OFFER and _is_call(each)]
        yield from lead.counted(offered, offered, calls)


def _follow_through(lead: _Lead) -> Iterator[Spell]:
    for promise in lead.trail.promises:
        if promise.is_automatic:
            continue
        due, told = milliseconds(promise.due), milliseconds(promise.told_at)
        ended, done = _or_forever(promise.ended_at), _or_forever(promise.done_at)
        if told <= due < ended:
            ends = min(ended, done)
            yield from lead.spells(promise.id, due, due, ends, due, grows=True, state=Kept.MISSED)
            yield from _ended(lead, promise.id, due, max(due, ended), done, ended - due, ended, Kept.MISSED)
        state = Kept.ON_TIME if done <= due else Kept.LATE
        late = max(0, done - due)
        yield from lead.spells(promise.id, due, max(due, done), ended, late, state=state)
        yield from _ended(lead, promise.id, due, max(due, done, ended), FOREVER, late, ended, state)


def _ended(
    lead: _Lead, id: str, due: int, since: int, until: int, late: int, ended: int, state: Kept
) -> Iterator[Spell]:
    """A step belongs to whose it was when it ended, whoever has the lead since."""
    since, until = max(since, lead.captured), min(until, lead.gone)
    if since < until:
        yield Spell(id, lead.rep_at(ended), due, since, until, late, state=state)


def _late_after_offer(lead: _Lead) -> Iterator[Spell]:
    for number, offered in enumerate(lead.offers):
        allowed = offered + _STALE
        end = min(lead.over, lead.first(offered + _WITH_THE_OFFER))
        if end > allowed:
            id = f"{lead.id}.{number}"
            yield from lead.spells(id, offered, allowed + 1, end, allowed, grows=True)
            yield from lead.spells(id, offered, end, FOREVER, end - allowed)


def _gone_cold(lead: _Lead) -> Iterator[Spell]:
    crossed = [(milliseconds(each.at), each.band) for each in lead.trail.crossings]
    line = [
        (ALWAYS, FOREVER),
        *((at, at if band is Band.COLD else FOREVER) for at, band in _lasting(crossed)),
    ]
    lost = lead.over if lead.trail.is_lost else FOREVER
    for since, until, cold in _within(line, lead.captured, lead.tried):
        if cold < FOREVER:
            yield from lead.spells(lead.id, lead.captured, since, min(until, lost), cold - lead.captured)
        measure = min(cold, lost) - lead.captured
        yield from lead.spells(lead.id, lead.captured, max(since, lost), until, measure)


def _stale_proposals(lead: _Lead) -> Iterator[Spell]:
    for offered, following in pairwise([*lead.offers, FOREVER]):
        until = min(following, lead.over, lead.first(offered + _WITH_THE_OFFER, _is_call))
        yield from lead.spells(lead.id, offered, offered + _STALE + 1, until, offered, grows=True)


def _left_interested(lead: _Lead) -> Iterator[Spell]:
    following = [at for at, _ in lead.contacts[1:]]
    for (at, contact), until in zip(lead.contacts, [*following, lead.over], strict=False):
        if contact.result is ActivityResult.INTERESTED:
            until = min(until, lead.over)
            yield from lead.spells(lead.id, at, at + _INTERESTED + 1, until, at, grows=True)


def _one_way_only(lead: _Lead) -> Iterator[Spell]:
    first = [each for _, each in lead.tries[:TRIES]]
    if len(first) < TRIES or not all(_is_like(each, first[0]) for each in first):
        return
    since, begun = lead.tries[TRIES - 1][0], lead.tried
    broken = next((at for at, each in lead.tries if not _is_like(each, first[0])), FOREVER)
    yield from lead.spells(lead.id, since, since, min(lead.over, broken), begun, grows=True)


def _given_up_early(lead: _Lead) -> Iterator[Spell]:
    is_vain = len(lead.contacts) < TRIES and not any(each.is_real for _, each in lead.contacts)
    if lead.trail.is_lost and is_vain:
        yield from lead.spells(lead.id, lead.over, lead.over, FOREVER, lead.over - lead.captured)


_FIND: Final[Mapping[Figure, Callable[[_Lead], Iterator[Spell]]]] = {
    Figure.ATTEMPTS: _attempts,
    Figure.SPEED: _speed,
    Figure.UNTOUCHED: _untouched,
    Figure.OVERDUE: _overdue,
    Figure.CALLS_AFTER_OFFER: _calls_after_offer,
    Figure.FOLLOW_THROUGH: _follow_through,
    Figure.LATE_AFTER_OFFER: _late_after_offer,
    Figure.GONE_COLD: _gone_cold,
    Figure.STALE_PROPOSALS: _stale_proposals,
    Figure.LEFT_INTERESTED: _left_interested,
    Figure.ONE_WAY_ONLY: _one_way_only,
    Figure.GIVEN_UP_EARLY: _given_up_early,
}
DERIVED: Final = {
    Figure.LEADS: Figure.ATTEMPTS,
    Figure.NO_FIRST_TRY: Figure.UNTOUCHED,
    Figure.LONG_OVERDUE: Figure.OVERDUE,
}
"""Figures whose items are some of those of another one."""
TIMELESS: Final = frozenset(
    (
        Figure.OVERDUE,
        Figure.LONG_OVERDUE,
        Figure.STALE_PROPOSALS,
        Figure.LEFT_INTERESTED,
        Figure.ONE_WAY_ONLY,
    )
)
"""Figures of all leads, whenever they came."""


def _is_call(contact: Contact) -> bool:
    return contact.kind is ActivityKind.CALL


def _is_like(contact: Contact, first: Contact) -> bool:
    return contact.kind is first.kind and not contact.is_real


def _or_forever(at: Instant | None) -> int:
    return FOREVER if at is None else milliseconds(at)


def _lasting(changes: Sequence[tuple[int, T]]) -> list[tuple[int, T]]:
    """What holds from when on, if of those up to an instant the last one holds that was heard of."""
    line: list[tuple[int, T]] = []
    for at, value in reversed(changes):
        if not line or at < line[-1][0]:
            line.append((at, value))
    return line[::-1]


def _reps(trail: Trail, contacts: Sequence[tuple[int, Contact]]) -> Line[str | None]:
    """Whose the lead is: its owner's, or, before it has one, of who was last in touch."""
    owners: list[tuple[int, str | None]] = _lasting(
        [(milliseconds(each.at), each.owner) for each in trail.owners]
    )
    owned = owners[0][0] if owners else FOREVER
    touched = [(at, each.rep) for at, each in contacts if each.rep and at < owned]
    line: list[tuple[int, str | None]] = [(ALWAYS, None)]
    for at, rep in (*touched, *owners):
        if rep != line[-1][1]:
            line.append((at, rep))
    return line


def _within(line: Line[T], since: int, until: int) -> Sequence[tuple[int, int, T]]:
    """The pieces of a line between two instants."""
    if len(line) == 1:
        return [(since, until, line[0][1])] if since < until else []
    found, end = [], FOREVER
    for at, value in reversed(line):
        start, stop = (at if at > since else since), (end if end < until else until)
        if start < stop:
            found.append((start, stop, value))
        end = at
    return found[::-1]
