"""A lead's page."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, TypeVar

from fastapi import APIRouter, Response
from fastapi.responses import HTMLResponse

from services.gateway.access.admission import admit
from services.gateway.access.keys import (
    KeyRing,
)
from services.gateway.access.roles import (
    Scope,
)
from services.gateway.clients import Upstreams
from services.gateway.live import Live
from services.gateway.pages.rendering import Render, page_route
from services.gateway.text import phrases
from services.gateway.views import query
from services.gateway.views.store import Views
from services.gateway.views.timeline import timeline as timeline_of
from services.gateway.views.view import LeadView
from shared.clock import Clock
from shared.errors import NotFound, Unavailable
from shared.events.base import rfc3339
from shared.web import LeadPath

REASONS = 8
"""Reasons shown at once; the smaller ones are folded away."""
LISTED = 50
"""Facts that are reasons by themselves; the smaller ones are told by kind."""
FACTS = 100
LOOK_BACK = timedelta(days=30)
SHORTEST_CURVE = timedelta(minutes=10)
CURVE_POINTS = 160

T = TypeVar("T")


def router(
    views: Views, upstreams: Upstreams, live: Live, keys: KeyRing, render: Render, clock: Clock
) -> APIRouter:
    api = APIRouter(route_class=page_route(render), include_in_schema=False)
    read = [admit(keys, Scope.READ)]

    async def lead(name: str, lead_id: str) -> HTMLResponse:
        position = live.position()
        view = await query.view(views, upstreams, lead_id)
        timeline, why = await asyncio.gather(
            _if_there(timeline_of(upstreams, lead_id, None, FACTS)),
            _if_there(upstreams.call("scoring", "GET", f"/leads/{lead_id}/heat/explain", limit=LISTED)),
        )
        facts = None if timeline is None else [_fact(item, lead_id) for item in timeline["items"]]
        reasons = None if why is None else phrases.reasons(why)
        return render(name, view=view, facts=facts, reasons=reasons, shown=REASONS, position=position)

    @api.get("/leads/{lead_id}", dependencies=read)
    async def lead_page(lead_id: LeadPath) -> Response:
        return await lead("lead.html", lead_id)

    @api.get("/leads/{lead_id}/now", dependencies=read)
    async def lead_now(lead_id: LeadPath) -> Response:
        return await lead("_lead.html", lead_id)

    @api.get("/leads/{lead_id}/curve", dependencies=read)
    async def curve(lead_id: LeadPath) -> Any:
        """Heat over the lead's time with us, and from now on if nothing more happens."""
        now = clock()
        start, end = _span(await query.view(views, upstreams, lead_id), now)
        span: dict[str, Any] = {"from": rfc3339(start), "to": rfc3339(end), "points": CURVE_POINTS}
        found = await upstreams.call("scoring", "GET", f"/leads/{lead_id}/heat/curve", **span)
        return {**found, "now": rfc3339(now)}

    return api


def _fact(item: Mapping[str, Any], lead_id: str) -> phrases.TimelineLine:
    fact = phrases.fact(item)
    return fact if item["lead_id"] == lead_id else replace(fact, member=item["lead_id"])


async def _if_there(answer: Awaitable[T]) -> T | None:
    """The answer, or None while it cannot be had: a page shows what there is."""
    try:
        return await answer
    except (NotFound, Unavailable):
        return None


def _span(view: LeadView, now: datetime) -> tuple[datetime, datetime]:
    """What a lead's curve shows: since its capture, and a third more to come. An old story ends with its last news."""
    told = view.heat.at if view.heat is not None else now
    last = now if now - told < LOOK_BACK else told
    start = max(view.captured_at or last, last - LOOK_BACK)
    length = max(last - start, SHORTEST_CURVE)
    return last - length * 1.05, last + length / 3
