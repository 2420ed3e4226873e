"""Time and identifiers come from here, so that a test can bring its own."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import uuid_utils

from shared.errors import Refused

AHEAD = timedelta(minutes=5)
"""How far into the future an event's time may lie; what is later is set back to this at the door."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

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
    since = at - _EPOCH
    # Dividing by a timedelta takes five times as long, and this is done for every fact.
    return (since.days * 86_400 + since.seconds) * 1000 + since.microseconds // 1000


def from_milliseconds(at_ms: int) -> datetime:
    return _EPOCH + timedelta(milliseconds=at_ms)


def new_id() -> str:
    """A UUIDv7 (RFC 9562): unique, and sorts by the time it was made."""
    return str(uuid_utils.uuid7())
