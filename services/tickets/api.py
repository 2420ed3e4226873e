"""Tickets over HTTP, for the gateway."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, Field

from services.tickets import handlers, publications
from services.tickets.domain.sla.explanation import Explanation
from services.tickets.domain.ticket import Ticket
from services.tickets.handlers import Answered, Messages
from services.tickets.publications import Effect
from services.tickets.store import Macros, PolicyBook, Tickets
from shared.clock import Clock
from shared.commands.import_rows import HistoryRows, RowOutcomes
from shared.commands.tickets import (
    AnswerTicket,
    ApplyMacro,
    AssignTicket,
    ClassifyTicket,
    CloseTicket,
    EscalateTicket,
    LinkTicket,
    Macro,
    MergeTickets,
    OpenTicket,
    PublishPolicies,
    ReopenTicket,
    ReplyTicket,
    ResolveTicket,
    SplitTicket,
    WaitTicket,
)
from shared.events.base import Instant, LeadId
from shared.web import IdempotencyKey

TicketPath = Annotated[LeadId, Path()]


class Word(BaseModel):
    ticket_id: LeadId
    at: Instant


class Asked(BaseModel):
    words: Annotated[list[Word], Field(max_length=1_000)]


def router(tickets: Tickets, book: PolicyBook, macros: Macros, clock: Clock) -> APIRouter:
    """The routes. In one piece, because it is a list: a function a route."""
    api = APIRouter(tags=["tickets"])

    @api.post("/tickets", status_code=201)
    async def open(command: OpenTicket, idempotency_key: IdempotencyKey = None) -> Ticket:
        return await handlers.open(tickets, book, command, idempotency_key, clock)

    @api.get("/tickets/{ticket_id}")
    async def get(ticket_id: TicketPath) -> Ticket:
        return await handlers.get(tickets, ticket_id)

    @api.get("/tickets/{ticket_id}/messages")
    async def messages(
        ticket_id: TicketPath,
        before: Annotated[int | None, Query(ge=0)] = None,
        limit: Annotated[int, Query(ge=1, le=500)] = 100,
    ) -> Messages:
        return await handlers.messages(tickets, ticket_id, before, limit)

    @api.post("/tickets/{ticket_id}/replies")
    async def reply(
        ticket_id: TicketPath, command: ReplyTicket, idempotency_key: IdempotencyKey = None
    ) -> Ticket:
        return await handlers.change(tickets, book, ticket_id, command, idempotency_key, clock)

    @api.post("/tickets/{ticket_id}/answers")
    async def answer(
        ticket_id: TicketPath, command: AnswerTicket, idempotency_key: IdempotencyKey = None
    ) -> Answered:
        return await handlers.answer(tickets, book, ticket_id, command, idempotency_key, clock)

    @api.post("/tickets/{ticket_id}/assignee")
    async def assign(
        ticket_id: TicketPath, command: AssignTicket, idempotency_key: IdempotencyKey = None
    ) -> Ticket:
        return await handlers.change(tickets, book, ticket_id, command, idempotency_key, clock)

    @api.post("/tickets/{ticket_id}/turn")
    async def wait(
        ticket_id: TicketPath, command: WaitTicket, idempotency_key: IdempotencyKey = None
    ) -> Ticket:
        return await handlers.change(tickets, book, ticket_id, command, idempotency_key, clock)

    @api.post("/tickets/{ticket_id}/classification")
    async def classify(
        ticket_id: TicketPath, command: ClassifyTicket, idempotency_key: IdempotencyKey = None
    ) -> Ticket:
        return await handlers.change(tickets, book, ticket_id, command, idempotency_key, clock)

    @api.post("/tickets/{ticket_id}/escalation")
    async def escalate(
        ticket_id: TicketPath, command: EscalateTicket, idempotency_key: IdempotencyKey = None
    ) -> Ticket:
        return await handlers.change(tickets, book, ticket_id, command, idempotency_key, clock)

    @api.post("/tickets/{ticket_id}/resolution")
    async def resolve(
        ticket_id: TicketPath, command: ResolveTicket, idempotency_key: IdempotencyKey = None
    ) -> Ticket:
        return await handlers.change(tickets, book, ticket_id, command, idempotency_key, clock)

    @api.post("/tickets/{ticket_id}/reopening")
    async def reopen(
        ticket_id: TicketPath, command: ReopenTicket, idempotency_key: IdempotencyKey = None
    ) -> Ticket:
        return await handlers.change(tickets, book, ticket_id, command, idempotency_key, clock)

    @api.post("/tickets/{ticket_id}/closing")
    async def close(
        ticket_id: TicketPath, command: CloseTicket, idempotency_key: IdempotencyKey = None
    ) -> Ticket:
        return await handlers.change(tickets, book, ticket_id, command, idempotency_key, clock)

    @api.post("/tickets/{ticket_id}/problem")
    async def link(
        ticket_id: TicketPath, command: LinkTicket, idempotency_key: IdempotencyKey = None
    ) -> Ticket:
        return await handlers.change(tickets, book, ticket_id, command, idempotency_key, clock)

    @api.post("/tickets/{ticket_id}/macro")
    async def apply_macro(
        ticket_id: TicketPath, command: ApplyMacro, idempotency_key: IdempotencyKey = None
    ) -> Ticket:
        return await handlers.apply_macro(tickets, book, macros, ticket_id, command, idempotency_key, clock)

    @api.get("/macros")
    async def all_macros() -> dict[str, list[Macro]]:
        return {"macros": await macros.all()}

    @api.post("/macros")
    async def keep_macro(macro: Macro) -> Macro:
        await macros.keep(macro)
        return macro

    @api.post("/tickets/{ticket_id}/merge")
    async def merge(
        ticket_id: TicketPath, command: MergeTickets, idempotency_key: IdempotencyKey = None
    ) -> Ticket:
        return await handlers.merge(tickets, book, ticket_id, command, idempotency_key, clock)

    @api.post("/tickets/{ticket_id}/split", status_code=201)
    async def split(
        ticket_id: TicketPath, command: SplitTicket, idempotency_key: IdempotencyKey = None
    ) -> Ticket:
        return await handlers.split(tickets, book, ticket_id, command, idempotency_key, clock)

    @api.get("/tickets/{ticket_id}/sla")
    async def sla(ticket_id: TicketPath, at: Instant | None = None) -> Explanation:
        return await publications.explanation(tickets, book, ticket_id, at or clock())

    @api.get("/sla")
    async def policies() -> dict[str, Any]:
        version = (await book.current()).version
        return {"version": version, "text": await book.text(version), "editions": await book.editions()}

    @api.post("/sla/preview")
    async def preview(command: PublishPolicies) -> Effect:
        return await publications.preview(tickets, book, command, clock)

    @api.post("/sla")
    async def publish(command: PublishPolicies) -> Effect:
        return await publications.publish(tickets, book, command, clock)

    @api.post("/history", summary="Rows of an import")
    async def history(piece: HistoryRows) -> RowOutcomes:
        return await handlers.take_rows(tickets, book, piece, clock)

    @api.post("/words", summary="What was said in tickets at these instants")
    async def words(asked: Asked) -> list[str | None]:
        return await handlers.words(tickets, [(each.ticket_id, each.at) for each in asked.words])

    return api
