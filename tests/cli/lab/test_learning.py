"""Rules are learned from what was known, and written so that a person can read them."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from cli.lab.draft import HOT, declared, draft, scale, written
from cli.lab.fitting import fitted, two_thirds
from cli.lab.histories import AGES, HOUR_MS, History, history
from cli.lab.replay import play
from cli.lab.worth import auc
from services.scoring.scorecard.compiled_rules import (
    CompiledRules,
)
from services.scoring.scorecard.defaults import (
    DEFAULTS,
    default_rules,
)
from services.scoring.scorecard.fact import Fact
from services.scoring.scorecard.model import (
    Rules,
)
from services.scoring.scorecard.parser import (
    parse_rules,
)
from shared.errors import Refused

learning = pytest.importorskip("cli.lab.learning", reason="scikit-learn is not installed")
of_leads = pytest.importorskip("cli.lab.looks", reason="scikit-learn is not installed")

START = 1_760_000_000_000
DAY_MS = 24 * HOUR_MS
LEADS = 360


def drawn(leads: int = LEADS, seed: int = 7) -> list[History]:
    """Leads that are won the more the larger the sum they ask for, and if they asked for a demo; views say nothing."""
    lot = random.Random(seed)
    found = []
    for number in range(leads):
        captured = START + number * 3 * HOUR_MS
        lead, amount, asked = f"lead{number}", lot.randrange(1, 41) * 500, lot.random() < 0.4
        work = lot.choice(["calling", "writing"])
        facts = [
            Fact("c", "lead.captured", captured, f"lead:{lead}", 1, {"channel": "web", "stage": "new"}),
            Fact("f", "signal.form_completed", captured + 1000, attributes={"amount": amount}),
        ]
        facts += [
            Fact(
                f"v{view}",
                "signal.page_viewed",
                captured + lot.randrange(5 * DAY_MS),
                attributes={"page": "home"},
            )
            for view in range(lot.randrange(6))
        ]
        if asked:
            facts.append(Fact("d", "signal.demo_requested", captured + lot.randrange(DAY_MS), attributes={}))
        facts.append(
            Fact(
                "w",
                "signal.work_started",
                captured + 2 * HOUR_MS,
                attributes={"work": work, "rep": f"rep{number % 3}"},
            )
        )
        is_won = lot.random() < 0.08 + 0.35 * asked + 0.35 * (amount > 10_000) + 0.1 * (work == "calling")
        after = lot.randrange(7 * DAY_MS, 20 * DAY_MS) if is_won else lot.randrange(3 * HOUR_MS, 25 * DAY_MS)
        kind = "lead.won" if is_won else "lead.lost"
        facts.append(Fact("e", kind, captured + after, f"lead:{lead}", 2, {"reason": "no_budget"}))
        found.append(history(lead, facts))
    return found


@pytest.fixture(scope="module")
def leads() -> list[History]:
    return drawn()


@pytest.fixture(scope="module")
def until(leads: list[History]) -> int:
    return two_thirds(leads)


@pytest.fixture(scope="module")
def lesson(leads: list[History], until: int) -> learning.Lesson:
    return learning.learn(leads, 0, until, tuple(AGES.values()))


def test_what_happened_after_the_split_or_the_last_look_is_not_known(
    leads: list[History], until: int, lesson: learning.Lesson
) -> None:
    """Facts from the split on are taken away, and each winner is betrayed just after the last look at it."""
    oldest = max(AGES.values())
    other = []
    for lead in leads:
        facts = list(lead.facts)
        if lead.is_won:
            betrayed = (lead.captured_ms or 0) + oldest + 1
            facts.append(Fact("x", "signal.offer_accepted", betrayed, attributes={}))
        other.append(history(lead.lead_id, [fact for fact in facts if fact.at_ms < until]))
    random.Random(1).shuffle(other)

    assert learning.learn([lead for lead in other if lead.facts], 0, until, tuple(AGES.values())) == lesson


def test_a_lead_that_had_not_ended_is_made_up_for_by_those_watched_as_long(
    leads: list[History], until: int
) -> None:
    cases = of_leads.captured_in(leads, 0, until)
    looks, undecided = of_leads.looks_of(cases, until, tuple(AGES.values()))

    assert undecided == sum(lead.won_by(until) is None for lead in cases) > 0
    assert {cases[lead].lead_id for lead in looks.lead} <= {
        lead.lead_id for lead in cases if lead.won_by(until) is not None
    }
    first = [
        (int(lead), float(weight))
        for lead, age, weight in zip(looks.lead, looks.age, looks.weight, strict=True)
        if age == 0
    ]
    total = 0.0
    expected = []
    for lead, _ in first:
        lasted = (cases[lead].ended_ms or 0) - (cases[lead].captured_ms or 0)
        long_enough = sum(until - (each.captured_ms or 0) > lasted for each in cases)
        old_enough = sum(until - (each.captured_ms or 0) > AGES["6h"] for each in cases)
        expected.append(min(10.0, old_enough / long_enough))
        total += expected[-1]
    share = sum(weight for _, weight in first) / total
    assert [weight for _, weight in first] == pytest.approx([each * share for each in expected])


def test_what_tells_winners_is_found_and_what_does_not_is_next_to_nothing(lesson: learning.Lesson) -> None:
    weights = {(kind.family.event, kind.place): kind.weight for kind in lesson.kinds}
    amounts = [kind for kind in lesson.kinds if kind.family.event == "signal.form_completed"]

    assert amounts[0].family.attribute == "amount"
    assert amounts[-1].weight > amounts[0].weight + 0.3
    assert weights["signal.demo_requested", 0] > 0.5
    assert abs(weights["signal.page_viewed", 0]) < 0.2
    assert lesson.loss < lesson.blank


def test_nothing_is_learned_about_who_of_us_did_the_work(lesson: learning.Lesson) -> None:
    assert "rep" not in {kind.family.attribute for kind in lesson.kinds}
    assert not {"lead.won", "lead.lost"} & {kind.family.event for kind in lesson.kinds}


def test_the_file_is_read_back_and_rates_leads_as_what_was_learned(
    leads: list[History], until: int, lesson: learning.Lesson
) -> None:
    text = draft(lesson, default_rules(), ["Learned."])
    rules = parse_rules(text, "learned.yaml")

    assert draft(lesson, default_rules(), ["Learned."]) == text
    in_force = default_rules()
    assert rules.risk == in_force.risk
    assert rules.heat.fit == in_force.heat.fit
    interested = "activity.interested"
    assert rules.heat.kinds[interested] == in_force.heat.kinds[interested], "nobody had it: it stays as it is"
    assert rules.heat.kinds["signal.demo_requested"] != in_force.heat.kinds["signal.demo_requested"]
    assert "of the" in text, "counts stand beside the weights"
    cases = of_leads.captured_in(leads, 0, until)
    looks, _ = of_leads.looks_of(cases, until, tuple(AGES.values()))
    points, gauges = scale(lesson), CompiledRules(rules)
    hot = weight = 0.0
    for lead, at, age, score in zip(looks.lead, looks.at, looks.age, lesson.scores, strict=True):
        heat = play(cases[lead], gauges, [int(at)], until).looks[0].heat
        faded = 2 ** (-tuple(AGES.values())[age] / (30 * DAY_MS))
        # Rounding to a tenth of a point, caps on what 1 of 100 exceeds, and the floor may lie between them.
        assert heat == pytest.approx(max(0.0, score[0] * points.factor + points.captured * faded), abs=6)
        hot += score[2] * (heat >= HOT)
        weight += score[2]
    assert hot / weight == pytest.approx(0.2, abs=0.05)


def test_an_ended_lead_is_cold_for_good(leads: list[History], lesson: learning.Lesson) -> None:
    rules = CompiledRules(parse_rules(draft(lesson, default_rules(), ())))

    for lead in leads[:60]:
        assert lead.ended_ms is not None
        instants = [lead.ended_ms + days * DAY_MS for days in (0, 1, 10, 90, 400)]
        assert {look.band for look in play(lead, rules, instants, instants[-1] + 1).looks} == {"cold"}


def test_it_is_weighed_on_leads_captured_later(
    leads: list[History], until: int, lesson: learning.Lesson
) -> None:
    found = fitted(list(reversed(leads)), default_rules())

    assert found.until_ms == until
    assert found.lesson == lesson, "in whatever order the leads come"
    assert draft(lesson, default_rules(), ()) in found.text, "the same lesson, the same file"
    assert found.learned["6h"].leads <= sum((lead.captured_ms or 0) >= until for lead in leads)
    assert (found.learned["6h"].auc.value or 0) > 0.65
    assert f"6h {found.learned['6h'].auc.value:.3f}" in found.text
    parse_rules(found.text)


def test_too_few_outcomes_get_a_sentence() -> None:
    some = drawn(40)
    with pytest.raises(Refused, match="rules are learned from 30 of each"):
        fitted(some, default_rules())
    with pytest.raises(Refused, match="nothing to learn from"):
        fitted([], default_rules())
    lost = [replace(lead, is_won=False) for lead in drawn(200)]
    with pytest.raises(Refused, match="0 were won"):
        fitted(lost, default_rules())


@pytest.mark.parametrize("name", DEFAULTS)
def test_a_scorecard_is_written_as_it_is_read(name: str) -> None:
    rules = default_rules(name)
    events = {event for scorecard in rules.scorecards for event in scorecard.by_event}
    parts = [*declared(events), "heat:", *written(rules.heat)] + (
        ["risk:", *written(rules.risk)] if rules.risk is not None else []
    )

    assert parse_rules("\n".join(parts)) == Rules(rules.heat, rules.risk)


def test_auc_of_no_leads_is_no_number() -> None:
    assert auc([]).value is None
