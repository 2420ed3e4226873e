"""Figures on heat and outcomes, against oracles that count pair by pair."""

from __future__ import annotations

import random
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli.lab.worth import (
    FEWEST,
    FEWEST_OF_EACH,
    Estimate,
    Scored,
    auc,
    deciles,
    difference,
    disparity,
    mean,
    share,
    worth,
)

heats = st.sampled_from([0.0, 0.0, 0.0, 1.0, 2.5, 40.0, 61.0])  # few values: ties are the difficulty
some = st.lists(st.tuples(heats, st.booleans()), min_size=2 * FEWEST_OF_EACH, max_size=80)


def scored(pairs: list[tuple[float, bool]]) -> list[Scored]:
    return [Scored(heat, heat >= 40, won) for heat, won in pairs]


def enough(pairs: list[tuple[float, bool]]) -> bool:
    won = sum(won for _, won in pairs)
    return won >= FEWEST_OF_EACH and len(pairs) - won >= FEWEST_OF_EACH


@given(some)
def test_auc_is_the_share_of_pairs_told_apart_a_tie_counting_half(pairs: list[tuple[float, bool]]) -> None:
    found = auc(scored(pairs))

    if not enough(pairs):
        assert found.value is None
        assert "at least" in str(found.why)
        return
    won, lost = [h for h, w in pairs if w], [h for h, w in pairs if not w]
    points = sum(1.0 if a > b else 0.5 if a == b else 0.0 for a, b in product(won, lost))
    assert found.value == pytest.approx(points / (len(won) * len(lost)), abs=1e-12)


def test_auc_and_its_interval_are_those_of_scikit_learn_and_of_drawing_again() -> None:
    metrics, numpy = pytest.importorskip("sklearn.metrics"), pytest.importorskip("numpy")
    lot = random.Random(1)
    pairs = [(round(lot.gauss(1.0 if won else 0.0, 1), 1), won) for won in [True] * 150 + [False] * 250]

    found = auc(scored(pairs))

    heat, won = numpy.array([h for h, _ in pairs]), numpy.array([w for _, w in pairs])
    assert found.value == pytest.approx(metrics.roc_auc_score(won, heat), abs=1e-12)
    draws = []
    chance = numpy.random.default_rng(2)
    for _ in range(600):
        ones, zeros = chance.choice(heat[won], won.sum()), chance.choice(heat[~won], (~won).sum())
        draws.append(numpy.mean(ones[:, None] > zeros) + numpy.mean(ones[:, None] == zeros) / 2)
    low, high = numpy.quantile(draws, [0.025, 0.975])
    assert found.low == pytest.approx(low, abs=0.012)
    assert found.high == pytest.approx(high, abs=0.012)


@given(some.filter(enough), st.randoms(use_true_random=False))
def test_deciles_share_ties_out_evenly_in_whatever_order_the_leads_come(
    pairs: list[tuple[float, bool]], lot: random.Random
) -> None:
    found = deciles(scored(pairs))
    lot.shuffle(pairs)

    assert deciles(scored(pairs)) == pytest.approx(found)
    assert len(found) == 10
    assert sum(each.leads for each in found) == pytest.approx(len(pairs))
    assert sum(each.won for each in found) == pytest.approx(sum(won for _, won in pairs))
    assert all(each.leads == pytest.approx(len(pairs) / 10) for each in found)
    # The hottest tenth by brute force: whole leads above its edge, and their share of those upon it.
    size, edge = len(pairs) / 10, sorted((h for h, _ in pairs), reverse=True)[-(-len(pairs) // 10) - 1]
    above = [won for heat, won in pairs if heat > edge]
    upon = [won for heat, won in pairs if heat == edge]
    assert found[0].won == pytest.approx(sum(above) + (size - len(above)) * sum(upon) / len(upon))


def test_a_lift_of_a_score_that_knows_is_the_most_there_can_be() -> None:
    leads = scored([(float(n), n >= 80) for n in range(100)])

    found = worth(leads)

    assert found.auc == Estimate(1.0, 1.0, 1.0)
    assert [round(each.lift, 9) for each in found.deciles] == [5, 5, 0, 0, 0, 0, 0, 0, 0, 0]


def test_leads_that_have_not_ended_are_counted_and_not_judged() -> None:
    leads = scored([(float(n), n % 2 == 0) for n in range(60)])
    still = [Scored(99.0, True, None)] * 7

    assert worth(leads + still).undecided == 7
    assert worth(leads + still).auc == worth(leads).auc


@pytest.mark.parametrize("won", [True, False])
def test_a_log_where_all_ended_alike_gets_a_sentence_and_no_number(won: bool) -> None:
    found = worth(scored([(float(n), won) for n in range(200)]))

    assert found.auc.value is None
    assert "at least 10 of each" in str(found.auc.why)
    assert found.deciles == ()


def test_a_log_without_outcomes_gets_a_sentence_and_no_number() -> None:
    found = worth([Scored(1.0, False, None)] * 50)

    assert found.auc.why == "0 won and 0 lost; at least 10 of each are needed"


def test_intervals_are_those_of_the_literature() -> None:
    # Newcombe (1998): Wilson's intervals of 81/263 and 15/148, and table II case (a), method 10, 56/70 - 48/80.
    assert share(81, 263) == Estimate(
        81 / 263, pytest.approx(0.2553, abs=5e-5), pytest.approx(0.3662, abs=5e-5)
    )
    assert share(15, 148) == Estimate(
        15 / 148, pytest.approx(0.0624, abs=5e-5), pytest.approx(0.1605, abs=5e-5)
    )
    found = difference(share(56, 70), share(48, 80))
    assert found == Estimate(
        pytest.approx(0.2), pytest.approx(0.0524, abs=5e-5), pytest.approx(0.3339, abs=5e-5)
    )


@given(st.lists(st.floats(0, 1000), min_size=FEWEST, max_size=60))
def test_a_mean_lies_in_its_interval(values: list[float]) -> None:
    found = mean(values)

    assert found.low is not None
    assert found.high is not None
    assert found.value == pytest.approx(sum(values) / len(values))
    assert found.low <= (found.value or 0) <= found.high


def test_groups_are_compared_only_where_they_are_large_enough() -> None:
    even = [Scored(50.0 if n % 2 else 10.0, n % 2 == 1, n % 3 == 0) for n in range(60)]
    rare = [Scored(50.0, True, True)] * 3
    cool = [Scored(10.0, False, n % 3 == 0) for n in range(60)]

    found = disparity("channel", {"web": even, "fair": rare, "store": cool})

    assert [group.name for group in found.groups] == ["fair", "store", "web"]
    assert found.groups[0].share_hot.why == "3 leads, fewer than 30"
    assert found.between == ("web", "store")
    assert found.gap.value == pytest.approx(0.5)
    assert found.gap.low is not None
    assert found.gap.low > 0.3


def test_one_group_has_nothing_to_be_compared_with() -> None:
    found = disparity("channel", {"web": [Scored(1.0, False, True)] * 100})

    assert found.gap.why == "fewer than two groups of channel have 30 leads"
    assert found.between is None
