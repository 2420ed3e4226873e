"""The discipline board over HTTP."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, Field

from services.gateway.access.admission import (
    admit,
)
from services.gateway.access.keys import KeyRing, Scope
from services.gateway.boards.cursors import read_cursor, write_cursor
from services.gateway.boards.discipline import board as discipline
from services.gateway.boards.discipline.board import By, Choice, Hint, Row
from services.gateway.boards.discipline.figures import Figure, Item, Look, Period
from services.gateway.boards.discipline.keeper import Keeper
from services.gateway.store import Views
from shared.clock import Clock, clamp
from shared.errors import Refused
from shared.events.base import Instant, LeadId, Slug, rfc3339
from shared.events.leads import Channel
from shared.fields import Time

USUAL = timedelta(days=30)
LONGEST = timedelta(days=3_700)
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
    total: Row
    rows: tuple[Row, ...]
    channels: tuple[Row, ...]
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


@dataclass(frozen=True, slots=True)
class Asked:
    """What a board is asked for: the look, the one at the period before, and whose work."""

    look: Look
    before: Look
    choice: Choice
    is_dated: bool = True

    def lasting(self, length: timedelta) -> Asked:
        """The same about the time up to now."""
        period = Period(self.look.at - length, self.look.at)
        return replace(
            self,
            look=replace(self.look, period=period),
            before=replace(self.look, period=period.before, at=period.start),
        )

    def query(self) -> dict[str, str]:
        """The same question again, as of the same instant."""
        period = self.look.period
        named = {name: value for name, value in self.choice.named().items() if value is not None}
        return {
            "from": rfc3339(period.start), "to": rfc3339(period.end), "at": rfc3339(self.look.at), **named
        }  # fmt: skip


def asking(clock: Clock) -> Any:
    """A dependency that reads the question."""

    def asked(
        start: Annotated[Time | None, Query(alias="from")] = None,
        end: Annotated[Time | None, Query(alias="to")] = None,
        at: Annotated[Time | None, Query(description="As of when; now, if absent.")] = None,
        rep: LeadId | None = None,
        channel: Channel | None = None,
        origin: Slug | None = None,
        campaign: Slug | None = None,
    ) -> Asked:
        now, is_dated = clock(), start is not None or end is not None
        seen = now if at is None else min(clamp(at, now), now)
        end = seen if end is None else clamp(end, now + LONGEST)
        start = end - USUAL if start is None else clamp(start, now + LONGEST)
        if not timedelta(0) < end - start <= LONGEST:
            raise Refused("bad-period", "`from` must lie before `to`, and not more than ten years")
        period = Period(start, end)
        choice = Choice(rep, channel, origin, campaign)
        before = period.before
        return Asked(Look(period, min(seen, end)), Look(before, min(seen, before.end)), choice, is_dated)

    return Depends(asked)


def router(views: Views, keeper: Keeper, keys: KeyRing, clock: Clock) -> APIRouter:
    api = APIRouter(prefix="/v1", tags=["boards"])
    read, question = [admit(keys, Scope.READ)], asking(clock)

    @api.get("/boards/discipline", dependencies=read, summary="Is follow-up really done?")
    async def board(by: By = By.REP, asked: Asked = question) -> DisciplineBoard:
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
        asked: Asked = question,
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


async def part(
    keeper: Keeper, figure: Figure, asked: Asked, cursor: str | None, limit: int
) -> tuple[int, list[Item], str | None]:
    """How many items a figure has, a page of them, and the cursor of the next. Raises `Refused("bad-cursor")`."""
    after = None if cursor is None else read_cursor(cursor)
    count, found = await keeper.part(figure, asked.look, asked.choice, after, limit + 1)
    following = discipline.place(found[limit - 1]) if len(found) > limit else None
    return count, found[:limit], following and write_cursor(*following)


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
