"""A lead, and what can be decided about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Final

from shared.commands.import_rows import (
    Person,
)
from shared.commands.leads import (
    CaptureLead,
    ChangeStage,
    LoseLead,
    MergeLeads,
    OfferLead,
    Profile,
    QualifyLead,
    SplitLead,
    WinLead,
    WithdrawConsent,
)
from shared.errors import Conflict, NotFound, Refused
from shared.events.base import Instant
from shared.events.leads import (
    Channel,
    ConsentBasis,
    LeadCaptured,
    LeadEvent,
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

MOST_MEMBERS: Final = 100
"""So that what scoring keeps of them fits in a record."""


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
    attributes: Mapping[str, str] = field(default_factory=dict)
    person: Mapping[str, str] = field(default_factory=dict)
    """What concerns the person; held only with a basis."""
    consent: ConsentBasis | None = None
    members: Mapping[str, int] = field(default_factory=dict)
    """The leads that were merged into this one, and the turn in which each was."""
    turns: int = 0
    """How many merges and splits this lead has seen as the survivor."""
    survivor: str | None = None
    """The lead that this one was merged into."""


Decision = tuple[Lead, list[LeadEvent]]


def capture(lead: Lead | None, lead_id: str, command: CaptureLead, at: datetime) -> Decision:
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


def bring_in(lead: Lead | None, lead_id: str, command: Person, at: datetime) -> Decision:
    """Begin a lead as another program has it, with the offer that is out or its end. Raises as `capture`."""
    lead, facts = capture(lead, lead_id, command, at)
    end, last = command.end, command.last_activity
    if end is not None:
        if (end.outcome == "lost") != (end.reason is not None):
            raise Refused("end-unclear", "a lost lead has a reason, and a won one has none")
        closed_at = max(at, end.at)
        if end.reason is not None:
            lead, closed = lose(lead, LoseLead(reason=end.reason), closed_at)
        else:
            lead, closed = win(lead, WinLead(value=command.value), closed_at)
        return lead, facts + closed
    if command.value is not None and lead.stage in (Stage.PROPOSAL, Stage.NEGOTIATION):
        lead, offered = offer(lead, OfferLead(value=command.value), max(at, last.at) if last else at)
        return lead, facts + offered
    return lead, facts


def change_stage(lead: Lead | None, command: ChangeStage, at: datetime) -> Decision:
    lead = _open(lead)
    if lead.stage is command.stage:
        raise Refused("stage-unchanged", f"lead {lead.id} is at stage {lead.stage} already")
    changed = LeadStageChanged(lead_id=lead.id, at=at, stage=command.stage, previous=lead.stage)
    return replace(lead, stage=command.stage), [changed]


def offer(lead: Lead | None, command: OfferLead, at: datetime) -> Decision:
    """Record an offer: the lead is at the proposal stage at least."""
    lead = _open(lead)
    stage = lead.stage.at_least(Stage.PROPOSAL)
    return replace(lead, stage=stage), [LeadOffered(lead_id=lead.id, at=at, value=command.value, stage=stage)]


def win(lead: Lead | None, command: WinLead, at: datetime) -> Decision:
    lead = _open(lead)
    won = replace(lead, status=Status.WON, closed_at=at, value=command.value)
    return won, [LeadWon(lead_id=lead.id, at=at, value=command.value)]


def lose(lead: Lead | None, command: LoseLead, at: datetime) -> Decision:
    lead = _open(lead)
    lost = replace(lead, status=Status.LOST, closed_at=at, lost_because=command.reason)
    return lost, [LeadLost(lead_id=lead.id, at=at, reason=command.reason)]


def qualify(lead: Lead | None, command: QualifyLead, at: datetime) -> Decision:
    """Say what a lead is, also a closed one. Raises `Refused("consent-missing")`."""
    lead = _own(lead)
    consent = command.consent or lead.consent
    if command.person and consent is None:
        raise Refused(
            "consent-missing",
            f"{' and '.join(sorted(command.person))} concern the person; name the basis for holding that",
        )
    if both := sorted(command.attributes.keys() & command.person.keys()):
        raise Refused("said-twice", f"{' and '.join(both)} cannot concern both the company and the person")
    qualified = replace(
        lead,
        attributes=command.attributes,
        person=command.person,
        consent=consent,
        segment=command.attributes.get("segment", lead.segment),
        tier=command.attributes.get("tier", lead.tier),
    )
    return qualified, [_qualified(qualified, at)]


def withdraw(lead: Lead | None, _: WithdrawConsent, at: datetime) -> Decision:
    """Forget what concerns the person. Nothing is told when nothing was held."""
    lead = _own(lead)
    withdrawn = replace(lead, person={}, consent=None)
    return withdrawn, [_qualified(withdrawn, at)] if lead.person else []


def _qualified(lead: Lead, at: datetime) -> LeadQualified:
    return LeadQualified(
        lead_id=lead.id,
        at=at,
        attributes={**lead.attributes, **lead.person},
        consent=lead.consent if lead.person else None,
        segment=lead.segment,
        tier=lead.tier,
    )


def merge(lead: Lead | None, command: MergeLeads, at: datetime) -> Decision:
    """Take another lead in. Whether that one comes is its own to say: see `absorb` and `keep_out`."""
    lead = _own(lead)
    if command.absorb == lead.id:
        raise Refused("merge-with-itself", f"lead {lead.id} cannot be merged into itself")
    if command.absorb in lead.members:
        raise Conflict("merged-already", f"lead {command.absorb} is part of {lead.id} already")
    if len(lead.members) == MOST_MEMBERS:
        raise Refused(
            "too-many-members", f"{MOST_MEMBERS} leads are part of {lead.id} already; split some off first"
        )
    turn = lead.turns + 1
    merged = replace(lead, turns=turn, members={**lead.members, command.absorb: turn})
    return merged, [LeadsMerged(lead_id=lead.id, at=at, absorbed=command.absorb, turn=turn)]


def split(lead: Lead | None, command: SplitLead, at: datetime) -> Decision:
    """Let a merged lead go."""
    lead = _own(lead)
    if command.member not in lead.members:
        raise Refused("not-a-member", f"lead {command.member} is no part of {lead.id}")
    return _without(lead, command.member, at)


def absorb(lead: Lead | None, survivor: str, turn: int, at: datetime) -> Decision:
    """Become part of another lead, as the survivor has said. Raises `Conflict` when that cannot be."""
    if lead is None:
        raise NotFound("lead-not-found", "the lead to be merged does not exist; capture it first")
    if lead.survivor is not None:
        raise Conflict(
            "lead-absorbed", f"lead {lead.id} is part of {lead.survivor}; split it from there first"
        )
    if lead.members:
        raise Conflict(
            "lead-has-members",
            f"{', '.join(sorted(lead.members))} became part of {lead.id}; split them off, and merge each by itself",
        )
    merged = LeadsMerged(lead_id=lead.id, at=at, survivor=survivor, turn=turn)
    return replace(lead, survivor=survivor), [merged]


def release(lead: Lead | None, survivor: str, turn: int, at: datetime) -> Decision:
    """Stand alone again, as the survivor has said."""
    if lead is None:
        raise NotFound("lead-not-found", "the lead to be split off does not exist")
    if lead.survivor != survivor:
        return lead, []
    return replace(lead, survivor=None), [LeadSplit(lead_id=lead.id, at=at, survivor=survivor, turn=turn)]


def keep_out(lead: Lead | None, member: str, turn: int, at: datetime) -> Decision:
    """Take a merge back that the other lead could not follow, unless something happened to them since."""
    if lead is None:
        raise NotFound("lead-not-found", "the lead that was to survive does not exist")
    return _without(lead, member, at) if lead.members.get(member) == turn else (lead, [])


def _without(lead: Lead, member: str, at: datetime) -> Decision:
    turn = lead.turns + 1
    members = {id: each for id, each in lead.members.items() if id != member}
    parted = LeadSplit(lead_id=lead.id, at=at, absorbed=member, turn=turn)
    return replace(lead, turns=turn, members=members), [parted]


def _own(lead: Lead | None) -> Lead:
    """A lead that exists and stands for itself."""
    if lead is None:
        raise NotFound("lead-not-found", "there is no such lead; capture it first")
    if lead.survivor is not None:
        raise Refused("lead-absorbed", f"lead {lead.id} is part of {lead.survivor}; address that one")
    return lead


def _open(lead: Lead | None) -> Lead:
    lead = _own(lead)
    if lead.status is not Status.OPEN:
        raise Refused("lead-closed", f"lead {lead.id} is {lead.status} since {lead.closed_at:%Y-%m-%d}")
    return lead
