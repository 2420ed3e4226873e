"""Why the heat of a lead, or another score, is what it is."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime

from services.scoring.processor.decisions import settle
from services.scoring.processor.fact_mapping import live
from services.scoring.processor.lead import ScoredLead
from services.scoring.processor.merged_replay import Merged
from services.scoring.queries.reads import Reads, unknown
from services.scoring.scorecard.compiled import CompiledScorecard
from services.scoring.scorecard.compiled_rules import compile_rules
from services.scoring.scorecard.explanation import LISTED, Explanation, Tally, explained
from services.scoring.scorecard.fact import Fact
from services.scoring.scorecard.model import HEAT
from services.scoring.scorecard.ties import Ties
from shared.clock import AHEAD, milliseconds
from shared.errors import Refused
from shared.events.scoring import Band, RiskBand


@dataclass(frozen=True, slots=True)
class Explained:
    """A score with its reasons; `counts` is the decayed count of each kind. Terms are about entries of the ledger."""

    score: Explanation
    band: Band | RiskBand
    counts: Mapping[str, float]


async def explain(
    reads: Reads,
    lead_id: str,
    at: datetime | None,
    card: str = HEAT,
    most: int = LISTED,
) -> Explained:
    """Heat, or another score, at an instant: that of a lead with its members, or of an absorbed one by itself.

    Without an instant it is as of now, with all that is known. At most `most` terms are listed. Raises `NotFound` when
    nothing at all is known of the lead, `Refused` when the rules have no such scorecard, and for the risk of a lead
    that was not won by then.
    """
    at_ms = milliseconds(at or reads.clock())
    # A fact may be a little ahead of the clock; it counts now, as it does in the stream.
    until_ms = at_ms if at is not None else milliseconds(reads.clock() + AHEAD)
    rules = reads.rulebook.at(at_ms)
    compiled = compile_rules(rules).of(card)
    merged = Merged(lead_id, compile_rules(rules))
    tallies: dict[str, Tally] = defaultdict(lambda: Tally(rules, card, most))
    async with aclosing(reads.facts(await reads.whole(lead_id, until_ms), until_ms)) as portions:
        async for entries in portions:
            for entry in entries:
                fact = entry.fact
                merged.take_in(live(entry.lead_id, fact))
                named = Fact(
                    entry.name, fact.kind, fact.at_ms, fact.aggregate, fact.sequence, fact.attributes
                )
                tallies[entry.lead_id].add(named, entry)
    if not tallies and not await reads.ledger.knows(lead_id):
        raise unknown(lead_id)
    lead = merged.lead
    settle(lead, at_ms, compile_rules(rules))
    counted = [lead_id, *(member for member, _ in (lead.ties or Ties()).counted())]
    whole = lead.whole
    score = explained(
        (tallies[each] for each in counted if each in tallies),
        whole.counts, rules, at_ms, whole.attributes, card, most,
    )  # fmt: skip
    settle(lead, score.at_ms, compile_rules(rules))
    band = _band(lead, card, compiled, score.heat)
    known = whole.counts.codes()
    found = {
        kind.name: whole.counts.value(kind.counter.code, kind.half_life_ms, score.at_ms)
        for kind in compiled.scorecard.kinds.values()
        if kind.counter.code in known
    }
    return Explained(score, band, found)


def _band(lead: ScoredLead, card: str, compiled: CompiledScorecard, score: float) -> Band | RiskBand:
    if card == HEAT:
        # An absorbed lead stands where it was last told to; split off now, it would be looked at.
        return Band(compiled.band(lead.heat.band, score))
    if lead.risk is not None and lead.whole.is_customer:
        return RiskBand(compiled.band(lead.risk.band, score))
    raise Refused("no-customer", f"lead {lead.id} had not become a customer; only a customer can be at risk")
