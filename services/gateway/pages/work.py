"""The pages of follow-up: a rep's day, and the discipline board with what is behind it."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo, available_timezones

from fastapi import APIRouter, Cookie, Depends, Query, Response

from services.gateway import handlers
from services.gateway.access.admission import (
    admit,
)
from services.gateway.access.keys import Holder, KeyRing, Scope
from services.gateway.boards.discipline import api as boards
from services.gateway.boards.discipline.api import Asked
from services.gateway.boards.discipline.board import By
from services.gateway.boards.discipline.figures import HINTS, Figure
from services.gateway.boards.discipline.keeper import Keeper
from services.gateway.live import Live
from services.gateway.pages.api import Tongue, page_route, renderer
from services.gateway.quick_log import Assumed, Language
from services.gateway.store import Views
from services.gateway.text import catalogue
from shared.clock import Clock
from shared.events.base import LeadId
from shared.events.followup import ActivityKind, ActivityResult, Direction, Objection

USUAL_DAYS = 30
BEHIND = 100

Rep = Annotated[LeadId | None, Query(description="Whose day; the key's own, if absent.")]
Days = Annotated[int, Query(ge=1, le=366)]


def _zone(zone: str | None = None, ascua_zone: Annotated[str | None, Cookie()] = None) -> ZoneInfo:
    """What was asked for, or else where the browser says it is."""
    return ZoneInfo(next((name for name in (zone, ascua_zone) if name in available_timezones()), "UTC"))


Place = Annotated[ZoneInfo, Depends(_zone)]


def router(views: Views, keeper: Keeper, live: Live, keys: KeyRing, clock: Clock) -> APIRouter:
    render = renderer(clock)
    api = APIRouter(route_class=page_route(render), include_in_schema=False)
    reader, question = admit(keys, Scope.READ), boards.asking(clock)

    async def day(
        name: str, holder: Holder, rep: str | None, language: Language, place: ZoneInfo
    ) -> Response:
        position, now = live.position(), clock()
        rep = rep or holder.rep
        if rep is None:
            return render("day.html", language=language, rep=None)
        query = {"rep": rep, "lang": language, "zone": place.key}
        return render(
            name,
            language=language,
            rep=rep,
            is_own=rep == holder.rep,
            day=await handlers.day(views, rep, place, now),
            position=position,
            place=place,
            zone=place.key,
            query=urlencode(query),
            kinds=list(ActivityKind),
            assumed=list(Assumed),
            results=list(ActivityResult),
            objections=list(Objection),
            directions=list(Direction),
        )

    @api.get("/day")
    async def day_page(tongue: Tongue, place: Place, rep: Rep = None, holder: Holder = reader) -> Response:
        return await day("day.html", holder, rep, tongue, place)

    @api.get("/day/now")
    async def day_now(tongue: Tongue, place: Place, rep: Rep = None, holder: Holder = reader) -> Response:
        return await day("_day.html", holder, rep, tongue, place)

    @api.get("/discipline", dependencies=[reader])
    async def discipline_page(
        tongue: Tongue, place: Place, by: By = By.REP, days: Days = USUAL_DAYS, asked: Asked = question
    ) -> Response:
        asked = asked if asked.is_dated else asked.lasting(timedelta(days=days))
        board = await keeper.board(asked.look, asked.before, asked.choice, by)
        chosen = _chosen(asked)
        query = {**asked.query(), "days": days, "board": by, "lang": tongue}
        return render(
            "discipline.html",
            language=tongue,
            board=board,
            by=by,
            days=days,
            place=place,
            period=asked.look.period,
            chosen=chosen,
            query=query,
        )

    @api.get("/discipline/{figure}", dependencies=[reader])
    async def behind_page(
        tongue: Tongue,
        place: Place,
        figure: Figure,
        days: Days = USUAL_DAYS,
        board: By = By.REP,
        cursor: Annotated[str | None, Query(max_length=200)] = None,
        asked: Asked = question,
    ) -> Response:
        count, page, more = await boards.part(keeper, figure, asked, cursor, BEHIND)
        shown = await views.get_many([item.trail.lead_id for item in page])
        names = {id: view.name for id, view in shown.items()}
        say = catalogue.sayer(tongue)
        chosen = _chosen(asked)
        title = say(figure, count=count) if figure in HINTS else say(figure)
        if figure in HINTS and count == 1:
            title = say(f"{figure}_one")
        return render(
            "behind.html",
            language=tongue,
            figure=figure,
            title=title,
            count=count,
            items=page,
            names=names,
            more=more,
            place=place,
            chosen=chosen,
            query={**asked.query(), "days": days, "board": board, "lang": tongue},
            back={"days": days, "by": board, "lang": tongue},
        )

    return api


def _chosen(asked: Asked) -> dict[str, Any]:
    return {name: value for name, value in asked.choice.named().items() if value is not None}
