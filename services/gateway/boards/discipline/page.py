"""The page of the discipline board, and of what is behind its figures."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response

from services.gateway.access.admission import admit
from services.gateway.access.roles import (
    Scope,
)
from services.gateway.boards.discipline.board import By
from services.gateway.boards.discipline.figures import HINTS, Figure
from services.gateway.boards.discipline.keeper import Keeper
from services.gateway.boards.discipline.parameters import asking
from services.gateway.boards.discipline.query import Question, part
from services.gateway.boards.discipline.words import WORDS
from services.gateway.boards.mounting import Ground
from services.gateway.pages.rendering import Tongue, WallClock, page_route
from services.gateway.text.catalogue import sayer

USUAL_DAYS = 30
BEHIND = 100

Days = Annotated[int, Query(ge=1, le=366)]


def router(ground: Ground, keeper: Keeper) -> APIRouter:
    views, render = ground.views, ground.render
    api = APIRouter(route_class=page_route(render), include_in_schema=False)
    reader, question = admit(ground.keys, Scope.READ), asking(ground.clock)

    @api.get("/discipline", dependencies=[reader])
    async def discipline_page(
        tongue: Tongue, place: WallClock, by: By = By.REP, days: Days = USUAL_DAYS, asked: Question = question
    ) -> Response:
        asked = asked if asked.is_dated else asked.lasting(timedelta(days=days))
        board = await keeper.board(asked.look, asked.before, asked.choice, by)
        chosen = _chosen(asked)
        query = {**asked.query(), "days": days, "board": by, "lang": tongue}
        return render(
            "discipline/discipline.html",
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
        place: WallClock,
        figure: Figure,
        days: Days = USUAL_DAYS,
        board: By = By.REP,
        cursor: Annotated[str | None, Query(max_length=200)] = None,
        asked: Question = question,
    ) -> Response:
        count, page, more = await part(keeper, figure, asked, cursor, BEHIND)
        shown = await views.get_many([item.trail.lead_id for item in page])
        names = {id: view.name for id, view in shown.items()}
        say = sayer(tongue, WORDS)
        chosen = _chosen(asked)
        title = say(figure, count=count) if figure in HINTS else say(figure)
        if figure in HINTS and count == 1:
            title = say(f"{figure}_one")
        return render(
            "discipline/behind.html",
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


def _chosen(asked: Question) -> dict[str, Any]:
    return {name: value for name, value in asked.choice.named().items() if value is not None}
