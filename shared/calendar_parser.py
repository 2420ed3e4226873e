"""Calendars as they are written in YAML: a zone, hours by weekday, days off.

office:
  zone: Europe/Madrid
  hours: {mon-thu: ["09:00-14:00", "16:00-19:00"], fri: ["09:00-15:00"]}
  holidays: {country: ES, subdivision: MD, also: [2026-08-14], worked: [2026-12-07]}
"""

from __future__ import annotations

import re
from datetime import date
from typing import Final
from zoneinfo import ZoneInfo, available_timezones

import holidays

from shared.business_time import Calendar, Holidays, NeverOpen, Span, next_open
from shared.clock import from_milliseconds
from shared.yaml_lines import Lines, Node

_WEEKDAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def calendar(lines: Lines, node: Node) -> Calendar:
    """The calendar written at `node`. Raises `LineError`."""
    fields = lines.fields(node, "a calendar", {"zone"}, {"hours", "holidays"})
    zone = lines.text(fields["zone"])
    if zone not in available_timezones():
        raise lines.error(fields["zone"], f"there is no zone {zone}; write it as Europe/Madrid")
    days_off = _holidays(lines, fields["holidays"]) if "holidays" in fields else Holidays()
    if "hours" not in fields:
        if "holidays" in fields:
            raise lines.error(fields["holidays"], "holidays need hours; without hours it is always open")
        return Calendar(ZoneInfo(zone))
    shifts: list[tuple[Span, ...]] = [()] * 7
    for key, spans in lines.items(fields["hours"], "hours"):
        for day in _weekdays(lines, key):
            if shifts[day]:
                raise lines.error(key, f"{_WEEKDAYS[day]} is given twice")
            shifts[day] = _shifts(lines, spans)
    found = Calendar(ZoneInfo(zone), tuple(shifts), days_off)
    try:
        next_open(found, from_milliseconds(1_767_225_600_000))
    except NeverOpen:
        raise lines.error(node, "this calendar is never open; give it hours") from None
    return found


def _weekdays(lines: Lines, key: Node) -> range:
    first, dash, last = lines.text(key).partition("-")
    last = last if dash else first
    if first not in _WEEKDAYS or last not in _WEEKDAYS or _WEEKDAYS.index(first) > _WEEKDAYS.index(last):
        raise lines.error(key, "write days as mon, or mon-fri")
    return range(_WEEKDAYS.index(first), _WEEKDAYS.index(last) + 1)


def _shifts(lines: Lines, node: Node) -> tuple[Span, ...]:
    spans: list[Span] = []
    for each in lines.list(node, "a day's hours"):
        match = re.fullmatch(r"([01]\d|2[0-4]):([0-5]\d)-([01]\d|2[0-4]):([0-5]\d)", lines.text(each))
        begin, end = ((int(match[n]) * 60 + int(match[n + 1])) * 60_000 if match else 0 for n in (1, 3))
        if match is None or begin >= end or end > 86_400_000:
            raise lines.error(
                each, 'write hours as "09:00-14:00", the later time last; a night as two days\' hours'
            )
        if spans and begin < spans[-1][1]:
            raise lines.error(each, "these hours overlap those before; write them in order and apart")
        spans.append((begin, end))
    return tuple(spans)


def _holidays(lines: Lines, node: Node) -> Holidays:
    fields = lines.fields(node, "holidays", set(), {"country", "subdivision", "also", "worked"})
    country = lines.text(fields["country"]) if "country" in fields else None
    subdivision = lines.text(fields["subdivision"]) if "subdivision" in fields else None
    if country is not None:
        known = holidays.list_supported_countries()
        if country not in known:
            raise lines.error(fields["country"], f"no holidays of {country} are known; write ES, DE, US…")
        if subdivision is not None and subdivision not in known[country]:
            some = ", ".join(known[country]) or "none"
            raise lines.error(fields["subdivision"], f"{country} has no {subdivision}; it has {some}")
    elif subdivision is not None:
        raise lines.error(fields["subdivision"], "a subdivision needs its country")
    also, worked = (
        frozenset(_date(lines, each) for each in lines.list(fields[name], name))
        if name in fields
        else frozenset()
        for name in ("also", "worked")
    )
    return Holidays(country, subdivision, also, worked)


def _date(lines: Lines, node: Node) -> date:
    try:
        return date.fromisoformat(lines.text(node))
    except ValueError:
        raise lines.error(node, "write a day as 2026-12-24") from None
