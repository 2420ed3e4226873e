"""Follow-up over HTTP, for the gateway."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter
from pydantic import BaseModel, Field

from services.followup import handlers, publications
from services.followup.domain.experiments import Trial
from services.followup.domain.model import FollowUp
from services.followup.publications import Effect
from services.followup.store import FollowUps, PublishedPlaybooks
from shared.clock import Clock
from shared.commands.followup import (
    ActivityOutcomes,
    AssignLead,
    LogActivities,
    LogActivity,
    PlanStep,
    PublishPlaybooks,
    Worked,
    WorkedSpans,
)
from shared.commands.import_rows import (
    HistoryRows,
    RowOutcomes,
)
from shared.events.followup import Id
from shared.web import IdempotencyKey, LeadPath


class Logged(BaseModel):
    activity_id: str


class ActivityIds(BaseModel):
    ids: Annotated[list[Id], Field(max_length=1_000)]


def router(followups: FollowUps, books: PublishedPlaybooks, clock: Clock) -> APIRouter:
    api = APIRouter(tags=["followup"])

    @api.post("/leads/{lead_id}/activities", status_code=201)
    async def log(lead_id: LeadPath, command: LogActivity, idempotency_key: IdempotencyKey = None) -> Logged:
        activity_id = await handlers.log(followups, books, lead_id, command, idempotency_key, clock)
        return Logged(activity_id=activity_id)

    @api.post("/activities")
    async def log_many(command: LogActivities, idempotency_key: IdempotencyKey = None) -> ActivityOutcomes:
        return await handlers.log_many(followups, books, command, idempotency_key, clock)

    @api.post("/leads/{lead_id}/next-step")
    async def plan(lead_id: LeadPath, command: PlanStep, idempotency_key: IdempotencyKey = None) -> FollowUp:
        return await handlers.change(followups, books, lead_id, command, idempotency_key, clock)

    @api.post("/leads/{lead_id}/owner")
    async def assign(
        lead_id: LeadPath, command: AssignLead, idempotency_key: IdempotencyKey = None
    ) -> FollowUp:
        return await handlers.change(followups, books, lead_id, command, idempotency_key, clock)

    @api.get("/leads/{lead_id}")
    async def get(lead_id: LeadPath) -> FollowUp:
        return await handlers.get(followups, lead_id)

    @api.post("/leads/{lead_id}/notes", summary="What was written about these activities")
    async def notes(lead_id: LeadPath, asked: ActivityIds) -> dict[str, str]:
        return await handlers.notes(followups, lead_id, asked.ids)

    @api.post("/history", summary="Rows of an import")
    async def history(piece: HistoryRows) -> RowOutcomes:
        return await handlers.take_rows(followups, books, piece, clock)

    @api.post("/worked", summary="How much of some spans is business time")
    async def worked(asked: WorkedSpans) -> Worked:
        return await handlers.worked(books, asked)

    @api.get("/playbooks")
    async def playbooks() -> dict[str, Any]:
        version = (await books.current()).version
        return {
            "version": version,
            "text": await books.text(version),
            "editions": await books.editions(),
        }

    @api.post("/playbooks/preview")
    async def preview(command: PublishPlaybooks) -> Effect:
        return await publications.preview(followups, books, command.text, command.source)

    @api.post("/playbooks")
    async def publish(command: PublishPlaybooks) -> Effect:
        return await publications.publish(followups, books, command, clock)

    @api.get("/playbooks/{name}/trial")
    async def trial(name: LeadPath) -> Trial:
        return await publications.report(followups, books, name, clock)

    return api
