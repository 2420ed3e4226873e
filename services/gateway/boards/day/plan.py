"""A rep's day: today's steps, in the order in which they are worth doing, with the reason for it. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from enum import StrEnum
from typing import Final
from zoneinfo import ZoneInfo

from services.gateway.views.view import LeadView, ShownStep
from shared.events.followup import ActivityKind

LATE: Final = 40.0
"""Points for a step that is late, and some more for every doubling of the hours."""
SOON: Final = 30.0
"""Points for one that is due within `NOW`."""
AGREED: Final = 15.0
"""Points for a time that was agreed with the customer."""
MOST: Final = 60.0
"""Points that lateness, or heat, can give at most."""
NOW: Final = timedelta(hours=1)
EARLY: Final = timedelta(minutes=30)
"""How long before its time a step that was agreed may be done."""
AT_A_PLACE: Final = frozenset({ActivityKind.MEETING, ActivityKind.VISIT, ActivityKind.DEMO})


class Why(StrEnum):
    """What gives a step its place."""

    LATE = "late"
    DUE = "due"
    AGREED = "agreed"
    HEAT = "heat"
    VALUE = "value"


@dataclass(frozen=True, slots=True)
class DayReason:
    why: Why
    points: float


@dataclass(frozen=True, slots=True)
class Todo:
    """A step of today. `reasons` are the weightiest first; their points sum to `points`."""

    view: LeadView
    step: ShownStep
    heat: float
    points: float
    reasons: tuple[DayReason, ...]


@dataclass(frozen=True, slots=True)
class Day:
    """`now` is what can be done at once, the worthiest first; `later` has a time that is not there yet."""

    now: tuple[Todo, ...]
    later: tuple[Todo, ...]

    @property
    def count(self) -> int:
        return len(self.now) + len(self.later)


def is_to_do(view: LeadView) -> bool:
    """Whether the lead has a step for somebody: what marketing automation does is nobody's to do."""
    return view.next_step is not None and not view.next_step.is_automatic and view.survivor is None


def plan(views: Iterable[LeadView], now: datetime) -> Day:
    """The day of whose open leads these are."""
    todos = [
        _todo(view, view.next_step, now) for view in views if view.next_step is not None and is_to_do(view)
    ]
    ready = [todo for todo in todos if not _waits(todo.step, now)]
    later = [todo for todo in todos if _waits(todo.step, now)]
    return Day(
        tuple(sorted(ready, key=lambda todo: (-round(todo.points, 6), todo.step.due, todo.view.lead_id))),
        tuple(sorted(later, key=lambda todo: (todo.step.due, todo.view.lead_id))),
    )


def end_of_day(now: datetime, zone: ZoneInfo) -> datetime:
    """The next midnight on the wall of who is in `zone`."""
    return datetime.combine(now.astimezone(zone).date() + timedelta(days=1), time(), zone).astimezone(
        now.tzinfo
    )


def ready_from(step: ShownStep) -> datetime:
    """From when on a step is to be done now."""
    return step.due - (EARLY if _has_its_time(step) else NOW)


def _waits(step: ShownStep, now: datetime) -> bool:
    return _has_its_time(step) and now < ready_from(step)


def _has_its_time(step: ShownStep) -> bool:
    """One does not call before the time that was agreed, nor meets somebody who is not there yet."""
    return step.because == "agreed" or step.action in AT_A_PLACE


def _todo(view: LeadView, step: ShownStep, now: datetime) -> Todo:
    heat = view.heat.now(now) if view.heat is not None else 0.0
    reasons = [reason for reason in _reasons(view, step, heat, now) if reason.points > 0]
    ordered: Sequence[DayReason] = sorted(reasons, key=lambda reason: -reason.points)
    return Todo(view, step, heat, sum(reason.points for reason in ordered), tuple(ordered))


def _reasons(view: LeadView, step: ShownStep, heat: float, now: datetime) -> Iterable[DayReason]:
    hours = (now - step.due).total_seconds() / 3_600
    if hours >= 0:
        yield DayReason(Why.LATE, min(MOST, LATE + 4 * math.log2(1 + hours)))
    elif step.due - now <= NOW:
        yield DayReason(Why.DUE, SOON)
    else:
        yield DayReason(Why.DUE, max(0.0, SOON / 2 * (1 + hours / 12)))
    if step.because == "agreed":
        yield DayReason(Why.AGREED, AGREED)
    yield DayReason(Why.HEAT, min(MOST, heat))
    if view.value is not None:
        yield DayReason(Why.VALUE, 10 * math.log10(1 + view.value.minor / 10_000))
