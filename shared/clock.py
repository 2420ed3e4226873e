"""Time and identifiers come from here, so that a test can bring its own."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final

import uuid_utils

from shared.errors import Refused

AHEAD = timedelta(minutes=5)
"""How far into the future an event's time may lie; what is later is set back to this at the door."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Clock = Callable[[], datetime]

_NUMERIC: Final = re.compile(r"[+-]?[0-9]*\.?[0-9]*(e[+-]?[0-9]+)?", re.IGNORECASE)


def utc_now() -> datetime:
    """The instant, UTC, cut to milliseconds: the resolution of every time Ascua stores."""
    now = datetime.now(UTC)
    return now.replace(microsecond=now.microsecond // 1000 * 1000)


def in_utc(at: datetime) -> datetime:
    """An instant as every time is held: in UTC, and so far from the calendar's ends that one may reckon with it.

    Raises ValueError.
    """
    try:
        at = at.astimezone(UTC)
    except OverflowError:
        at = datetime.max.replace(tzinfo=UTC)
    if not 1 < at.year < 9999:
        raise ValueError("a time must lie in the years 2 to 9998 in UTC")
    return at


def from_number(given: object) -> object:
    """An instant, where what was sent is a number, or the text of one: seconds since 1970 if it has ten digits before
    its point, milliseconds if it has thirteen. What is no number is returned as it is.

    Raises ValueError for any other number: 20261128 is a date to people, and August 1970 to programs.
    """
    if isinstance(given, str):
        given = given.strip()
        if not given or not _NUMERIC.fullmatch(given):
            return given
        given = float(given) if given.strip("+-.eE") else math.nan
    if isinstance(given, bool) or not isinstance(given, int | float):
        return given
    for unit, smallest in ((1.0, 1e9), (1000.0, 1e12)):
        if smallest <= given < 10 * smallest:
            return from_milliseconds(round(given / unit * 1000))
    raise ValueError(
        "a number is a time only as seconds or milliseconds since 1970; write it as 2026-11-21T09:30:00Z"
    )


def clamp(at: datetime | None, now: datetime) -> datetime:
    """When something happened, in UTC and whole milliseconds, at most `AHEAD` of `now`; now, if nobody says.

    Raises `Refused("time-out-of-range")`.
    """
    try:
        at = in_utc(at or now)
    except ValueError as error:
        raise Refused("time-out-of-range", str(error)) from None
    return min(at.replace(microsecond=at.microsecond // 1000 * 1000), now + AHEAD)


def milliseconds(at: datetime) -> int:
    """Milliseconds since 1970 in UTC, exactly."""
    since = at - _EPOCH
    # Dividing by a timedelta takes five times as long, and this is done for every fact.
    return (since.days * 86_400 + since.seconds) * 1000 + since.microseconds // 1000


def from_milliseconds(at_ms: int) -> datetime:
    return _EPOCH + timedelta(milliseconds=at_ms)


def new_id() -> str:
    """A UUIDv7 (RFC 9562): unique, and sorts by the time it was made."""
    return str(uuid_utils.uuid7())
