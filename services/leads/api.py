"""Leads over HTTP, for the gateway."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel, Field

from services.leads import handlers
from services.leads.domain.lead import Lead
from services.leads.store import Leads
from shared.clock import Clock
from shared.commands.import_rows import (
    HistoryRows,
    RowOutcomes,
)
from shared.commands.leads import (
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
from shared.events.base import LeadId
from shared.web import IdempotencyKey, LeadPath


class LeadIds(BaseModel):
    ids: Annotated[list[LeadId], Field(max_length=5_000)]


@dataclass(frozen=True, slots=True)
class Taken(Lead):
    """A lead as it was captured, and what of the form was not kept as it was sent."""

    warnings: list[FieldWarning] = field(default_factory=list)


def router(leads: Leads, region: str, clock: Clock) -> APIRouter:
    api = APIRouter(tags=["leads"])

    @api.post("/leads", status_code=201)
    async def capture(form: LeadForm, idempotency_key: IdempotencyKey = None) -> Taken:
        lead, warnings = await handlers.capture(leads, form, idempotency_key, clock, region)
        return Taken(**{each.name: getattr(lead, each.name) for each in fields(lead)}, warnings=warnings)

    @api.get("/leads/{lead_id}")
    async def get(lead_id: LeadPath) -> Lead:
        return await handlers.get(leads, lead_id)

    @api.post("/leads/{lead_id}/stage")
    async def change_stage(
        lead_id: LeadPath, command: ChangeStage, idempotency_key: IdempotencyKey = None
    ) -> Lead:
        return await handlers.change(leads, lead_id, command, idempotency_key, clock)

    @api.post("/leads/{lead_id}/offers")
    async def offer(lead_id: LeadPath, command: OfferLead, idempotency_key: IdempotencyKey = None) -> Lead:
        return await handlers.change(leads, lead_id, command, idempotency_key, clock)

    @api.post("/leads/{lead_id}/won")
    async def win(lead_id: LeadPath, command: WinLead, idempotency_key: IdempotencyKey = None) -> Lead:
        return await handlers.change(leads, lead_id, command, idempotency_key, clock)

    @api.post("/leads/{lead_id}/lost")
    async def lose(lead_id: LeadPath, command: LoseLead, idempotency_key: IdempotencyKey = None) -> Lead:
        return await handlers.change(leads, lead_id, command, idempotency_key, clock)

    @api.post("/leads/{lead_id}/qualification")
    async def qualify(
        lead_id: LeadPath, command: QualifyLead, idempotency_key: IdempotencyKey = None
    ) -> Lead:
        return await handlers.change(leads, lead_id, command, idempotency_key, clock)

    @api.post("/leads/{lead_id}/consent-withdrawal")
    async def withdraw_consent(
        lead_id: LeadPath, command: WithdrawConsent, idempotency_key: IdempotencyKey = None
    ) -> Lead:
        return await handlers.change(leads, lead_id, command, idempotency_key, clock)

    @api.post("/leads/{lead_id}/merge")
    async def merge(lead_id: LeadPath, command: MergeLeads, idempotency_key: IdempotencyKey = None) -> Lead:
        return await handlers.merge(leads, lead_id, command, idempotency_key, clock)

    @api.post("/leads/{lead_id}/split")
    async def split(lead_id: LeadPath, command: SplitLead, idempotency_key: IdempotencyKey = None) -> Lead:
        return await handlers.split(leads, lead_id, command, idempotency_key, clock)

    @api.post("/profiles", summary="The profiles of these leads, of those that have one")
    async def profiles(wanted: LeadIds) -> dict[str, Profile]:
        return await handlers.profiles(leads, wanted.ids)

    @api.post("/known", summary="Which of these leads exist")
    async def known(wanted: LeadIds) -> list[str]:
        return sorted(await leads.get_many(wanted.ids))

    @api.post("/history", summary="Rows of an import")
    async def history(piece: HistoryRows) -> RowOutcomes:
        return await handlers.take_rows(leads, piece, clock, region)

    return api
