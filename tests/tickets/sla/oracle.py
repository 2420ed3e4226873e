"""An oracle of deadlines that knows only the wall clock, and looks at every minute, and at seconds where they matter.

It shares nothing with the engine but the moments of a history: hours are read off local clocks minute by minute, and
time is counted in an array with a place for each minute.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from zoneinfo import ZoneInfo

import numpy as np

from services.tickets.domain.moments import Moment

BEGIN = datetime(2026, 3, 1, tzinfo=UTC)
MINUTES = 80 * 1_440


@dataclass(frozen=True)
class Office:
    """Hours by weekday in minutes since local midnight; None: always open."""

    zone: str
    hours: tuple[tuple[tuple[int, int], ...], ...] | None
    days_off: frozenset[date] = field(default_factory=frozenset)

    @cached_property
    def open(self) -> np.ndarray:
        """Whether it is open in each minute from `BEGIN` on."""
        if self.hours is None:
            return np.ones(MINUTES, dtype=bool)
        zone = ZoneInfo(self.zone)
        return np.array([self._is_open(BEGIN + timedelta(minutes=n), zone) for n in range(MINUTES)])

    def _is_open(self, at: datetime, zone: ZoneInfo) -> bool:
        local = at.astimezone(zone)
        assert self.hours is not None
        minute = local.hour * 60 + local.minute
        spans = self.hours[local.weekday()]
        return local.date() not in self.days_off and any(begin <= minute < end for begin, end in spans)


@dataclass(frozen=True)
class Promise:
    """A policy as the oracle has it: targets in minutes."""

    name: str
    fits: dict[str, set[str]]
    office: Office
    targets: dict[str, int]
    pauses: set[str]
    until: str

    def runs(self, clock: str, status: str) -> bool:
        done = {"closed", "merged"} | (
            {"resolved"} if clock != "resolution" or self.until == "resolved" else set()
        )
        return status not in done and status not in self.pauses


@dataclass(frozen=True)
class Verdict:
    policy: str
    started: datetime
    due: datetime | None
    met: bool | None
    ended: datetime | None
    seconds: int


def judge(
    history: Sequence[Moment], promises: Sequence[Promise], now: datetime
) -> dict[tuple[str, int], Verdict]:
    """Every clock of a history as of `now`."""
    verdicts = {}
    for clock, number, start, free, ends in _clocks(history):
        policy, end = _decided(history, promises, clock, ends)
        if policy is not None and clock in policy.targets:
            verdicts[clock, number] = _verdict(history, policy, clock, start, free, end, now)
    return verdicts


def _clocks(history):  # type: ignore[no-untyped-def]
    """Name, number, start, until when nothing pauses it, and the places of moments that may end it."""
    answers = [
        n
        for n, moment in enumerate(history)
        if moment.what in ("agent_replied", "resolved", "closed", "merged")
    ]
    start, place, number, clock, free = history[0].at, 0, 1, "first_response", None
    while True:
        end = next((n for n in answers if n > place), None)
        for moment in history[place + 1 : end]:
            if moment.what == "absorbed" and moment.since is not None and moment.since < start:
                free = free or start
                start = moment.since
        yield clock, number, start, free, [end] if end is not None else []
        if end is None:
            break
        asked = next(
            (
                n
                for n, moment in enumerate(history)
                if n > end
                and (
                    moment.what == "customer_replied"
                    or (moment.what == "absorbed" and moment.since is not None)
                )
            ),
            None,
        )
        if asked is None:
            break
        number = number + 1 if clock == "next_response" else 1
        clock, place, moment = "next_response", asked, history[asked]
        start, free = (moment.since, moment.at) if moment.what == "absorbed" else (moment.at, None)
    reopened = max((n for n, moment in enumerate(history) if moment.what == "reopened"), default=-1)
    last = [
        n
        for n, moment in enumerate(history)
        if n > reopened and moment.what in ("resolved", "closed", "merged")
    ]
    yield "resolution", 1, history[0].at, None, last


def _decided(history, promises, clock, ends):  # type: ignore[no-untyped-def]
    for end in ends:
        policy = _policy(history, promises, end)
        if clock == "resolution" and history[end].what == "resolved" and policy and policy.until == "closed":
            continue
        return policy, end
    return _policy(history, promises, len(history) - 1), None


def _policy(history, promises, place):  # type: ignore[no-untyped-def]
    traits = next(moment.traits for moment in reversed(history[: place + 1]) if moment.traits is not None)
    for promise in promises:
        if all(getattr(traits, name) in allowed for name, allowed in promise.fits.items()):
            return promise
    return None


def _verdict(history, policy, clock, start, free, end, now):  # type: ignore[no-untyped-def]
    until = history[end].at if end is not None else now
    running = _running(history, policy, clock, start, free, until)
    low, high = _minute(start), _minute(until) + 1
    seconds = np.where(policy.office.open[low:high], _seconds(running, low, high), 0)
    passed, target = int(seconds.sum()), policy.targets[clock] * 60
    is_running = end is None and policy.runs(clock, history[-1].status)
    if passed < target and (is_running or end is not None):
        running, high = [*running, (until, BEGIN + timedelta(minutes=MINUTES))], MINUTES
        seconds = np.where(policy.office.open[low:high], _seconds(running, low, high), 0)
    due = _due(seconds, running, target, low)
    met = None if end is None or history[end].what == "merged" else passed <= target
    return Verdict(policy.name, start, due, met, history[end].at if end is not None else None, passed)


def _running(history, policy, clock, start, free, until):  # type: ignore[no-untyped-def]
    """Spans of seconds in which nothing pauses a clock."""
    spans = [(start, min(free, until))] if free is not None else []
    start = free or start
    for moment, following in zip(history, [*history[1:], None], strict=True):
        stop = min(following.at, until) if following is not None else until
        begin = max(moment.at, start)
        if begin < stop and policy.runs(clock, moment.status):
            spans.append((begin, stop))
    return spans


def _seconds(spans, low, high):  # type: ignore[no-untyped-def]
    """How many seconds of each minute from `low` to `high` lie in these spans, which are apart."""
    found = np.zeros(high - low + 1, dtype=np.int32)
    for begin, stop in spans:
        first, last = (int((at - BEGIN).total_seconds()) - low * 60 for at in (begin, stop))
        if first // 60 == last // 60:
            found[first // 60] += last - first
            continue
        found[first // 60] += 60 - first % 60
        found[first // 60 + 1 : last // 60] += 60
        found[last // 60] += last % 60
    return found[: high - low]


def _due(seconds, running, target, low):  # type: ignore[no-untyped-def]
    total = np.cumsum(seconds)
    minute = int(np.searchsorted(total, target))
    if minute >= len(total):
        return None
    left = target - (int(total[minute - 1]) if minute else 0)
    at = BEGIN + timedelta(minutes=low + minute)
    while left:  # second by second
        left -= any(begin <= at < stop for begin, stop in running)
        at += timedelta(seconds=1)
    return at


def _minute(at: datetime) -> int:
    return int((at - BEGIN).total_seconds()) // 60
