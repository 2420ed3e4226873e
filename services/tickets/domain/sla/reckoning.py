"""How much open time of a clock has passed under a policy, when it is due, and what is told when.

Reckoned in whole milliseconds. Time counts while the calendar is open and the policy does not pause the clock for how
the ticket stands; the instant of the last millisecond of a target is the deadline, also where it is the end of a shift.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from services.tickets.domain.moments import Status, What
from services.tickets.domain.sla.clocks import Course, End, Run, Stretch
from services.tickets.domain.sla.policies import BREACH, Alarm, Policies, Policy
from services.tickets.domain.sla.record import Passed, Seal
from shared.business_time import DAY, Calendar, NeverOpen, Span, add
from shared.clock import from_milliseconds, milliseconds
from shared.events.tickets import SlaClock


@dataclass(frozen=True, slots=True)
class Reading:
    """A clock under the policy that decides on it. `due` is None while it is paused before its target."""

    run: Run
    policy: Policy
    ms: int
    due: datetime | None
    end: End | None = None
    paused: Status | None = None
    alarms: tuple[tuple[Alarm, datetime], ...] = field(default=())
    """What is told when, as far as it is known."""

    @property
    def target(self) -> int:
        return self.policy.targets[self.run.clock]

    @property
    def is_withdrawn(self) -> bool:
        """Whether it was neither kept nor missed: its ticket goes on in another one."""
        return self.end is not None and self.end.what is What.MERGED

    @property
    def met(self) -> bool | None:
        """Whether it was kept; None while that is open, though it is missed already when `ms` is above the target."""
        return None if self.end is None or self.is_withdrawn else self.ms <= self.target


def read(
    course: Course, run: Run, policies: Policies, now: datetime, seal: Seal | None = None
) -> Reading | None:
    """The clock as of `now`, which is not before its history's end; None where nothing is promised for it.

    `seal` is what its history before comes to.
    """
    policy, end = decided_by(course, run, policies)
    if policy is None or run.clock not in policy.targets:
        return None
    passed = seal.passed_by(run.clock, policy.name) if seal is not None else None
    return under(course, run, policy, end, now, passed)


def decided_by(course: Course, run: Run, policies: Policies) -> tuple[Policy | None, End | None]:
    """The policy that decides on a clock, by what the ticket was when it ended, or is now; and what ended it."""
    for end in run.ends:
        policy = policies.of(end.traits)
        goes_on = run.clock is SlaClock.RESOLUTION and end.what is What.RESOLVED
        if not (goes_on and policy is not None and policy.until == "closed"):
            return policy, end
    assert course.traits is not None
    return policies.of(course.traits), None


def under(
    course: Course, run: Run, policy: Policy, end: End | None, now: datetime, passed: Passed | None
) -> Reading:
    """The clock as this policy has it."""
    target, until = policy.targets[run.clock], milliseconds(end.at if end else now)
    thresholds = {alarm: target * alarm.share // BREACH for alarm in policy.alarms}
    shares = [at for at in thresholds.values() if at != target]
    ms, reached = pass_by(course.stretches, run, policy, until, passed, (target, *shares))
    if passed is not None and passed.due is not None:
        reached[target] = passed.due
    is_running = end is None and policy.runs(run.clock, course.status)

    def when(at: int, known: bool) -> datetime | None:
        if at in reached:
            return reached[at]
        return later(policy.calendar, until, at - ms) if known else None

    due = when(target, is_running or end is not None)
    alarms = [(alarm, when(at, is_running)) for alarm, at in thresholds.items()]
    return Reading(
        run,
        policy,
        ms,
        due,
        end,
        None if is_running or end is not None else course.status,
        tuple((alarm, at) for alarm, at in alarms if at is not None),
    )


def pass_by(
    stretches: Sequence[Stretch],
    run: Run,
    policy: Policy,
    until: int,
    passed: Passed | None,
    thresholds: Sequence[int],
) -> tuple[int, dict[int, datetime]]:
    """Open time by then, and when each of these amounts was reached; what was before all this, at its beginning."""
    ms, since = (passed.ms, passed.until) if passed is not None else (0, None)
    reached = {at: since for at in thresholds if since is not None and ms >= at}
    for begin, stop in counted(stretches, run, policy, until, since):
        for at in thresholds:
            if ms < at <= ms + stop - begin:
                reached[at] = from_milliseconds(begin + at - ms)
        ms += stop - begin
    return ms, reached


def counted(
    stretches: Sequence[Stretch], run: Run, policy: Policy, until: int, since: datetime | None = None
) -> Iterator[Span]:
    """The spans that count for a clock, in order, from `since` on."""
    for begin, end, status in standing(stretches, run, until, since):
        if policy.runs(run.clock, status):
            yield from openings(policy.calendar, begin, end)


def standing(
    stretches: Sequence[Stretch], run: Run, until: int, since: datetime | None = None
) -> Iterator[tuple[int, int, Status]]:
    """How the ticket stood from the clock's start, or from `since`, until then."""
    start = milliseconds(since or run.started)
    free = milliseconds(run.free_until) if run.free_until is not None else None
    if free is not None:
        if start < (stop := min(free, until)):
            yield start, stop, Status.OPEN
        start = free
    first = max(0, bisect_right(stretches, start, key=lambda each: milliseconds(each.begin)) - 1)
    for place in range(first, len(stretches)):
        begin = max(start, milliseconds(stretches[place].begin))
        end = milliseconds(stretches[place + 1].begin) if place + 1 < len(stretches) else until
        if begin >= until:
            return
        if begin < (stop := min(end, until)):
            yield begin, stop, stretches[place].status


def openings(calendar: Calendar, begin: int, end: int) -> Iterator[Span]:
    """When a calendar is open within a span that is not empty."""
    for day in range(begin // DAY, (end - 1) // DAY + 1):
        for start, stop in calendar.openings(day):
            if (first := max(begin, start)) < (last := min(end, stop)):
                yield first, last


def later(calendar: Calendar, since: int, ms: int) -> datetime | None:
    """The instant by which so much open time will have passed; None where it never opens."""
    if ms <= 0:
        return from_milliseconds(since)
    try:
        return add(calendar, from_milliseconds(since), timedelta(milliseconds=ms))
    except (NeverOpen, OverflowError):
        return None
