"""An experiment is told with how sure it is, or not at all."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from services.followup.domain.experiments import Rate, newcombe, trial, wilson
from services.followup.domain.model import Enrolment, FollowUp
from tests.followup.books import book

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
WEB = book().playbooks["web"]


def entered(number: int, variant: str, replied: int, age: timedelta = timedelta(days=30)) -> list[FollowUp]:
    at = NOW - age
    return [
        FollowUp(
            f"{variant}-{each}",
            runs=(Enrolment("web", at, variant, at + timedelta(days=1) if each < replied else None),),
        )
        for each in range(number)
    ]


def test_the_intervals_are_those_of_the_literature() -> None:
    # Newcombe 1998 (Statistics in Medicine 17:857 and 17:873): 81 of 263, and 56/70 against 48/80.
    assert wilson(81, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert wilson(0, 20) == pytest.approx((0.0, 0.1611), abs=5e-5)
    one, other = Rate(56, 70, 56 / 70, wilson(56, 70)), Rate(48, 80, 48 / 80, wilson(48, 80))
    assert newcombe(one, other) == pytest.approx((0.0524, 0.3339), abs=5e-5)


def test_a_difference_is_told_only_with_enough_leads() -> None:
    few = trial(WEB, entered(60, "mail", 40) + entered(60, "plain", 10), NOW)
    many = trial(WEB, entered(150, "mail", 30) + entered(150, "plain", 75), NOW)
    same = trial(WEB, entered(150, "mail", 40) + entered(150, "plain", 42), NOW)

    verdicts = [each.comparisons["replied"][0].verdict for each in (few, many, same)]
    assert verdicts == ["not enough", "better", "no difference seen"]
    assert many.comparisons["won"][0].verdict == "not enough"
    assert many.comparisons["replied"][0].against == "mail"


def test_young_leads_and_late_answers_do_not_count() -> None:
    old, young = entered(120, "mail", 20), entered(50, "mail", 50, timedelta(days=2))
    late = [
        FollowUp("late", runs=(Enrolment("web", NOW - timedelta(days=60), "mail", NOW - timedelta(days=1)),))
    ]
    found = trial(WEB, old + young + late, NOW)

    assert (found.rates["mail"]["replied"].count, found.rates["mail"]["replied"].of) == (20, 121)
    assert found.too_young == 50
