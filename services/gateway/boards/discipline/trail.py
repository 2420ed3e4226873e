"""What was done for a lead, and when: what the discipline board is computed from. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final

from services.gateway.views.promises import effect
from shared.events.base import Event, Instant
from shared.events.followup import (
    ActivityKind,
    ActivityLogged,
    ActivityResult,
    Direction,
    NextStepDone,
    NextStepScheduled,
    OwnerChanged,
)
from shared.events.leads import (
    Channel,
    LeadCaptured,
    LeadLost,
    LeadOffered,
    LeadsMerged,
    LeadSplit,
    LeadWon,
    Money,
)
from shared.events.scoring import Band, LeadCooled, LeadWarmed, LeadWentHot

NEVER: Final = datetime(9000, 1, 1, tzinfo=UTC)
UNREACHED: Final = frozenset(
    {ActivityResult.NO_ANSWER, ActivityResult.VOICEMAIL, ActivityResult.WRONG_NUMBER}
)
"""Nobody was there."""


@dataclass(frozen=True, slots=True)
class Contact:
    """An activity that was not a mere note."""

    id: str
    at: Instant
    kind: ActivityKind
    result: ActivityResult
    rep: str | None = None
    is_inbound: bool = False

    @property
    def is_real(self) -> bool:
        """Somebody was there: it is a contact and not only a try."""
        return self.result not in UNREACHED


@dataclass(frozen=True, slots=True)
class Promise:
    """A next step. `done_at` when an activity kept it; `ended_at` when it was done, replaced, or no longer needed."""

    id: str
    action: ActivityKind
    told_at: Instant
    due: Instant
    is_automatic: bool = False
    done_at: Instant | None = None
    ended_at: Instant | None = None

    def is_open(self, at: datetime) -> bool:
        return self.told_at <= at and (self.ended_at is None or self.ended_at > at)


@dataclass(frozen=True, slots=True)
class Owned:
    """From when on the lead was whose."""

    at: Instant
    owner: str


@dataclass(frozen=True, slots=True)
class Crossing:
    at: Instant
    band: Band


@dataclass(frozen=True, slots=True)
class Trail:
    """What was done for a lead, and when, in the order of time. `until` is when it was closed, or `NEVER`."""

    lead_id: str
    captured_at: Instant | None = None
    channel: Channel | None = None
    origin: str | None = None
    campaign: str | None = None
    cost: Money | None = None
    contacts: tuple[Contact, ...] = ()
    promises: tuple[Promise, ...] = ()
    owners: tuple[Owned, ...] = ()
    offers: tuple[Instant, ...] = ()
    crossings: tuple[Crossing, ...] = ()
    until: Instant = NEVER
    quiet_from: Instant = NEVER
    """From when on nothing is open any more, no step after the sale either."""
    is_lost: bool = False
    absorbed_at: Instant | None = None
    """Since when this lead is part of another one, if it is."""


def trace(trail: Trail, event: Event) -> Trail:
    """The trail after an event. Facts of different owners may come in any order."""
    trail = _traced(trail, event)
    ends = [trail.until, *(promise.ended_at or NEVER for promise in trail.promises)]
    return replace(trail, quiet_from=max(ends))


def _traced(trail: Trail, event: Event) -> Trail:
    """In one piece, because it is a table: a case an event."""
    match event:
        case LeadCaptured():
            return replace(
                trail,
                captured_at=event.at,
                channel=event.channel,
                origin=event.origin,
                campaign=event.campaign,
                cost=event.acquisition_cost,
            )
        case LeadOffered():
            return replace(trail, offers=tuple(sorted((*trail.offers, event.at))))
        case LeadWon() | LeadLost():
            return replace(trail, until=event.at, is_lost=isinstance(event, LeadLost))
        case LeadsMerged() if event.survivor is not None:
            return replace(trail, absorbed_at=event.at)
        case LeadSplit() if event.survivor is not None:
            return replace(trail, absorbed_at=None)
        case ActivityLogged() if event.kind is not ActivityKind.NOTE:
            contact = Contact(
                event.activity_id,
                event.at,
                event.kind,
                event.result,
                event.rep,
                event.direction is Direction.INBOUND,
            )
            return replace(
                trail, contacts=tuple(sorted((*trail.contacts, contact), key=lambda each: (each.at, each.id)))
            )
        case NextStepScheduled():
            promise = Promise(event.step_id, event.action, event.at, event.due, bool(event.automatic))
            trail = _owned(trail, event.at, event.owner)
            return replace(trail, promises=(*_ended(trail.promises, event.at), promise))
        case OwnerChanged():
            return _owned(trail, event.at, event.owner)
        case NextStepDone():
            kept = (
                replace(each, done_at=event.at) if each.id == event.step_id else each
                for each in trail.promises
            )
            return replace(trail, promises=_ended(kept, event.at))
        case LeadWentHot() | LeadWarmed() | LeadCooled():
            band = {LeadWentHot: Band.HOT, LeadWarmed: Band.WARM}.get(type(event)) or event.band  # type: ignore[union-attr]
            return replace(trail, crossings=(*trail.crossings, Crossing(event.at, band)))
    return trail if effect(event) is None else replace(trail, promises=_ended(trail.promises, event.at))


def _owned(trail: Trail, at: datetime, owner: str | None) -> Trail:
    if owner is None or (trail.owners and trail.owners[-1].owner == owner):
        return trail
    return replace(trail, owners=(*trail.owners, Owned(at, owner)))


def _ended(promises: Iterable[Promise], at: datetime) -> tuple[Promise, ...]:
    return tuple(replace(each, ended_at=at) if each.ended_at is None else each for each in promises)
