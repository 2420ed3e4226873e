"""Whoever follows a cursor meets everything once, also where all have the same measure."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
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
from services.gateway.views.view import LeadStatus, LeadView, ShownStep
from services.scoring.ledger import Entry, Ledger
from services.scoring.queries import timeline as scoring
from shared.documents import Step
from shared.errors import Refused
from shared.events.followup import ActivityKind
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


async def test_a_day_with_more_than_it_can_show_has_the_same_steps_each_time(mongo: Mongo) -> None:
    views = Views(mongo)
    await mongo.start()
    step = ShownStep("s", ActivityKind.CALL, NOON - timedelta(hours=3), "new_lead", "eva")
    some = [LeadView(f"lead-{number:03}", LeadStatus.OPEN, next_step=step) for number in range(230)]
    await views.apply([Step(view.lead_id, lambda _, view=view: (view, ())) for view in reversed(some)])

    for _ in range(2):
        day = await query.day(views, "eva", ZoneInfo("UTC"), NOON)
        assert [todo.view.lead_id for todo in day.now] == [view.lead_id for view in some[: query.STEPS]]


@given(st.floats(allow_nan=False, allow_infinity=False), st.text(min_size=1, max_size=20))
def test_a_cursor_is_read_as_it_was_written(measure: float, id: str) -> None:
    assert read_cursor(write_cursor(measure, id)) == (measure, id)


@pytest.mark.parametrize("cursor", ["", "next", "nan~ana", "inf~ana", "1.5", "1.5~"])
def test_what_is_no_cursor_is_refused(cursor: str) -> None:
    with pytest.raises(Refused, match="not a cursor"):
        read_cursor(cursor)
