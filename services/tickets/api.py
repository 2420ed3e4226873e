"""Tickets over HTTP, for the gateway."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path
from pydantic import BaseModel, Field

from services.tickets import handlers
from services.tickets.domain.ticket import Ticket
from services.tickets.store import Tickets
from shared.clock import Clock
from shared.commands.tickets import (
    OpenTicket,
    ReplyTicket,
    ResolveTicket,
)
from shared.events.base import Instant, LeadId
from shared.web import IdempotencyKey

TicketPath = Annotated[LeadId, Path()]


class Word(BaseModel):
    ticket_id: LeadId
    at: Instant


class Asked(BaseModel):
    words: Annotated[list[Word], Field(max_length=1_000)]


def router(tickets: Tickets, clock: Clock) -> APIRouter:
    api = APIRouter(tags=["tickets"])

    @api.post("/tickets", status_code=201)
    async def open(command: OpenTicket, idempotency_key: IdempotencyKey = None) -> Ticket:
        return await handlers.open(tickets, command, idempotency_key, clock)

    @api.get("/tickets/{ticket_id}")
    async def get(ticket_id: TicketPath) -> Ticket:
        return await handlers.get(tickets, ticket_id)

    @api.post("/tickets/{ticket_id}/replies")
    async def reply(
        ticket_id: TicketPath, command: ReplyTicket, idempotency_key: IdempotencyKey = None
    ) -> Ticket:
        return await handlers.change(tickets, ticket_id, command, idempotency_key, clock)

    @api.post("/tickets/{ticket_id}/resolution")
    async def resolve(
        ticket_id: TicketPath, command: ResolveTicket, idempotency_key: IdempotencyKey = None
    ) -> Ticket:
        return await handlers.change(tickets, ticket_id, command, idempotency_key, clock)

    @api.post("/words", summary="What was said in tickets at these instants")
    async def words(asked: Asked) -> list[str | None]:
        return await handlers.words(tickets, [(each.ticket_id, each.at) for each in asked.words])

    return api
