"""Business time against an oracle that knows only the wall clock, and looks at every minute."""

from __future__ import annotations

import os
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from itertools import accumulate
from zoneinfo import ZoneInfo

import holidays
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.business_time import (
    ALWAYS,
    Both,
    Calendar,
    Holidays,
    Hours,
    NeverOpen,
    add,
    add_days,
    between,
    is_open,
    next_open,
)

LONG = os.environ.get("ASCUA_FAULTS") == "long"
MINUTE = 60_000
DAYS = 42


def at(text: str, zone: str = "UTC") -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)


def shifts(*pairs: tuple[str, str]) -> tuple[tuple[int, int], ...]:
    def since_midnight(text: str) -> int:
        return (int(text[:2]) * 60 + int(text[3:])) * MINUTE

    return tuple((since_midnight(begin), since_midnight(end)) for begin, end in pairs)


SPLIT = shifts(("09:00", "14:00"), ("16:00", "19:00"))
MADRID = Calendar(
    ZoneInfo("Europe/Madrid"), (*[SPLIT] * 4, shifts(("09:00", "15:00")), (), ()), Holidays("ES", "MD")
)


def test_an_afternoon_begins_after_the_pause_and_a_week_after_the_weekend() -> None:
    monday = at("2026-11-23T13:30", "Europe/Madrid")
    friday = at("2026-11-27T14:00", "Europe/Madrid")

    assert add(MADRID, monday, timedelta(hours=1)) == at("2026-11-23T16:30", "Europe/Madrid")
    assert add(MADRID, friday, timedelta(hours=2)) == at("2026-11-30T10:00", "Europe/Madrid")
    assert next_open(MADRID, at("2026-11-28T12:00", "Europe/Madrid")) == at(
        "2026-11-30T09:00", "Europe/Madrid"
    )
    assert between(MADRID, monday, friday) == timedelta(hours=0.5 + 3 + 8 * 3 + 5)


def test_a_holiday_is_no_working_day_unless_it_is_worked() -> None:
    eve = at("2026-12-24T10:00", "Europe/Madrid")
    working = Calendar(
        MADRID.zone, MADRID.shifts, Holidays("ES", "MD", worked=frozenset({date(2026, 12, 25)}))
    )

    assert not is_open(MADRID, at("2026-12-25T10:00", "Europe/Madrid"))
    assert add_days(MADRID, MADRID.zone, eve, 1) == at("2026-12-28T10:00", "Europe/Madrid")
    assert add_days(working, MADRID.zone, eve, 1) == at("2026-12-25T10:00", "Europe/Madrid")


def test_the_hour_that_is_skipped_is_not_worked_and_the_one_that_comes_twice_is_worked_twice() -> None:
    night = Calendar(ZoneInfo("Europe/Madrid"), (shifts(("01:00", "04:00")),) * 7)
    spring, autumn = at("2026-03-29T00:00", "Europe/Madrid"), at("2026-10-25T00:00", "Europe/Madrid")

    assert between(night, spring, spring + timedelta(hours=12)) == timedelta(hours=2)
    assert between(night, autumn, autumn + timedelta(hours=12)) == timedelta(hours=4)


def test_both_are_open_when_each_is_where_its_clock_stands() -> None:
    office = Calendar(ZoneInfo("Europe/Madrid"), (shifts(("09:00", "18:00")),) * 7)
    both = Both(office, office.at("America/New_York"))

    assert next_open(both, at("2026-11-24T08:00")) == at("2026-11-24T14:00")
    assert next_open(both, at("2026-11-24T17:00")) == at("2026-11-25T14:00")


def test_hours_that_never_come_are_told_and_not_waited_for() -> None:
    morning = Calendar(ZoneInfo("UTC"), (shifts(("08:00", "09:00")),) * 7)
    noon = Calendar(ZoneInfo("UTC"), (shifts(("12:00", "13:00")),) * 7)

    for late in (
        lambda: next_open(Both(morning, noon), at("2026-11-24T08:00")),
        lambda: add(Both(morning, noon), at("2026-11-24T08:00"), timedelta(hours=1)),
        lambda: add_days(Both(morning, noon), ZoneInfo("UTC"), at("2026-11-24T08:00"), 1),
    ):
        with pytest.raises(NeverOpen):
            late()


def test_always_is_always() -> None:
    now = at("2026-12-25T03:00:07")

    assert add(ALWAYS, now, timedelta(minutes=5)) == now + timedelta(minutes=5)
    assert between(ALWAYS, now, now + timedelta(days=400)) == timedelta(days=400)


# --- the oracle: a list of minutes, each asked what the wall clock shows


@dataclass(frozen=True)
class Shop:
    zone: str
    hours: tuple[tuple[tuple[int, int], ...], ...]  # minutes of the day, Monday first
    country: tuple[str, str | None] | None
    closed: frozenset[date]

    def calendar(self) -> Calendar:
        country, subdivision = self.country or (None, None)
        spans = tuple(tuple((a * MINUTE, b * MINUTE) for a, b in day) for day in self.hours)
        return Calendar(ZoneInfo(self.zone), spans, Holidays(country, subdivision, self.closed))

    def minutes(self, first: datetime) -> bytearray:
        zone = ZoneInfo(self.zone)
        off = holidays.country_holidays(self.country[0], self.country[1]) if self.country else {}
        found = bytearray()
        for number in range(DAYS * 24 * 60):
            local = (first + timedelta(minutes=number)).astimezone(zone)
            of_day = local.hour * 60 + local.minute
            is_off = local.date() in off or local.date() in self.closed
            found.append(not is_off and any(a <= of_day < b for a, b in self.hours[local.weekday()]))
        return found


ZONES = (
    "Europe/Madrid",
    "America/New_York",
    "Australia/Lord_Howe",
    "Asia/Kathmandu",
    "America/Sao_Paulo",
    "UTC",
)
SPRING, AUTUMN = datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 9, 28, tzinfo=UTC)
"""Both spans have a change of the clocks in Madrid, New York and on Lord Howe, where it is half an hour."""


def shops(draws: st.DataObject) -> Shop:
    cuts = st.lists(st.integers(0, 288), max_size=6, unique=True).map(sorted)
    days = [
        tuple((a * 5, b * 5) for a, b in zip(some[::2], some[1::2], strict=False))
        for some in draws.draw(st.lists(cuts, min_size=7, max_size=7))
    ]
    return Shop(
        draws.draw(st.sampled_from(ZONES)),
        tuple(days),
        draws.draw(st.sampled_from([None, ("ES", "MD"), ("US", None), ("BR", "SP"), ("AU", "NSW")])),
        frozenset(draws.draw(st.lists(st.dates(date(2026, 3, 1), date(2026, 12, 1)), max_size=3))),
    )


@lru_cache(maxsize=64)
def minutes(shop: Shop, first: datetime) -> bytearray:
    return shop.minutes(first)


class Oracle:
    """Open seconds before each minute, summed one by one."""

    def __init__(self, first: datetime, opened: Sequence[int]) -> None:
        self.first, self.opened = first, opened
        self.before = [0, *accumulate(60 * is_open for is_open in opened)]

    def until(self, second: int) -> int:
        minute, rest = divmod(second, 60)
        return self.before[minute] + (rest if rest and self.opened[minute] else 0)

    def add(self, start: int, duration: int) -> int | None:
        if duration == 0:
            minute = start // 60
            if self.opened[minute]:
                return start
            following = self.opened.find(1, minute)  # type: ignore[attr-defined]
            return following * 60 if following >= 0 else None
        wanted = self.until(start) + duration
        minute = bisect_left(self.before, wanted) - 1
        if minute >= len(self.opened) or self.before[-1] < wanted:
            return None
        return minute * 60 + wanted - self.before[minute]


@settings(
    max_examples=500 if LONG else 5,
    derandomize=not LONG,
    suppress_health_check=list(HealthCheck),
)
@given(draws=st.data())
def test_business_time_equals_what_the_wall_clock_shows_minute_by_minute(draws: st.DataObject) -> None:
    """Twenty cases on each pair of drawn calendars: 10,000 at length."""
    first = draws.draw(st.sampled_from([SPRING, AUTUMN]))
    one, other = shops(draws), shops(draws)
    both: bytearray = bytearray(
        a & b for a, b in zip(minutes(one, first), minutes(other, first), strict=True)
    )
    looked_at: list[tuple[Hours, Oracle]] = [
        (one.calendar(), Oracle(first, minutes(one, first))),
        (Both(one.calendar(), other.calendar()), Oracle(first, both)),
    ]
    for _ in range(20):
        hours, oracle = draws.draw(st.sampled_from(looked_at))
        start = draws.draw(st.integers(0, DAYS * 86_400 - 1))
        other_end = draws.draw(st.integers(0, DAYS * 86_400 - 1))
        duration = draws.draw(st.sampled_from([0, 1, 60, 3_600]) | st.integers(0, 200 * 3_600))
        begin, end = (first + timedelta(seconds=second) for second in (start, other_end))

        assert is_open(hours, begin) == bool(oracle.opened[start // 60])
        assert between(hours, begin, end) == timedelta(seconds=oracle.until(other_end) - oracle.until(start))
        expected = oracle.add(start, duration)
        if expected is not None:
            assert add(hours, begin, timedelta(seconds=duration)) == first + timedelta(seconds=expected)
