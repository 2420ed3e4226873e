"""The order of a rep's day."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.gateway.boards.day.mount import DAY
from services.gateway.boards.day.plan import Why, end_of_day, plan
from services.gateway.boards.day.query import DayPage
from services.gateway.pages.rendering import renderer
from services.gateway.quick_log import Language
from services.gateway.views.view import LeadStatus, LeadView, ShownHeat, ShownStep
from shared.events.followup import ActivityKind
from shared.events.leads import Money
from shared.events.scoring import Band

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)


def lead(
    name: str, hours: float, heat: float = 0, value: int | None = None, because: str = "new_lead",
    action: ActivityKind = ActivityKind.CALL,
) -> LeadView:  # fmt: skip
    """An open lead whose step is due in so many hours."""
    return LeadView(
        name,
        LeadStatus.OPEN,
        next_step=ShownStep(f"{name}.1", action, NOON + timedelta(hours=hours), because, "eva"),
        heat=ShownHeat(heat, NOON, Band.WARM, "x", base=heat),
        value=None if value is None else Money(minor=value * 100),
    )


def order(*views: LeadView) -> list[str]:
    return [todo.view.lead_id for todo in plan(views, NOON).now]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (lead("a", -2), lead("b", 5)),
        (lead("a", -20), lead("b", -2)),
        (lead("a", 2, heat=50), lead("b", 2, heat=10)),
        (lead("a", -1, heat=60), lead("b", -300)),
        (lead("a", 2, value=9_000), lead("b", 2, value=500)),
        (lead("a", -1, because="agreed"), lead("b", -1)),
        (lead("a", 0.5), lead("b", 7, heat=10)),
    ],
)
def test_what_is_late_hot_promised_or_worth_more_comes_first(first: LeadView, second: LeadView) -> None:
    assert order(first, second) == order(second, first) == ["a", "b"]


def test_what_has_its_own_time_waits_for_it_and_stands_by_the_clock() -> None:
    day = plan(
        [
            lead("a", 4, 90, because="agreed"),
            lead("b", 3, action=ActivityKind.VISIT),
            lead("c", 6),
            lead("d", 0.4, because="agreed"),
        ],
        NOON,
    )

    assert [todo.view.lead_id for todo in day.later] == ["b", "a"]
    assert {todo.view.lead_id for todo in day.now} == {"c", "d"}


def test_the_reasons_are_the_points_and_the_weightiest_stands_first() -> None:
    (todo,) = plan([lead("a", -3, heat=55, value=12_500, because="agreed")], NOON).now

    assert [reason.why for reason in todo.reasons] == [Why.HEAT, Why.LATE, Why.VALUE, Why.AGREED]
    assert todo.points == pytest.approx(sum(reason.points for reason in todo.reasons))


def test_what_marketing_automation_does_is_nobodys_to_do() -> None:
    view = lead("a", -1)
    assert view.next_step is not None

    day = plan([replace(view, next_step=replace(view.next_step, is_automatic=True))], NOON)

    assert (day.now, day.later) == ((), ())


@given(st.lists(st.tuples(st.floats(-500, 12), st.floats(0, 200)), max_size=8))
def test_no_step_is_lost_and_the_order_does_not_depend_on_how_they_come(
    some: list[tuple[float, float]],
) -> None:
    views = [lead(f"l{number}", hours, heat) for number, (hours, heat) in enumerate(some)]

    assert order(*views) == order(*reversed(views))
    assert sorted(order(*views)) == sorted(view.lead_id for view in views)


def test_a_day_ends_at_midnight_on_the_wall_also_when_the_clocks_change() -> None:
    madrid = ZoneInfo("Europe/Madrid")

    assert end_of_day(datetime(2026, 10, 25, 0, 30, tzinfo=UTC), madrid) == datetime(
        2026, 10, 25, 23, tzinfo=UTC
    )
    assert end_of_day(datetime(2026, 10, 25, 23, 30, tzinfo=UTC), madrid) == datetime(
        2026, 10, 26, 23, tzinfo=UTC
    )


@pytest.mark.parametrize(
    ("first", "more", "says", "leads_to"),
    [
        (1, None, "2 to do, 1 late", []),
        (1, "next", "1 to 2 to do, more follow; 1 of these late", ["/day?rep=eva&amp;cursor=next"]),
        (101, "next", "101 to 102 to do, more", ["/day?rep=eva", "/day?rep=eva&amp;cursor=next"]),
        (101, None, "101 to 102 to do, the last", ["/day?rep=eva"]),
    ],
)
def test_a_part_of_a_day_says_which_it_is_and_leads_to_the_others(
    first: int, more: str | None, says: str, leads_to: list[str]
) -> None:
    page = DayPage(plan([lead("a", -1), lead("b", 2)], NOON), first, more)
    said = {"rep": "eva", "place": ZoneInfo("UTC"), "day": page.day, "page": page, "asked": {"rep": "eva"}}
    text = renderer(lambda: NOON, [DAY.page])("day/_day.html", language=Language.EN, **said).text()

    assert says in text
    assert re.findall(r'href="(/day[^"]*)"', text) == leads_to
