"""A replay is scoring's own fold: what it sees at an instant is what was known then, and no more."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli.lab.comparison import Comparison
from cli.lab.histories import AGES, HOUR_MS, History, history
from cli.lab.replay import play
from services.scoring.processor.fact_mapping import live, map_event
from services.scoring.processor.merged_replay import absorbed_in
from services.scoring.scorecard.compiled_rules import (
    CompiledRules,
)
from services.scoring.scorecard.defaults import (
    DEFAULTS,
    default_rules,
)
from services.scoring.scorecard.fact import Fact
from services.scoring.scorecard.parser import (
    parse_rules,
)
from shared.clock import milliseconds
from shared.events.scoring import LeadCooled, LeadWentHot
from tests.cli.lab.facts import NEW_RULES, published_later, told_facts
from tests.scoring import merged
from tests.scoring.merged import lead_at
from tests.scoring.scorecard.explaining import explain

OLD = CompiledRules(default_rules())
NEW = CompiledRules(
    parse_rules(
        """
signals: [form_completed]
heat:
  kinds:
    big: {event: signal.form_completed, when: {amount: {at_least: 5000}}, half_life: 12h, weight: 70}
    signal.form_completed: {half_life: 12h, weight: 20}
    signal.page_viewed: {half_life: 1d, weight: 4, group: views}
    activity.no_answer: {half_life: 3d, weight: -9}
  groups:
    views: {cap: 10}
  bands:
    warm: {from: 20, until: 15}
    hot: {from: 60, until: 50}
"""
    )
)
START = 1_790_000_000_000

_kinds = st.sampled_from(
    ["signal.form_completed", "signal.page_viewed", "signal.demo_requested", "activity.no_answer"]
)
_times = st.integers(0, 10 * 24 * HOUR_MS)


def captured(channel: str = "web", at_ms: int = START) -> Fact:
    return Fact("captured", "lead.captured", at_ms, "lead:ana", 1, {"channel": channel, "stage": "new"})


def ended(kind: str, at_ms: int) -> Fact:
    return Fact("ended", kind, at_ms, "lead:ana", 2, {})


@st.composite
def histories(draw: st.DrawFn) -> History:
    facts = [captured()]
    for number, (kind, after, amount) in enumerate(
        draw(st.lists(st.tuples(_kinds, _times, st.integers(0, 10_000)), max_size=12))
    ):
        facts.append(Fact(f"f{number}", kind, START + after, attributes={"amount": amount}))
    return history("ana", facts)


@given(histories(), st.lists(_times, max_size=4), st.sampled_from([OLD, NEW]))
def test_a_look_sees_exactly_the_facts_up_to_its_instant(
    lead: History, times: list[int], rules: CompiledRules
) -> None:
    instants = sorted(START + after for after in times)

    played = play(lead, rules, instants, START + 11 * 24 * HOUR_MS)

    for instant, look in zip(instants, played.looks, strict=True):
        known = [live("ana", fact) for fact in lead.facts if fact.at_ms <= instant]
        assert look.heat == explain(known, rules.rules, instant).heat
        assert look.band == lead_at("ana", known, rules, instant).heat.band


@given(histories(), st.integers(0, 3), st.randoms(use_true_random=False))
def test_looking_changes_nothing_and_later_facts_change_no_look(lead: History, cut: int, lot: object) -> None:
    instants = [START + after for after in AGES.values()]
    whole = play(lead, NEW, instants, START + 11 * 24 * HOUR_MS)
    unseen = play(lead, NEW, [], START + 11 * 24 * HOUR_MS)
    short = [fact for fact in lead.facts if fact.at_ms <= instants[cut]]

    assert whole.end == unseen.end
    assert whole.crossings == unseen.crossings
    assert (
        play(history("ana", short), NEW, instants[: cut + 1], START + 11 * 24 * HOUR_MS).looks
        == whole.looks[: cut + 1]
    )


def test_crossings_are_told_from_the_beginning_of_the_time_asked_for() -> None:
    lead = history(
        "ana", [captured(), Fact("f", "signal.form_completed", START, attributes={"amount": 9000})]
    )
    end = START + 11 * 24 * HOUR_MS

    every = play(lead, NEW, [], end).crossings
    late = play(lead, NEW, [], end, since_ms=START + HOUR_MS).crossings

    assert [type(crossing) for crossing in every] == [LeadWentHot, LeadCooled, LeadCooled]
    assert late == every[1:]


def test_a_comparison_counts_what_is_gained_and_what_is_lost() -> None:
    comparison = Comparison(OLD, NEW, 0, START + 11 * 24 * HOUR_MS, ["channel"])
    hot = Fact("f", "signal.form_completed", START, attributes={"amount": 9000})
    demo = Fact("f", "signal.demo_requested", START + HOUR_MS)
    comparison.add(history("hot", [captured(), hot]))
    comparison.add(history("asked", [captured("store"), demo, ended("lead.won", START + 30 * HOUR_MS)]))
    comparison.add(history("unknown", [hot]))

    report = comparison.report()

    assert report.leads == 3
    assert report.never_captured == 1
    assert report.crossings["LeadWentHot"].gained == 2
    assert report.worth["24h"]["on_trial"].leads == 2
    assert report.worth["24h"]["on_trial"].won == 1
    assert report.worth["72h"]["on_trial"].leads == 1, "a lead that was won by then is not looked at"
    assert [group.name for group in report.disparity["channel"]["6h"]["on_trial"].groups] == ["store", "web"]
    assert sum(sum(after.values()) for after in report.moves.values()) == 3


def test_what_happens_at_the_end_or_later_is_not_known() -> None:
    end = START + 10 * HOUR_MS
    comparison = Comparison(OLD, NEW, 0, end)
    late = history("ana", [captured(), ended("lead.won", end)])

    assert late.won_by(end) is None
    state = comparison.add(late)
    assert state is not None
    assert state.heat_in_force == play(history("ana", [captured()]), OLD, [], end).end.heat
    assert comparison.report().worth["6h"]["on_trial"].undecided == 1
    assert comparison.add(history("later", [captured(at_ms=end)])) is None


def test_looks_count_inside_the_time_asked_for() -> None:
    comparison = Comparison(OLD, NEW, START + 12 * HOUR_MS, START + 80 * HOUR_MS)
    comparison.add(history("ana", [captured()]))

    report = comparison.report()

    assert [report.worth[age]["on_trial"].leads for age in AGES] == [0, 1, 1, 0]


@pytest.mark.parametrize("name", DEFAULTS)
@pytest.mark.parametrize("hours", [3, 9, 20, 60])
def test_a_predicted_state_is_the_one_that_scoring_has_once_rules_are_published(
    name: str, hours: int
) -> None:
    begin = datetime(2026, 11, 20, tzinfo=UTC)
    until = begin + timedelta(hours=hours)
    told = [each for each in told_facts(60, begin, timedelta(minutes=20)) if each.event.at < until]
    in_force, rules = CompiledRules(default_rules(name)), CompiledRules(parse_rules(NEW_RULES))
    comparison = Comparison(in_force, rules, 0, milliseconds(until))

    states = [
        comparison.add(history(lead_id, [map_event(each) for each in told if each.lead_id == lead_id]))
        for lead_id in {each.lead_id for each in told}
    ]

    predicted = {each.lead: (each.heat, each.band, each.digest) for each in states if each is not None}
    assert predicted == published_later(told, in_force, rules, until)
    moved = {
        (before, after) for before, row in comparison.report().moves.items() for after in row if row[after]
    }
    assert hours > 20 or len(moved) > 2


@pytest.mark.parametrize("seed", range(12))
def test_merged_leads_are_predicted_with_what_their_members_count(seed: int) -> None:
    story, world = merged.drawn(Random(seed), 50), merged.World()
    for fact in story.facts:
        world.put(fact)
        world.rest()
    world.book.publish(merged.LONGER.rules)
    world.rest()
    end = milliseconds(merged.NOW)
    comparison = Comparison(merged.RULES, merged.LONGER, 0, end)

    for lead in {fact.lead_id for fact in story.facts}:
        own = [map_event(fact) for fact in story.of(lead)]
        others = [map_event(fact) for fact in story.of(*absorbed_in(own))]
        state, stands = comparison.add(history(lead, own, others)), world.lead(lead)

        assert state is not None
        assert state.digest == stands.state.digest().hex()
        whole = stands.whole
        assert state.heat == merged.LONGER.heat.score(whole.counts, end, whole.attributes)
        assert state.band == stands.heat.band
