"""The page of the heat board, which moves as heat does."""

from __future__ import annotations

import asyncio
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Response
from fastapi.responses import HTMLResponse

from services.gateway.access.admission import admit
from services.gateway.access.roles import (
    Scope,
)
from services.gateway.boards.heat.query import ranking, to_do_first
from services.gateway.boards.mounting import Ground
from services.gateway.pages.rendering import Tongue, page_route
from services.gateway.quick_log import Language
from shared.events.scoring import Band

LINES = 50
"""Leads of a band on one page of the board."""

BandChoice = Annotated[
    Band | None,
    Query(description="One band; if absent, what is to be done now in all of them, and what comes later."),
]
CursorChoice = Annotated[str | None, Query(max_length=200)]


def router(ground: Ground) -> APIRouter:
    views, live, clock, render = ground.views, ground.live, ground.clock, ground.render
    api = APIRouter(route_class=page_route(render), include_in_schema=False)
    read = [admit(ground.keys, Scope.READ)]

    async def board(name: str, band: Band | None, cursor: str | None, language: Language) -> HTMLResponse:
        position, now = live.position(), clock()
        bands = [Band.HOT, Band.WARM, Band.COLD] if band is None else [band]
        found = await asyncio.gather(
            *(ranking(views, each, cursor if band else None, LINES, now) for each in bands)
        )
        ready, boards = ([], list(found)) if band else to_do_first(found, LINES)
        query = {"band": band, "cursor": cursor if band else None, "lang": language}
        return render(
            name,
            language=language,
            ready=ready,
            boards=boards,
            band=band,
            query=urlencode({key: value for key, value in query.items() if value is not None}),
            position=position,
            base_url=ground.public_url,
        )

    @api.get("/", dependencies=read)
    async def board_page(tongue: Tongue, band: BandChoice = None, cursor: CursorChoice = None) -> Response:
        return await board("heat/board.html", band, cursor, tongue)

    @api.get("/board", dependencies=read)
    async def board_lines(tongue: Tongue, band: BandChoice = None, cursor: CursorChoice = None) -> Response:
        return await board("heat/_board.html", band, cursor, tongue)

    return api
