"""The board of all bands: what is to be done now stands first, whatever its band."""

from __future__ import annotations

from datetime import UTC, datetime

from services.gateway.boards.heat.query import Ranked, Ranking, to_do_first
from services.gateway.boards.heat.standing import Turn
from services.gateway.views.view import LeadStatus, LeadView
from shared.events.scoring import Band

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)


def ranking(band: Band, *lines: tuple[str, float, Turn]) -> Ranking:
    ranked = [Ranked(LeadView(lead, LeadStatus.OPEN), heat, turn) for lead, heat, turn in lines]
    return Ranking(NOON, band, ranked, None)


def names(lines: list[Ranked]) -> list[str]:
    return [line.view.lead_id for line in lines]


def test_a_warm_lead_whose_call_is_late_stands_before_a_hot_one_that_is_called_tomorrow() -> None:
    hot = ranking(Band.HOT, ("ines", 90.0, Turn.DUE), ("hugo", 120.0, Turn.LATER))
    warm = ranking(Band.WARM, ("ana", 40.0, Turn.LATE), ("leo", 30.0, Turn.LATER))
    cold = ranking(Band.COLD, ("eva", 5.0, Turn.UNPLANNED), ("max", 4.0, Turn.LATER))

    ready, later = to_do_first([hot, warm, cold], 50)

    assert names(ready) == ["ines", "ana", "eva"]
    assert [(each.band, names(each.lines)) for each in later] == [(Band.HOT, ["hugo"]), (Band.WARM, ["leo"])]


def test_the_cold_are_shown_where_nothing_else_is() -> None:
    cold = ranking(Band.COLD, ("max", 4.0, Turn.LATER))

    ready, later = to_do_first([ranking(Band.HOT), ranking(Band.WARM), cold], 50)

    assert ready == []
    assert (later[-1].band, names(later[-1].lines)) == (Band.COLD, ["max"])


def test_a_lead_that_moves_between_two_looks_stands_once() -> None:
    hot = ranking(Band.HOT, ("ana", 61.0, Turn.DUE))
    warm = ranking(Band.WARM, ("ana", 59.0, Turn.DUE))

    ready, _ = to_do_first([hot, warm, ranking(Band.COLD)], 50)

    assert [(line.view.lead_id, line.heat) for line in ready] == [("ana", 61.0)]
