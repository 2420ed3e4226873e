"""Heat against an oracle that knows nothing of buckets, tables or states."""

from collections.abc import Mapping
from fractions import Fraction
from itertools import pairwise
from math import fsum
from random import Random

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from services.scoring.scorecard.compiled_rules import compile_rules
from services.scoring.scorecard.counts import DecayedCounts, decay
from services.scoring.scorecard.defaults import default_rules
from services.scoring.scorecard.explanation import Cap, Term
from services.scoring.scorecard.fact import Fact
from services.scoring.scorecard.fit import FitTerm, fit_terms
from services.scoring.scorecard.lead_state import LeadState, fold
from services.scoring.scorecard.model import KindRule, Rules
from services.scoring.scorecard.parser import parse_rules
from tests.scoring.scorecard.explaining import explain

DAY = 86_400_000
NOTHING: Mapping[str, str] = {}
NOW = 1_760_000_000_000
RULES = default_rules()
KINDS = [*sorted({rule.event for rule in RULES.heat.kinds.values()}), "lead.sneezed"]
SAID = {"category": "complaint"}
"""What the facts here say, so that each event has its one kind."""

deterministic = settings(max_examples=60)
facts_of_a_lead = st.lists(
    st.tuples(
        st.uuids().map(str),
        st.sampled_from(KINDS),
        st.integers(NOW - 60 * DAY, NOW),
        st.none(),
        st.none(),
        st.just(SAID),
    ).map(lambda fields: Fact(*fields)),
    max_size=25,
    unique_by=lambda fact: fact.id,
)


WILD = parse_rules(
    """
    heat:
      base: 3
      kinds:
        lead.captured: {half_life: 30d, weight: 70}
        lead.offered: {half_life: 2h, weight: 45, group: inner}
        lead.won: {half_life: 5d, weight: -40, group: inner}
        lead.lost: {half_life: 2h, weight: -70}
        signal.page_viewed: {half_life: 3d, weight: 9, group: outer}
        signal.unsubscribed: {half_life: 9h, weight: -30, group: outer}
        ticket.opened: {half_life: 1d, weight: -25}
      groups:
        inner: {cap: 25, in: outer}
        outer: {cap: 40}
      bands: {warm: {from: 25, until: 20}, hot: {from: 60, until: 50}}
    """
)
ANY_RULES = st.sampled_from([RULES, WILD])


def rule_of(fact: Fact, rules: Rules) -> KindRule | None:
    return next((rule for rule in rules.heat.kinds.values() if rule.event == fact.kind), None)


def oracle(facts: list[Fact], rules: Rules, at_ms: int) -> float:
    """Heat as its definition says it, from the facts, in floats."""
    sums: dict[str | None, list[float]] = {None: [rules.heat.base]}
    for fact in facts:
        if rule := rule_of(fact, rules):
            points = rule.weight * 2.0 ** (-(at_ms - fact.at_ms) / rule.half_life_ms)
            sums.setdefault(rule.group, []).append(points)
    for group in rules.heat.groups.values():
        held = max(-group.cap, min(group.cap, fsum(sums.get(group.name, []))))
        sums.setdefault(group.within, []).append(held)
    return max(0.0, fsum(sums[None]))


def counted(facts: list[Fact], rules: Rules = RULES) -> DecayedCounts:
    state = LeadState()
    for fact in facts:
        fold(state, fact, rules.counters(fact.kind, SAID))
    return state.counts


def heat(counts: DecayedCounts, rules: Rules, at_ms: int, attributes: Mapping[str, str] = NOTHING) -> float:
    return compile_rules(rules).heat.score(counts, at_ms, attributes)


def fading(counts: DecayedCounts, rules: Rules, at_ms: int) -> list[tuple[int, float]]:
    compiled = compile_rules(rules).heat
    return compiled.fading(compiled.read(counts).points(at_ms))


def next_change(counts: DecayedCounts, rules: Rules, band: str, at_ms: int) -> int | None:
    return compile_rules(rules).heat.next_change(counts, {}, band, at_ms)


def captured(*days_ago: float) -> list[Fact]:
    return [Fact(f"fact-{n}", "lead.captured", NOW - int(ago * DAY)) for n, ago in enumerate(days_ago)]


def test_heat_agrees_with_the_oracle_for_1000_leads_and_instants() -> None:
    random = Random(20_260_101)
    cooling = {rule.event for rule in RULES.heat.kinds.values() if rule.weight < 0}
    mostly_warming = [1 if kind in cooling else 4 for kind in KINDS]
    warm = 0
    for lead in range(1000):
        rules = WILD if lead % 2 else RULES
        kinds = random.choices(KINDS, mostly_warming, k=random.randint(0, 40))
        facts = [
            Fact(f"{lead}/{n}", kind, NOW - int(random.expovariate(1 / (5 * DAY))))
            for n, kind in enumerate(kinds)
        ]
        at_ms = NOW + random.randint(0, 20 * DAY)
        expected = oracle(facts, rules, at_ms)
        warm += expected > 0

        assert heat(counted(facts, rules), rules, at_ms) == pytest.approx(expected, rel=0, abs=1e-9)
    assert warm > 500


@deterministic
@given(facts_of_a_lead, st.integers(0, 30 * DAY), st.randoms(use_true_random=False))
def test_heat_is_the_same_float_in_any_order(facts: list[Fact], later: int, random: Random) -> None:
    shuffled = random.sample(facts, len(facts))

    assert heat(counted(shuffled), RULES, NOW + later) == heat(counted(facts), RULES, NOW + later)
    assert fading(counted(shuffled), RULES, NOW + later) == fading(counted(facts), RULES, NOW + later)


@deterministic
@given(facts_of_a_lead, st.integers(0, 9 * DAY), st.integers(0, 9 * DAY), ANY_RULES)
def test_a_reader_can_decay_what_is_told_without_the_state(
    facts: list[Fact], told: int, later: int, rules: Rules
) -> None:
    counts = counted(facts, rules)
    sums: dict[str | None, float] = {}
    for fact in facts:
        if rule := rule_of(fact, rules):
            points = rule.weight * decay(NOW + told - fact.at_ms, rule.half_life_ms)
            sums[rule.group] = sums.get(rule.group, 0.0) + abs(points)
    assume(all(sums.get(group.name, 0.0) < group.cap for group in rules.heat.groups.values()))
    assume(rules is RULES or sums.get("inner", 0.0) + sums.get("outer", 0.0) < 40)

    parts = fading(counts, rules, NOW + told)

    read = max(0.0, rules.heat.base + fsum(points * decay(later, half_life) for half_life, points in parts))
    assert read == pytest.approx(heat(counts, rules, NOW + told + later), rel=0, abs=1e-9)


@deterministic
@given(facts_of_a_lead, ANY_RULES)
def test_what_is_told_sums_to_the_heat_also_where_caps_hold_it(facts: list[Fact], rules: Rules) -> None:
    counts = counted(facts, rules)

    total = rules.heat.base + fsum(points for _, points in fading(counts, rules, NOW))

    assert max(0.0, total) == pytest.approx(heat(counts, rules, NOW), rel=0, abs=1e-9)


def test_a_group_counts_for_no_more_than_its_cap_up_or_down() -> None:
    views = [Fact(f"view-{n}", "signal.page_viewed", NOW) for n in range(100)]
    refusals = [Fact(f"call-{n}", "activity.no_answer", NOW) for n in range(100)]

    assert heat(counted(views), RULES, NOW) == 30
    assert heat(counted(views + refusals), RULES, NOW) == 30 - 12
    assert heat(counted(refusals), RULES, NOW) == 0


@deterministic
@given(facts_of_a_lead, st.integers(-5 * DAY, 30 * DAY), st.booleans(), st.randoms(use_true_random=False))
def test_an_explanation_sums_to_the_heat(facts: list[Fact], later: int, keen: bool, random: Random) -> None:
    attributes = {"budget": "confirmed", "shoe_size": "43"} if keen else {}
    why = explain(
        random.choices(facts, k=len(facts)) + facts if facts else [], RULES, NOW + later, attributes
    )

    entries: list[Term | FitTerm | Cap] = [*why.terms, *why.fit, *why.caps]
    assert why.heat == pytest.approx(fsum(entry.points for entry in entries), rel=0, abs=1e-9)
    assert why.heat == heat(counted(facts), RULES, NOW + later, attributes)
    assert sorted(term.event_id for term in why.terms) == sorted(
        fact.id for fact in facts if rule_of(fact, RULES)
    )
    assert all(0 < term.factor <= 1 and term.age_seconds >= 0 for term in why.terms)


def test_an_explanation_names_its_caps_and_its_fit() -> None:
    facts = [Fact(f"view-{n}", "signal.page_viewed", NOW - 2 * DAY) for n in range(40)]
    lost = Fact("lost", "lead.lost", NOW, "lead-1", 2)

    why = explain([*facts, lost], RULES, NOW, {"authority": "decides"})

    assert [cap.group for cap in why.caps] == ["browsing", None]
    assert [cap.points for cap in why.caps] == pytest.approx([-10, 20])
    assert [(term.attribute, term.value, term.points) for term in why.fit] == [("authority", "decides", 10)]
    assert why.terms[0].event_id == "lost"
    assert (why.terms[1].factor, why.terms[1].age_seconds) == (0.5, 2 * 86_400)
    assert (why.heat, why.rules) == (0, RULES.version)


def test_fit_leaves_out_what_the_rules_do_not_mention() -> None:
    assert fit_terms(RULES.heat, {"budget": "unheard_of", "shoe_size": "43"}) == ()


@pytest.mark.parametrize(
    ("previous", "points", "now"),
    [
        ("cold", 24.9, "cold"),
        ("cold", 25, "warm"),
        ("cold", 60, "hot"),
        ("warm", 59.9, "warm"),
        ("warm", 20, "warm"),
        ("warm", 19.9, "cold"),
        ("hot", 50, "hot"),
        ("hot", 49.9, "warm"),
        ("hot", 20, "warm"),
        ("hot", 19.9, "cold"),
    ],
)
def test_a_band_is_entered_at_from_and_kept_down_to_until(previous: str, points: float, now: str) -> None:
    assert compile_rules(RULES).heat.band(previous, points) == now


@deterministic
@given(st.floats(0, 100))
def test_a_band_once_reached_is_kept_at_the_same_heat(points: float) -> None:
    for previous in ("cold", "warm", "hot"):
        reached = compile_rules(RULES).heat.band(previous, points)
        assert compile_rules(RULES).heat.band(reached, points) == reached


def test_a_lone_fact_falls_out_of_its_band_when_the_formula_says() -> None:
    counts = counted(captured(0, 0, 0))  # 90 points, hot until 50: ln(90/50)/ln 2 half-lives of 7 days

    assert next_change(counts, RULES, "hot", NOW) == NOW + 512_868_530
    assert next_change(counts, RULES, "hot", NOW + 600_000_000) == NOW + 600_000_000
    assert next_change(DecayedCounts(), RULES, "cold", NOW) is None
    assert next_change(DecayedCounts(), RULES, "warm", NOW) == NOW


def test_a_lead_whose_trouble_fades_warms_by_time_alone() -> None:
    counts = counted([Fact("a", "lead.captured", NOW), Fact("b", "lead.lost", NOW)], WILD)
    warm_again = next_change(counts, WILD, "cold", NOW)

    assert warm_again is not None
    assert heat(counts, WILD, warm_again - 1) < 25 <= heat(counts, WILD, warm_again)


@deterministic
@given(facts_of_a_lead, st.sampled_from(["cold", "warm", "hot"]), ANY_RULES)
def test_a_change_is_the_first_millisecond_outside_the_band(
    facts: list[Fact], held: str, rules: Rules
) -> None:
    counts = counted(facts, rules)
    keep, enter = compile_rules(rules).heat.limits(held)

    change = next_change(counts, rules, held, NOW)

    end = NOW + 400 * DAY if change is None else change
    steps = [NOW + (end - NOW) * step // 200 for step in range(200)] + [end - 1]
    assert all(keep <= heat(counts, rules, at_ms) < enter for at_ms in steps if NOW <= at_ms < end)
    if change is not None:
        assert not keep <= heat(counts, rules, change) < enter


@deterministic
@given(facts_of_a_lead, facts_of_a_lead, st.integers(DAY, 20 * DAY), ANY_RULES)
def test_a_score_stays_in_its_band_up_to_the_timer_whatever_comes_within_its_bounds(
    facts: list[Fact], more: list[Fact], over: int, rules: Rules
) -> None:
    compiled = compile_rules(rules).heat
    counts, constant = counted(facts, rules), compiled.constant({})
    points = compiled.read(counts).points(NOW)
    held = compiled.band("cold", compiled.total(points, constant))
    keep, enter = compiled.limits(held)

    bounds = compiled.bounds(points, constant, held, NOW)

    change = next_change(counts, rules, held, NOW)
    assert change is None or bounds.timer <= change
    room, before = bounds.room, NOW
    for fact in sorted(more, key=lambda fact: fact.at_ms):
        at_ms = NOW + over - (NOW - fact.at_ms) * over // (60 * DAY)
        if bounds.timer <= at_ms:
            break
        assert all(
            keep - 1e-9 <= heat(counts, rules, at) < enter + 1e-9
            for at in range(before, at_ms, max(1, (at_ms - before) // 7))
        )
        counts = counted([*facts, Fact(f"more {fact.id}", fact.kind, at_ms)], rules)
        facts = [*facts, Fact(f"more {fact.id}", fact.kind, at_ms)]
        rule = rule_of(fact, rules)
        weight = rule.weight if rule is not None else 0.0
        if weight > 0.0:
            room -= weight
            if room <= 0.0:
                bounds.warm(room, at_ms)
                room = bounds.room
        else:
            bounds.cool(-weight)
        if bounds.timer <= at_ms:
            break
        assert keep - 1e-9 <= heat(counts, rules, at_ms) < enter + 1e-9
        before = at_ms


def test_a_dip_is_found_where_fading_trouble_lifts_heat_again_within_the_hour() -> None:
    rules = parse_rules(
        """
        heat:
          kinds:
            lead.captured: {half_life: 30d, weight: 44.15}
            signal.demo_requested: {half_life: 60m, weight: 30}
            ticket.opened: {half_life: 72m, weight: -34}
          bands: {warm: {from: 25, until: 20}, hot: {from: 50, until: 40}}
        """
    )
    counts = counted([Fact(kind, kind, NOW) for kind in rules.heat.kinds], rules)
    minute = 60_000

    fall = next_change(counts, rules, "hot", NOW)

    assert fall is not None
    assert NOW < fall < NOW + 30 * minute
    instants = (NOW, fall - 1, fall, NOW + 30 * minute, NOW + 60 * minute)
    assert [heat(counts, rules, at_ms) < 40 for at_ms in instants] == [False, False, True, True, False]
    descent = [heat(counts, rules, NOW + n * (fall - NOW) // 9) for n in range(10)]
    assert all(earlier > later for earlier, later in pairwise(descent))


def test_the_oracle_itself_is_right_for_a_case_done_by_hand() -> None:
    facts = captured(0, 7, 14)

    assert oracle(facts, RULES, NOW) == float(30 * (1 + Fraction(1, 2) + Fraction(1, 4)))
