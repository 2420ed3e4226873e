"""The heat board over HTTP."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from services.gateway.access.admission import KeyFirst, admit
from services.gateway.access.roles import (
    Scope,
)
from services.gateway.boards.heat.query import ranking
from services.gateway.boards.heat.standing import Turn
from services.gateway.boards.mounting import Ground
from services.gateway.views.view import LeadView
from shared.events.base import Instant
from shared.events.scoring import Band


class BoardLine(BaseModel):
    """A lead on the heat board; `heat` is what it is at the board's instant."""

    heat: float
    turn: Turn = Field(
        description="Why it stands here: its step is late or due, it has none, or its time comes later."
    )
    lead: LeadView


class HeatBoard(BaseModel):
    at: Instant
    band: Band
    items: list[BoardLine]
    next_cursor: str | None = None
    position: str = Field(description="Where `GET /v1/stream?from=` takes over from this board.")


def router(ground: Ground) -> APIRouter:
    live, clock = ground.live, ground.clock
    api = APIRouter(
        prefix="/v1", tags=["reads"], dependencies=[admit(ground.keys, Scope.READ)], route_class=KeyFirst
    )

    @api.get("/boards/heat", summary="Who to call now, of the open leads of a band")
    async def heat_board(
        band: Band = Band.HOT,
        cursor: Annotated[str | None, Query(max_length=200)] = None,
        limit: Annotated[int, Query(ge=1, le=200)] = 50,
    ) -> HeatBoard:
        """First those with whom something is to be done now, the warmest first; then the others, the soonest first."""
        position = live.position()
        board = await ranking(ground.views, band, cursor, limit, clock())
        return HeatBoard(
            at=board.at,
            band=board.band,
            items=[BoardLine(heat=line.heat, turn=line.turn, lead=line.view) for line in board.lines],
            next_cursor=board.next_cursor,
            position=position,
        )

    return api
