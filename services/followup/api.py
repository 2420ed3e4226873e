"""Follow-up over HTTP, for the gateway."""

from __future__ import annotations

from fastapi import APIRouter
from pydantic import BaseModel

from services.followup import handlers
from services.followup.domain import FollowUp
from services.followup.store import FollowUps
from shared.clock import Clock
from shared.commands import HistoryRows, LogActivity, RowOutcomes
from shared.web import IdempotencyKey, LeadPath


class Logged(BaseModel):
    activity_id: str


def router(followups: FollowUps, clock: Clock) -> APIRouter:
    api = APIRouter(tags=["followup"])

    @api.post("/leads/{lead_id}/activities", status_code=201)
    async def log(lead_id: LeadPath, command: LogActivity, idempotency_key: IdempotencyKey = None) -> Logged:
        return Logged(activity_id=await handlers.log(followups, lead_id, command, idempotency_key, clock))

    @api.get("/leads/{lead_id}")
    async def get(lead_id: LeadPath) -> FollowUp:
        return await handlers.get(followups, lead_id)

    @api.post("/history", summary="Rows of an import")
    async def history(piece: HistoryRows) -> RowOutcomes:
        return await handlers.take_rows(followups, piece, clock)

    return api
