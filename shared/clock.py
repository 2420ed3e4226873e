"""Time and identifiers come from here, so that a test can bring its own."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import uuid_utils

from shared.errors import Refused

AHEAD = timedelta(minutes=5)
"""How far into the future an event's time may lie; what is later is set back to this at the door."""

Clock = Callable[[], datetime]


def utc_now() -> datetime:
    """The instant, UTC, cut to milliseconds: the resolution of every time Ascua stores."""
    now = datetime.now(UTC)
    return now.replace(microsecond=now.microsecond // 1000 * 1000)


def clamp(at: datetime, now: datetime) -> datetime:
    """When something happened, in UTC and whole milliseconds, at most `AHEAD` of `now`.

    Raises `Refused("time-out-of-range")`.
    """
    try:
        at = at.astimezone(UTC)
    except OverflowError:
        raise Refused("time-out-of-range", "a time must lie in the years 1 to 9999 in UTC") from None
    return min(at.replace(microsecond=at.microsecond // 1000 * 1000), now + AHEAD)


def milliseconds(at: datetime) -> int:
    """Milliseconds since 1970 in UTC, exactly."""
    return (at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)


def from_milliseconds(at_ms: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=at_ms)


def new_id() -> str:
    """A UUIDv7 (RFC 9562): unique, and sorts by the time it was made."""
    return str(uuid_utils.uuid7())
