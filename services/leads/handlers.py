"""What leads does when asked, and when it hears itself: what a merge or a split still lacks after a crash."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from services.leads.domain import lead as domain
from services.leads.domain.forms import USUAL_REGION, understand
from services.leads.domain.lead import Decision, Lead
from services.leads.store import Leads
from shared.applied_once import (
    Seen,
    idempotency,
)
from shared.bus.received import Handle, Received
from shared.clock import Clock, clamp, new_id
from shared.commands.base import (
    Command,
)
from shared.commands.import_rows import (
    Captured,
    HistoryRow,
    HistoryRows,
    Lost,
    Offered,
    Person,
    RowOutcomes,
    StageChanged,
    Won,
)
from shared.commands.leads import (
    CaptureLead,
    ChangeStage,
    FieldWarning,
    LeadForm,
    LoseLead,
    MergeLeads,
    OfferLead,
    Profile,
    QualifyLead,
    SplitLead,
    WinLead,
    WithdrawConsent,
)
from shared.documents import Step
from shared.errors import AscuaError, NotFound, Refused, Unavailable
from shared.events.base import Trace
from shared.events.leads import LeadsMerged, LeadSplit
from shared.ids import (
    derived_id,
)
from shared.import_rows import take_history

_DECISIONS: dict[type[Command], Callable[..., Decision]] = {
    ChangeStage: domain.change_stage,
    OfferLead: domain.offer,
    WinLead: domain.win,
    LoseLead: domain.lose,
    QualifyLead: domain.qualify,
    WithdrawConsent: domain.withdraw,
    MergeLeads: domain.merge,
    SplitLead: domain.split,
}


async def capture(
    leads: Leads, form: LeadForm, key: str | None, clock: Clock, region: str = USUAL_REGION
) -> tuple[Lead, list[FieldWarning]]:
    """Begin a lead under the channel's id, or one derived from the Idempotency-Key, or a new one.

    Returns the lead as it was when it was captured, also when the form is sent again: who may capture may not see
    what became of it.
    """
    command, warnings = understand(form, region)
    lead_id = command.lead_id or (derived_id("lead", key) if key else new_id())
    at = clamp(command.at, clock())

    def decide(lead: Lead | None) -> Decision:
        return domain.capture(lead, lead_id, command, at)

    kept = await leads.left_by(Step(lead_id, decide, idempotency(key, form)))
    lead, _ = domain.capture(None, lead_id, command, kept.captured_at)
    return lead, warnings


async def change(leads: Leads, lead_id: str, command: Command, key: str | None, clock: Clock) -> Lead:
    """Carry out a command on a lead that exists."""
    return await leads.state_after(_step(lead_id, command, key, clock))


def _step(lead_id: str, command: Command, key: str | None, clock: Clock) -> Step[Lead]:
    decide, at = _DECISIONS[type(command)], clamp(command.at, clock())
    return Step(lead_id, lambda lead: decide(lead, command, at), idempotency(key, command))


async def merge(leads: Leads, lead_id: str, command: MergeLeads, key: str | None, clock: Clock) -> Lead:
    """Merge a lead into this one: first the survivor says so, then the other follows, or it is taken back."""
    found = await leads.get(command.absorb)
    if found is None:
        raise NotFound("lead-not-found", f"there is no lead {command.absorb}; capture it first")
    if found.survivor != lead_id:
        domain.absorb(found, lead_id, 1, clock())
    step = _step(lead_id, command, key, clock)
    lead = await leads.left_by(step)
    if command.absorb in lead.members:
        at = clamp(command.at or clock(), clock())
        refused = await _follow_merge(leads, lead_id, command.absorb, lead.members[command.absorb], at)
        if refused is not None:
            raise refused
    return await leads.answer(step, lead)


async def split(leads: Leads, lead_id: str, command: SplitLead, key: str | None, clock: Clock) -> Lead:
    """Let a merged lead go: first the survivor says so, then the other follows."""
    step = _step(lead_id, command, key, clock)
    lead = await leads.left_by(step)
    if command.member not in lead.members:
        await _follow_split(leads, lead_id, command.member, lead.turns, clamp(command.at or clock(), clock()))
    return await leads.answer(step, lead)


def follower(leads: Leads) -> Handle:
    """Carries on what a crash has left half done: the other lead follows what the survivor has said."""

    async def follow(batch: Sequence[Received]) -> Sequence[AscuaError | None]:
        for received in batch:
            match received.event.event:
                case LeadsMerged(absorbed=str(member)) as merged:
                    # What could not be was taken back.
                    await _follow_merge(leads, merged.lead_id, member, merged.turn, merged.at, received.trace)
                case LeadSplit(absorbed=str(member)) as parted:
                    await _follow_split(leads, parted.lead_id, member, parted.turn, parted.at, received.trace)
        return [None] * len(batch)

    return follow


async def _follow_merge(
    leads: Leads, survivor: str, member: str, turn: int, at: datetime, trace: Trace | None = None
) -> AscuaError | None:
    """Let `member` become part of the survivor; return why it cannot, once the survivor has taken that back."""

    def absorb(lead: Lead | None) -> Decision:
        return domain.absorb(lead, survivor, turn, at)

    try:
        await leads.change(Step(member, absorb, _turn(survivor, turn), trace))
    except Unavailable:
        raise
    except AscuaError as error:
        await leads.change(Step(survivor, lambda lead: domain.keep_out(lead, member, turn, at), trace=trace))
        return error
    return None


async def _follow_split(
    leads: Leads, survivor: str, member: str, turn: int, at: datetime, trace: Trace | None = None
) -> None:
    def release(lead: Lead | None) -> Decision:
        return domain.release(lead, survivor, turn, at)

    await leads.change(Step(member, release, _turn(survivor, turn), trace))


def _turn(survivor: str, turn: int) -> Seen:
    """What a lead has followed of a survivor's turns it does not follow again, nor an earlier one."""
    return Seen(f"turn:{survivor}", turn, gapless=False)


async def get(leads: Leads, lead_id: str) -> Lead:
    lead = await leads.get(lead_id)
    if lead is None:
        raise NotFound("lead-not-found", f"there is no lead {lead_id}")
    return lead


async def profiles(leads: Leads, ids: Sequence[str]) -> dict[str, Profile]:
    found = await leads.get_many(ids)
    return {id: lead.profile for id, lead in found.items() if lead.profile is not None}


async def take_rows(
    leads: Leads, piece: HistoryRows, clock: Clock, region: str = USUAL_REGION
) -> RowOutcomes:
    """Take the rows of an import that are about leads."""
    forms = {row.row: understand(row.what, region) for row in piece.rows if isinstance(row.what, Captured)}
    taken = await take_history(leads, piece, lambda row: _of_row(row, forms, clock))
    return RowOutcomes(
        outcomes=[
            each.model_copy(update={"warnings": forms[each.row][1]})
            if each.outcome == "published" and each.row in forms and forms[each.row][1]
            else each
            for each in taken.outcomes
        ]
    )


def _of_row(
    row: HistoryRow, forms: Mapping[int, tuple[CaptureLead, list[FieldWarning]]], clock: Clock
) -> Callable[[Lead | None], Decision]:
    at, what = clamp(row.at, clock()), row.what
    match what:
        case Person():
            return lambda lead: domain.bring_in(lead, row.lead_id, what, at)
        case Captured():
            return lambda lead: domain.capture(lead, row.lead_id, forms[row.row][0], at)
        case StageChanged():
            return lambda lead: domain.change_stage(lead, what, at)
        case Offered():
            return lambda lead: domain.offer(lead, what, at)
        case Won():
            return lambda lead: domain.win(lead, what, at)
        case Lost():
            return lambda lead: domain.lose(lead, what, at)
    raise Refused("not-for-leads", f"leads does not take {what.action}")
