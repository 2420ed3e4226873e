"""The discipline board over HTTP."""

from __future__ import annotations

import math
from asyncio import to_thread
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, Field

from services.gateway.api import admit
from services.gateway.backends import Backends
from services.gateway.discipline import board as discipline
from services.gateway.discipline.board import By, Choice, Hint, Row
from services.gateway.discipline.figures import Figure, Item, Look, Period, spans
from services.gateway.discipline.trail import Trail
from services.gateway.keys import KeyRing, Scope
from services.gateway.store import Trails, Views
from shared.clock import Clock, clamp
from shared.errors import NotFound, Refused, Unavailable
from shared.events.base import Instant, LeadId, Slug, rfc3339
from shared.events.leads import Channel
from shared.fields import Time

USUAL = timedelta(days=30)
LONGEST = timedelta(days=3_700)
TIMED = (Figure.SPEED, Figure.UNTOUCHED, Figure.OVERDUE)
"""The figures that the board measures in business time; the hints lean on these."""
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


def router(views: Views, trails: Trails, backends: Backends, keys: KeyRing, clock: Clock) -> APIRouter:
    api = APIRouter(prefix="/v1", tags=["boards"])
    read, question = [admit(keys, Scope.READ)], asking(clock)

    @api.get("/boards/discipline", dependencies=read, summary="Is follow-up really done?")
    async def board(by: By = By.REP, asked: Asked = question) -> DisciplineBoard:
        found = await look_at(trails, backends, asked, by)
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
        found = await behind(trails, backends, asked, figure)
        page, following = part(found, cursor, limit)
        names = await views.get_many([item.trail.lead_id for item in page])
        profiles = {id: view.profile for id, view in names.items()}
        return Opened(
            figure=figure,
            at=asked.look.at,
            count=len(found),
            items=[
                _behind(item, profile.name if (profile := profiles.get(item.trail.lead_id)) else None)
                for item in page
            ],
            next_cursor=following,
        )

    return api


async def look_at(trails: Trails, backends: Backends, asked: Asked, by: By) -> discipline.Board:
    """The board, from the trails that were open at some time in the two periods."""
    found = await trails.open_since(asked.before.period.start)
    look, before = await working(backends, TIMED, found, asked.look, asked.before)
    return await to_thread(discipline.board, found, look, before, asked.choice, by)


async def behind(trails: Trails, backends: Backends, asked: Asked, figure: Figure) -> list[Item]:
    found = await trails.open_since(asked.look.period.start)
    (look,) = await working(backends, (figure,), found, asked.look)
    return await to_thread(discipline.chosen, figure, found, look, asked.choice)


async def working(
    backends: Backends, figures: Sequence[Figure], trails: Sequence[Trail], *looks: Look
) -> list[Look]:
    """The looks with the business hours that followup keeps; without them while it does not answer."""
    wanted = dict.fromkeys(span for look in looks for span in spans(figures, trails, look))
    try:
        known = await backends.worked(list(wanted))
    except (NotFound, Unavailable):
        return list(looks)
    return [replace(look, hours=lambda rep, start, end: known[rep, start, end]) for look in looks]


def part(found: list[Item], cursor: str | None, limit: int) -> tuple[list[Item], str | None]:
    """A page of items, and the cursor of the next. Raises `Refused("bad-cursor")`."""
    if cursor is not None:
        measure, _, id = cursor.partition("~")
        try:
            after = float(measure), id
        except ValueError:
            after = math.nan, id
        if not math.isfinite(after[0]):
            raise Refused("bad-cursor", "this is not a cursor of this figure; begin without one") from None
        found = [item for item in found if discipline.place(item) > after]
    page = found[:limit]
    following = discipline.place(page[-1]) if len(found) > limit else None
    return page, following and f"{following[0]!r}~{following[1]}"


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
