"""Rules learned from the first two thirds of a log, weighed on its last third against a regression made for each age.

Heat is one rules file for all ages. The batch side is a logistic regression per age on log(1 + count) of activities up
to the instant, its penalty chosen by five-fold cross-validation. Both learn from the same leads at the same ages, with
the same weights, and know only outcomes before the split. The log is the first half of the BPI Challenge 2012 (B. van
Dongen, doi:10.4121/uuid:3926db30-f712-4394-aebc-75976070e91f) where it lies beside the repository.
"""

from __future__ import annotations

import csv
import gzip
import sys
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Final

import numpy as np
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits

from bench.tables import Row, keep
from cli.imports.mapping_parser import load_mapping
from cli.lab.comparison import looks_at
from cli.lab.fitting import fitted, two_thirds
from cli.lab.histories import AGES, History
from cli.lab.looks import (
    Floats,
    Looks,
    captured_in,
    looks_of,
)
from cli.lab.worth import Estimate, Scored, auc
from services.scoring.scorecard.compiled_rules import (
    CompiledRules,
)
from services.scoring.scorecard.defaults import (
    default_rules,
)
from services.scoring.scorecard.fact import Fact
from services.scoring.scorecard.model import (
    Rules,
)
from shared.clock import milliseconds
from tests.cli.lab.rows import leads_of
from tests.e2e import histories

PENALTIES: Final = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0)
DRAWS: Final = 1000
_AMOUNTS: Final = ("amount", "value")

Happened = tuple[int, str, str]
"""When, which activity, which part of its life."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """AUC by age of one way to rate leads, on the last third."""

    name: str
    scores: Mapping[str, Sequence[Scored]]

    def auc(self, age: str) -> Estimate:
        return auc(self.scores[age])


@threadpool_limits.wrap(limits=1)  # sums in one order, and no threads that wait for each other
def measure(
    leads: Sequence[History], activities: Mapping[str, Sequence[Happened]], split_ms: int
) -> list[Outcome]:
    """Every way to rate leads, the rules learned first. Raises `Refused` when there is too little to learn from."""
    end = max(fact.at_ms for lead in leads for fact in lead.facts) + 1
    later = sorted(
        (lead for lead in leads if lead.captured_ms is not None and lead.captured_ms >= split_ms),
        key=lambda lead: (lead.captured_ms, lead.lead_id),
    )
    found = fitted(leads, default_rules(), until_ms=split_ms)
    bare = fitted([_without_amounts(lead) for lead in leads], default_rules(), until_ms=split_ms)
    known = captured_in(leads, 0, split_ms)
    looks, _ = looks_of(known, split_ms, tuple(AGES.values()))
    later_looks, _ = looks_of(later, end, tuple(AGES.values()))
    outcomes = [
        Outcome("heat, one rules file", _heat(later, found.rules, end)),
        Outcome(
            "heat, had no amounts been told",
            _heat([_without_amounts(lead) for lead in later], bare.rules, end),
        ),
        Outcome("heat, the default rules", _heat(later, default_rules(), end)),
    ]
    names: dict[str, Callable[[Happened], str]] = {
        "regression per age on activities": lambda each: each[1],
        "regression per age on activities and lifecycle": lambda each: f"{each[1]}:{each[2]}",
    }
    for name, named in names.items():
        columns = sorted({named(each) for lead in known for each in activities[lead.lead_id]})
        seen = _counts(known, looks, activities, named, columns)
        unseen = _counts(later, later_looks, activities, named, columns)
        outcomes.append(Outcome(name, _regressions(seen, looks, unseen, later_looks)))
    return outcomes


@threadpool_limits.wrap(limits=1)
def difference(one: Outcome, other: Outcome, age: str) -> tuple[float, float, float]:
    """By how much the AUC of one is above the other's, within 95 % of draws of the same leads with replacement."""
    heats = np.array([[each.heat for each in way.scores[age]] for way in (one, other)])
    won = np.array([bool(each.won) for each in one.scores[age]])
    assert won.tolist() == [bool(each.won) for each in other.scores[age]], "both rate the same leads"
    hits, misses = np.flatnonzero(won), np.flatnonzero(~won)
    # Who beats whom, a tie counting half; a draw weighs leads by how often it has them.
    ahead = sum(
        sign * ((way[hits][:, None] > way[misses]) + (way[hits][:, None] == way[misses]) / 2)
        for sign, way in ((1, heats[0]), (-1, heats[1]))
    )
    lot = np.random.default_rng(12)
    drawn = [
        lot.multinomial(len(hits), [1 / len(hits)] * len(hits))
        @ ahead
        @ lot.multinomial(len(misses), [1 / len(misses)] * len(misses))
        / ahead.size
        for _ in range(DRAWS)
    ]
    low, high = np.quantile(drawn, [0.025, 0.975])
    return float(ahead.mean()), float(low), float(high)


def read(path: Path) -> dict[str, list[Happened]]:
    """The activities of each lead as the file has them, oldest first."""
    found: dict[str, list[Happened]] = defaultdict(list)
    opened = gzip.open if path.suffix == ".gz" else open
    with opened(path, "rt", encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            at = milliseconds(datetime.fromisoformat(row["timestamp"]))
            found[f"bpi12-{row['case_id']}"].append((at, row["activity"], row["lifecycle"]))
    return {lead: sorted(each) for lead, each in found.items()}


def _without_amounts(lead: History) -> History:
    """The lead, had nobody told what it asked for."""
    facts = [
        Fact(
            fact.id,
            fact.kind,
            fact.at_ms,
            fact.aggregate,
            fact.sequence,
            {name: each for name, each in (fact.attributes or {}).items() if name not in _AMOUNTS},
        )
        for fact in lead.facts
    ]
    return replace(lead, facts=facts)


def _heat(later: Sequence[History], rules: Rules, end: int) -> dict[str, list[Scored]]:
    compiled_rules = CompiledRules(rules)
    scores: dict[str, list[Scored]] = {age: [] for age in AGES}
    for lead in later:
        won = lead.won_by(end)
        if won is not None:
            for age, look in looks_at(lead, compiled_rules, end):
                scores[age].append(Scored(look.heat, look.is_hot, won))
    return scores


def _counts(
    cases: Sequence[History],
    looks: Looks,
    activities: Mapping[str, Sequence[Happened]],
    named: Callable[[Happened], str],
    columns: Sequence[str],
) -> Floats:
    place = {name: number for number, name in enumerate(columns)}
    counts = np.zeros((len(looks.lead), len(columns)))
    for row, (lead, at) in enumerate(zip(looks.lead, looks.at, strict=True)):
        for each in activities[cases[lead].lead_id]:
            if each[0] > at:
                break
            if (column := place.get(named(each))) is not None:
                counts[row, column] += 1
    return np.log1p(counts)


def _regressions(seen: Floats, looks: Looks, unseen: Floats, later: Looks) -> dict[str, list[Scored]]:
    scores: dict[str, list[Scored]] = {}
    for number, age in enumerate(AGES):
        mine, theirs = looks.age == number, later.age == number
        best = _chosen(seen[mine], looks.won[mine], looks.weight[mine], looks.lead[mine] % 5)
        rated = best.decision_function(unseen[theirs])
        scores[age] = [
            Scored(float(score), False, bool(each))
            for score, each in zip(rated, later.won[theirs], strict=True)
        ]
    return scores


def _chosen(x: Floats, won: Floats, weight: Floats, fold: Floats) -> LogisticRegression:
    """The regression with the penalty that leads of other folds like best."""

    def loss(penalty: float) -> float:
        total = 0.0
        for part in range(5):
            rest = fold != part
            score = _solved(x[rest], won[rest], weight[rest], penalty).decision_function(x[~rest])
            total += float((weight[~rest] * (np.logaddexp(0, score) - won[~rest] * score)).sum())
        return total

    return _solved(x, won, weight, min(PENALTIES, key=loss))


def _solved(x: Floats, won: Floats, weight: Floats, penalty: float) -> LogisticRegression:
    return LogisticRegression(C=penalty, solver="newton-cholesky", max_iter=200).fit(
        x, won, sample_weight=weight
    )


def rows_of(split: str, outcomes: Sequence[Outcome]) -> tuple[list[Row], list[str]]:
    """A row for each way and age; and in words how far the rules learned are from each regression."""
    rows = [
        Row("fit", f"{split}, {age}: {outcome.name}", round(value, 4), "AUC", (round(value, 4),))
        for age in AGES
        for outcome in outcomes
        if (value := outcome.auc(age).value) is not None
    ]
    notes = []
    for age in AGES:
        leads = outcomes[0].scores[age]
        told = [f"{split}, {age}, {len(leads):,} leads, {sum(bool(each.won) for each in leads):,} won"]
        for outcome in outcomes[-2:]:
            value, low, high = difference(outcomes[0], outcome, age)
            told.append(f"{value:+.4f} ({low:+.4f} to {high:+.4f}) over the {outcome.name}")
        notes.append("; ".join(told))
    return rows, notes


def main() -> None:
    if not histories.REAL_LOG.exists():
        sys.exit(histories.NO_REAL_LOG)
    leads = leads_of(histories.REAL_LOG, load_mapping(histories.MAPPING))
    activities = read(histories.REAL_LOG)
    times = sorted(at for each in activities.values() for at, *_ in each)
    splits = {
        "two thirds of the leads": two_thirds(leads),
        "two thirds of the rows": times[len(times) * 2 // 3],
    }
    rows: list[Row] = []
    notes = [
        "AUC on leads captured after the split, where they were open; intervals of 95 % by drawing leads again"
    ]
    for split, at in splits.items():
        more_rows, more_notes = rows_of(split, measure(leads, activities, at))
        rows, notes = rows + more_rows, notes + more_notes
    keep("fit", rows, notes)
