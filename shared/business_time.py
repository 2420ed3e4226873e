"""Business time: when somebody is at work, and how long something takes of it.

Opening hours are a set of instants: those whose local time lies in a shift of a day that is no holiday. So an hour
that daylight saving skips is in no shift, and one that it repeats counts twice. All here is reckoned in whole
milliseconds since 1970, day by day in UTC; a day's openings are kept once they are known.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Final, Protocol
from zoneinfo import ZoneInfo

import holidays

from shared.clock import from_milliseconds, milliseconds
from shared.errors import Refused

Span = tuple[int, int]
"""From, and until but not at, in milliseconds."""

DAY: Final = 86_400_000
LOOK_AHEAD: Final = 370
"""Days without any opening after which there is none."""
_EPOCH: Final = date(1970, 1, 1).toordinal()


class NeverOpen(Refused):
    def __init__(self) -> None:
        super().__init__("never-open", f"there is no opening within {LOOK_AHEAD} days")


class Hours(Protocol):
    """When something is open."""

    def openings(self, day: int) -> Sequence[Span]:
        """The openings within a day of UTC, counted from 1970: in order, apart, none empty."""


@dataclass(frozen=True, slots=True)
class Holidays:
    """Days off: a country's (as the library `holidays` knows them), and one's own; `worked` ones are none."""

    country: str | None = None
    subdivision: str | None = None
    also: frozenset[date] = frozenset()
    worked: frozenset[date] = frozenset()

    def __contains__(self, day: date) -> bool:
        if day in self.also:
            return True
        return (
            self.country is not None and day not in self.worked and day in _of(self.country, self.subdivision)
        )


@lru_cache(maxsize=256)
def _of(country: str, subdivision: str | None) -> holidays.HolidayBase:
    return holidays.country_holidays(country, subdiv=subdivision)


@dataclass(frozen=True, eq=False)
class Calendar:
    """Opening hours in a zone: shifts of milliseconds since local midnight, Monday first."""

    zone: ZoneInfo
    shifts: tuple[tuple[Span, ...], ...] | None = None
    """None: always open, holidays too."""
    holidays: Holidays = field(default_factory=Holidays)
    _known: dict[int, tuple[Span, ...]] = field(default_factory=dict, repr=False)
    _moved: dict[str, Calendar] = field(default_factory=dict, repr=False)

    def openings(self, day: int) -> Sequence[Span]:
        if (known := self._known.get(day)) is None:
            known = self._known[day] = tuple(_joined(self._reckon(day)))
        return known

    def at(self, zone: str | None) -> Calendar:
        """The same hours where the clock is another one."""
        if zone is None or zone == self.zone.key or self.shifts is None:
            return self
        if zone not in self._moved:
            self._moved[zone] = replace(self, zone=ZoneInfo(zone), _known={}, _moved={})
        return self._moved[zone]

    def _reckon(self, day: int) -> Iterator[Span]:
        if self.shifts is None:
            yield day * DAY, (day + 1) * DAY
            return
        for begin, end, offset in _pieces(self.zone, day * DAY, (day + 1) * DAY):
            for local in range((begin + offset) // DAY, (end + offset - 1) // DAY + 1):
                midnight = local * DAY - offset
                for start, stop in self._of_day(date.fromordinal(_EPOCH + local)):
                    if (first := max(begin, midnight + start)) < (last := min(end, midnight + stop)):
                        yield first, last

    def _of_day(self, day: date) -> tuple[Span, ...]:
        assert self.shifts is not None
        return () if day in self.holidays else self.shifts[day.weekday()]


@dataclass(frozen=True, slots=True)
class Both:
    """Open when one and the other are."""

    one: Hours
    other: Hours

    def openings(self, day: int) -> Sequence[Span]:
        return [
            span
            for begin, end in self.one.openings(day)
            for start, stop in self.other.openings(day)
            if (span := (max(begin, start), min(end, stop)))[0] < span[1]
        ]


ALWAYS: Final = Calendar(ZoneInfo("UTC"))


def is_open(hours: Hours, at: datetime) -> bool:
    instant = milliseconds(at)
    return any(begin <= instant < end for begin, end in hours.openings(instant // DAY))


def next_open(hours: Hours, at: datetime) -> datetime:
    """`at` if it is open then, else the next instant that is. Raises NeverOpen."""
    return at if is_open(hours, at) else from_milliseconds(next(_from(hours, milliseconds(at)))[0])


def add(hours: Hours, start: datetime, duration: timedelta) -> datetime:
    """The earliest instant by which `duration` of open time has passed; the next opening for none. Raises NeverOpen."""
    left = duration // timedelta(milliseconds=1)
    if left <= 0:
        return next_open(hours, start)
    for begin, end in _from(hours, milliseconds(start)):
        if end - begin >= left:
            return from_milliseconds(begin + left)
        left -= end - begin
    raise NeverOpen


def between(hours: Hours, start: datetime, end: datetime) -> timedelta:
    """Open time from `start` to `end`; below zero when `end` comes first."""
    if end < start:
        return -between(hours, end, start)
    first, last = milliseconds(start), milliseconds(end)
    passed = sum(
        max(0, min(last, stop) - max(first, begin))
        for day in range(first // DAY, last // DAY + 1)
        for begin, stop in hours.openings(day)
    )
    return timedelta(milliseconds=passed)


def add_days(hours: Hours, zone: ZoneInfo, start: datetime, days: int) -> datetime:
    """The same time of day `days` working days later, or the next opening after it. Raises NeverOpen."""
    local, without = start.astimezone(zone), 0
    while days > 0:
        local = (local.replace(tzinfo=None) + timedelta(days=1)).replace(tzinfo=zone)
        midnight = local.replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
        following = (midnight.replace(tzinfo=None) + timedelta(days=1)).replace(tzinfo=zone)
        works = between(hours, midnight.astimezone(UTC), following.astimezone(UTC)) > timedelta()
        days, without = (days - 1, 0) if works else (days, without + 1)
        if without > LOOK_AHEAD:
            raise NeverOpen
    return next_open(hours, local.astimezone(UTC))


def _from(hours: Hours, instant: int) -> Iterator[Span]:
    """Openings after an instant, the first one from it on."""
    day, without = instant // DAY, 0
    while without <= LOOK_AHEAD:
        openings = hours.openings(day)
        without = 0 if openings else without + 1
        for begin, end in openings:
            if end > instant:
                yield max(begin, instant), end
        day += 1
    raise NeverOpen


def _joined(spans: Iterator[Span]) -> Iterator[Span]:
    before: Span | None = None
    for span in sorted(spans):
        if before is not None and before[1] >= span[0]:
            before = before[0], max(before[1], span[1])
        else:
            if before is not None:
                yield before
            before = span
    if before is not None:
        yield before


def _pieces(zone: ZoneInfo, begin: int, end: int) -> Iterator[tuple[int, int, int]]:
    """Parts of a span in which local time keeps one distance from UTC, which goes along."""
    step = DAY // 8
    since, offset = begin, _offset(zone, begin)
    for at in range(begin, end, step):
        low, high = at, min(at + step, end)
        if (new := _offset(zone, high)) == offset:
            continue
        while high - low > 1_000:
            middle = (low + high) // 2_000 * 1_000
            low, high = (middle, high) if _offset(zone, middle) == offset else (low, middle)
        if high < end:
            yield since, high, offset
            since, offset = high, new
    yield since, end, offset


def _offset(zone: ZoneInfo, instant: int) -> int:
    offset = datetime.fromtimestamp(instant // 1_000, zone).utcoffset()
    assert offset is not None
    return offset // timedelta(milliseconds=1)
