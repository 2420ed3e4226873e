"""What happens to a ticket, as far as promises depend on it: how it stood from when on."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from shared.events.base import Instant
from shared.events.tickets import Priority, TicketCategory


class Status(StrEnum):
    OPEN = "open"
    WAITING_FOR_CUSTOMER = "waiting_for_customer"
    WAITING_FOR_THIRD_PARTY = "waiting_for_third_party"
    RESOLVED = "resolved"
    CLOSED = "closed"
    MERGED = "merged"


UNSETTLED: Final = frozenset((Status.OPEN, Status.WAITING_FOR_CUSTOMER, Status.WAITING_FOR_THIRD_PARTY))


class What(StrEnum):
    """What can happen to a ticket."""

    OPENED = "opened"
    CUSTOMER_REPLIED = "customer_replied"
    AGENT_REPLIED = "agent_replied"
    NOTED = "noted"
    ASSIGNED = "assigned"
    WAITED = "waited"
    CLASSIFIED = "classified"
    ESCALATED = "escalated"
    RESOLVED = "resolved"
    REOPENED = "reopened"
    CLOSED = "closed"
    MERGED = "merged"
    ABSORBED = "absorbed"
    SPLIT = "split"
    LINKED = "linked"


@dataclass(frozen=True, slots=True)
class Traits:
    """What a ticket is, as far as promises depend on it."""

    priority: Priority
    category: TicketCategory
    queue: str | None = None
    tier: str | None = None


@dataclass(frozen=True, slots=True)
class Moment:
    """Something that happened to a ticket, and how it stood from then on. `at` is never before the one before."""

    at: Instant
    what: What
    status: Status
    traits: Traits | None = None
    """None: as before."""
    by: str | None = None
    """The agent, where it was one."""
    since: Instant | None = None
    """When a ticket was absorbed: since when its customer waits for an answer."""
