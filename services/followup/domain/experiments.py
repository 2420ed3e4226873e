"""What an experiment has shown: how often each variant was answered or won, and how sure that is.

Rates have Wilson's interval, the difference of two has Newcombe's (R. G. Newcombe, Statistics in Medicine 17, 1998,
method 10), both at 95 %. Only those count who entered long enough ago: a variant must not look worse because its
leads are younger.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import sqrt
from typing import Final, Literal

from services.followup.domain.model import Enrolment, FollowUp
from services.followup.domain.playbooks import Playbook

Z: Final = 1.959963984540054
RIPE: Final = timedelta(days=14)
"""How long after its entry a lead's answer counts, and how old it must be to be counted."""
ENOUGH: Final = 100
"""Leads a variant needs; and ten with and ten without the outcome."""
ENOUGH_OUTCOMES: Final = 10

Interval = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Rate:
    count: int
    of: int
    rate: float
    interval: Interval


@dataclass(frozen=True, slots=True)
class VariantComparison:
    """A variant against the first one, for one outcome."""

    variant: str
    against: str
    difference: float
    interval: Interval
    verdict: Literal["better", "worse", "no difference seen", "not enough"]


@dataclass(frozen=True, slots=True)
class Trial:
    playbook: str
    at: datetime
    rates: dict[str, dict[str, Rate]]
    """By variant and outcome: `replied` or `won` within two weeks of the entry."""
    comparisons: dict[str, list[VariantComparison]]
    too_young: int
    needed: int = ENOUGH


def trial(playbook: Playbook, followups: Sequence[FollowUp], now: datetime) -> Trial:
    entered = [
        (followup, run)
        for followup in followups
        for run in followup.runs
        if run.playbook == playbook.name and run.variant is not None
    ]
    ripe = [(followup, run) for followup, run in entered if now - run.entered_at >= RIPE]
    names = [name for name, _ in playbook.variants]
    rates: dict[str, dict[str, Rate]] = {}
    for name in names:
        own = [(followup, run) for followup, run in ripe if run.variant == name]
        replied = sum(_within(run, run.replied_at) for _, run in own)
        won = sum(followup.outcome == "won" and _within(run, followup.closed_at) for followup, run in own)
        rates[name] = {"replied": _rate(replied, len(own)), "won": _rate(won, len(own))}
    comparisons = {
        outcome: [
            _compared(name, names[0], rates[name][outcome], rates[names[0]][outcome]) for name in names[1:]
        ]
        for outcome in ("replied", "won")
    }
    return Trial(playbook.name, now, rates, comparisons, len(entered) - len(ripe))


def wilson(count: int, of: int) -> Interval:
    """Where a rate lies, with 95 % confidence (E. B. Wilson, 1927)."""
    if of == 0:
        return 0.0, 1.0
    rate, z2 = count / of, Z * Z
    middle, spread = rate + z2 / (2 * of), Z * sqrt(rate * (1 - rate) / of + z2 / (4 * of * of))
    return max(0.0, (middle - spread) / (1 + z2 / of)), min(1.0, (middle + spread) / (1 + z2 / of))


def newcombe(one: Rate, other: Rate) -> Interval:
    """Where the difference of two rates lies, with 95 % confidence."""
    (low, high), (other_low, other_high) = one.interval, other.interval
    difference = one.rate - other.rate
    return (
        difference - sqrt((one.rate - low) ** 2 + (other_high - other.rate) ** 2),
        difference + sqrt((high - one.rate) ** 2 + (other.rate - other_low) ** 2),
    )


def _within(run: Enrolment, at: datetime | None) -> bool:
    return at is not None and timedelta() <= at - run.entered_at <= RIPE


def _rate(count: int, of: int) -> Rate:
    return Rate(count, of, count / of if of else 0.0, wilson(count, of))


def _compared(name: str, against: str, one: Rate, other: Rate) -> VariantComparison:
    low, high = newcombe(one, other)
    enough = all(
        rate.of >= ENOUGH and ENOUGH_OUTCOMES <= rate.count <= rate.of - ENOUGH_OUTCOMES
        for rate in (one, other)
    )
    verdict: Literal["better", "worse", "no difference seen", "not enough"] = "not enough"
    if enough:
        verdict = "better" if low > 0 else "worse" if high < 0 else "no difference seen"
    return VariantComparison(name, against, one.rate - other.rate, (low, high), verdict)
