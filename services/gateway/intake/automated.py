"""Which signals a machine has made: mail scanners open and click everything, browsers fetch ahead. Pure.

It is decided once, as a signal is taken in, and stands in the fact: what heat makes of it depends on no order. A person
does one thing after the other: what comes faster is a burst, and so is all that follows until the lead has been quiet.
"""

from __future__ import annotations

import re
from collections import Counter, OrderedDict, deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from shared.clock import clamp
from shared.commands.signals import (
    SendSignal,
)
from shared.events.base import HISTORY_AFTER
from shared.events.signals import Automated

WITHIN: Final = timedelta(seconds=10)
"""Signals that lie no further apart than this may be a burst."""
MOST: Final = 6
"""So many signals a person makes within that time."""
ALIKE: Final = 3
"""So many of one kind, of what machines do: opening, clicking, viewing."""
AT_ONCE: Final = 12
"""More than these within that time in one request are a burst from the first one on."""
QUIET: Final = timedelta(seconds=30)
"""After so long without a signal a burst is over."""
LEADS: Final = 50_000
"""Leads whose last signals are remembered: those that were heard of last."""

_DONE_BY_MACHINES: Final = ("_viewed", "_opened", "_clicked")
_SAYS_SO: Final = ("automated", "bot", "prefetch")
# Not the proxies of Gmail and Yahoo: they fetch when a person opens.
_MACHINES: Final = re.compile(
    r"bot\b|crawl|spider|scan|prefetch|preview|headless|python|curl|wget|java/|okhttp|go-http"
    r"|barracuda|mimecast|proofpoint|safelinks|symantec|trendmicro|urldefense|^mozilla/[45]\.0$",
    re.IGNORECASE,
)


@dataclass(slots=True)
class _Recent:
    """The last signals of a lead, by when they happened, and until when what comes belongs to a burst."""

    signals: deque[tuple[datetime, str, str | None, Automated | None]] = field(
        default_factory=lambda: deque(maxlen=4 * AT_ONCE)
    )
    burst_until: datetime | None = None


class Arrivals:
    """What the last signals of leads were: the memory of one gateway, in which bursts are seen."""

    def __init__(self) -> None:
        self._leads: OrderedDict[str, _Recent] = OrderedDict()

    def marks(self, signals: Sequence[SendSignal], now: datetime) -> list[Automated | None]:
        """For each signal of a request, whether a machine has made it, and what says so.

        A signal that is sent again gets the mark that it had, while it is remembered.
        """
        crowds = _crowds(signals, now)
        return [self._mark(signal, now, clamp(signal.at or now, now), crowds) for signal in signals]

    def _mark(
        self, signal: SendSignal, now: datetime, at: datetime, crowds: Mapping[str, set[datetime]]
    ) -> Automated | None:
        if (said := _said(signal)) is not None:
            return said
        if now - at > HISTORY_AFTER:  # told of in bulk: nothing says how fast it came
            return None
        recent = self._leads.setdefault(signal.lead_id, _Recent())
        self._leads.move_to_end(signal.lead_id)
        if len(self._leads) > LEADS:
            self._leads.popitem(last=False)
        for _, _, id, mark in recent.signals:
            if id is not None and id == signal.id:
                return mark
        near = [(kind, mark) for then, kind, _, mark in recent.signals if abs(at - then) <= WITHIN]
        alike = sum(1 for kind, _ in near if kind == signal.kind)
        in_burst = recent.burst_until is not None and at <= recent.burst_until
        if in_burst or len(near) >= MOST or at in crowds.get(signal.lead_id, ()):
            recent.burst_until = max(at + QUIET, recent.burst_until or at)
            mark = Automated.BURST
        elif alike >= ALIKE and signal.kind.endswith(_DONE_BY_MACHINES):
            mark = Automated.BURST
        else:
            mark = None
        recent.signals.append((at, signal.kind, signal.id, mark))
        return mark


def _said(signal: SendSignal) -> Automated | None:
    """What the channel says of who made it."""
    if signal.prefetch or any(signal.attributes.get(name) is True for name in _SAYS_SO):
        return Automated.DECLARED
    if signal.user_agent is not None and _MACHINES.search(signal.user_agent.strip()):
        return Automated.AGENT
    return None


def _crowds(signals: Sequence[SendSignal], now: datetime) -> dict[str, set[datetime]]:
    """By lead, the instants of a request that lie in a crowd: too many within too short a time."""
    found: dict[str, set[datetime]] = {}
    many = Counter(signal.lead_id for signal in signals)
    for lead_id in (lead_id for lead_id, count in many.items() if count > AT_ONCE):
        instants = sorted(clamp(signal.at or now, now) for signal in signals if signal.lead_id == lead_id)
        found[lead_id] = set(_crowded(instants))
    return found


def _crowded(instants: Sequence[datetime]) -> Iterator[datetime]:
    for first in range(len(instants) - AT_ONCE):
        if instants[first + AT_ONCE] - instants[first] <= WITHIN:
            yield from instants[first : first + AT_ONCE + 1]
