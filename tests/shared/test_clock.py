"""Times are UTC, whole milliseconds, and never far ahead of the clock at the door."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.clock import AHEAD, clamp, from_milliseconds, milliseconds, new_id, utc_now
from shared.errors import Refused

NOW = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)
deterministic = settings(max_examples=100)
moments = st.datetimes(timezones=st.timezones()).filter(lambda at: 2 < at.year < 9998)


@deterministic
@given(moments)
def test_a_time_at_the_door_is_utc_in_whole_milliseconds_and_at_most_a_little_ahead(at: datetime) -> None:
    clamped = clamp(at, NOW)

    assert clamped.tzinfo is UTC
    assert clamped.microsecond % 1000 == 0
    assert clamped <= NOW + AHEAD


@deterministic
@given(moments)
def test_a_time_that_is_not_ahead_loses_less_than_a_millisecond_at_the_door(at: datetime) -> None:
    clamped = clamp(at, at.astimezone(UTC))

    assert timedelta() <= at - clamped < timedelta(milliseconds=1)
    assert clamp(clamped, NOW) == min(clamped, NOW + AHEAD)


def test_a_future_time_is_set_back_to_five_minutes_from_now() -> None:
    assert clamp(NOW + timedelta(days=1), NOW) == NOW + timedelta(minutes=5)
    assert clamp(NOW + timedelta(minutes=5), NOW) == NOW + timedelta(minutes=5)
    assert clamp(NOW + timedelta(minutes=4), NOW) == NOW + timedelta(minutes=4)


def test_what_happened_when_nobody_says_happened_now() -> None:
    assert clamp(None, NOW) == NOW


@pytest.mark.parametrize(
    "at",
    [
        datetime(1, 12, 31, 23, tzinfo=UTC),
        datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=12))),
        datetime(9999, 1, 1, tzinfo=UTC),
        datetime(9999, 12, 31, 23, tzinfo=timezone(-timedelta(hours=12))),
    ],
)
def test_a_time_that_no_event_could_bear_is_refused_at_the_door(at: datetime) -> None:
    with pytest.raises(Refused, match="years 2 to 9998"):
        clamp(at, NOW)


@deterministic
@given(st.integers(-(10**13), 10**14))
def test_milliseconds_come_back_exactly(at_ms: int) -> None:
    assert milliseconds(from_milliseconds(at_ms)) == at_ms


@deterministic
@given(moments)
def test_milliseconds_are_the_same_in_every_time_zone(at: datetime) -> None:
    assert milliseconds(at) == milliseconds(at.astimezone(UTC))
    assert from_milliseconds(milliseconds(at)) == clamp(at, at.astimezone(UTC))


def test_now_has_the_resolution_of_what_is_stored() -> None:
    now = utc_now()

    assert from_milliseconds(milliseconds(now)) == now


def test_identifiers_are_unique_and_sort_by_the_time_they_were_made() -> None:
    made = [new_id() for _ in range(1_000)]

    assert made == sorted(set(made))
