"""Policies: which deadlines a ticket has, on whose hours, and who hears of it. Read from YAML by `parser`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from services.tickets.domain.moments import Status, Traits
from services.tickets.domain.terms import Terms
from shared.business_time import Calendar
from shared.events.tickets import SlaClock

BREACH: Final = 100
"""The share of a target, in percent, at which it is missed."""


@dataclass(frozen=True, slots=True)
class Alarm:
    """What is told when so many percent of a target have passed: a warning, the breach, or an escalation to `to`."""

    share: int
    to: str | None = None

    @property
    def is_breach(self) -> bool:
        return self.share == BREACH and self.to is None


@dataclass(frozen=True, slots=True)
class Policy:
    """What is promised of tickets that fit; `targets` are milliseconds of open time."""

    name: str
    conditions: Mapping[str, frozenset[str]]
    calendar: Calendar
    targets: Mapping[SlaClock, int]
    pauses: frozenset[Status]
    until: Literal["resolved", "closed"] = "resolved"
    """What ends the resolution's clock."""
    alarms: tuple[Alarm, ...] = (Alarm(BREACH),)
    """In the order in which they come, the breach among them."""

    def fits(self, traits: Traits) -> bool:
        return all(getattr(traits, name) in allowed for name, allowed in self.conditions.items())

    def runs(self, clock: SlaClock, status: Status) -> bool:
        """Whether time counts while a ticket stands like this."""
        if status in (Status.CLOSED, Status.MERGED):
            return False
        if status is Status.RESOLVED and (clock is not SlaClock.RESOLUTION or self.until == "resolved"):
            return False
        return status not in self.pauses


@dataclass(frozen=True, slots=True)
class Policies:
    """Everything one file says. Files of equal content have equal versions, whatever their comments."""

    version: str
    terms: Terms
    policies: tuple[Policy, ...]

    def of(self, traits: Traits) -> Policy | None:
        """The first policy that fits."""
        return next((policy for policy in self.policies if policy.fits(traits)), None)

    def named(self, name: str) -> Policy | None:
        return next((policy for policy in self.policies if policy.name == name), None)
