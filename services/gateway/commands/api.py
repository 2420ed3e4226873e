"""The routes that are passed on, made of their table, and the one that takes many activities."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from inspect import Parameter, Signature
from string import Formatter
from typing import Annotated, Any, Final

from fastapi import APIRouter, Path, Query
from fastapi.responses import JSONResponse

from services.gateway.access.admission import KeyFirst, admit
from services.gateway.access.keys import (
    KeyRing,
)
from services.gateway.access.roles import (
    Scope,
)
from services.gateway.clients import Upstreams, instant
from services.gateway.commands import activities, tickets
from services.gateway.commands.table import ROUTES, PassedOn
from shared.commands.followup import ActivityOutcomes, LogActivities
from shared.commands.leads import LeadForm
from shared.commands.tickets import OpenTicketForm
from shared.events.base import LeadId
from shared.events.scoring import RulesVersion
from shared.fields import Time
from shared.web import IdempotencyKey, LeadPath

PARAMETERS: Final = {
    "lead_id": LeadPath,
    "ticket_id": Annotated[LeadId, Path()],
    "version": Annotated[RulesVersion, Path()],
    "name": LeadPath,
}
"""What a path may hold."""


def router(upstreams: Upstreams, keys: KeyRing) -> APIRouter:
    """The routes. In one piece, because it is a list: those of the table, then a function a route."""
    api = APIRouter(prefix="/v1", route_class=KeyFirst)
    for route in ROUTES:
        api.add_api_route(
            route.path,
            _passing(upstreams, route),
            methods=[route.method],
            status_code=route.status,
            response_model=None,
            dependencies=[admit(keys, route.scope)],
            tags=[route.tag],
            name=route.name,
            summary=route.summary,
            description=route.description,
        )

    @api.post(
        "/activities",
        dependencies=[admit(keys, Scope.WORK)],
        tags=["commands"],
        summary="Log many activities, such as a day's calls",
    )
    async def log_many(command: LogActivities, idempotency_key: IdempotencyKey = None) -> ActivityOutcomes:
        """Each has an outcome of its own. With keys of their own they can be sent again as they are."""
        return await activities.log_many(upstreams, command, idempotency_key)

    @api.post(
        "/tickets",
        status_code=201,
        dependencies=[admit(keys, Scope.CAPTURE)],
        tags=["commands"],
        summary="Open a ticket",
    )
    async def open_ticket(command: OpenTicketForm, idempotency_key: IdempotencyKey = None) -> Any:
        """Of a lead, or of a person who is none yet: they are captured with it, and `lead_id` says as whom."""
        return await tickets.open_ticket(upstreams, command, idempotency_key)

    @api.get(
        "/tickets/{ticket_id}/messages",
        dependencies=[admit(keys, Scope.READ)],
        tags=["reads"],
        summary="What was said in a ticket, the newest last",
    )
    async def messages(
        ticket_id: Annotated[LeadId, Path()],
        before: Annotated[
            int | None, Query(ge=0, description="The number of a message; the end, if absent.")
        ] = None,
        limit: Annotated[int, Query(ge=1, le=500)] = 100,
    ) -> Any:
        path = f"/tickets/{ticket_id}/messages"
        return await upstreams.call("tickets", "GET", path, before=before, limit=limit)

    @api.get(
        "/tickets/{ticket_id}/sla",
        dependencies=[admit(keys, Scope.READ)],
        tags=["reads"],
        summary="Why a ticket's deadlines are when they are",
    )
    async def sla(
        ticket_id: Annotated[LeadId, Path()],
        at: Annotated[
            Time | None, Query(description="The instant to answer for (RFC 3339); now, if absent.")
        ] = None,
    ) -> Any:
        """Which spans counted, which did not and why, by the policies in force then."""
        return await upstreams.call("tickets", "GET", f"/tickets/{ticket_id}/sla", at=instant(at))

    return api


def _passing(upstreams: Upstreams, route: PassedOn) -> Callable[..., Coroutine[Any, Any, JSONResponse]]:
    """What answers a route: asks whether the lead is known, if that is needed, and passes on what came."""

    async def pass_on(command: Any = None, idempotency_key: str | None = None, **path: str) -> JSONResponse:
        if route.needs_lead:
            await upstreams.must_exist(path.get("lead_id") or command.lead_id)
        answer = await upstreams.call(
            route.owner, route.method, route.path.format(**path), command, idempotency_key, route.within
        )
        if route.body is LeadForm:
            upstreams.remember(answer["id"])
        return JSONResponse(answer, route.status)

    pass_on.__name__ = route.name
    # FastAPI reads from a signature what a request must hold.
    pass_on.__signature__ = _signature(route)  # type: ignore[attr-defined]
    return pass_on


def _signature(route: PassedOn) -> Signature:
    kind = Parameter.KEYWORD_ONLY
    names = [name for _, name, _, _ in Formatter().parse(route.path) if name]
    found = [Parameter(name, kind, annotation=PARAMETERS[name]) for name in names]
    if route.body is not None:
        found.append(Parameter("command", kind, annotation=route.body))
    if route.is_keyed:
        found.append(Parameter("idempotency_key", kind, default=None, annotation=IdempotencyKey))
    return Signature(found)
