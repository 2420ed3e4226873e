"""The 360 view of a lead, folded from what the services tell. Pure; what only sums over time is decayed when read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Final

from services.gateway.views.promises import effect
from shared.commands.leads import (
    Profile,
)
from shared.events.base import Event, Instant
from shared.events.followup import (
    ActivityKind,
    ActivityLogged,
    ActivityResult,
    NextStepScheduled,
    OwnerChanged,
)
from shared.events.leads import (
    Channel,
    LeadCaptured,
    LeadLost,
    LeadOffered,
    LeadQualified,
    LeadsMerged,
    LeadSplit,
    LeadStageChanged,
    LeadWon,
    Money,
    Stage,
)
from shared.events.scoring import Band, Groups, HeatChanged, Parts, decayed
from shared.events.tickets import (
    Priority,
    TicketCategory,
    TicketClassified,
    TicketMerged,
    TicketOpened,
    TicketReopened,
    TicketResolved,
)

TICKETS_SHOWN: Final = 32
TEAM = "team"
"""Who owns what anybody may take."""


class LeadStatus(StrEnum):
    """How a lead stands; `unheard` while something is known of it, but not its capture yet."""

    UNHEARD = "unheard"
    OPEN = "open"
    WON = "won"
    LOST = "lost"


@dataclass(frozen=True, slots=True)
class ShownStep:
    id: str
    action: ActivityKind
    due: Instant
    because: str
    owner: str | None = None
    is_automatic: bool = False
    told_at: Instant | None = None


@dataclass(frozen=True, slots=True)
class ShownActivity:
    at: Instant
    kind: ActivityKind
    result: ActivityResult
    rep: str | None = None


@dataclass(frozen=True, slots=True)
class ShownTicket:
    id: str
    category: TicketCategory
    priority: Priority
    opened_at: Instant


@dataclass(frozen=True, slots=True)
class ShownHeat:
    """Heat as it was told at an instant, and what decays it from there; see `HeatChanged`."""

    points: float
    at: Instant
    band: Band
    rules: str
    parts: Parts = ()
    base: float | None = None
    groups: Groups | None = None

    def now(self, now: datetime) -> float:
        """Points at `now`, 0 at least."""
        return decayed(self.base, self.parts, self.groups, (now - self.at).total_seconds())


@dataclass(frozen=True, slots=True)
class Standing:
    """A place on the board: of a band by `order`, the least first. It is right until `until`, if that is not None."""

    band: Band
    order: float
    until: Instant | None = None


@dataclass(frozen=True, slots=True)
class LeadView:
    """All we know of one lead; `value` is that of the last offer.

    `profile` is a copy of what leads keeps, and goes when leads says so.
    """

    lead_id: str
    status: LeadStatus = LeadStatus.UNHEARD
    captured_at: Instant | None = None
    channel: Channel | None = None
    stage: Stage | None = None
    origin: str | None = None
    campaign: str | None = None
    acquisition_cost: Money | None = None
    owner: str | None = None
    value: Money | None = None
    closed_at: Instant | None = None
    lost_because: str | None = None
    profile: Profile | None = None
    next_step: ShownStep | None = None
    last_activity: ShownActivity | None = None
    activities: int = 0
    tickets: tuple[ShownTicket, ...] = ()
    """The open ones, of which only the last `TICKETS_SHOWN` are listed; `more_tickets` is how many are not."""
    more_tickets: int = 0
    heat: ShownHeat | None = None
    attributes: Mapping[str, str] = field(default_factory=dict)
    """What the lead is, as it was last qualified."""
    members: tuple[str, ...] = ()
    """The leads that were merged into this one."""
    survivor: str | None = None
    """The lead that this one was merged into."""
    standing: Standing | None = None
    """Its place on the board "who to call now", while it has one; see `services.gateway.boards.heat.standing`."""

    @property
    def open_tickets(self) -> int:
        return len(self.tickets) + self.more_tickets

    @property
    def name(self) -> str:
        """What the lead is called where people look: by its person or company, or else by what is known."""
        who = self.profile
        return (who and (who.name or who.company or who.email or who.phone)) or self.lead_id

    def named(self, profile: Profile | None) -> LeadView:
        return replace(self, profile=profile)


def follow(view: LeadView, event: Event) -> LeadView:
    """The view after an event. What it does not show leaves it as it is.

    In one piece, because it is a table: a case an event.
    """
    match event:
        case LeadCaptured():
            return replace(
                view,
                status=LeadStatus.OPEN,
                captured_at=event.at,
                channel=event.channel,
                stage=event.stage,
                origin=event.origin,
                campaign=event.campaign,
                acquisition_cost=event.acquisition_cost,
            )
        case LeadStageChanged():
            return replace(view, stage=event.stage)
        case LeadOffered():
            stage = event.stage_after(view.stage or Stage.NEW)
            return replace(view, stage=stage, value=event.value or view.value)
        case LeadWon():
            return replace(view, status=LeadStatus.WON, closed_at=event.at, value=event.value or view.value)
        case LeadLost():
            return replace(view, status=LeadStatus.LOST, closed_at=event.at, lost_because=event.reason)
        case LeadQualified():
            return replace(view, attributes=event.attributes)
        case LeadsMerged() if event.survivor is None:
            return replace(view, members=(*view.members, event.absorbed or ""))
        case LeadsMerged():
            return replace(view, survivor=event.survivor)
        case LeadSplit() if event.survivor is None:
            return replace(view, members=tuple(each for each in view.members if each != event.absorbed))
        case LeadSplit():
            return replace(view, survivor=None)
        case ActivityLogged():
            return _active(view, event)
        case NextStepScheduled():
            step = ShownStep(
                event.step_id,
                event.action,
                event.due,
                event.because,
                event.owner,
                bool(event.automatic),
                event.at,
            )
            return replace(view, next_step=step, owner=event.owner or view.owner)
        case OwnerChanged():
            return replace(view, next_step=_handed_over(view.next_step, event), owner=event.owner)
        case TicketOpened():
            return _with_ticket(view, ShownTicket(event.ticket_id, event.category, event.priority, event.at))
        case TicketReopened():
            again = ShownTicket(event.ticket_id, event.category, event.priority, event.opened_at)
            return _with_ticket(view, again)
        case TicketClassified():
            return replace(view, tickets=tuple(_classified(each, event) for each in view.tickets))
        case TicketResolved():
            return _without_ticket(view, event.ticket_id)
        case TicketMerged() if not event.was_resolved:
            return _without_ticket(view, event.ticket_id)
        case HeatChanged():
            heat = ShownHeat(
                event.heat, event.at, event.band, event.rules, event.parts, event.base, event.groups
            )
            return replace(view, heat=heat)
    return view if effect(event) is None else replace(view, next_step=None)


def _handed_over(step: ShownStep | None, event: OwnerChanged) -> ShownStep | None:
    """The step goes along, unless it was somebody else's than the lead."""
    if step is None or step.owner != (event.previous or TEAM):
        return step
    return replace(step, owner=event.owner)


def _with_ticket(view: LeadView, ticket: ShownTicket) -> LeadView:
    every = (*view.tickets, ticket)
    more = view.more_tickets + max(0, len(every) - TICKETS_SHOWN)
    return replace(view, tickets=every[-TICKETS_SHOWN:], more_tickets=more)


def _without_ticket(view: LeadView, ticket_id: str) -> LeadView:
    others = tuple(each for each in view.tickets if each.id != ticket_id)
    unlisted = len(others) == len(view.tickets)
    return replace(view, tickets=others, more_tickets=max(0, view.more_tickets - unlisted))


def _classified(ticket: ShownTicket, event: TicketClassified) -> ShownTicket:
    if ticket.id != event.ticket_id:
        return ticket
    return replace(ticket, category=event.category, priority=event.priority)


def _active(view: LeadView, event: ActivityLogged) -> LeadView:
    view = replace(view, activities=view.activities + 1)
    if event.kind is ActivityKind.NOTE or (
        view.last_activity is not None and event.at < view.last_activity.at
    ):
        return view
    return replace(view, last_activity=ShownActivity(event.at, event.kind, event.result, event.rep))
