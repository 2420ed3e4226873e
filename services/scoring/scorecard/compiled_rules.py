"""Both scorecards of some rules compiled, and what each kind of fact counts for under them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Final

from services.scoring.scorecard.compiled import CompiledScorecard
from services.scoring.scorecard.fact import Fact
from services.scoring.scorecard.lead_state import QUALIFIED, WON
from services.scoring.scorecard.model import Counter, Rules
from services.scoring.scorecard.ties import TYING
from shared.errors import Refused

_KINDS_KEPT: Final = 10_000
_TURNS: Final = TYING | {WON, QUALIFIED}


class FactWorth:
    """What a kind of fact counts for: its counters, its weights, and whether more than its points may change."""

    __slots__ = ("counters", "heat", "is_turn", "risk")

    def __init__(self, counters: tuple[Counter, ...], heat: float, risk: float, is_turn: bool) -> None:
        self.counters = counters
        self.heat = heat
        self.risk = risk
        self.is_turn = is_turn


class CompiledRules:
    """The scorecards of some rules, ready for reading."""

    def __init__(self, rules: Rules) -> None:
        self.rules = rules
        self.version = rules.version
        self.code = int(rules.version[:8], 16)
        """32 bits of the version."""
        self.codes = frozenset(
            kind.counter.code for scorecard in rules.scorecards for kind in scorecard.kinds.values()
        )
        """The counters that are kept."""
        self.heat = CompiledScorecard(rules.heat)
        self.risk = CompiledScorecard(rules.risk) if rules.risk is not None else None
        self.plain = {event: self._step(event, {}) for event in rules.plain}
        """The steps of events for which no rule has a condition, as far as they have been met."""
        self.conditional = frozenset(
            kind.event for scorecard in rules.scorecards for kind in scorecard.kinds.values() if kind.when
        )

    def of(self, scorecard: str) -> CompiledScorecard:
        """Raises Refused for a scorecard that the rules do not have."""
        if scorecard == "heat":
            return self.heat
        if self.risk is None:
            raise Refused("no-scorecard", f"the rules {self.version} have no scorecard {scorecard}")
        return self.risk

    def step(self, fact: Fact) -> FactWorth:
        """What a fact counts for."""
        step = self.plain.get(fact.kind)
        if step is None:
            step = self._step(fact.kind, fact.attributes or {})
            if fact.kind not in self.conditional and len(self.plain) < _KINDS_KEPT:
                self.plain[fact.kind] = step
        return step

    def _step(self, event: str, attributes: Mapping[str, object]) -> FactWorth:
        weights = []
        for scorecard in ("heat", "risk"):
            kind = self.rules.kind_of(scorecard, event, attributes)
            weights.append(kind.weight if kind is not None else 0.0)
        counters = self.rules.counters(event, attributes)
        return FactWorth(counters, weights[0], weights[1], event in _TURNS)


@lru_cache(maxsize=64)
def compile_rules(rules: Rules) -> CompiledRules:
    """The compiled form of some rules, made once."""
    return CompiledRules(rules)
