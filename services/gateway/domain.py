"""The 360 view of a lead, folded from what the services tell. Pure; what only sums over time is decayed when read."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

from shared.commands import Profile
from shared.events.base import Event, Instant
from shared.events.followup import (
    ActivityKind,
    ActivityLogged,
    ActivityResult,
    CadenceResumed,
    CadenceStopped,
    FollowUpClosed,
    NextStepDone,
    NextStepScheduled,
    OwnerChanged,
    StepDue,
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
from shared.events.scoring import Band, HeatChanged
from shared.events.tickets import Priority, TicketCategory, TicketOpened, TicketResolved


class Status(StrEnum):
    """How a lead stands; `unheard` while something is known of it, but not its capture yet."""

    UNHEARD = "unheard"
    OPEN = "open"
    WON = "won"
    LOST = "lost"


@dataclass(frozen=True, slots=True)
class NextStep:
    id: str
    action: ActivityKind
    due: Instant
    because: str
    owner: str | None = None
    is_automatic: bool = False
    told_at: Instant | None = None


@dataclass(frozen=True, slots=True)
class LastActivity:
    at: Instant
    kind: ActivityKind
    result: ActivityResult
    rep: str | None = None


@dataclass(frozen=True, slots=True)
class OpenTicket:
    id: str
    category: TicketCategory
    priority: Priority
    opened_at: Instant


@dataclass(frozen=True, slots=True)
class Heat:
    """Heat as it was told at an instant; `parts` are (half-life in seconds, points) pairs that decay from there."""

    points: float
    at: Instant
    band: Band
    rules: str
    parts: tuple[tuple[float, float], ...] = ()

    def now(self, now: datetime) -> float:
        """Points at `now`, 0 at least."""
        elapsed = max(0.0, (now - self.at).total_seconds())
        if not self.parts:
            return self.points
        return max(0.0, sum(points * math.exp2(-elapsed / half_life) for half_life, points in self.parts))


@dataclass(frozen=True, slots=True)
class LeadView:
    """All we know of one lead; `value` is that of the last offer.

    `profile` is a copy of what leads keeps, and goes when leads says so.
    """

    lead_id: str
    status: Status = Status.UNHEARD
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
    next_step: NextStep | None = None
    last_activity: LastActivity | None = None
    activities: int = 0
    tickets: tuple[OpenTicket, ...] = ()
    heat: Heat | None = None
    attributes: Mapping[str, str] = field(default_factory=dict)
    """What the lead is, as it was last qualified."""
    members: tuple[str, ...] = ()
    """The leads that were merged into this one."""
    survivor: str | None = None
    """The lead that this one was merged into."""

    @property
    def name(self) -> str:
        """What the lead is called where people look: by its person or company, or else by what is known."""
        who = self.profile
        return (who and (who.name or who.company or who.email or who.phone)) or self.lead_id

    def named(self, profile: Profile | None) -> LeadView:
        return replace(self, profile=profile)


def follow(view: LeadView, event: Event) -> LeadView:
    """The view after an event. What it does not show leaves it as it is."""
    match event:
        case LeadCaptured():
            return replace(
                view,
                status=Status.OPEN,
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
            stages = list(Stage)
            stage = max(view.stage or Stage.NEW, Stage.PROPOSAL, key=stages.index)
            return replace(view, stage=stage, value=event.value or view.value)
        case LeadWon():
            return replace(view, status=Status.WON, closed_at=event.at, value=event.value or view.value)
        case LeadLost():
            return replace(view, status=Status.LOST, closed_at=event.at, lost_because=event.reason)
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
            step = NextStep(
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
            owned = view.next_step and replace(view.next_step, owner=event.owner)
            return replace(view, next_step=owned, owner=event.owner)
        case (
            NextStepDone() | FollowUpClosed() | CadenceStopped() | CadenceResumed() | StepDue(automatic=True)
        ):
            return replace(view, next_step=None)
        case TicketOpened():
            ticket = OpenTicket(event.ticket_id, event.category, event.priority, event.at)
            return replace(view, tickets=(*view.tickets, ticket))
        case TicketResolved():
            return replace(view, tickets=tuple(each for each in view.tickets if each.id != event.ticket_id))
        case HeatChanged():
            return replace(view, heat=Heat(event.heat, event.at, event.band, event.rules, event.parts))
    return view


def _active(view: LeadView, event: ActivityLogged) -> LeadView:
    view = replace(view, activities=view.activities + 1)
    if event.kind is ActivityKind.NOTE or (
        view.last_activity is not None and event.at < view.last_activity.at
    ):
        return view
    return replace(view, last_activity=LastActivity(event.at, event.kind, event.result, event.rep))
