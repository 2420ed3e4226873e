"""What leads does when asked. It listens to nobody."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from services.leads import domain
from services.leads.domain import Lead, Told
from services.leads.store import Leads
from shared.clock import Clock, clamp, new_id
from shared.commands import (
    Captured,
    CaptureLead,
    ChangeStage,
    Command,
    HistoryRow,
    HistoryRows,
    LoseLead,
    Lost,
    Offered,
    OfferLead,
    Profile,
    RowOutcomes,
    StageChanged,
    WinLead,
    Won,
    derived_id,
    idempotency,
)
from shared.documents import Step
from shared.errors import NotFound, Refused
from shared.history import take_history

_DECISIONS: dict[type[Command], Callable[..., Told]] = {
    ChangeStage: domain.change_stage,
    OfferLead: domain.offer,
    WinLead: domain.win,
    LoseLead: domain.lose,
}


async def capture(leads: Leads, command: CaptureLead, key: str | None, clock: Clock) -> Lead:
    """Begin a lead under the channel's id, or one derived from the Idempotency-Key, or a new one."""
    lead_id = command.lead_id or (derived_id("lead", key) if key else new_id())
    at = clamp(command.at or clock(), clock())

    def decide(lead: Lead | None) -> Told:
        return domain.capture(lead, lead_id, command, at)

    outcome = await leads.change(Step(lead_id, decide, idempotency(key, command)))
    assert outcome.state is not None
    return outcome.state


async def change(leads: Leads, lead_id: str, command: Command, key: str | None, clock: Clock) -> Lead:
    """Carry out a command on a lead that exists."""
    outcome = await leads.change(Step(lead_id, _decision(command, clock), idempotency(key, command)))
    assert outcome.state is not None
    return outcome.state


async def get(leads: Leads, lead_id: str) -> Lead:
    lead = await leads.get(lead_id)
    if lead is None:
        raise NotFound("lead-not-found", f"there is no lead {lead_id}")
    return lead


async def profiles(leads: Leads, ids: Sequence[str]) -> dict[str, Profile]:
    found = await leads.get_many(ids)
    return {id: lead.profile for id, lead in found.items() if lead.profile is not None}


async def take_rows(leads: Leads, piece: HistoryRows, clock: Clock) -> RowOutcomes:
    """Take the rows of an import that are about leads."""
    return await take_history(leads, piece, lambda row: _of_row(row, clock))


def _decision(command: Command, clock: Clock) -> Callable[[Lead | None], Told]:
    decide, at = _DECISIONS[type(command)], clamp(command.at or clock(), clock())
    return lambda lead: decide(lead, command, at)


def _of_row(row: HistoryRow, clock: Clock) -> Callable[[Lead | None], Told]:
    at, what = clamp(row.at, clock()), row.what
    match what:
        case Captured():
            return lambda lead: domain.capture(lead, row.lead_id, what, at)
        case StageChanged():
            return lambda lead: domain.change_stage(lead, what, at)
        case Offered():
            return lambda lead: domain.offer(lead, what, at)
        case Won():
            return lambda lead: domain.win(lead, what, at)
        case Lost():
            return lambda lead: domain.lose(lead, what, at)
    raise Refused("not-for-leads", f"leads does not take {what.action}")
