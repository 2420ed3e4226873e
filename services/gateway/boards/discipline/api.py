"""The discipline board over HTTP."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from services.gateway.access.admission import admit
from services.gateway.access.roles import (
    Scope,
)
from services.gateway.boards.discipline.board import By, FiguresRow, Hint
from services.gateway.boards.discipline.figures import Figure, Item
from services.gateway.boards.discipline.keeper import Keeper
from services.gateway.boards.discipline.parameters import asking
from services.gateway.boards.discipline.query import Question, part
from services.gateway.boards.mounting import Ground
from shared.events.base import Instant

PATH = "/v1/boards/discipline"


class Span(BaseModel):
    start: Instant
    end: Instant


class DisciplineBoard(BaseModel):
    """Follow-up in a period and in the one before; `rows` are `by` rep or source, `channels` always by channel.

    Add a row's key to `opens`, as in `…&rep=ana`, to see what its figure is made of.
    """

    at: Instant
    period: Span
    before: Span
    by: By
    total: FiguresRow
    rows: tuple[FiguresRow, ...]
    channels: tuple[FiguresRow, ...]
    hints: tuple[Hint, ...]
    opens: dict[Figure, str]


class Behind(BaseModel):
    """One lead, step or offer that a figure is made of. `facts` are the ids of the activities and steps behind it."""

    id: str
    lead_id: str
    name: str | None = None
    rep: str | None = None
    at: Instant
    seconds: float = Field(
        description="What is measured, such as the time to the first contact, or how late it is."
    )
    business_seconds: float | None = None
    count: int
    state: str | None = None
    facts: tuple[str, ...]
    timeline: str


class Opened(BaseModel):
    figure: Figure
    at: Instant
    count: int
    items: list[Behind]
    next_cursor: str | None = None


def router(ground: Ground, keeper: Keeper) -> APIRouter:
    views = ground.views
    api = APIRouter(prefix="/v1", tags=["boards"])
    read, question = [admit(ground.keys, Scope.READ)], asking(ground.clock)

    @api.get("/boards/discipline", dependencies=read, summary="Is follow-up really done?")
    async def board(by: By = By.REP, asked: Question = question) -> DisciplineBoard:
        found = await keeper.board(asked.look, asked.before, asked.choice, by)
        query = urlencode(asked.query())
        return DisciplineBoard(
            at=asked.look.at,
            period=Span(start=asked.look.period.start, end=asked.look.period.end),
            before=Span(start=asked.before.period.start, end=asked.before.period.end),
            by=by,
            total=found.total,
            rows=found.rows,
            channels=found.channels,
            hints=found.hints,
            opens={figure: f"{PATH}/{figure}?{query}" for figure in Figure},
        )

    @api.get("/boards/discipline/{figure}", dependencies=read, summary="What a figure is made of")
    async def opened(
        figure: Figure,
        asked: Question = question,
        cursor: Annotated[str | None, Query(max_length=200)] = None,
        limit: Annotated[int, Query(ge=1, le=500)] = 100,
    ) -> Opened:
        """The longest first. Follow `next_cursor` with the same `from`, `to` and `at`."""
        count, page, following = await part(keeper, figure, asked, cursor, limit)
        names = await views.get_many([item.trail.lead_id for item in page])
        profiles = {id: view.profile for id, view in names.items()}
        return Opened(
            figure=figure,
            at=asked.look.at,
            count=count,
            items=[
                _behind(item, profile.name if (profile := profiles.get(item.trail.lead_id)) else None)
                for item in page
            ],
            next_cursor=following,
        )

    return api


def _behind(item: Item, name: str | None) -> Behind:
    return Behind(
        id=item.id,
        lead_id=item.trail.lead_id,
        name=name,
        rep=item.rep,
        at=item.at,
        seconds=item.seconds,
        business_seconds=item.worked,
        count=item.count,
        state=item.state,
        facts=item.facts,
        timeline=f"/v1/leads/{item.trail.lead_id}/timeline",
    )
