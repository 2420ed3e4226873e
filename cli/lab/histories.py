"""A lead's facts in the order in which they happened, and what they say of how it began and ended. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from services.scoring.processor.fact_mapping import MappedFact
from services.scoring.scorecard.fact import Fact

CAPTURED: Final = "lead.captured"
WON: Final = "lead.won"
LOST: Final = "lead.lost"
QUALIFIED: Final = "lead.qualified"

HOUR_MS: Final = 3_600_000
AGES: Final = {"6h": 6 * HOUR_MS, "24h": 24 * HOUR_MS, "72h": 72 * HOUR_MS, "7d": 168 * HOUR_MS}
"""How long after its capture a lead is looked at; milliseconds by name."""


@dataclass(frozen=True, slots=True)
class History:
    """`captured_ms` is None for a lead whose capture is not among the facts; `ended_ms` while it is open.

    `others` are the facts of the leads that were ever merged into it, in the order in which they happened.
    """

    lead_id: str
    facts: Sequence[Fact]
    captured_ms: int | None = None
    ended_ms: int | None = None
    is_won: bool = False
    attributes: Mapping[str, str] = field(default_factory=dict)
    """What may be compared between leads: words of its capture, and what it qualified with."""
    others: Sequence[MappedFact] = ()

    def is_open(self, at_ms: int) -> bool:
        """Whether it was captured by then and neither won nor lost."""
        return (
            self.captured_ms is not None
            and self.captured_ms <= at_ms
            and (self.ended_ms is None or self.ended_ms > at_ms)
        )

    def won_by(self, until_ms: int) -> bool | None:
        """How it had ended before an instant; None when that was not known then."""
        return self.is_won if self.ended_ms is not None and self.ended_ms < until_ms else None


def history(lead_id: str, facts: Iterable[Fact], others: Iterable[MappedFact] = ()) -> History:
    """Facts of one instant stay in the order in which they are given, that of the log."""
    ordered = sorted(facts, key=lambda fact: fact.at_ms)
    captured = ended = None
    is_won = False
    attributes: dict[str, str] = {}
    for fact in ordered:
        if fact.kind == CAPTURED and captured is None:
            captured = fact.at_ms
            attributes |= _words(fact.attributes)
        elif fact.kind == QUALIFIED:
            attributes |= _words(fact.attributes)
        elif fact.kind in (WON, LOST) and ended is None:
            ended, is_won = fact.at_ms, fact.kind == WON
    merged = sorted(others, key=lambda fact: fact.at_ms)
    return History(lead_id, ordered, captured, ended, is_won, attributes, merged)


def _words(attributes: Mapping[str, object] | None) -> dict[str, str]:
    """The attributes that are words, also those of a mapping within."""
    words: dict[str, str] = {}
    for name, value in (attributes or {}).items():
        if isinstance(value, str):
            words[name] = value
        elif isinstance(value, Mapping):
            words |= {key: word for key, word in value.items() if isinstance(word, str) and key != "currency"}
    return words
