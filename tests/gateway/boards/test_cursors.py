"""Whoever follows a cursor meets everything once, also where all have the same measure."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random
from types import SimpleNamespace
from typing import cast
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.gateway.boards.cursors import read_cursor, write_cursor
from services.gateway.boards.day import query
from services.gateway.boards.discipline import board
from services.gateway.boards.discipline.figures import Figure, Item
from services.gateway.boards.discipline.keeper import Keeper
from services.gateway.boards.discipline.query import Question, part
from services.gateway.boards.discipline.trail import Trail
from services.gateway.views.store import Views
from services.gateway.views.view import TEAM, LeadStatus, LeadView, ShownStep, Standing
from services.scoring.ledger import Entry, Ledger
from services.scoring.queries import timeline as scoring
from shared.documents import Step
from shared.errors import Refused
from shared.events.followup import ActivityKind
from shared.events.scoring import Band
from shared.mongo import Mongo

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)


class Listed:
    """A keeper of one list."""

    def __init__(self, items: list[Item]) -> None:
        self._items = items

    async def part(
        self, _: object, __: object, ___: object, after: tuple[float, str] | None, limit: int
    ) -> tuple[int, list[Item]]:
        found = [item for item in self._items if after is None or board.place(item) > after]
        return len(self._items), found[:limit]


@settings(derandomize=True, deadline=None, max_examples=50)
@given(st.lists(st.sampled_from([0.0, 3.5, 1e-9, 86_400.25]), max_size=40), st.integers(1, 9))
def test_what_is_behind_a_figure(seconds: list[float], size: int) -> None:
    items = [Item(f"lead-{n}", Trail(f"lead-{n}"), None, NOON, each) for n, each in enumerate(seconds)]
    items.sort(key=board.place)
    kept, asked = cast("Keeper", Listed(items)), cast("Question", SimpleNamespace(look=None, choice=None))

    async def followed() -> list[Item]:
        _, found, cursor = await part(kept, Figure.SPEED, asked, None, size)
        while cursor is not None:
            _, page, cursor = await part(kept, Figure.SPEED, asked, cursor, size)
            found = found + page
        return found

    assert asyncio.run(followed()) == items


@pytest.mark.parametrize("limit", [1, 7, 50])
async def test_a_timeline(mongo: Mongo, limit: int) -> None:
    ledger = Ledger(mongo)
    await mongo.start()
    entries = [
        Entry("ana", f"e{n}", "t", "signal.x", 5, 6, None, None, "signals", 0, n, {}) for n in range(60)
    ]
    await ledger.add(entries)
    reads = cast("scoring.Reads", SimpleNamespace(ledger=ledger))
    found: list[str] = []
    cursor = None
    while cursor is not None or not found:
        page, cursor = await scoring.timeline(reads, "ana", cursor, limit)
        found += [entry.event_id for entry in page]

    assert sorted(found) == sorted(entry.event_id for entry in entries)


async def test_every_step_of_a_long_day_is_on_one_of_its_pages(mongo: Mongo) -> None:
    """Very many due at once, as after an import: the hot leads' first, and none is hidden."""
    views = Views(mongo)
    await mongo.start()
    rng = Random(3)
    some = []
    for number in range(2 * query.STEPS + 30):
        owner = rng.choice(["eva", "eva", "eva", TEAM, None])
        step = ShownStep(
            "s", ActivityKind.CALL, NOON - timedelta(hours=rng.choice([3, 3, 50])), "new_lead", owner
        )
        standing = Standing(rng.choice([Band.COLD] * 8 + [Band.WARM, Band.HOT]), 1.0) if number % 9 else None
        some.append(LeadView(f"lead-{number:03}", LeadStatus.OPEN, next_step=step, standing=standing))
    done = replace(some[0], lead_id="by-machine", next_step=replace(step, is_automatic=True))
    others = replace(some[0], lead_id="others", next_step=replace(step, owner="ivan"))
    await views.apply(
        [Step(view.lead_id, lambda _, view=view: (view, ())) for view in (done, others, *reversed(some))]
    )

    pages, cursor = [await query.day(views, "eva", ZoneInfo("UTC"), NOON)], None
    while (cursor := pages[-1].more) is not None:
        pages.append(await query.day(views, "eva", ZoneInfo("UTC"), NOON, cursor))
    met = [todo.view for page in pages for todo in page.day.now]

    assert sorted(view.lead_id for view in met) == [view.lead_id for view in some]
    assert [(page.first, page.last) for page in pages] == [(1, 100), (101, 200), (201, 230)]
    hot = {view.lead_id for view in some if view.standing and view.standing.band is Band.HOT}
    assert hot <= {todo.view.lead_id for todo in pages[0].day.now}


@pytest.mark.parametrize(
    "cursor", ["1.5~ana", "1~9~0~ana", "1~0~-1~ana", "1~0~x~ana", "1e300~0~0~ana", "1~0~0~"]
)
async def test_what_is_no_cursor_of_a_day_is_refused(mongo: Mongo, cursor: str) -> None:
    with pytest.raises(Refused, match="not a cursor"):
        await query.day(Views(mongo), "eva", ZoneInfo("UTC"), NOON, cursor)


@given(st.floats(allow_nan=False, allow_infinity=False), st.text(min_size=1, max_size=20))
def test_a_cursor_is_read_as_it_was_written(measure: float, id: str) -> None:
    assert read_cursor(write_cursor(measure, id)) == (measure, id)


@pytest.mark.parametrize("cursor", ["", "next", "nan~ana", "inf~ana", "1.5", "1.5~"])
def test_what_is_no_cursor_is_refused(cursor: str) -> None:
    with pytest.raises(Refused, match="not a cursor"):
        read_cursor(cursor)
