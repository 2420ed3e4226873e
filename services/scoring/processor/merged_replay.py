"""A lead and those that were merged into it, replayed side by side as scoring's workers would take them in. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from services.scoring.processor.crossings import Crossings
from services.scoring.processor.decisions import take_in, take_part
from services.scoring.processor.fact_mapping import MappedFact
from services.scoring.processor.lead import ScoredLead
from services.scoring.scorecard.compiled_rules import CompiledRules
from services.scoring.scorecard.fact import Fact
from services.scoring.scorecard.ties import MERGED, MemberCounts


class Merged:
    """A lead, and the others whose facts it may count; facts come in the order in which they take effect."""

    def __init__(self, lead_id: str, rules: CompiledRules) -> None:
        self.lead = _new(lead_id, rules)
        self.others: dict[str, ScoredLead] = {}
        self._rules = rules

    def take_in(self, fact: MappedFact) -> Crossings:
        """Fold a fact of any of them; the crossings of the lead."""
        if fact.lead_id == self.lead.id:
            return take_in(self.lead, fact, self._rules)[1]
        other = self.others.get(fact.lead_id) or self.others.setdefault(
            fact.lead_id, _new(fact.lead_id, self._rules)
        )
        take_in(other, fact, self._rules)
        ties = other.ties
        if ties is None:
            return ()
        crossings: Crossings = ()
        if self.lead.id in ties.left:
            crossings = take_part(self.lead, other.id, None, self._rules)
        ties.left.clear()
        if ties.survivor == self.lead.id:
            part = MemberCounts.decode(other.part().encode())  # as it is now, whatever comes later
            crossings = [*crossings, *take_part(self.lead, other.id, part, self._rules)]
        ties.is_history = None
        return crossings

    def heat(self, at_ms: int) -> float:
        whole = self.lead.whole
        return self._rules.heat.score(whole.counts, at_ms, whole.attributes)


def _new(lead_id: str, rules: CompiledRules) -> ScoredLead:
    lead = ScoredLead.new(lead_id)
    lead.rules = rules.code
    return lead


def absorbed_in(facts: Iterable[Fact]) -> list[str]:
    """The leads that were ever merged into a lead, by its own facts."""
    said = (fact.attributes or {} for fact in facts if fact.kind == MERGED)
    return sorted({each["absorbed"] for each in said if each.get("absorbed") is not None})
