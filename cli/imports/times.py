"""Times as exports write them. What two readings fit, and what no clock ever showed, is refused and named."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Final

EARLIEST: Final = 1980
"""The first year that is believed: 1900, 1904 and 1970 are what programs write that know no time."""

NUMBERS: Final = {
    "epoch": (datetime(1970, 1, 1, tzinfo=UTC), timedelta(seconds=1)),
    "epoch_ms": (datetime(1970, 1, 1, tzinfo=UTC), timedelta(milliseconds=1)),
    "excel": (datetime(1899, 12, 30), timedelta(days=1)),  # noqa: DTZ001
}
"""Formats that are numbers: since when, and of what. A spreadsheet's days have no zone."""

ISO: Final = "iso"

_PROBES: Final = (datetime(2026, 11, 21, 21, 34, 56), datetime(2031, 2, 3, 9, 8, 7))  # noqa: DTZ001
_SLASHES: Final = re.compile(r"(\d{1,2})[/.-](\d{1,2})[/.-](\d{4})\b")
_ISO: Final = re.compile(r"\d{4}-?(\d{2}-?\d{2}|W\d{2}-?\d)([T ].*)?", re.ASCII)
_NUMBER: Final = re.compile(r"\d{1,13}(\.\d{1,12})?", re.ASCII)


def checked_format(format_: str) -> str:
    """Raises ValueError for a format by which no time, or not the right one, would ever be read."""
    if format_ in NUMBERS or format_ == ISO:
        return format_
    for probe in _PROBES:
        try:
            # %z wants an offset to write; what is read back is compared without it
            found = datetime.strptime(probe.replace(tzinfo=UTC).strftime(format_), format_)  # noqa: DTZ007
        except (ValueError, re.error):
            raise ValueError(
                f"{format_!r} cannot be read back; write it as strptime takes it, such as %d/%m/%Y %H:%M, "
                f"or {ISO}, {', '.join(NUMBERS)}"
            ) from None
        found = found.replace(tzinfo=None)
        if found.date() != probe.date():
            raise ValueError(f"{format_!r} does not say day, month and year; write all three, as %d/%m/%Y")
        if found.hour not in (0, probe.hour) or (found.hour == 0 and found.minute):
            raise ValueError(f"{format_!r} does not say which half of the day; %I needs %p, or write %H")
    return format_


def instant(text: str, formats: Sequence[str], zone: tzinfo | None) -> datetime:
    """When it was, in UTC; `formats` as strptime takes them, of `NUMBERS`, or `ISO`, which is meant if there are none.

    Raises ValueError with a sentence.
    """
    at = _read(text, formats)
    if at.tzinfo is None:
        if zone is None:
            raise ValueError(f"time {text[:40]!r} does not say its zone; give the mapping a time_zone")
        at = _in_zone(at, zone, text)
    try:
        at = at.astimezone(UTC)
    except OverflowError:
        raise ValueError(f"time {text[:40]!r} is out of range") from None
    if at.year < EARLIEST:
        raise ValueError(
            f"time {text[:40]!r} lies before {EARLIEST}, where programs put what has no time; correct it"
        )
    return at


def _read(text: str, formats: Sequence[str]) -> datetime:
    for format_ in formats or (ISO,):
        try:
            return _by(format_, text)
        except (ValueError, OverflowError):
            continue
    wanted = " or ".join(formats) or "2026-11-21T09:30:00Z"
    raise ValueError(f"time {text[:40]!r} is not written as {wanted}{_hint(text, formats)}")


def _by(format_: str, text: str) -> datetime:
    if format_ == ISO and _ISO.fullmatch(text):
        return datetime.fromisoformat(text)
    if format_ not in NUMBERS:
        return datetime.strptime(text, format_)  # noqa: DTZ007
    if not _NUMBER.fullmatch(text):
        raise ValueError
    since, unit = NUMBERS[format_]
    return since + float(text) * unit if "." in text else since + int(text) * unit


def _in_zone(at: datetime, zone: tzinfo, text: str) -> datetime:
    """The instant at which the zone's clocks showed it; between summer and winter some are shown twice or never."""
    first, second = at.replace(tzinfo=zone), at.replace(tzinfo=zone, fold=1)
    if first.utcoffset() == second.utcoffset():
        return first
    try:
        one, other = first.astimezone(UTC), second.astimezone(UTC)
    except OverflowError:
        return first
    if one.astimezone(zone).replace(tzinfo=None) != at:
        raise ValueError(f"time {text[:40]!r} was on no clock in {zone}: there they were put forward")
    raise ValueError(
        f"time {text[:40]!r} was twice on the clocks in {zone}: it may be {one:%H:%M}Z or {other:%H:%M}Z; "
        "export times with their offset"
    )


def _hint(text: str, formats: Sequence[str]) -> str:
    """What else it may be, for who writes the mapping."""
    if (found := _SLASHES.match(text)) and not formats:
        first, second, year = (int(part) for part in found.groups())
        days = [
            (f"{year}-{month:02}-{day:02}", name)
            for day, month, name in ((first, second, "%d/%m/%Y"), (second, first, "%m/%d/%Y"))
            if 1 <= month <= 12 and 1 <= day <= 31
        ]
        may_be = " or ".join(f"{day} ({name})" for day, name in dict(days).items())
        return f"; it may be {may_be}: say it with time_format" if may_be else ""
    if _NUMBER.fullmatch(text):
        size = len(text.partition(".")[0])
        name = {5: "excel", 10: "epoch", 13: "epoch_ms"}.get(size)
        return f"; if it is what time_format: {name} means, say so" if name and name not in formats else ""
    return ""
