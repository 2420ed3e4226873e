"""What a line can name of time, before it is known which day that is: the values of the grammar of times."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import time
from enum import Enum, StrEnum
from typing import Final


class Unit(StrEnum):
    MINUTE = "minute"
    HOUR = "hour"
    DAY = "day"
    WORKDAY = "workday"
    WEEK = "week"
    WEEKEND = "weekend"
    MONTH = "month"
    QUARTER = "quarter"
    YEAR = "year"


SECONDS: Final = {Unit.MINUTE: 60, Unit.HOUR: 3_600}


class Edge(StrEnum):
    START = "start"
    MIDDLE = "middle"
    END = "end"


class Which(StrEnum):
    """Which of the days that bear a name."""

    NEAREST = "nearest"
    THIS = "this"
    NEXT = "next"
    """English `next friday`: people differ, so the nearest is an assumption."""
    COMING = "coming"
    """Spanish `el viernes que viene`: the nearest."""
    LAST = "last"


class DayPart(Enum):
    """A part of the day: the time it stands for where no other is said, and the half of the day it lies in."""

    EARLY = ("early", time(9), "am")
    MORNING = ("morning", time(9), "am")
    DAWN = ("dawn", time(7), "am")
    LATE_MORNING = ("late_morning", time(11), "am")
    NOON = ("noon", time(12), "pm")
    LUNCH = ("lunch", time(13), "pm")
    AFTERNOON = ("afternoon", time(16), "pm")
    LATE_AFTERNOON = ("late_afternoon", time(17), "pm")
    CLOSE = ("close", time(18), "pm")
    EVENING = ("evening", time(19), "pm")
    NIGHT = ("night", time(20), "pm")
    MIDNIGHT = ("midnight", time(0), "am")

    @property
    def at(self) -> time:
        return self.value[1]

    @property
    def half(self) -> str:
        return self.value[2]


@dataclass(frozen=True, slots=True)
class Offset:
    """So many days from today."""

    days: int


@dataclass(frozen=True, slots=True)
class Weekday:
    """`number` is 0 on Mondays. With `weeks` it is that one of the week so many on (0 is this week)."""

    number: int
    which: Which = Which.NEAREST
    weeks: int | None = None


@dataclass(frozen=True, slots=True)
class OfMonth:
    """`el 15`; `weekday` is what was said beside it."""

    day: int
    weekday: int | None = None


@dataclass(frozen=True, slots=True)
class Date:
    day: int
    month: int
    year: int | None = None
    is_doubtful: bool = False
    """Day and month may be the other way round."""


@dataclass(frozen=True, slots=True)
class Month:
    number: int
    edge: Edge | None = None
    year: int | None = None


@dataclass(frozen=True, slots=True)
class NthWeekday:
    """`the last friday of november`: `nth` is -1 for the last."""

    nth: int
    weekday: int
    month: int


@dataclass(frozen=True, slots=True)
class RelativePeriod:
    """A week, month, … so many on: 0 is the present one, `None` the nearest whose edge lies ahead."""

    unit: Unit
    count: int | None
    edge: Edge | None = None


@dataclass(frozen=True, slots=True)
class Quarter:
    number: int


@dataclass(frozen=True, slots=True)
class Away:
    """So much time from now; less than none lies behind. `is_vague`: `in a few days`."""

    amount: float
    unit: Unit
    is_vague: bool = False


@dataclass(frozen=True, slots=True)
class Feast:
    """A feast of each year; `month` 0 counts `day` from Easter. `after` it: the day when work goes on."""

    month: int
    day: int
    is_after: bool = False


@dataclass(frozen=True, slots=True)
class Impossible:
    """`31/11`."""


Day = (
    Offset
    | Weekday
    | NthWeekday
    | OfMonth
    | Date
    | Month
    | RelativePeriod
    | Quarter
    | Away
    | Feast
    | Impossible
)


@dataclass(frozen=True, slots=True)
class Clock:
    """A time of day as it was said. `half` is am or pm; without it and not `is_exact`, 5 may be 17:00."""

    hour: int
    minute: int = 0
    half: str | None = None
    is_exact: bool = False


class Bound(StrEnum):
    """How a mention bounds what it is about."""

    ON = "on"
    UNTIL = "until"
    BEFORE = "before"
    AFTER = "after"
    FROM = "from"


@dataclass(frozen=True, slots=True)
class Mention:
    """A time that a line names, and the tokens that do so: from `first` up to `end`."""

    first: int
    end: int
    day: Day | None = None
    clock: Clock | None = None
    part: DayPart | None = None
    bound: Bound = Bound.ON
    if_past: OfMonth | None = None
    """The day, if it lies behind: `el martes 10` may be a Tuesday at ten, or the tenth that was a Tuesday."""
