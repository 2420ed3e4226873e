"""A lead, and what can be decided about it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from shared.commands import CaptureLead, ChangeStage, LoseLead, OfferLead, Profile, WinLead
from shared.errors import Conflict, NotFound, Refused
from shared.events.base import Instant
from shared.events.leads import (
    Channel,
    LeadCaptured,
    LeadEvent,
    LeadLost,
    LeadOffered,
    LeadStageChanged,
    LeadWon,
    Money,
    Stage,
)


class Status(StrEnum):
    OPEN = "open"
    WON = "won"
    LOST = "lost"


@dataclass(frozen=True, slots=True)
class Lead:
    """Everything we hold about a lead; `profile` is the only place where its person is named."""

    id: str
    captured_at: Instant
    channel: Channel
    stage: Stage
    status: Status = Status.OPEN
    origin: str | None = None
    campaign: str | None = None
    acquisition_cost: Money | None = None
    segment: str | None = None
    tier: str | None = None
    zone: str | None = None
    profile: Profile | None = None
    closed_at: Instant | None = None
    lost_because: str | None = None
    value: Money | None = None


Told = tuple[Lead, list[LeadEvent]]


def capture(lead: Lead | None, lead_id: str, command: CaptureLead, at: datetime) -> Told:
    """Begin a lead. Raises `Conflict("lead-exists")`."""
    if lead is not None:
        raise Conflict("lead-exists", f"lead {lead_id} was captured before")
    captured = LeadCaptured(
        lead_id=lead_id,
        at=at,
        channel=command.channel,
        stage=command.stage,
        origin=command.origin,
        campaign=command.campaign,
        acquisition_cost=command.acquisition_cost,
        segment=command.segment,
        tier=command.tier,
        zone=command.zone,
    )
    lead = Lead(
        id=lead_id,
        captured_at=at,
        channel=command.channel,
        stage=command.stage,
        origin=command.origin,
        campaign=command.campaign,
        acquisition_cost=command.acquisition_cost,
        segment=command.segment,
        tier=command.tier,
        zone=command.zone,
        profile=command.profile,
    )
    return lead, [captured]


def change_stage(lead: Lead | None, command: ChangeStage, at: datetime) -> Told:
    lead = _open(lead)
    if lead.stage is command.stage:
        raise Refused("stage-unchanged", f"lead {lead.id} is at stage {lead.stage} already")
    changed = LeadStageChanged(lead_id=lead.id, at=at, stage=command.stage, previous=lead.stage)
    return replace(lead, stage=command.stage), [changed]


def offer(lead: Lead | None, command: OfferLead, at: datetime) -> Told:
    """Record an offer: the lead is at the proposal stage at least."""
    lead = _open(lead)
    stages = list(Stage)
    stage = max(lead.stage, Stage.PROPOSAL, key=stages.index)
    return replace(lead, stage=stage), [LeadOffered(lead_id=lead.id, at=at, value=command.value)]


def win(lead: Lead | None, command: WinLead, at: datetime) -> Told:
    lead = _open(lead)
    won = replace(lead, status=Status.WON, closed_at=at, value=command.value)
    return won, [LeadWon(lead_id=lead.id, at=at, value=command.value)]


def lose(lead: Lead | None, command: LoseLead, at: datetime) -> Told:
    lead = _open(lead)
    lost = replace(lead, status=Status.LOST, closed_at=at, lost_because=command.reason)
    return lost, [LeadLost(lead_id=lead.id, at=at, reason=command.reason)]


def _open(lead: Lead | None) -> Lead:
    if lead is None:
        raise NotFound("lead-not-found", "there is no such lead; capture it first")
    if lead.status is not Status.OPEN:
        raise Refused("lead-closed", f"lead {lead.id} is {lead.status} since {lead.closed_at:%Y-%m-%d}")
    return lead
