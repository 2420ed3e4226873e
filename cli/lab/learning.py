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

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from math import log, sqrt
from typing import Any, Final, TypeAlias, TypeGuard

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits

from cli.lab.histories import CAPTURED, HOUR_MS, LOST, QUALIFIED, WON, History
from cli.lab.worth import FEWEST
from services.scoring.scorecard import vocabulary
from shared.errors import Refused

Floats: TypeAlias = NDArray[np.float64]
Value: TypeAlias = str | bool

DAY_MS: Final = 24 * HOUR_MS
HALF_LIVES: Final = tuple(int(days * DAY_MS) for days in (0.5, 1, 3, 7, 15, 30))
AMOUNT_HALF_LIVES: Final = tuple(days * DAY_MS for days in (3, 7, 30))
PENALTIES: Final = (0.01, 0.02, 0.05, 0.1)
"""Inverse strengths of the ridge, per standard deviation of a count; half-lives are chosen at the second."""

MOST_LEADS: Final = 20_000
"""More are thinned evenly in the order of capture."""

_RANGES: Final = 10
_WORDS: Final = 12
_FOLDS: Final = 5
_HEAVIEST: Final = 10.0
_CLEARLY: Final = 2.0
"""Standard errors by which the loss must fall for a kind to leave the common half-life."""
_STEP_SCALE: Final = 2.0
_FREE: Final = 50.0
"""Columns of intercepts are so large that the ridge hardly holds them."""

_ABOUT_LEADS: Final = ("lead.", "activity.", "ticket.")
_SETTLED: Final = frozenset({WON, LOST, QUALIFIED, "lead.merged", "lead.split"})
"""How a lead ended, and what it is: points for that are fit, which is kept as it is."""
_NOT_THE_LEAD: Final = frozenset({"rep", "owner", "agent", "author", "currency", "previous"})
"""Attributes that say who of us did it, or nothing at all."""


@dataclass(frozen=True, slots=True)
class Family:
    """The facts of one event, and the attribute by which they are told apart.

    `words` each have a kind of their own, and one more takes the rest; or `edges` begin ranges of a number, and what is
    below the first, or is not told, is the lowest.
    """

    event: str
    attribute: str | None = None
    words: tuple[Value, ...] = ()
    edges: tuple[float, ...] = ()

    @property
    def width(self) -> int:
        return len(self.words) + len(self.edges) + 1

    def place(self, attributes: Mapping[str, Any] | None) -> int:
        """The kind of a fact: a word's, in order, then the rest; or a range's from the lowest."""
        value = scalars(attributes).get(self.attribute) if self.attribute is not None else None
        if self.edges:
            return bisect_right(self.edges, float(value)) if _is_number(value) else 0
        return (
            self.words.index(value) if isinstance(value, Value) and value in self.words else len(self.words)
        )


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
class Looks:
    """Leads at ages at which they were open, with how each ended: what a regression learns from.

    `lead` and `age` are places among the cases and ages; `at` is the instant.
    """

    lead: NDArray[np.int64]
    age: NDArray[np.int64]
    won: NDArray[np.int64]
    weight: Floats
    at: NDArray[np.int64]


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
    families, rare = _families(cases, rows, decided)
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


def scalars(attributes: Mapping[str, Any] | None) -> dict[str | None, Any]:
    """Attributes as conditions name them, those within another as `value.minor`."""
    found: dict[str | None, Any] = {}
    for name, value in (attributes or {}).items():
        if isinstance(value, Mapping):
            found |= {f"{name}.{part}": each for part, each in value.items()}
        else:
            found[name] = value
    return {name: value for name, value in found.items() if str(name).rpartition(".")[2] not in _NOT_THE_LEAD}


def _is_number(value: object) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def captured_in(histories: Iterable[History], since_ms: int, until_ms: int) -> list[History]:
    """The leads captured in a time, in that order, and no more of them than are learned from."""
    cases = sorted(
        (
            each
            for each in histories
            if each.captured_ms is not None and since_ms <= each.captured_ms < until_ms
        ),
        key=lambda each: (each.captured_ms, each.lead_id),
    )
    if len(cases) <= MOST_LEADS:
        return cases
    return [cases[number * len(cases) // MOST_LEADS] for number in range(MOST_LEADS)]


def looks_of(cases: Sequence[History], until_ms: int, ages: Sequence[int]) -> tuple[Looks, int]:
    """The looks whose outcome was known by an instant, with their weights; and how many leads had none."""
    watched = np.sort(np.array([until_ms - (case.captured_ms or 0) for case in cases]))

    def share_watched(longer_than: int) -> float:
        return 1.0 - float(np.searchsorted(watched, longer_than, "right")) / len(watched)

    found: list[tuple[int, int, bool, float, int]] = []
    undecided = 0
    for lead, case in enumerate(cases):
        captured = case.captured_ms or 0
        won = case.won_by(until_ms)
        if won is None:
            undecided += 1
            continue
        assert case.ended_ms is not None
        longest = share_watched(case.ended_ms - captured)
        for number, age in enumerate(ages):
            at = captured + age
            if at < until_ms and case.is_open(at):
                weight = min(_HEAVIEST, share_watched(age) / longest) if longest > 0 else _HEAVIEST
                found.append((lead, number, won, weight, at))
    number_of = np.array([each[1] for each in found], dtype=np.int64)
    weights = np.array([each[3] for each in found], dtype=np.float64)
    used = np.unique(number_of)
    for each_age in used:  # every age counts the same, whether many or few are still open
        weights[number_of == each_age] *= len(found) / len(used) / weights[number_of == each_age].sum()
    return Looks(
        np.array([each[0] for each in found], dtype=np.int64),
        number_of,
        np.array([each[2] for each in found], dtype=np.int64),
        weights,
        np.array([each[4] for each in found], dtype=np.int64),
    ), undecided


def _families(
    cases: Sequence[History], rows: Looks, decided: Mapping[int, int]
) -> tuple[list[Family], list[tuple[str, int]]]:
    """The events that enough leads had before their last look, each with the attribute that tells most."""
    last: dict[int, int] = {}
    for lead, at in zip(rows.lead, rows.at, strict=True):
        last[int(lead)] = max(last.get(int(lead), 0), int(at))
    had: dict[str, set[int]] = defaultdict(set)
    said: dict[str, dict[str, dict[Any, set[int]]]] = defaultdict(
        lambda: defaultdict(lambda: defaultdict(set))
    )
    for lead, at in last.items():
        for fact in cases[lead].facts:
            if fact.at_ms > at:
                break
            if not _is_learned(fact.kind):
                continue
            had[fact.kind].add(lead)
            for name, value in scalars(fact.attributes).items():
                if _may_be_asked(fact.kind, str(name)):
                    said[fact.kind][str(name)][value].add(lead)
    families, rare = [], []
    for event in sorted(had):
        if len(had[event]) < FEWEST:
            rare.append((event, len(had[event])))
            continue
        splits = [_split(event, name, values) for name, values in sorted(said[event].items())]
        gains = [(_gain(split, said[event], decided), split) for split in splits if split is not None]
        best = max(gains, key=lambda each: each[0], default=(0.0, None))
        if best[1] is not None and best[0] > 0:
            families.append(best[1])
        elif event != CAPTURED:
            families.append(Family(event))
    return families, rare


def _is_learned(event: str) -> bool:
    if event.startswith("signal."):
        return True
    return event.startswith(_ABOUT_LEADS) and event not in _SETTLED and event in vocabulary.events()


def _may_be_asked(event: str, attribute: str) -> bool:
    """Whether a condition can name it: of a signal anything."""
    return event.startswith("signal.") or attribute in vocabulary.events()[event]


def _split(event: str, attribute: str, values: Mapping[Any, set[int]]) -> Family | None:
    """The family that an attribute makes: ranges of a number, or words that enough leads had; None for neither."""
    numbers = sorted((value, len(leads)) for value, leads in values.items() if _is_number(value))
    if len(numbers) == len(values) and len(numbers) > _WORDS:
        told = np.repeat([value for value, _ in numbers], [count for _, count in numbers])
        places = [round(len(told) * part / _RANGES) for part in range(1, _RANGES)]
        edges = sorted({float(told[place]) for place in places if told[place] > told[0]})
        return Family(event, attribute, edges=tuple(edges)) if edges else None
    words = sorted(
        (value for value, leads in values.items() if isinstance(value, Value) and len(leads) >= FEWEST),
        key=str,
    )
    if len(words) < 2 or len(words) > _WORDS:
        return None
    return Family(event, attribute, words=tuple(words))


def _gain(split: Family, said: Mapping[str, Mapping[Any, set[int]]], decided: Mapping[int, int]) -> float:
    """How much better leads are told apart by the kinds of a split, less what so many kinds gain by chance (AIC)."""
    kinds: dict[int, set[int]] = defaultdict(set)
    assert split.attribute is not None
    for value, leads in said[split.attribute].items():
        kinds[split.place({split.attribute: value})] |= leads
    tallies = [Counter(decided[lead] for lead in leads) for leads in kinds.values()]
    together = sum(tallies, Counter[int]())
    return 2 * (sum(map(_likelihood, tallies)) - _likelihood(together)) - 2 * (len(tallies) - 1)


def _likelihood(tally: Counter[int]) -> float:
    total = tally.total()
    return sum(count * log(count / total) for count in tally.values() if count)


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
