"""What heat is worth: how well it tells the leads that were won from those that were lost. Pure.

A figure comes with what it rests on and an interval of 95 %; where too little is known, with a sentence instead.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from math import exp, fsum, log, sqrt
from statistics import NormalDist
from typing import Final, NamedTuple

FEWEST: Final = 30
"""Leads below which a share or a mean is not told."""

FEWEST_OF_EACH: Final = 10
"""Won, and lost, leads below which an AUC or a lift is not told."""

DECILES: Final = 10

_Z: Final = NormalDist().inv_cdf(0.975)


class Scored(NamedTuple):
    """A lead at one instant, and how it ended later; `won` is None while that is open."""

    heat: float
    is_hot: bool
    won: bool | None


@dataclass(frozen=True, slots=True)
class Estimate:
    """A number within `low` and `high`, or the reason why there is none."""

    value: float | None = None
    low: float | None = None
    high: float | None = None
    why: str | None = None


@dataclass(frozen=True, slots=True)
class Decile:
    """A tenth of the leads, the first the hottest. Leads of equal heat are shared out evenly, so it may hold parts."""

    leads: float
    won: float
    lift: float
    """Its share of won leads over that of all."""


@dataclass(frozen=True, slots=True)
class Worth:
    """Heat at one age against outcomes: of leads that were open then."""

    leads: int
    won: int
    lost: int
    undecided: int
    auc: Estimate
    deciles: tuple[Decile, ...]


@dataclass(frozen=True, slots=True)
class GroupWorth:
    """The leads that share a value of an attribute."""

    name: str
    leads: int
    won: int
    lost: int
    share_hot: Estimate
    mean_heat: Estimate
    auc: Estimate


@dataclass(frozen=True, slots=True)
class Disparity:
    """How differently heat treats the groups of an attribute.

    `gap` is the widest difference in the share of hot leads between two groups that are large enough.
    """

    attribute: str
    groups: tuple[GroupWorth, ...]
    gap: Estimate
    between: tuple[str, str] | None = None


def worth(scored: Sequence[Scored]) -> Worth:
    decided = [each for each in scored if each.won is not None]
    won = sum(1 for each in decided if each.won)
    return Worth(
        len(scored),
        won,
        len(decided) - won,
        len(scored) - len(decided),
        auc(decided),
        () if _too_few(won, len(decided) - won) else deciles(decided),
    )


def auc(scored: Sequence[Scored]) -> Estimate:
    """The chance that a won lead was warmer than a lost one, a tie counting half.

    Exact. The interval is that of DeLong, DeLong and Clarke-Pearson (Biometrics 1988), taken on the scale of odds so
    that it stays within 0 and 1.
    """
    won = sorted(each.heat for each in scored if each.won is True)
    lost = sorted(each.heat for each in scored if each.won is False)
    if why := _too_few(len(won), len(lost)):
        return Estimate(why=why)
    # Twice the number of the other side that each beats, a tie being one: whole numbers, so that no order matters.
    beaten = [bisect_left(lost, heat) + bisect_right(lost, heat) for heat in won]
    beating = [2 * len(won) - bisect_left(won, heat) - bisect_right(won, heat) for heat in lost]
    value = sum(beaten) / (2 * len(won) * len(lost))
    spread = _variance(beaten, 2 * len(lost)) / len(won) + _variance(beating, 2 * len(won)) / len(lost)
    if not 0 < value < 1:
        return Estimate(value, value, value)
    odds, width = log(value / (1 - value)), _Z * sqrt(spread) / (value * (1 - value))
    return Estimate(value, _logistic(odds - width), _logistic(odds + width))


def deciles(scored: Sequence[Scored]) -> tuple[Decile, ...]:
    """Tenths by falling heat, of leads whose end is known; at least one of them must be won."""
    ordered = sorted(scored, key=lambda each: -each.heat)
    rate = sum(1 for each in ordered if each.won) / len(ordered)
    size, room, tenth = len(ordered) / DECILES, len(ordered) / DECILES, 0
    leads, won = [0.0] * DECILES, [0.0] * DECILES
    for _, equal in groupby(ordered, key=lambda each: each.heat):
        tied = list(equal)
        left, share = float(len(tied)), sum(1 for each in tied if each.won) / len(tied)
        while left > 0:
            part = left if tenth == DECILES - 1 else min(left, room)
            leads[tenth] += part
            won[tenth] += part * share
            left, room = left - part, room - part
            if room <= 1e-9 and tenth < DECILES - 1:
                tenth, room = tenth + 1, size
    return tuple(
        Decile(count, hits, hits / count / rate) for count, hits in zip(leads, won, strict=True) if count > 0
    )


def disparity(attribute: str, groups: Mapping[str, Sequence[Scored]]) -> Disparity:
    found = tuple(_group(name, scored) for name, scored in sorted(groups.items()))
    told = sorted(
        (group for group in found if group.share_hot.value is not None),
        key=lambda group: group.share_hot.value or 0.0,
    )
    if len(told) < 2:
        why = f"fewer than two groups of {attribute} have {FEWEST} leads"
        return Disparity(attribute, found, Estimate(why=why))
    lowest, highest = told[0], told[-1]
    return Disparity(
        attribute, found, difference(highest.share_hot, lowest.share_hot), (highest.name, lowest.name)
    )


def _group(name: str, scored: Sequence[Scored]) -> GroupWorth:
    return GroupWorth(
        name,
        len(scored),
        sum(1 for each in scored if each.won is True),
        sum(1 for each in scored if each.won is False),
        share(sum(1 for each in scored if each.is_hot), len(scored)),
        mean([each.heat for each in scored]),
        auc(scored),
    )


def share(hits: int, of: int) -> Estimate:
    """A share with Wilson's interval (JASA 1927)."""
    if of < FEWEST:
        return Estimate(why=f"{_leads(of)}, fewer than {FEWEST}")
    value, square = hits / of, _Z * _Z
    middle = (value + square / (2 * of)) / (1 + square / of)
    width = _Z / (1 + square / of) * sqrt(value * (1 - value) / of + square / (4 * of * of))
    return Estimate(value, max(0.0, middle - width), min(1.0, middle + width))


def difference(one: Estimate, other: Estimate) -> Estimate:
    """The difference of two independent shares, with Newcombe's interval (Statistics in Medicine 1998, method 10)."""
    assert one.value is not None
    assert one.low is not None
    assert one.high is not None
    assert other.value is not None
    assert other.low is not None
    assert other.high is not None
    value = one.value - other.value
    return Estimate(
        value,
        value - sqrt((one.value - one.low) ** 2 + (other.high - other.value) ** 2),
        value + sqrt((one.high - one.value) ** 2 + (other.value - other.low) ** 2),
    )


def mean(values: Sequence[float]) -> Estimate:
    if len(values) < FEWEST:
        return Estimate(why=f"{_leads(len(values))}, fewer than {FEWEST}")
    value = fsum(values) / len(values)
    width = _Z * sqrt(fsum((each - value) ** 2 for each in values) / (len(values) - 1) / len(values))
    return Estimate(value, value - width, value + width)


def _too_few(won: int, lost: int) -> str | None:
    if won >= FEWEST_OF_EACH and lost >= FEWEST_OF_EACH:
        return None
    return f"{won} won and {lost} lost; at least {FEWEST_OF_EACH} of each are needed"


def _variance(counts: Sequence[int], unit: int) -> float:
    middle = sum(counts) / len(counts)
    return fsum((each - middle) ** 2 for each in counts) / (len(counts) - 1) / (unit * unit)


def _logistic(odds: float) -> float:
    return 1 / (1 + exp(-odds))


def _leads(count: int) -> str:
    return "1 lead" if count == 1 else f"{count} leads"
