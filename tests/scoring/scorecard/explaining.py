"""The reasons of a score, from facts at hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from services.scoring.scorecard.counts import DecayedCounts
from services.scoring.scorecard.explanation import Explanation, Tally, explained
from services.scoring.scorecard.fact import Fact
from services.scoring.scorecard.model import Rules


def explain(
    facts: Sequence[Fact],
    rules: Rules,
    at_ms: int,
    attributes: Mapping[str, str] | None = None,
    most: int = 1_000,
) -> Explanation:
    """Why the heat of these facts is what it is, repeated ones counted once."""
    known: dict[object, Fact] = {}
    for fact in facts:
        known.setdefault((fact.aggregate, fact.sequence) if fact.aggregate else fact.id, fact)
    tally, counts = Tally(rules, most=most), DecayedCounts()
    for fact in known.values():
        tally.add(fact)
        for counter in rules.counters(fact.kind, fact.attributes or {}):
            counts.add(counter.code, fact.at_ms, counter.half_life_ms)
    return explained([tally], counts, rules, at_ms, attributes, most=most)
