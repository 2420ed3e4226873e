"""The pages: the live heat board, and a lead's page. HTML for people who look; programs use the API.

Nothing inline, nothing from elsewhere: the policy of every page allows only what this server sends.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from datetime import timedelta
from http import HTTPStatus
from pathlib import Path
from typing import Annotated, Any, TypeVar
from urllib.parse import parse_qs

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import HTMLResponse

from services.gateway import handlers, phrases
from services.gateway.api import admit
from services.gateway.backends import Backends
from services.gateway.keys import KeyRing, Scope
from services.gateway.live import Live
from services.gateway.store import Views
from shared.clock import Clock
from shared.errors import Forbidden
from shared.events.base import rfc3339
from shared.events.scoring import Band
from shared.web import LeadPath

HERE = Path(__file__).parent
STATIC = HERE / "static"

LINES = 50
"""Leads of a band on one page of the board."""
REASONS = 8
"""Reasons shown at once; the smaller ones are folded away."""
FACTS = 100
LOOK_BACK = timedelta(days=30)
SHORTEST_CURVE = timedelta(minutes=10)
CURVE_POINTS = 160
COOKIE_SECONDS = 30 * 24 * 3600

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'"
    ),
    "Cache-Control": "no-store",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}
_LOCAL = re.compile(r"^/(?![/\\])[\x21-\x7e]*$")

T = TypeVar("T")
Render = Callable[..., HTMLResponse]
BandChoice = Annotated[Band | None, Query(description="One band; hot and warm, if absent.")]


def router(views: Views, backends: Backends, live: Live, keys: KeyRing, clock: Clock) -> APIRouter:
    """Pages for those who may read. Without a key they lead to `/enter`, which keeps one in a cookie."""
    render = _renderer(clock)
    api = APIRouter(route_class=_page_route(render), include_in_schema=False)
    read = [admit(keys, Scope.READ)]

    async def board(name: str, band: Band | None, below: float | None, base_url: str) -> HTMLResponse:
        position, now = live.position(), clock()
        bands = [Band.HOT, Band.WARM] if band is None else [band]
        boards = [await handlers.heat_board(views, each, below, LINES, now) for each in bands]
        return render(name, boards=boards, band=band, below=below, position=position, base_url=base_url)

    @api.get("/", dependencies=read)
    async def board_page(request: Request, band: BandChoice = None, below: float | None = None) -> Response:
        return await board("board.html", band, below, str(request.base_url))

    @api.get("/board", dependencies=read)
    async def board_lines(request: Request, band: BandChoice = None, below: float | None = None) -> Response:
        return await board("_board.html", band, below, str(request.base_url))

    async def lead(name: str, lead_id: str) -> HTMLResponse:
        position = live.position()
        view = await handlers.view(views, backends, lead_id)
        timeline, why = await asyncio.gather(
            _if_there(handlers.timeline(backends, lead_id, limit=FACTS)),
            _if_there(backends.call("scoring", "GET", f"/leads/{lead_id}/heat/explain")),
        )
        facts = None if timeline is None else [phrases.fact(item) for item in timeline["items"]]
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
        start, end = _span(await handlers.view(views, backends, lead_id), now)
        span = {"from": rfc3339(start), "to": rfc3339(end), "points": CURVE_POINTS}
        found = await backends.call("scoring", "GET", f"/leads/{lead_id}/heat/curve", **span)
        return {**found, "now": rfc3339(now)}

    @api.get("/enter")
    async def enter(request: Request, key: str | None = None, next: str = "/") -> Response:
        return _entered(request, key, next) if await known(key) else render("enter.html", next=next, wrong="")

    @api.post("/enter")
    async def enter_by_form(request: Request) -> Response:
        form = parse_qs((await request.body()).decode(errors="replace"))
        key, next = form.get("key", [""])[0].strip(), form.get("next", ["/"])[0]
        try:
            await keys.admit(key, Scope.READ)
        except Forbidden as error:
            return render("enter.html", HTTPStatus.UNAUTHORIZED, next=next, wrong=error.sentence)
        return _entered(request, key, next)
