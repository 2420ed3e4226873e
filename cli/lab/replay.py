"""A lead's history under some rules, as if each fact had been known when it happened.

It is scoring's own fold (`services.scoring.processor.lead`), so what it predicts is what scoring does under these
rules.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from cli.lab.histories import History
from services.scoring.processor.decisions import settle
from services.scoring.processor.fact_mapping import live
from services.scoring.processor.lead import ScoredLead
from services.scoring.processor.merged_replay import Merged
from services.scoring.scorecard.compiled_rules import CompiledRules
from shared.clock import milliseconds
from shared.events.scoring import Band, CrossingEvent


class Look(NamedTuple):
    """Heat and band at an instant."""

    heat: float
    band: str

    @property
    def is_hot(self) -> bool:
        return self.band == Band.HOT


class Played(NamedTuple):
    """`looks` are at the instants asked for, in their order; `end` is at the end of the replay."""

    looks: tuple[Look, ...]
    crossings: tuple[CrossingEvent, ...]
    end: Look
    lead: ScoredLead


def play(
    history: History,
    rules: CompiledRules,
    instants: Sequence[int],
    until_ms: int,
    since_ms: int | None = None,
) -> Played:
    """Fold the facts before `until_ms`, looking at ascending `instants`; tell the crossings from `since_ms` on.

    At an instant, what happened in its very millisecond is known.
    """
    merged = Merged(history.lead_id, rules)
    lead = merged.lead
    facts = [live(history.lead_id, fact) for fact in history.facts]
    if history.others:
        others = [live(fact.lead_id, fact) for fact in history.others]
        facts = sorted([*facts, *others], key=lambda fact: fact.at_ms)
    looks: list[Look] = []
    crossings: list[CrossingEvent] = []
    waiting = iter([*instants, None])
    instant = next(waiting)
    for fact in facts:
        if fact.at_ms >= until_ms:
            break
        while instant is not None and instant < fact.at_ms:
            looks.append(_look(lead, instant, rules, crossings))
            instant = next(waiting)
        crossings += merged.take_in(fact)
    while instant is not None:
        looks.append(_look(lead, instant, rules, crossings))
        instant = next(waiting)
    end = _look(lead, until_ms, rules, crossings)
    if since_ms is not None:
        crossings = [crossing for crossing in crossings if milliseconds(crossing.at) >= since_ms]
    return Played(tuple(looks), tuple(crossings), end, lead)


def _look(lead: ScoredLead, at_ms: int, rules: CompiledRules, crossings: list[CrossingEvent]) -> Look:
    crossings += settle(lead, at_ms, rules)
    heat = rules.heat.score(lead.whole.counts, at_ms, lead.whole.attributes)
    return Look(heat, lead.heat.band)
