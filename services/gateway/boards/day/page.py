"""The page of a rep's day."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Query, Response

from services.gateway.access.admission import admit
from services.gateway.access.roles import (
    Holder,
    Scope,
)
from services.gateway.boards.day import query
from services.gateway.boards.mounting import Ground
from services.gateway.pages.rendering import Tongue, WallClock, page_route
from services.gateway.quick_log import Assumed, Language
from shared.events.base import LeadId
from shared.events.followup import ActivityKind, ActivityResult, Direction, Objection

CursorChoice = Annotated[str | None, Query(max_length=200)]
Rep = Annotated[LeadId | None, Query(description="Whose day; the key's own, if absent.")]


def router(ground: Ground) -> APIRouter:
    live, clock, render = ground.live, ground.clock, ground.render
    api = APIRouter(route_class=page_route(render), include_in_schema=False)
    reader = admit(ground.keys, Scope.READ)

    async def day(
        name: str, holder: Holder, rep: str | None, language: Language, place: ZoneInfo, cursor: str | None
    ) -> Response:
        position, now = live.position(), clock()
        rep = rep or holder.rep
        if rep is None:
            return render("day/day.html", language=language, rep=None)
        asked = {"rep": rep, "lang": language, "zone": place.key}
        page = await query.day(ground.views, rep, place, now, cursor)
        return render(
            name,
            language=language,
            rep=rep,
            is_own=rep == holder.rep,
            day=page.day,
            page=page,
            asked=asked,
            position=position,
            place=place,
            zone=place.key,
            query=urlencode(asked if cursor is None else {**asked, "cursor": cursor}),
            kinds=list(ActivityKind),
            assumed=list(Assumed),
            results=list(ActivityResult),
            objections=list(Objection),
            directions=list(Direction),
        )

    @api.get("/day")
    async def day_page(
        tongue: Tongue,
        place: WallClock,
        rep: Rep = None,
        cursor: CursorChoice = None,
        holder: Holder = reader,
    ) -> Response:
        return await day("day/day.html", holder, rep, tongue, place, cursor)

    @api.get("/day/now")
    async def day_now(
        tongue: Tongue,
        place: WallClock,
        rep: Rep = None,
        cursor: CursorChoice = None,
        holder: Holder = reader,
    ) -> Response:
        return await day("day/_day.html", holder, rep, tongue, place, cursor)

    return api
