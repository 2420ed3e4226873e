"""Which clocks a ticket has had, from its history: when each began, and what ended it.

The first response is awaited from the opening on, the next one from what the customer writes after it; an agent's
reply ends either, and so does the resolution. The resolution's clock goes on when a ticket is reopened.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from services.tickets.domain.moments import Moment, Status, Traits, What
from shared.events.base import Instant
from shared.events.tickets import SlaClock


@dataclass(frozen=True, slots=True)
class End:
    """What may end a clock: the moment with number `number`, from 1, and what the ticket was by then."""

    at: Instant
    number: int
    what: What
    traits: Traits


@dataclass(frozen=True, slots=True)
class Run:
    """A clock that was started. `ends` are what may have ended it, in order; which did, its policy says."""

    clock: SlaClock
    number: int
    started: Instant
    ends: tuple[End, ...] = ()
    free_until: Instant | None = None
    """Until when nothing pauses it: it began in another ticket, which was merged into this one then."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """From when on a ticket stood like this."""

    begin: Instant
    status: Status


@dataclass(frozen=True, slots=True)
class Course:
    """What a history comes to: all clocks that may still matter, and how the ticket stood when."""

    runs: tuple[Run, ...] = ()
    """Those that run or may run again."""
    over: tuple[Run, ...] = ()
    """Responses that came."""
    stretches: tuple[Stretch, ...] = ()
    traits: Traits | None = None
    count: int = 0
    """Moments so far."""
    is_answered: bool = False
    """Whether the first response is over."""
    nexts: int = 0
    """Next responses that were awaited so far."""

    @property
    def status(self) -> Status:
        return self.stretches[-1].status


_ENDS_RESPONSE: Final = frozenset((What.AGENT_REPLIED, What.RESOLVED, What.CLOSED, What.MERGED))
_ENDS_RESOLUTION: Final = frozenset((What.RESOLVED, What.CLOSED, What.MERGED))


def follow(course: Course, history: Sequence[Moment]) -> Course:
    """The course after these moments."""
    for moment in history:
        course = _step(course, moment)
    return course


def _step(course: Course, moment: Moment) -> Course:
    traits = moment.traits or course.traits
    assert traits is not None, "a history begins with what the ticket is"
    course = replace(course, traits=traits, count=course.count + 1)
    if not course.stretches or course.status is not moment.status:
        course = replace(course, stretches=(*course.stretches, Stretch(moment.at, moment.status)))
    end = End(moment.at, course.count, moment.what, traits)
    match moment.what:
        case What.OPENED:
            first = Run(SlaClock.FIRST_RESPONSE, 1, moment.at)
            return replace(course, runs=(first, Run(SlaClock.RESOLUTION, 1, moment.at)))
        case What.CUSTOMER_REPLIED:
            return _asked(course, moment.at, None)
        case What.ABSORBED if moment.since is not None:
            return _asked(course, moment.since, moment.at)
        case What.REOPENED:
            return replace(course, runs=tuple(replace(run, ends=()) for run in course.runs))
        case what if what in _ENDS_RESPONSE:
            return _ended(course, end)
    return course


def _asked(course: Course, since: Instant, merged_at: Instant | None) -> Course:
    """The customer waits. An open clock for a response that began later begins as early as this."""
    for place, run in enumerate(course.runs):
        if run.clock is not SlaClock.RESOLUTION:
            if since >= run.started:
                return course
            earlier = replace(run, started=since, free_until=run.free_until or run.started)
            return replace(course, runs=(*course.runs[:place], earlier, *course.runs[place + 1 :]))
    if not course.is_answered:
        return course
    begun = Run(SlaClock.NEXT_RESPONSE, course.nexts + 1, since, free_until=merged_at)
    return replace(course, runs=(*course.runs, begun), nexts=begun.number)


def _ended(course: Course, end: End) -> Course:
    responses = (run for run in course.runs if run.clock is not SlaClock.RESOLUTION)
    resolutions = (run for run in course.runs if run.clock is SlaClock.RESOLUTION)
    ends = (end,) if end.what in _ENDS_RESOLUTION else ()
    return replace(
        course,
        runs=tuple(replace(run, ends=(*run.ends, *ends)) for run in resolutions),
        over=(*course.over, *(replace(run, ends=(end,)) for run in responses)),
        is_answered=True,
    )
