"""Who reads the log can say what heat is later, as scoring would."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings

from services.gateway.views.view import LeadView, follow
from services.scoring.processor.heat_event import heat_of
from shared.events.base import data_of
from tests.scoring.heat_events import SentHeat, any_sent_heat, later

deterministic = settings(derandomize=True, deadline=None, max_examples=300)


def as_the_contract_says(data: dict[str, Any], seconds: float) -> float:
    """Heat from the words of docs/events alone, as another program would have it."""

    def faded(parts: list[list[float]]) -> float:
        return sum(points * 2 ** (-seconds / half_life) for half_life, points in parts)

    groups = data.get("groups")
    if groups is None:
        return max(0.0, data.get("base", 0.0) + faded(data["parts"]))

    def held(place: int) -> float:
        group = groups[place]
        inner = sum(held(each) for each in range(place) if groups[each].get("within") == place)
        total = faded(group["parts"]) + inner
        return total if "cap" not in group else max(-group["cap"], min(group["cap"], total))

    outermost = (place for place, group in enumerate(groups) if "within" not in group)
    return max(0.0, data.get("base", 0.0) + sum(map(held, outermost)))


@deterministic
@given(any_sent_heat(), later)
def test_whoever_decays_what_was_told_has_the_heat_that_scoring_has(told: SentHeat, later: int) -> None:
    expected = pytest.approx(told.score(later), rel=0, abs=1e-6)
    view = follow(LeadView("ana"), told.event)

    assert view.heat is not None
    assert view.heat.now(told.event.at + timedelta(milliseconds=later)) == expected
    assert as_the_contract_says(data_of(told.event), later / 1_000) == expected


@deterministic
@given(any_sent_heat())
def test_what_is_told_quickly_is_what_the_domain_says(told: SentHeat) -> None:
    assert told.event == heat_of(told.lead, told.rules)
    assert told.event.heat == told.score(0)


@deterministic
@given(any_sent_heat())
def test_where_no_cap_can_hold_the_parts_are_enough(told: SentHeat) -> None:
    if told.event.groups is None:
        total = sum(points for _, points in told.event.parts) + (told.event.base or 0.0)
        assert max(0.0, total) == pytest.approx(told.event.heat, abs=1e-9)
    else:
        assert any(group.cap is not None for group in told.event.groups)
