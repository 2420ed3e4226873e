"""Tickets over HTTP, for the gateway."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path

from services.tickets import handlers
from services.tickets.domain import Ticket
from services.tickets.store import Tickets
from shared.clock import Clock
from shared.commands import OpenTicket, ReplyTicket, ResolveTicket
from shared.events.base import LeadId
from shared.web import IdempotencyKey, LeadPath

TicketPath = Annotated[LeadId, Path()]


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

    @api.get("/leads/{lead_id}/tickets")
    async def of_lead(lead_id: LeadPath) -> list[Ticket]:
        return await handlers.of_lead(tickets, lead_id)

    return api
