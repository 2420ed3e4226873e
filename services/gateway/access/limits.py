"""How much one key and one address may ask for: requests a second, and requests at once, streams among them."""

from __future__ import annotations

from collections import Counter, OrderedDict
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address
from time import monotonic
from typing import Final

from services.gateway.access.roles import (
    Holder,
    Role,
)
from shared.errors import TooMany

BURST_SECONDS: Final = 10
"""Seconds' worth of requests that may come in one go by whoever was quiet before."""
OPERATORS: Final = 10
"""Times as much is allowed to an operator's key, with which imports are made."""
STRANGERS_COST: Final = 10
"""Requests that an address is charged for a key that opens nothing: each makes the store look."""
KEPT: Final = 10_000
"""Who is remembered of those that asked last."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Requests a second, and requests under way at once, by one key of a channel or a rep, and by one address."""

    key_rate: float
    address_rate: float
    key_open: int
    address_open: int


class Throttle:
    """The generic cell rate algorithm (ITU-T I.371): `rate` a second, and `burst` in one go.

    One number is kept of each of the last `KEPT`, so memory is bounded, whoever asks.
    """

    def __init__(self, rate: float, burst: float) -> None:
        self._interval = 1 / rate
        self._tolerance = burst / rate
        self._due: OrderedDict[str, float] = OrderedDict()

    def take(self, who: str, now: float, cost: float = 1) -> float:
        """Take one request, and return 0; or else the seconds until there is one, and take nothing."""
        due = max(self._due.get(who, now), now) + cost * self._interval
        if (wait := due - self._tolerance - now) > 0:
            return wait
        self._note(who, due)
        return 0

    def charge(self, who: str, now: float, cost: float) -> None:
        """Take requests that were made already; no more than the next one can wait for."""
        due = max(self._due.get(who, now), now) + cost * self._interval
        self._note(who, min(due, now + self._tolerance))

    def _note(self, who: str, due: float) -> None:
        self._due[who] = due
        self._due.move_to_end(who)
        if len(self._due) > KEPT:
            self._due.popitem(last=False)


class Visit:
    """One request, from when it comes until it is answered."""

    def __init__(self, tally: Tally, address: str) -> None:
        self._tally = tally
        self.address = address
        self.holder: Holder | None = None
        self.on_behalf_of: str | None = None

    def admitted(self, holder: Holder) -> None:
        """Say whose key it is. Raises `TooMany`."""
        if self.holder is None:
            self.holder = holder
            self._tally.count(holder)


class Tally:
    """Who asks how much of this process."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._addresses = Throttle(limits.address_rate, limits.address_rate * BURST_SECONDS)
        self._keys = {
            role: Throttle(limits.key_rate * times, limits.key_rate * times * BURST_SECONDS)
            for role, times in _TIMES.items()
        }
        self._open: Counter[str] = Counter()
        """Addresses and ids of keys; those with none are not in it."""

    def arrive(self, visit: Visit) -> None:
        """Begin a visit that will `leave`, also when this raises `TooMany`."""
        self._open[visit.address] += 1
        if self._open[visit.address] > self._limits.address_open:
            raise _too_many_open("address")
        if wait := self._addresses.take(visit.address, monotonic()):
            raise _too_fast("address", wait)

    def count(self, holder: Holder) -> None:
        self._open[holder.key] += 1
        if self._open[holder.key] > self._limits.key_open * _TIMES[holder.role]:
            raise _too_many_open("key")
        if wait := self._keys[holder.role].take(holder.key, monotonic()):
            raise _too_fast("key", wait)

    def leave(self, visit: Visit, *, is_stranger: bool) -> None:
        for who in [visit.address, *([visit.holder.key] if visit.holder else [])]:
            self._open[who] -= 1
            if self._open[who] <= 0:
                del self._open[who]
        if is_stranger:
            self._addresses.charge(visit.address, monotonic(), STRANGERS_COST)


_TIMES = {Role.CHANNEL: 1, Role.REP: 1, Role.OPERATOR: OPERATORS}


def network(address: str) -> str:
    """What stands for whoever has an address: of IPv6 one has all that begin with the same 64 bits."""
    try:
        found = ip_address(address)
    except ValueError:
        return address
    if isinstance(found, IPv6Address):
        if found.ipv4_mapped is not None:
            return str(found.ipv4_mapped)
        return str(IPv6Address(int(found) >> 64 << 64))
    return str(found)


def _too_fast(whose: str, wait: float) -> TooMany:
    return TooMany("too-many-requests", f"this {whose} asks too often; try again in {wait:.1f} s", wait)


def _too_many_open(whose: str) -> TooMany:
    return TooMany(
        "too-many-at-once", f"too many requests of this {whose} are under way; let some of them end first", 1
    )
