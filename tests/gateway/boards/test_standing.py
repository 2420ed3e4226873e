"""The board "who to call now": its order, as time goes on, and how it is kept in the store."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.gateway.boards.heat.placement import place_again, place_first
from services.gateway.boards.heat.query import ranking
from services.gateway.boards.heat.standing import EXACT, LEAST, Turn, placed, turn
from services.gateway.views.store import Views
from services.gateway.views.view import LeadStatus, LeadView, ShownHeat, ShownStep, follow
from shared.documents import Step
from shared.events.followup import ActivityKind
from shared.events.scoring import Band, Group
from shared.mongo import Mongo
from tests.scoring.heat_events import SentHeat, any_sent_heat

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
DAYS = 86_400.0
CALL = ShownStep("s.1", ActivityKind.CALL, NOON, "new_lead", "eva")


def lead(name: str, hours: float | None = 0, points: float = 50, half_life: float = 7 * DAYS) -> LeadView:
    """An open, hot lead whose call is due in so many hours, or that has no step."""
    step = None if hours is None else replace(CALL, due=NOON + timedelta(hours=hours))
    heat = ShownHeat(points, NOON, Band.HOT, "x", ((half_life, points),))
    return LeadView(name, LeadStatus.OPEN, next_step=step, heat=heat)


async def kept(mongo: Mongo, *some: LeadView, now: datetime = NOON) -> Views:
    views = Views(mongo)
    await mongo.start()
    for at in range(0, len(some), 200):
        part = some[at : at + 200]
        await views.apply([Step(view.lead_id, lambda _, view=view: (placed(view, now), ())) for view in part])
    return views


async def pages(views: Views, size: int, now: datetime = NOON, band: Band = Band.HOT) -> list[list[str]]:
    found: list[list[str]] = []
    cursor = None
    while cursor is not None or not found:
        board = await ranking(views, band, cursor, size, now)
        found.append([line.view.lead_id for line in board.lines])
        cursor = board.next_cursor
    return found


@pytest.mark.parametrize(
    ("view", "expected"),
    [
        (lead("a", -1), Turn.LATE),
        (lead("a", 0.9), Turn.DUE),
        (lead("a", None), Turn.UNPLANNED),
        (lead("a", 48), Turn.LATER),
        (replace(lead("a"), next_step=replace(CALL, due=NOON, is_automatic=True)), Turn.LATER),
    ],
)
def test_a_lead_is_there_to_be_called_when_its_step_is(view: LeadView, expected: Turn) -> None:
    assert turn(view, NOON) is expected


def test_nobody_is_called_before_the_time_that_was_agreed() -> None:
    agreed = replace(CALL, because="agreed", due=NOON + timedelta(minutes=45))
    view = replace(lead("a"), next_step=agreed)

    assert turn(view, NOON) is Turn.LATER
    assert turn(view, NOON + timedelta(minutes=15)) is Turn.DUE


async def test_a_call_that_is_due_in_two_days_does_not_stand_first(mongo: Mongo) -> None:
    hottest_later, soon, late, unplanned = (
        lead("later", 48, 90), lead("soon", 0.1, 61), lead("late", -10, 55), lead("unplanned", None, 58)
    )  # fmt: skip
    sooner = lead("sooner", 24, 52)
    views = await kept(mongo, hottest_later, soon, late, unplanned, sooner)

    assert await pages(views, 10) == [["soon", "unplanned", "late", "sooner", "later"]]


async def test_who_is_closed_or_part_of_another_is_not_on_the_board(mongo: Mongo) -> None:
    won, absorbed = replace(lead("won"), status=LeadStatus.WON), replace(lead("part"), survivor="ana")
    views = await kept(mongo, won, absorbed, lead("ana"))

    assert await pages(views, 10) == [["ana"]]


@pytest.mark.parametrize("hours", [0, None, 48])
async def test_leads_that_are_equal_in_everything_are_each_on_one_page(
    mongo: Mongo, hours: float | None
) -> None:
    views = await kept(mongo, *(lead(f"lead-{number:03}", hours) for number in range(120)))

    for size in (50, 7):
        found = await pages(views, size)
        assert [id for page in found for id in page] == [f"lead-{number:03}" for number in range(120)]
        assert {len(page) for page in found[:-1]} == {size}


async def test_as_heat_fades_at_different_rates_and_hours_come_the_board_stays_in_order(
    mongo: Mongo,
) -> None:
    random = Random(11)
    some = []
    for number in range(300):
        view = lead(
            f"lead-{number:03}",
            random.choice([None, random.uniform(-48, 96), random.uniform(-48, 96)]),
            random.uniform(20, 200),
            random.choice([0.05, 2, 7, 30]) * DAYS,
        )
        assert view.heat is not None
        capped = (Group(parts=view.heat.parts, cap=40.0), Group(parts=((2 * DAYS, 10.0),)))
        heats = [view.heat, replace(view.heat, base=35.0), replace(view.heat, groups=capped)]
        some.append(replace(view, heat=random.choice(heats)))
    views = await kept(mongo, *some)
    for passed in (timedelta(minutes=5), timedelta(hours=7), timedelta(days=3)):
        now = NOON + passed
        while await place_again(views, lambda now=now: now):
            pass
        later = [view for view in some if turn(view, now) is Turn.LATER]
        ready = {view.lead_id: view.heat.now(now) for view in some if view not in later and view.heat}

        found = [id for page in await pages(views, 40, now) for id in page]

        assert sorted(found) == sorted(view.lead_id for view in some)
        by_due = sorted(later, key=lambda view: (view.next_step and view.next_step.due, view.lead_id))
        assert found[len(ready) :] == [view.lead_id for view in by_due]
        heats_now = [ready[id] for id in found[: len(ready)]]
        for warmer, colder in pairwise(heats_now):
            assert colder - warmer <= 2 * max(LEAST, EXACT * colder)


@settings(derandomize=True, deadline=None, max_examples=200)
@given(any_sent_heat(), st.integers(0, 40 * 86_400), st.floats(0, 1))
def test_a_standing_is_right_for_as_long_as_it_says(told: SentHeat, seconds: int, share: float) -> None:
    view = replace(follow(LeadView("ana", LeadStatus.OPEN), told.event))
    now = told.event.at + timedelta(seconds=seconds)
    standing = placed(view, now).standing
    assert standing is not None
    assert view.heat is not None
    lasts = (standing.until - now) * share if standing.until else timedelta(days=400) * share
    # Never looked at again within ten seconds: what fades as fast as that may be off.
    lasts = lasts if standing.until is None or standing.until - now > timedelta(seconds=10) else timedelta(0)

    assert abs(view.heat.now(now + lasts) + standing.order) <= max(LEAST, EXACT * -standing.order) + 1e-6


async def test_leads_from_before_there_were_standings_get_one(mongo: Mongo) -> None:
    views = await kept(mongo, lead("ana"), lead("ben"))
    await views.collection.update_many({}, {"$unset": {"state.standing": 1}})
    assert await pages(views, 10) == [[]]

    await place_first(views, lambda: NOON)

    assert await pages(views, 10) == [["ana", "ben"]]
