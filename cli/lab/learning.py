"""Weights and half-lives learned from how leads ended: a logistic regression on decayed counts.

What it sees. Each lead is looked at some ages after its capture, as long as it was open then; a row has the decayed
count of each kind of fact up to that instant and nothing later. All ages share the weights and half-lives, since heat
is one scorecard; each age has an intercept of its own, so that weights only say who is ahead among leads of one age.

What it knows. Outcomes before `until_ms` alone. A lead whose end was not known then is neither won nor lost; those
that ended count for the ones captured too late for so long a wait, by the inverse of the share of leads that were
watched long enough (inverse probability of censoring; Robins and Finkelstein, Biometrics 2000).

What it chooses. The penalty (ridge), one half-life for what leads do and one for amounts, by five-fold cross-validation
over leads; then, kind by kind, another half-life or none, where the loss falls by two standard errors. Ranges of a
number are learned by their steps, so that neighbours are alike. Nothing is drawn by lot.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from math import sqrt
from typing import Final

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits

from cli.lab.families import Family, families_of
from cli.lab.histories import HOUR_MS, History
from cli.lab.looks import Floats, Looks, captured_in, looks_of
from cli.lab.worth import FEWEST
from shared.errors import Refused

DAY_MS: Final = 24 * HOUR_MS
HALF_LIVES: Final = tuple(int(days * DAY_MS) for days in (0.5, 1, 3, 7, 15, 30))
AMOUNT_HALF_LIVES: Final = tuple(days * DAY_MS for days in (3, 7, 30))
PENALTIES: Final = (0.01, 0.02, 0.05, 0.1)
"""Inverse strengths of the ridge, per standard deviation of a count; half-lives are chosen at the second."""
_FOLDS: Final = 5
_CLEARLY: Final = 2.0
"""Standard errors by which the loss must fall for a kind to leave the common half-life."""
_STEP_SCALE: Final = 2.0
_FREE: Final = 50.0
"""Columns of intercepts are so large that the ridge hardly holds them."""


@dataclass(frozen=True, slots=True)
class Learned:
    """What one kind is worth. `weight` is in log-odds for one fact, before it fades."""

    family: Family
    place: int
    half_life_ms: int
    weight: float
    leads: int
    others: int
    """Leads that had it while they were looked at, and that had not; of both, the shares that were won."""
    won_with: float
    won_without: float
    most: float
    """The decayed count that 99 % of the looks at such leads did not exceed."""


@dataclass(frozen=True, slots=True)
class Lesson:
    """What was learned, and from what. `rows` are what the weights make of each look, with its age and its weight."""

    kinds: tuple[Learned, ...]
    rare: tuple[tuple[str, int], ...]
    """Events that too few leads had, with how many."""
    leads: int
    won: int
    lost: int
    undecided: int
    penalty: float
    loss: float
    """Mean loss by cross-validation, in nats; `blank` is that of knowing nothing but the age."""
    blank: float
    scores: tuple[tuple[float, int, float], ...]


@dataclass(frozen=True, slots=True)
class _Counts:
    """The facts of a family as the rows see them: row, kind, and time since."""

    family: Family
    rows: NDArray[np.int64]
    places: NDArray[np.int64]
    since: Floats
    size: int

    def of(self, half_life_ms: int) -> Floats:
        """The decayed count of each kind in each row."""
        width = self.family.width
        fading = np.exp2(-self.since / half_life_ms)
        flat = np.bincount(self.rows * width + self.places, fading, self.size * width)
        return flat.astype(np.float64).reshape(self.size, width)

    def columns(self, half_life_ms: int) -> Floats:
        """What the regression sees: counts by kind; of ranges, counts of what reaches at least each."""
        counts = self.of(half_life_ms)
        return np.asarray(np.cumsum(counts[:, ::-1], axis=1)[:, ::-1]) if self.family.edges else counts


def learn(histories: Iterable[History], since_ms: int, until_ms: int, ages: Sequence[int]) -> Lesson:
    """Learn from the leads captured from `since_ms` on and before `until_ms`, by what was known then.

    Raises `Refused("too-few-outcomes")`.
    """
    cases = captured_in(histories, since_ms, until_ms)
    rows, undecided = looks_of(cases, until_ms, ages)
    decided = {int(lead): int(won) for lead, won in zip(rows.lead, rows.won, strict=True)}
    won = sum(decided.values())
    if min(won, len(decided) - won) < FEWEST:
        raise Refused(
            "too-few-outcomes",
            f"of {len(cases)} leads captured in this time, {won} were won and {len(decided) - won} lost after they had "
            f"been open for at least one age; rules are learned from {FEWEST} of each",
        )
    families, rare = families_of(cases, rows, decided)
    counts = [_counts(family, cases, rows) for family in families]
    with threadpool_limits(
        1
    ):  # sums in one order, and no threads that wait for each other over small matrices
        chosen, penalty, losses = _choose(counts, rows)
        columns = [each.columns(half_life) for each, half_life in zip(counts, chosen, strict=True)]
        weights, scores = _weights(counts, columns, rows, penalty)
        blank = _losses([], [], rows, penalty)
    return Lesson(
        kinds=tuple(_kinds(counts, chosen, weights, rows, decided)),
        rare=tuple(rare),
        leads=len(decided),
        won=won,
        lost=len(decided) - won,
        undecided=undecided,
        penalty=penalty,
        loss=float(losses.sum() / rows.weight.sum()),
        blank=float(blank.sum() / rows.weight.sum()),
        scores=tuple(
            (float(score), ages[age], float(weight))
            for score, age, weight in zip(scores, rows.age, rows.weight, strict=True)
        ),
    )


def _counts(family: Family, cases: Sequence[History], rows: Looks) -> _Counts:
    numbers: list[int] = []
    places: list[int] = []
    since: list[float] = []
    facts = [
        [(fact.at_ms, family.place(fact.attributes)) for fact in case.facts if fact.kind == family.event]
        for case in cases
    ]
    for row, (lead, at) in enumerate(zip(rows.lead, rows.at, strict=True)):
        for happened, place in facts[lead]:
            if happened <= at:
                numbers.append(row)
                places.append(place)
                since.append(float(at - happened))
    return _Counts(
        family,
        np.array(numbers, dtype=np.int64),
        np.array(places, dtype=np.int64),
        np.array(since),
        len(rows.lead),
    )


def _choose(counts: Sequence[_Counts], rows: Looks) -> tuple[list[int], float, Floats]:
    """The half-life of each family, the penalty, and the losses by row that they lead to."""
    matrices = {
        (number, half_life): each.columns(half_life)
        for number, each in enumerate(counts)
        for half_life in {*HALF_LIVES, *AMOUNT_HALF_LIVES}
    }

    def losses(chosen: Sequence[int], penalty: float) -> Floats:
        return _losses(counts, [matrices[each] for each in enumerate(chosen)], rows, penalty)

    has_amounts = any(each.family.edges for each in counts)
    common = [
        [amount if each.family.edges else doing for each in counts]
        for doing, amount in product(reversed(HALF_LIVES), AMOUNT_HALF_LIVES if has_amounts else (0,))
    ]
    chosen = min(common, key=lambda each: float(losses(each, PENALTIES[1]).sum()))
    penalty = min(PENALTIES, key=lambda each: float(losses(chosen, each).sum()))
    known = losses(chosen, penalty)
    for number in range(len(counts)):
        for half_life in HALF_LIVES:
            other = [*chosen[:number], half_life, *chosen[number + 1 :]]
            if other != chosen and _is_clearly_less(found := losses(other, penalty), known, rows):
                chosen, known = other, found
    return chosen, penalty, known


def _is_clearly_less(one: Floats, other: Floats, rows: Looks) -> bool:
    """Whether losses fall by more than chance, lead by lead: rows of a lead are not independent."""
    saved = np.bincount(rows.lead, other - one)[np.unique(rows.lead)]
    return bool(saved.sum() > _CLEARLY * sqrt(len(saved) * float(np.var(saved))) > 0)


def _scales(counts: Sequence[_Counts], columns: Sequence[Floats]) -> Floats:
    """What one unit of each column is to the ridge: its spread; of steps between ranges a common, larger one."""
    scales = []
    for each, matrix in zip(counts, columns, strict=True):
        spread = matrix.std(axis=0) + 1e-9
        if each.family.edges:
            spread[1:] = spread[1:].max() * _STEP_SCALE
        scales.append(spread)
    return np.concatenate(scales) if scales else np.zeros(0)


def _design(columns: Sequence[Floats], scales: Floats, rows: Looks) -> Floats:
    ages = np.eye(int(rows.age.max()) + 1)[rows.age] * _FREE
    return np.hstack([np.hstack(columns) / scales, ages]) if columns else ages


def _losses(counts: Sequence[_Counts], columns: Sequence[Floats], rows: Looks, penalty: float) -> Floats:
    """The loss of each row by a regression that did not see its lead."""
    design = _design(columns, _scales(counts, columns), rows)
    fold = rows.lead % _FOLDS
    losses = np.zeros(len(rows.lead))
    for number in range(_FOLDS):
        seen, unseen = fold != number, fold == number
        score = design[unseen] @ _solved(design[seen], rows.won[seen], rows.weight[seen], penalty)
        losses[unseen] = rows.weight[unseen] * (np.logaddexp(0, score) - rows.won[unseen] * score)
    return losses


def _solved(design: Floats, won: NDArray[np.int64], weight: Floats, penalty: float) -> Floats:
    regression = LogisticRegression(
        C=penalty, solver="newton-cholesky", fit_intercept=False, max_iter=100, tol=1e-6
    )
    found: Floats = regression.fit(design, won, sample_weight=weight).coef_[0]
    return found


def _weights(
    counts: Sequence[_Counts], columns: Sequence[Floats], rows: Looks, penalty: float
) -> tuple[list[Floats], Floats]:
    """The weight of each kind by family, and what they make of each row."""
    scales = _scales(counts, columns)
    width = len(scales)
    found = _solved(_design(columns, scales, rows), rows.won, rows.weight, penalty)[:width] / scales
    weights, start = [], 0
    for each in counts:
        part = found[start : start + each.family.width]
        weights.append(np.cumsum(part) if each.family.edges else part)
        start += each.family.width
    return weights, np.hstack(columns) @ found


def _kinds(
    counts: Sequence[_Counts],
    chosen: Sequence[int],
    weights: Sequence[Floats],
    rows: Looks,
    decided: Mapping[int, int],
) -> Iterator[Learned]:
    everyone = set(decided)
    for each, half_life, weight in zip(counts, chosen, weights, strict=True):
        decayed = each.of(half_life)
        for place in range(each.family.width):
            looks = np.unique(each.rows[each.places == place])
            had = {int(lead) for lead in rows.lead[looks]}
            yield Learned(
                each.family,
                place,
                half_life,
                float(weight[place]),
                len(had),
                len(everyone) - len(had),
                _share(had, decided),
                _share(everyone - had, decided),
                float(np.quantile(decayed[looks, place], 0.99)) if len(looks) else 0.0,
            )


def _share(leads: set[int], decided: Mapping[int, int]) -> float:
    return sum(decided[lead] for lead in leads) / len(leads) if leads else 0.0
