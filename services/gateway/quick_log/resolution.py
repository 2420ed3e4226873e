"""From a named time to the instant that it means to somebody in a zone, ahead or behind, and what was assumed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from typing import Final
from zoneinfo import ZoneInfo

from services.gateway.quick_log import dates
from services.gateway.quick_log.model import (
    SECONDS,
    Away,
    Bound,
    Date,
    DayPart,
    Feast,
    Mention,
    Month,
    Offset,
    OfMonth,
    Quarter,
    RelativePeriod,
    Weekday,
    Which,
)

NINE: Final = time(9)
"""A day without a time means its morning."""


class Assumed(StrEnum):
    """What was taken for granted; who confirms looks at it twice."""

    TIME = "time"
    """No time of day was said, or only a part of the day."""
    AFTERNOON = "afternoon"
    """`a las 5` was taken as 17:00."""
    NEXT_WEEK = "next_week"
    """Today's weekday was taken as the one in a week, or a week ago."""
    NEAREST = "nearest"
    """`next friday` was taken as the nearest one."""
    DAY = "day"
    """A stretch of time was named, and one day of it taken."""
    DAY_FIRST = "day_first"
    """`3/4` was taken as the third of April."""
    TOMORROW = "tomorrow"
    """A time that has passed today was taken as tomorrow's."""
    YESTERDAY = "yesterday"
    """A time that is still to come today was taken as yesterday's."""
    SPELLING = "spelling"
    """A word was taken for another that is spelt almost like it."""
    ACTION = "action"
    """What to do next was not said: the same again."""
    KIND = "kind"
    """What was done was not said: what is next was taken."""


@dataclass(frozen=True, slots=True)
class Moment:
    """`at` is None where what is meant is now."""

    at: datetime | None
    assumed: tuple[Assumed, ...] = ()


def due(mention: Mention, now: datetime, zone: ZoneInfo) -> Moment | None:
    """When it will be: later than `now`, or None if no such time is named.

    A time that the clocks skip in spring is the one an hour on; of one that comes twice the first is meant.
    """
    local = _local(now, zone)
    if isinstance(mention.day, Away) and mention.day.unit in SECONDS:
        seconds = mention.day.amount * SECONDS[mention.day.unit]
        if not 0 < seconds <= dates.FARTHEST * 86_400:
            return None
        return Moment((now + timedelta(seconds=max(60, seconds))).replace(second=0, microsecond=0))
    on = (
        _bounded(mention, dates.ahead(mention.day, local.date())) if mention.day is not None else local.date()
    )
    if on is None:
        return None
    assumed = _assumed_day(mention, on, local.date())
    for day, at, more in _times(mention, on, local):
        when = datetime.combine(day, at, zone).astimezone(now.tzinfo)
        if when > now:
            return Moment(when, _unique(*assumed, *more))
    return None


def done(mention: Mention, now: datetime, zone: ZoneInfo) -> Moment | None:
    """When it was: not later than `now`, or None if no such time is named."""
    if mention.if_past is not None:
        mention = replace(mention, day=mention.if_past, clock=None)
    local = _local(now, zone)
    today = local.date()
    if isinstance(mention.day, Away) and mention.day.unit in SECONDS:
        seconds = mention.day.amount * SECONDS[mention.day.unit]
        if not -dates.FARTHEST * 86_400 <= seconds < 0:
            return None
        return Moment((now + timedelta(seconds=seconds)).replace(second=0, microsecond=0))
    on = dates.behind(mention.day, today) if mention.day is not None else today
    if on is None:
        return None
    at, more = _time(mention, is_past=True)
    if on == today and mention.clock is None:
        when = datetime.combine(on, at, zone)
        return (
            Moment(None) if mention.part is None or when > now else Moment(when.astimezone(now.tzinfo), more)
        )
    assumed = _assumed_day(mention, on, today)
    choices = [(on, at, more)]
    if on == today and mention.clock is not None:
        if Assumed.AFTERNOON in more:
            choices.append(
                (on, at.replace(hour=at.hour - 12), (Assumed.TIME,))
                if mention.day
                else (on - timedelta(days=1), at, more)
            )
        if mention.day is None:
            choices.append((on - timedelta(days=1), at, (*more, Assumed.YESTERDAY)))
    if mention.clock is not None and _is_after_midnight(mention, at):
        choices.insert(0, (on + timedelta(days=1), at, more))
    for day, clock, each in choices:
        when = datetime.combine(day, clock, zone)
        if when <= now:
            yesterday = (Assumed.YESTERDAY,) if mention.day is None and day < today else ()
            return Moment(when.astimezone(now.tzinfo), _unique(*assumed, *each, *yesterday))
    return None


def _local(now: datetime, zone: ZoneInfo) -> datetime:
    return now.astimezone(zone).replace(tzinfo=None, second=0, microsecond=0)


def _unique(*assumed: Assumed) -> tuple[Assumed, ...]:
    return tuple(dict.fromkeys(assumed))


def _bounded(mention: Mention, on: date | None) -> date | None:
    """After a day is the day behind it; a feast counts that itself."""
    is_day = isinstance(mention.day, Offset | Weekday | OfMonth | Date)
    if on is not None and mention.bound is Bound.AFTER and is_day and mention.clock is None:
        return on + timedelta(days=1)
    return on


def _assumed_day(mention: Mention, on: date, today: date) -> tuple[Assumed, ...]:
    match mention.day:
        case Weekday(_, Which.NEXT, None):
            return (Assumed.NEAREST,)
        case Weekday(number, _, None) if number == today.weekday():
            return (Assumed.NEXT_WEEK,) if on != today else ()
        case Date(is_doubtful=True):
            return (Assumed.DAY_FIRST,)
        case Month() | Quarter() | RelativePeriod() | Feast(is_after=True) | Away(is_vague=True):
            return (Assumed.DAY,)
    return (
        (Assumed.DAY,)
        if mention.bound is Bound.AFTER and mention.day is not None and mention.clock is None
        else ()
    )


def _times(mention: Mention, on: date, local: datetime) -> list[tuple[date, time, tuple[Assumed, ...]]]:
    """What may be meant on that day, the likeliest first; the first that lies ahead is."""
    at, assumed = _time(mention, is_past=False)
    if mention.clock is not None and _is_after_midnight(mention, at):
        on += timedelta(days=1)
    choices = [(on, at, assumed)]
    is_today = on == local.date()
    if is_today and mention.day is None:
        choices.append((on + timedelta(days=1), at, (*assumed, Assumed.TOMORROW)))
    elif is_today and mention.clock is not None:
        if at.hour < 12 and _is_open(mention):
            choices.append((on, at.replace(hour=at.hour + 12), (*assumed, Assumed.AFTERNOON)))
    elif is_today:
        later = _later(local)
        if mention.part is None:
            choices.insert(0, (later.date(), later.time(), (*assumed, Assumed.TIME)))
        else:
            choices.append((later.date(), later.time(), (*assumed, Assumed.TIME)))
        minute = local + timedelta(minutes=1)
        choices.append((minute.date(), minute.time(), (*assumed, Assumed.TIME)))
    return choices


def _later(local: datetime) -> datetime:
    """Later today: at the next full hour that leaves an hour, or the last minute of the day."""
    later = (local + timedelta(hours=2)).replace(minute=0)
    return later if later.date() == local.date() else local.replace(hour=23, minute=59)


def _is_open(mention: Mention) -> bool:
    """The hour may be one of the morning or of the evening."""
    return (
        mention.clock is not None
        and mention.clock.half is None
        and not mention.clock.is_exact
        and mention.part is None
    )


def _is_after_midnight(mention: Mention, at: time) -> bool:
    """`a las 12 de la noche`, `24:00`: where the day ends."""
    clock = mention.clock
    if clock is None:
        return False
    return clock.hour == 24 or (
        mention.part in (DayPart.NIGHT, DayPart.EVENING) and at.hour < 5 and clock.hour != 0
    )


def _time(mention: Mention, is_past: bool) -> tuple[time, tuple[Assumed, ...]]:
    clock, part = mention.clock, mention.part
    if clock is None:
        if part is DayPart.NOON:
            return part.at, ()
        return (NINE if part is None else part.at), (Assumed.TIME,)
    hour, assumed = clock.hour % 24, ()
    if clock.half is not None:
        hour = hour % 12 + (12 if clock.half == "pm" else 0)
    elif part is not None and 1 <= hour <= 12:
        hour = _of_part(hour, part)
    elif 1 <= hour <= 7 and not clock.is_exact:
        return time(hour + 12, clock.minute), (Assumed.AFTERNOON,)
    return time(hour, clock.minute), assumed


def _of_part(hour: int, part: DayPart) -> int:
    """`las 9 de la noche`, `las 12 de la mañana` (noon), `las 2 de la noche` (two hours after midnight)."""
    if part is DayPart.DAWN or part is DayPart.MIDNIGHT:
        return hour % 12
    if part is DayPart.NIGHT and (hour == 12 or hour <= 4):
        return hour % 12
    if part.half == "am":
        return hour
    return hour if part is DayPart.NOON and hour >= 11 else hour % 12 + 12
