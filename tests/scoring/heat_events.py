"""Leads under any rules, and the heat that is sent of them: for all who decay it."""

from __future__ import annotations

import json
from dataclasses import dataclass

from hypothesis import strategies as st

from services.scoring.processor.decisions import take_in
from services.scoring.processor.encoding import HeatEncoder
from services.scoring.processor.fact_mapping import MappedFact
from services.scoring.processor.lead import ScoredLead
from services.scoring.scorecard.compiled_rules import CompiledRules, compile_rules
from services.scoring.scorecard.parser import parse_rules
from shared.events import decode
from shared.events.scoring import HeatChanged

MONDAY_MS = 1_795_428_000_000
HOUR = 3_600_000
DAY = 24 * HOUR
KINDS = ("lead.captured", "signal.page_viewed", "signal.unsubscribed", "activity.answered", "ticket.opened")
GROUPS = ("browsing", "talk", "all_in")


@st.composite
def any_rules(draw: st.DrawFn) -> CompiledRules:
    """Rules with base and fit points, several half-lives, points of both signs, and groups in groups."""
    points = st.integers(-120, 120).map(float)
    kinds = {}
    for kind in KINDS:
        kinds[kind] = {
            "half_life": draw(st.sampled_from(["20m", "3h", "2d", "7d", "30d"])),
            "weight": draw(points),
        }
        if group := draw(st.sampled_from([None, *GROUPS])):
            kinds[kind]["group"] = group
    used = {kind["group"] for kind in kinds.values() if "group" in kind}
    groups: dict[str, dict[str, object]] = {}
    for place, group in enumerate(GROUPS):
        outer = draw(st.sampled_from([None, *GROUPS[place + 1 :]]))
        if group in used:
            groups[group] = {"cap": draw(st.integers(1, 150).map(float))}
            if outer:
                groups[group]["in"] = outer
                used.add(outer)
    heat = {
        "base": draw(points),
        "kinds": kinds,
        "groups": groups,
        "fit": {"icp": {"yes": draw(points)}},
        "bands": {"warm": {"from": 25, "until": 20}, "hot": {"from": 60, "until": 50}},
    }
    return compile_rules(parse_rules(json.dumps({"heat": heat})))


@dataclass(frozen=True, slots=True)
class SentHeat:
    """A lead as scoring has it, and the event that was sent of it."""

    rules: CompiledRules
    lead: ScoredLead
    event: HeatChanged

    def score(self, later_ms: int) -> float:
        """What scoring says `later_ms` after the event."""
        whole = self.lead.whole
        return self.rules.heat.score(whole.counts, self.lead.as_of_ms + later_ms, whole.attributes)


@st.composite
def any_sent_heat(draw: st.DrawFn) -> SentHeat:
    rules, lead = draw(any_rules()), ScoredLead.new("ana")
    story = draw(
        st.lists(st.tuples(st.sampled_from(KINDS), st.integers(0, 3 * DAY)), min_size=1, max_size=12)
    )
    at = MONDAY_MS
    if draw(st.booleans()):
        said = {"attributes": {"icp": "yes"}}
        qualified = MappedFact("q", "lead.qualified", at, "lead:ana", 1, said, "ana", at)
        take_in(lead, qualified, rules)
    for number, (kind, step) in enumerate(story):
        at += step
        take_in(lead, MappedFact(f"fact-{number}", kind, at, lead_id="ana", effect_ms=at), rules)
    lead.heat_sequence += 1
    event = decode(HeatEncoder(rules).record(lead, "2026-11-23T10:00:00.000Z")).event
    assert isinstance(event, HeatChanged)
    return SentHeat(rules, lead, event)


later = st.one_of(st.integers(0, 60 * DAY), st.sampled_from([0, 1, HOUR, 365 * DAY]))
"""Milliseconds after it was sent."""
