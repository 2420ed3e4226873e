"""Why a deadline is when it is: which spans counted, which did not, and why."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from services.tickets.domain.moments import Moment
from services.tickets.domain.sla.clocks import Course, Run, follow
from services.tickets.domain.sla.policies import Policies, Policy
from services.tickets.domain.sla.reckoning import Reading, openings, read, standing
from services.tickets.domain.sla.record import Ended
from shared.business_time import Calendar
from shared.clock import from_milliseconds, milliseconds
from shared.events.base import Instant
from shared.events.tickets import SlaClock

CLOCKS_SHOWN: Final = 50
SPANS_SHOWN: Final = 500


@dataclass(frozen=True, slots=True)
class ExplainedSpan:
    """`why` is what kept a span from counting: `outside_hours`, `holiday`, or how the ticket stood."""

    begin: Instant
    end: Instant
    seconds: float
    counted: bool
    why: str | None = None


@dataclass(frozen=True, slots=True)
class ExplainedClock:
    """A clock as of an instant. `due_at` is None while it is paused before its target."""

    clock: SlaClock
    number: int
    policy: str
    policies: str
    started_at: Instant
    target_seconds: float
    business_seconds: float
    due_at: Instant | None
    ended_at: Instant | None
    met: bool | None
    breached: bool
    paused: str | None
    spans: tuple[ExplainedSpan, ...]
    """The last ones; `earlier_spans` is how many came before them."""
    earlier_spans: int
    because: str


@dataclass(frozen=True, slots=True)
class Explanation:
    ticket_id: str
    at: Instant
    clocks: tuple[ExplainedClock, ...]
    earlier_clocks: int
    """How many ended before those that are shown."""


def explain(
    ticket_id: str,
    history: tuple[Moment, ...],
    ended: tuple[Ended, ...],
    by_version: Mapping[str, Policies],
    in_force: Policies,
    at: datetime,
) -> Explanation:
    """The clocks as of `at`. What had ended by then is explained by the policies it was frozen under."""
    past = tuple(moment for moment in history if moment.at <= at)
    course = follow(Course(), past)
    runs = sorted(
        (*course.over, *course.runs), key=lambda run: (run.clock is SlaClock.RESOLUTION, run.started)
    )
    frozen = {(each.clock, each.number): by_version[each.policies] for each in ended if each.met_at <= at}
    found = []
    for run in runs[-CLOCKS_SHOWN:]:
        policies = frozen.get((run.clock, run.number), in_force)
        if (reading := read(course, run, policies, at)) is not None:
            found.append(_clock(course, reading, policies.version, at))
    return Explanation(ticket_id, at, tuple(found), max(0, len(runs) - CLOCKS_SHOWN))


def _clock(course: Course, reading: Reading, version: str, at: datetime) -> ExplainedClock:
    run, policy = reading.run, reading.policy
    spans = list(_spans(course, run, policy, reading.end.at if reading.end else at))
    return ExplainedClock(
        run.clock,
        run.number,
        policy.name,
        version,
        run.started,
        reading.target / 1_000,
        reading.ms / 1_000,
        reading.due,
        reading.end.at if reading.end else None,
        reading.met,
        reading.ms > reading.target,
        reading.paused,
        tuple(spans[-SPANS_SHOWN:]),
        max(0, len(spans) - SPANS_SHOWN),
        _because(reading),
    )


def _spans(course: Course, run: Run, policy: Policy, until: datetime) -> Iterator[ExplainedSpan]:
    for begin, end, status in standing(course.stretches, run, milliseconds(until)):
        if not policy.runs(run.clock, status):
            yield _span(begin, end, False, status)
            continue
        since = begin
        for start, stop in openings(policy.calendar, begin, end):
            if since < start:
                yield _span(since, start, False, _closed(policy.calendar, since, start))
            yield _span(start, stop, True)
            since = stop
        if since < end:
            yield _span(since, end, False, _closed(policy.calendar, since, end))


def _span(begin: int, end: int, counted: bool, why: str | None = None) -> ExplainedSpan:
    return ExplainedSpan(
        from_milliseconds(begin), from_milliseconds(end), (end - begin) / 1_000, counted, why
    )


def _closed(calendar: Calendar, begin: int, end: int) -> str:
    """Why a calendar is closed: a holiday, if one lies within."""
    first, last = (from_milliseconds(at).astimezone(calendar.zone).date() for at in (begin, end - 1))
    days = (first + timedelta(days=n) for n in range((last - first).days + 1))
    return "holiday" if any(day in calendar.holidays for day in days) else "outside_hours"


def _because(reading: Reading) -> str:
    left = reading.target - reading.ms
    promised = f"{reading.policy.name} promises it within {_length(reading.target)} of open time"
    if reading.is_withdrawn:
        return f"{promised}; the ticket went on in another one after {_length(reading.ms)}"
    if reading.end is not None:
        return f"{promised}; it took {_length(reading.ms)} until it was {reading.end.what.replace('_', ' ')}"
    if left < 0:
        return f"{promised}; {_length(reading.ms)} have passed"
    if reading.paused is not None:
        return (
            f"{promised}; {_length(left)} are left, and wait while it is {reading.paused.replace('_', ' ')}"
        )
    return f"{promised}; {_length(left)} are left"


def _length(ms: int) -> str:
    minutes, seconds = divmod(ms // 1_000, 60)
    hours, minutes = divmod(minutes, 60)
    parts = (
        [f"{hours} h"] * bool(hours) + [f"{minutes} min"] * bool(minutes) + [f"{seconds} s"] * bool(seconds)
    )
    return " ".join(parts) or "0 s"
