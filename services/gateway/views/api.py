"""The 360 view over HTTP: a lead, what happened to it, why it is hot, and what changes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Header, Query, Request
from fastapi.sse import EventSourceResponse, ServerSentEvent
from pydantic import BaseModel, Field

from services.gateway.access.admission import KeyFirst, admit
from services.gateway.access.keys import (
    KeyRing,
)
from services.gateway.access.roles import (
    Scope,
)
from services.gateway.access.visits import holder_of, while_admitted
from services.gateway.clients import Upstreams, instant
from services.gateway.live import Live, decode_position
from services.gateway.views import query
from services.gateway.views.store import Views
from services.gateway.views.timeline import timeline as timeline_of
from services.gateway.views.view import LeadView
from shared.clock import Clock
from shared.events.base import Instant
from shared.fields import Time
from shared.web import LeadPath

Card = Annotated[
    Literal["heat", "risk"],
    Query(description="What to rate by: the heat of a lead, or the risk that a customer leaves."),
]
At = Annotated[Time | None, Query(description="The instant to answer for (RFC 3339); now, if absent.")]
Terms = Annotated[int, Query(ge=1, le=500, description="How many terms to list one by one.")]


class LeadNow(BaseModel):
    """The 360 view, and heat at the instant of the answer."""

    at: Instant
    heat: float | None
    lead: LeadView
    position: str = Field(description="Where `GET /v1/stream?from=` takes over from this view.")


def router(views: Views, upstreams: Upstreams, live: Live, keys: KeyRing, clock: Clock) -> APIRouter:
    api = APIRouter(
        prefix="/v1", tags=["reads"], dependencies=[admit(keys, Scope.READ)], route_class=KeyFirst
    )

    @api.get("/leads/{lead_id}", summary="Everything about a lead")
    async def lead(lead_id: LeadPath) -> LeadNow:
        position, now = live.position(), clock()
        view = await query.view(views, upstreams, lead_id)
        return LeadNow(at=now, heat=view.heat.now(now) if view.heat else None, lead=view, position=position)

    @api.get("/leads/{lead_id}/timeline", summary="All that happened to a lead, newest first")
    async def timeline(
        lead_id: LeadPath, cursor: str | None = None, limit: Annotated[int, Query(ge=1, le=500)] = 100
    ) -> Any:
        return await timeline_of(upstreams, lead_id, cursor=cursor, limit=limit)

    @api.get("/leads/{lead_id}/heat", summary="A lead's heat at an instant")
    async def heat(lead_id: LeadPath, at: At = None, scorecard: Card = "heat") -> Any:
        await upstreams.must_exist(lead_id)
        path = f"/leads/{lead_id}/heat"
        return await upstreams.call("scoring", "GET", path, at=instant(at), scorecard=scorecard)

    @api.get("/leads/{lead_id}/heat/explain", summary="Why it is so, to the event")
    async def explain(lead_id: LeadPath, at: At = None, scorecard: Card = "heat", limit: Terms = 100) -> Any:
        """The largest terms one by one, the rest by kind; base, terms, rest, fit and caps sum to the heat."""
        await upstreams.must_exist(lead_id)
        asked: dict[str, Any] = {"at": instant(at), "scorecard": scorecard, "limit": limit}
        return await upstreams.call("scoring", "GET", f"/leads/{lead_id}/heat/explain", **asked)

    @api.get(
        "/stream", summary="Changes as they happen (server-sent events)", response_class=EventSourceResponse
    )
    async def stream(
        request: Request,
        position: Annotated[str | None, Depends(_resumed)],
    ) -> AsyncIterator[ServerSentEvent]:
        """Each event's id is a position to resume from, on any replica. `reset` means: read everything again."""
        yield ServerSentEvent(comment="connected", retry=1_000)
        still = partial(holder_of, request, keys, Scope.READ)
        async for change in while_admitted(live.changes(position), still):
            name: Literal["reset", "change"] = "reset" if change.type == "reset" else "change"
            data = {"type": change.type, "lead_id": change.lead_id, "time": change.time}
            yield ServerSentEvent(event=name, id=change.id, data=data)

    return api


async def _resumed(
    from_: Annotated[str | None, Query(alias="from", max_length=2_000)] = None,
    last_event_id: Annotated[str | None, Header(max_length=2_000)] = None,
) -> str | None:
    """Where a client goes on. Looked at before the stream begins: then it is too late for a problem."""
    position = last_event_id or from_
    if position is not None:
        decode_position(position)
    return position
