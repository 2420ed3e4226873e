"""Which column of an undescribed table says what, by its header and by what stands in it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Final

from cli.imports import times
from cli.imports.amounts import amount
from cli.imports.sample import Sample
from cli.imports.vocabulary import NOT_THESE, PARTS, fits, plain

SURE: Final = 1_000
_SEVERAL: Final = {"phone": 3, "email": 3}
"""Parts that several columns may say; of all others, one does."""

_EMAIL: Final = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_PHONE: Final = re.compile(r"'?(?:p:)?\+?[0-9 ()./-]{6,30}")
_SOME_ID: Final = re.compile(r"[A-Za-z0-9_:./#-]{1,60}")
_DATES: Final = ("created", "last_activity", "closed")
_LISTS: Final = ("stage", "source", "owner", "campaign", "lost_reason", "activity")
_MOST_WORDS: Final = 60
"""A column with more different words is no list."""

_CLOCKS: Final = ("", " %H:%M", " %H:%M:%S", " %I:%M %p", ", %H:%M", ", %H:%M:%S")
_DAY_FIRST: Final = ("%d/%m/%Y", "%d-%m-%Y", "%d.%m.%Y", "%d/%m/%y", "%d-%m-%y", "%d.%m.%y")
_MONTH_FIRST: Final = ("%m/%d/%Y", "%m-%d-%Y", "%m/%d/%y")
_OTHERS: Final = ("%Y/%m/%d", "%d %b %Y", "%b %d, %Y")


def assigned(sample: Sample) -> tuple[dict[str, list[int]], list[str]]:
    """The columns of each part, and what is doubtful of that. A column says one thing only."""
    found = [
        (score, part, place)
        for place, header in enumerate(sample.header)
        for part in PARTS
        if (score := _score(sample, place, header, part)) > 0
    ]
    parts: dict[str, list[int]] = {}
    doubts, taken = [], set[int]()
    for score, part, place in sorted(found, key=lambda each: (-each[0], each[2])):
        if place in taken or len(parts.get(part, ())) >= _SEVERAL.get(part, 1):
            continue
        taken.add(place)
        parts.setdefault(part, []).append(place)
        if score < SURE:
            doubts.append(f"{sample.header[place]!r} is taken for {part.replace('_', ' ')}")
    return parts, doubts


def _score(sample: Sample, place: int, header: str, part: str) -> int:
    values = sample.column(place)
    score = fits(header, part)
    if part == "email" and not fits(header, "owner") and _share(values, _EMAIL.fullmatch) > 0.5:
        return max(score, SURE)
    if not values or score == 0 or not _may_be(part, values, header):
        return 0
    return score


def _may_be(part: str, values: Sequence[str], header: str) -> bool:
    """Whether what stands in a column can be what its header promises."""
    if part == "email":
        return _share(values, _EMAIL.fullmatch) > 0.5
    if part == "phone":
        return _share(values, _PHONE.match) > 0.5
    if part in _DATES:
        return not NOT_THESE.search(plain(header)) and (_share(values, _is_dated) > 0.5)
    if part == "lead":
        return _share(values, _SOME_ID.fullmatch) == 1.0
    if part == "value":
        return _share(values, _is_amount) > 0.5
    if part in _LISTS:
        return len({plain(value) for value in values}) <= _MOST_WORDS and not _share(values, _is_dated) > 0.5
    return True


def _share(values: Sequence[str], is_it: Callable[[str], object]) -> float:
    some = values[:200]
    return sum(1 for value in some if is_it(value)) / len(some) if some else 0.0


def _is_amount(text: str) -> bool:
    try:
        amount(text, None)
    except ValueError as error:
        return "may be" in str(error)
    return True


def _is_dated(text: str) -> bool:
    return bool(
        _reads(text, (times.ISO,))
        or any(_fitting([text], group) for group in (_DAY_FIRST, _MONTH_FIRST, _OTHERS))
    )


def formats(values: Iterable[str]) -> tuple[list[str], str | None]:
    """How times are written that all these are, day first where both would do; and what is doubtful of it."""
    every = list(dict.fromkeys(values))
    words = [value for value in every if not _reads(value, (times.ISO,))]
    iso = [times.ISO] if len(words) < len(every) else []
    if not words:
        return [], None
    for number in ("epoch_ms", "epoch", "excel"):
        if all(_recent(word, number) for word in words):
            return [number], f"times such as {words[0]} are taken for {number}"
    day, month = _fitting(words, _DAY_FIRST), _fitting(words, _MONTH_FIRST)
    if day and month and any(re.search("[AaPp][Mm]$", word) for word in words):
        day = []
    if day and month:
        return day + iso, f"{words[0]} may have the day or the month first; it is read with the day first"
    chosen = day or month or _fitting(words, _OTHERS)
    if chosen:
        return chosen + iso, None
    groups = (_DAY_FIRST, _MONTH_FIRST, _OTHERS)
    best = max(
        (_some_fitting(words, group) for group in groups),
        key=lambda group: _share(words, partial(_reads, formats=group)),
    )
    odd = next(word for word in words if not best or not _reads(word, best))
    return (
        best + iso,
        f"the time {odd[:40]!r} is written otherwise than the others, and its row will be rejected",
    )


def _fitting(words: Sequence[str], dates: Sequence[str]) -> list[str]:
    """The formats by which all can be read; empty when one cannot."""
    found = _some_fitting(words, dates)
    return found if found and all(_reads(word, found) for word in words) else []


def _some_fitting(words: Sequence[str], dates: Sequence[str]) -> list[str]:
    every = [date + clock for date in dates for clock in _CLOCKS]
    return [format_ for format_ in every if any(_reads(word, (format_,)) for word in words[:500])]


def _reads(text: str, formats: Sequence[str]) -> bool:
    return _moment(text, formats) is not None


def _recent(text: str, format_: str) -> bool:
    at = _moment(text, (format_,))
    return at is not None and 2000 <= at.year < 2100


def _moment(text: str, formats: Sequence[str]) -> datetime | None:
    try:
        return times.instant(text, formats, UTC)
    except ValueError:
        return None
