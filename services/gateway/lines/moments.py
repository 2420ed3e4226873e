"""The moment a piece of a line names: a day, a time of day, or a while from now. Days are read by `dateparser`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from typing import Final
from zoneinfo import ZoneInfo

import dateparser

NINE: Final = time(9)
"""A day without a time means its morning."""

NUMBERS: Final = {
    "un": 1, "una": 1, "a": 1, "an": 1, "one": 1, "dos": 2, "two": 2, "tres": 3, "three": 3, "cuatro": 4, "four": 4,
    "cinco": 5, "five": 5, "diez": 10, "ten": 10, "quince": 15, "fifteen": 15, "veinte": 20, "twenty": 20,
    "treinta": 30, "thirty": 30,
}  # fmt: skip
NUMBER: Final = rf"(?:\d{{1,3}}|{'|'.join(NUMBERS)})"


class Assumed(StrEnum):
    """What was taken for granted; who confirms looks at it twice."""

    TIME = "time"
    """No time of day was said: nine in the morning."""
    AFTERNOON = "afternoon"
    """`a las 5` was taken as 17:00."""
    NEXT_WEEK = "next_week"
    """Today's weekday was taken as the one in a week."""
    DAY_FIRST = "day_first"
    """`3/4` was taken as the third of April."""
    TOMORROW = "tomorrow"
    """A time that has passed today was taken as tomorrow's."""
    ACTION = "action"
    """What to do next was not said: the same again."""
    KIND = "kind"
    """What was done was not said: what is next was taken."""


@dataclass(frozen=True, slots=True)
class Moment:
    """An instant that was named, where it stands in the line, and what was assumed."""

    at: datetime
    spans: tuple[tuple[int, int], ...]
    assumed: tuple[Assumed, ...] = ()


_WEEKDAYS = (
    r"(?:lunes|martes|miercoles|jueves|viernes|sabado|domingo|lun|mie|jue|vie|"
    r"monday|tuesday|wednesday|thursday|friday|saturday|sunday|mon|tues?|wed|thu(?:rs?)?|fri|sat|sun)"
)
_MONTHS = (
    r"(?:enero|febrero|marzo|abril|mayo|junio|julio|agosto|sep?tiembre|octubre|noviembre|diciembre|"
    r"ene|abr|ago|dic|january|february|march|april|may|june|july|august|september|october|november|december|"
    r"jan|feb|mar|apr|jun|jul|aug|sept?|oct|nov|dec)"
)
_ON = r"(?:(?:el|este|para el|on|this|for|the|next|coming|proximo) )*"
_DAY = re.compile(
    r"\b(?:"
    r"(?P<after>pasado manana|(?:the )?day after tomorrow)"
    r"|(?P<before>anteayer|antes de ayer|(?:the )?day before yesterday)"
    r"|(?P<today>hoy|today|esta (?=manana|tarde|noche)|this (?=morning|afternoon|evening)|tonight)"
    r"|(?P<tomorrow>(?<!la )manana|tomorrow|tmrw|tmw)|(?P<yesterday>ayer|yesterday|last night|anoche)"
    rf"|(?:en|dentro de|in) (?:(?P<half>media hora|half an hour)|(?P<n>{NUMBER}) ?(?P<unit>minutos?|min|"
    rf"minutes?|"
    r"horas?|h|hours?|dias?|days?|semanas?|weeks?|mes(?:es)?|months?))"
    r"|(?P<week>(?:la )?semana que viene|(?:la )?proxima semana|next week)"
    r"|(?P<month>(?:el )?mes que viene|(?:el )?proximo mes|next month)"
    rf"|(?P<last>last {_WEEKDAYS}|(?:el )?{_WEEKDAYS} pasado)"
    rf"|{_ON}(?P<weekday>{_WEEKDAYS})(?: que viene| proximo)?(?: (?P<nth>\d{{1,2}})(?! ?(?:h|am|pm|min|:)))?"
    r"|(?P<iso>\d{4}-\d{2}-\d{2})"
    rf"|{_ON}(?P<slashed>\d{{1,2}}/\d{{1,2}}(?:/\d{{2,4}})?)"
    rf"|(?:in|en|early in|(?:a )?principios de) (?P<in_month>{_MONTHS})(?! \d)"
    rf"|{_ON}(?P<written>\d{{1,2}}(?:st|nd|rd|th)?(?: de| of)? {_MONTHS}|{_MONTHS} \d{{1,2}}(?:st|nd|rd|th)?)"
    r"|(?:el|on the|the) (?:dia )?(?P<of_month>\d{1,2})(?:st|nd|rd|th)?(?! ?(?:h|am|pm|min|:))"
    r")\b(?![:/])"
)
_PARTS: Final = {
    "primera hora": NINE, "first thing": NINE, "manana": NINE, "morning": NINE, "mediodia": time(12), "noon": time(12),
    "midday": time(12), "tarde": time(16), "afternoon": time(16), "noche": time(19), "evening": time(19),
    "night": time(19),
}  # fmt: skip
_PART = re.compile(
    rf"\b(?:(?:por|a|al|de|en|in|at) )?(?:(?:la|the) )?(?P<part>{'|'.join(_PARTS)})\b(?: de la (?:manana|"
    rf"tarde))?"
)
_AT = r"(?:a eso de las?|sobre las?|hacia las?|a las?|a la|at about|around|at|@)"
_TIME = re.compile(
    rf"(?:\b|(?<=\s)|^)(?:(?P<at>{_AT}) ?)?(?<![\d/.,])(?P<h>\d{{1,2}})"
    r"(?:[:.h](?P<m>[0-5]\d)|(?P<half> y media)|(?P<quarter> y cuarto))?"
    r"(?P<mark> ?(?:am|pm|a\.m\.|p\.m\.|hrs|horas|hs|h))?"
    r"(?P<part> (?:de la|por la|in the) (?:manana|tarde|noche|morning|afternoon|evening))?(?![\w:/%€$])"
)


def find(
    text: str, start: int, end: int, now: datetime, zone: ZoneInfo, is_past: bool = False
) -> Moment | None:
    """The moment that a piece of a folded line names, as somebody in `zone` means it at `now`; None if it names none.

    In a piece that `is_past` a time without a day is today's. A time that the clocks skip in spring is the one an
    hour on; of one that comes twice the first is meant.
    """
    local = now.astimezone(zone).replace(tzinfo=None, second=0, microsecond=0)
    assumed: list[Assumed] = []
    day = on = None
    for day in _DAY.finditer(text, start, end):
        if (away := _away(day)) is not None:
            return Moment((now + away).replace(second=0, microsecond=0), (day.span(),))
        if (on := _date(day, local, assumed)) is not None:
            break
    spans = []
    if day is not None and on is not None:
        is_nth = day["nth"] is None or on == _of_month(int(day["nth"]), local.date())
        spans = [day.span() if is_nth else (day.start(), day.start("nth") - 1)]
    at, where = _time(text, start, end, spans, assumed)
    if on is None and at is None:
        return None
    if on is None:
        assert at is not None
        on = local.date()
        if datetime.combine(on, at) <= local and not is_past:
            on += timedelta(days=1)
            assumed.append(Assumed.TOMORROW)
    if at is None:
        at = NINE
        assumed.append(Assumed.TIME)
    instant = datetime.combine(on, at, zone).astimezone(now.tzinfo)
    return Moment(instant, (*spans, *where), tuple(assumed))


def count(word: str) -> int:
    """`3` or `three` or `tres`."""
    return NUMBERS.get(word) or int(word)


def _away(day: re.Match[str]) -> timedelta | None:
    """`in half an hour`: a while so short that it means an instant and not a day."""
    if day["half"]:
        return timedelta(minutes=30)
    if day["unit"] and day["unit"].startswith("min"):
        return timedelta(minutes=count(day["n"]))
    if day["unit"] and day["unit"].startswith("h"):
        return timedelta(hours=count(day["n"]))
    return None


def _date(day: re.Match[str], local: datetime, assumed: list[Assumed]) -> date | None:
    today = local.date()
    if day["of_month"]:
        return _of_month(int(day["of_month"]), today)
    if day["in_month"]:
        return _read(f"1 {day['in_month']}", local)
    if day["weekday"]:
        found = _read(day["weekday"], local)
        if (
            day["nth"]
            and (nth := _of_month(int(day["nth"]), today))
            and found
            and nth.weekday() == found.weekday()
        ):
            return nth
        if found is not None and found.weekday() == today.weekday():
            assumed.append(Assumed.NEXT_WEEK)
        return found
    if day["last"]:
        found = _read(re.sub("last | pasado|el ", "", day["last"]), local)
        return found and found - timedelta(days=7)
    if day["slashed"]:
        number, month = map(int, day["slashed"].split("/")[:2])
        if number <= 12 and number != month:
            assumed.append(Assumed.DAY_FIRST)
        found = _read(day["slashed"], local)
        return found if found and (found.day, found.month) == (number, month) else None
    said = {
        "after": "in 2 days", "before": "2 days ago", "today": "today", "tomorrow": "tomorrow",
        "yesterday": "yesterday", "week": "in 1 week", "month": "in 1 month",
    }  # fmt: skip
    group = next(name for name, value in day.groupdict().items() if value)
    if group == "n":
        units = {"d": "days", "s": "weeks", "w": "weeks", "m": "months"}
        return _read(f"in {count(day['n'])} {units[day['unit'][0]]}", local)
    return _read(said.get(group) or day[group], local)


def _read(words: str, local: datetime) -> date | None:
    """A day in words, as `dateparser` reads it: the next one that fits."""
    found = dateparser.parse(
        re.sub(r"(?<=\d)(?:st|nd|rd|th)\b", "", words),
        languages=["es", "en"],
        settings={
            "RELATIVE_BASE": local,
            "PREFER_DATES_FROM": "future",
            "DATE_ORDER": "DMY",
            "PARSERS": ["relative-time", "absolute-time"],
        },
    )
    return found.date() if found else None


def _of_month(number: int, today: date) -> date | None:
    """The next day with this number, in this month or one that has it."""
    for month in range(today.month - 1, today.month + 2):
        try:
            found = date(today.year + month // 12, month % 12 + 1, number)
        except ValueError:
            continue
        if found > today:
            return found
    return None


def _time(
    text: str, start: int, end: int, taken: list[tuple[int, int]], assumed: list[Assumed]
) -> tuple[time | None, list[tuple[int, int]]]:
    """The time of day, and where it stands."""
    for match in _free(_TIME, text, start, end, taken):
        hour, minute = (
            int(match["h"]),
            int(match["m"] or (30 if match["half"] else 15 if match["quarter"] else 0)),
        )
        mark = (match["mark"] or "").strip().replace(".", "")
        part = _PARTS[match["part"].split()[-1]] if match["part"] else None
        is_beside = any(match.start() == close + 1 for _, close in taken)
        is_said = (
            is_beside or match["at"] or match["m"] or mark in ("am", "pm", "h", "hs", "hrs", "horas") or part
        )
        if hour > 23 or (mark in ("am", "pm") and not 1 <= hour <= 12) or not is_said:
            continue
        if "h" in match[0] and mark not in ("hs", "hrs") and hour < 8 and not match["at"] and not taken:
            continue  # `2 h` and `1h30` are how long it took, unless a day stands beside them
        where = [match.span()]
        if part is None and not mark:
            for beside in _free(_PART, text, start, end, [*taken, match.span()]):
                part, where = _PARTS[beside["part"]], [*where, beside.span()]
                break
        if mark in ("am", "pm"):
            hour = hour % 12 + (12 if mark == "pm" else 0)
        elif part is not None:
            hour = hour + 12 if part >= time(12) and 1 <= hour < 12 else hour
        elif 1 <= hour <= 7 and not (match["h"].startswith("0") or mark):
            hour += 12
            assumed.append(Assumed.AFTERNOON)
        return time(hour, minute), where
    for match in _free(_PART, text, start, end, taken):
        if match["part"] != "manana" or match[0] != "manana":
            return _PARTS[match["part"]], [match.span()]
    return None, []


def _free(
    pattern: re.Pattern[str], text: str, start: int, end: int, taken: list[tuple[int, int]]
) -> Iterator[re.Match[str]]:
    for match in pattern.finditer(text, start, end):
        if all(match.end() <= begin or match.start() >= close for begin, close in taken):
            yield match
