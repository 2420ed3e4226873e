"""Rules that are wrong say where, and what would be right."""

from __future__ import annotations

import re
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.scoring.processor.fact_mapping import kind_of
from services.scoring.scorecard.compiled_rules import compile_rules
from services.scoring.scorecard.counts import DecayedCounts
from services.scoring.scorecard.defaults import DEFAULTS, default_rules, default_text
from services.scoring.scorecard.model import BandRule, Condition, GroupRule, in_words
from services.scoring.scorecard.parser import RulesError, parse_rules
from services.scoring.scorecard.vocabulary import SIGNALS, events
from shared.events import followup, known_events
from shared.yaml_lines import MOST_BYTES, MOST_NAMES

DAY = 86_400_000
ROOT = Path(__file__).parents[3]
GOOD = """\
signals: [webinar_attended]
heat:
  kinds:
    lead.captured: {half_life: 3d, weight: 20}
    signal.page_viewed: {half_life: 12h, weight: -2.5, group: browsing}
    detractor: {event: signal.survey_answered, when: {score: {at_most: 6}}, half_life: 60d, weight: -30}
    signal.survey_answered: {half_life: 60d, weight: 3}
    signal.webinar_attended: {half_life: 3d, weight: 9, group: browsing}
  groups:
    online: {cap: 40}
    browsing: {cap: 10, in: online}
  bands:
    warm: {from: 25, until: 20}
    hot: {from: 60, until: 50}
  fit:
    budget: {confirmed: 10, none: -5}
risk:
  base: 40
  kinds:
    complaint:
      {event: ticket.opened, when: {category: complaint, priority: {in: [high, urgent]}}, half_life: 30d, weight: 30}
    lead.won: {half_life: 30d, weight: -40}
  bands:
    at_risk: {from: 50, until: 40}
"""


def test_rules_are_read_as_written() -> None:
    rules = parse_rules(GOOD)
    heat, risk = rules.heat, rules.risk

    assert risk is not None
    assert (heat.name, heat.base, heat.lowest) == ("heat", 0.0, "cold")
    assert (risk.name, risk.base, risk.lowest) == ("risk", 40.0, "ok")
    viewed = heat.kinds["signal.page_viewed"]
    assert (viewed.event, viewed.when) == ("signal.page_viewed", ())
    assert (viewed.half_life_ms, viewed.weight, viewed.group) == (12 * 3_600_000, -2.5, "browsing")
    assert heat.kinds["detractor"].event == "signal.survey_answered"
    assert heat.kinds["detractor"].when == (Condition("score", "at_most", 6.0),)
    assert risk.kinds["complaint"].when == (
        Condition("category", "is", "complaint"),
        Condition("priority", "in", ("high", "urgent")),
    )
    assert heat.groups == {
        "browsing": GroupRule("browsing", 10.0, "online"),
        "online": GroupRule("online", 40.0),
    }
    assert heat.bands == (BandRule("warm", 25.0, 20.0), BandRule("hot", 60.0, 50.0))
    assert risk.bands == (BandRule("at_risk", 50.0, 40.0),)
    assert heat.fit == {"budget": {"confirmed": 10.0, "none": -5.0}}


def test_an_inner_group_stands_before_those_it_lies_in_whatever_the_order_of_the_file() -> None:
    groups = "{a: {cap: 1}, b: {cap: 1, in: a}, z: {cap: 1}, c: {cap: 1, in: b}}"
    rules = parse_rules(
        f"heat: {{kinds: {{}}, groups: {groups}, bands: {{warm: {{from: 2, until: 1}}, hot: {{from: 3, until: 2}}}}}}"
    )

    assert list(rules.heat.groups) == ["c", "b", "a", "z"]


@pytest.mark.parametrize(
    ("event", "attributes", "kind"),
    [
        ("signal.survey_answered", {"score": 6}, "detractor"),
        ("signal.survey_answered", {"score": 6.5}, "signal.survey_answered"),
        ("signal.survey_answered", {"score": True}, "signal.survey_answered"),
        ("signal.survey_answered", {"score": "six"}, "signal.survey_answered"),
        ("signal.survey_answered", {}, "signal.survey_answered"),
        ("lead.captured", {"channel": "web"}, "lead.captured"),
        ("lead.lost", {}, None),
    ],
)
def test_a_fact_counts_as_the_first_kind_of_its_event_whose_conditions_hold(
    event: str, attributes: dict[str, object], kind: str | None
) -> None:
    rules = parse_rules(GOOD)
    found = rules.kind_of("heat", event, attributes)

    assert (found.name if found else None) == kind
    assert rules.counters(event, attributes) == ((found.counter,) if found else ())


def test_a_part_of_an_attribute_can_be_asked_for() -> None:
    text = GOOD.replace(
        "lead.captured: {", "dear: {event: lead.offered, when: {value.minor: {at_least: 1000000}}, "
    )
    rules = parse_rules(text)

    assert rules.kind_of("heat", "lead.offered", {"value": {"minor": 1_000_000, "currency": "EUR"}})
    assert not rules.kind_of("heat", "lead.offered", {"value": {"minor": 999_999, "currency": "EUR"}})
    assert not rules.kind_of("heat", "lead.offered", {})


def test_equal_counts_of_both_scorecards_are_one_and_a_fact_adds_to_it_once() -> None:
    text = GOOD.replace("lead.captured: {half_life: 3d", "lead.won: {half_life: 30d")
    rules = parse_rules(text)
    risk = rules.risk

    assert risk is not None
    assert rules.heat.kinds["lead.won"].counter == risk.kinds["lead.won"].counter
    assert rules.counters("lead.won", {}) == (risk.kinds["lead.won"].counter,)


def test_plain_events_are_those_of_which_what_they_say_does_not_matter() -> None:
    rules = parse_rules(GOOD)

    assert rules.plain.keys() == {
        "lead.captured",
        "lead.won",
        "signal.page_viewed",
        "signal.webinar_attended",
    }
    for event, counters in rules.plain.items():
        assert rules.counters(event, {"score": 1}) == counters


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("half_life: 60d, weight: -30", "half_life: 61d, weight: -30"),
        ("at_most: 6", "at_most: 5"),
        ("score: {at_most: 6}", "points: {at_most: 6}"),
        ("score: {at_most: 6}", "score: {at_most: 6}, language: es"),
    ],
)
def test_another_half_life_or_other_conditions_make_another_count(old: str, new: str) -> None:
    before, after = parse_rules(GOOD), parse_rules(GOOD.replace(old, new))

    assert after.heat.kinds["detractor"].counter != before.heat.kinds["detractor"].counter
    assert after.heat.kinds["lead.captured"].counter == before.heat.kinds["lead.captured"].counter


def test_what_is_tried_before_a_kind_is_part_of_its_count_and_its_name_is_not() -> None:
    before = parse_rules(GOOD).heat.kinds["signal.survey_answered"].counter
    narrower = parse_rules(GOOD.replace("at_most: 6", "at_most: 5"))
    renamed = parse_rules(GOOD.replace("detractor", "unhappy").replace("weight: 3}", "weight: 4}"))
    lines = GOOD.splitlines(keepends=True)
    alone = parse_rules("".join(line for line in lines if "detractor" not in line))

    assert narrower.heat.kinds["signal.survey_answered"].counter.id != before.id
    assert renamed.heat.kinds["signal.survey_answered"].counter == before
    assert alone.heat.kinds["signal.survey_answered"].counter.id == "signal.survey_answered@60d"


def test_the_ids_of_counts_stay_what_they_are_for_states_are_kept_by_them() -> None:
    counts = {name: kind.counter for name, kind in parse_rules(GOOD).heat.kinds.items()}

    assert counts["signal.page_viewed"].id == "signal.page_viewed@12h"
    assert counts["signal.page_viewed"].code == 3_940_281_992
    assert counts["detractor"].id == "signal.survey_answered@60d?4cb438dc"
    assert counts["signal.survey_answered"].id == "signal.survey_answered@60d?32e1c055"


@pytest.mark.parametrize("name", DEFAULTS)
def test_the_rules_that_come_along_rate_leads_and_customers(name: str) -> None:
    rules = default_rules(name)

    assert rules.risk is not None
    assert {"lead.captured", "lead.won", "lead.lost"} <= rules.heat.by_event.keys()
    assert {kind.name for kind in rules.risk.kinds.values()} >= {"complaint", "detractor", "lead.won"}
    # Silence: whom nobody has met for long is at risk, and who has just bought is not.
    (at_risk,) = rules.risk.bands
    assert rules.risk.base >= at_risk.enter
    assert rules.risk.base + rules.risk.kinds["lead.won"].weight < at_risk.leave
    assert default_text(name).startswith("# ")


def test_every_signal_that_needs_no_declaration_counts_in_some_rules_that_come_along() -> None:
    counted = {
        event for name in DEFAULTS for each in default_rules(name).scorecards for event in each.by_event
    }

    assert {f"signal.{signal}" for signal in SIGNALS} <= counted


def test_rules_can_name_every_event_that_a_service_tells() -> None:
    told = {
        kind_of(event.model_construct(lead_id="ana"))
        for event in known_events()
        if event.topic in ("leads", "followup", "tickets") and event is not followup.ActivityLogged
    }
    results = {
        kind_of(followup.ActivityLogged.model_construct(result=each)) for each in followup.ActivityResult
    }

    assert events().keys() == told | results


def test_the_version_follows_the_content_and_nothing_else() -> None:
    rules = parse_rules(GOOD)
    signals, heat, risk = re.split(r"^(?=heat:|risk:)", GOOD, flags=re.M)
    lines = heat.splitlines(keepends=True)
    lines[2], lines[3] = lines[3].replace("12h", "720m"), lines[2].replace("20}", "20.0}")
    same = parse_rules(f"# a comment\n{risk}{''.join(lines)}{signals.replace(']', ', not_used]')}")

    assert same.version == rules.version
    assert same == rules
    assert hash(same) == hash(rules)
    assert re.fullmatch("[0-9a-f]{16}", rules.version)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("weight: 20", "weight: 21"),
        ("weight: 20", "weight: 20, group: browsing"),
        ("3d", "4d"),
        ("cap: 10", "cap: 11"),
        (", in: online", ""),
        ("until: 50", "until: 51"),
        ("none: -5", "none: -6"),
        ("at_most: 6", "at_most: 7"),
        ("detractor", "unhappy"),
        ("base: 40", "base: 41"),
        ("at_risk: {from: 50", "at_risk: {from: 51"),
    ],
)
def test_what_makes_a_difference_makes_another_version(old: str, new: str) -> None:
    assert old in GOOD
    assert parse_rules(GOOD.replace(old, new, 1)) != parse_rules(GOOD)


def test_order_makes_a_version_where_order_means_something() -> None:
    kind = "{event: lead.won, half_life: 1d, weight: 1, when: {value.currency:"
    one, other = f"    eur: {kind} EUR}}}}\n", f"    usd: {kind} USD}}}}\n"
    head, tail = GOOD.split("    lead.won: {half_life: 30d, weight: -40}\n")

    assert parse_rules(head + one + other + tail) != parse_rules(head + other + one + tail)


@pytest.mark.parametrize(
    ("old", "new", "line", "sentence"),
    [
        ("lead.captured", "lead.captrued", 4, "there is no event lead.captrued; did you mean lead.captured"),
        ("lead.captured", "sneezed", 4, "and the events are activity.answered"),
        ("lead.captured", "Lead", 4, "Lead cannot name a kind; write small letters"),
        ("lead.captured", "signal.webinar_atended", 4, "did you mean signal.webinar_attended?"),
        ("lead.captured", "signal.danced", 4, "A signal of your own is declared: signals: [danced]"),
        ("[webinar_attended]", "[Webinar]", 1, "Webinar cannot be a signal"),
        ("[webinar_attended]", "webinar_attended", 1, "signals must be a list with something in it"),
        ("event: signal.survey_answered", "event: survey", 6, "there is no event survey"),
        ("lead.captured: {", "lead.captured: {event: lead.won, ", 4, "lead.captured is an event itself"),
        ("3d", "0d", 4, "a half-life of 0d forgets a fact as it happens; give at least 1s"),
        ("3d", "4000d", 4, "give at most 3650d"),
        ("3d", "-3d", 4, "-3d is not a half-life; write a whole number and s, m, h, d or w, as 3d"),
        ("3d", "three", 4, "three is not a half-life"),
        ("weight: 20", "weight: .nan", 4, ".nan is not a number"),
        ("weight: 20", "weight: NaN", 4, "NaN cannot be added up"),
        ("weight: 20", "weight: -inf", 4, "-inf cannot be added up"),
        ("weight: 20", "weight: 1e999", 4, "1e999 cannot be added up"),
        ("weight: 20", "weight: 1000001", 4, "1000001 is too much; give at most 1000000 points"),
        ("weight: 20", "weight: yes", 4, "yes is not a number; write one such as 12 or -2.5"),
        ("weight: 20", "weight: [20]", 4, "one name or number belongs here"),
        ("weight: 20", 'weight: ""', 4, "one name or number belongs here"),
        (", weight: 20", "", 4, "kind lead.captured lacks weight"),
        ("weight: 20", "wieght: 20", 4, "has no wieght; it may have event, group, half_life, weight, when"),
        ("weight: 20", "weight: 20, weight: 30", 4, "weight is given twice; keep this one or the one on line 4"),
        ("group: browsing", "group: browsnig", 5, "there is no group browsnig; did you mean browsing?"),
        ("group: browsing", "group: mail", 5, "there is no group mail (there: browsing, online)"),
        ("signal.page_viewed", "lead.captured", 5, "lead.captured is given twice"),
        ("when: {score: {at_most: 6}}, ", "", 7, "is never reached: detractor above takes every signal.survey"),
        ("when: {score: {at_most: 6}}", "when: {}", 6, "no condition stands here; leave `when` out"),
        ("{at_most: 6}", "{}", 6, "say what score must be: at_least, at_most, in or is"),
        ("{at_most: 6}", "{above: 6}", 6, "there is no test above; there are at_least, at_most, in, is"),
        ("{at_most: 6}", "{at_most: six}", 6, "six is not a number"),
        ("{at_most: 6}", "{at_most: 6, at_least: 7}", 6, "cannot be at least more than at most"),
        ("{at_most: 6}", "[5, 6]", 6, "write several values as score: {in: [one, other]}"),
        ("{at_most: 6}", "{in: []}", 6, "score in must be a list with something in it"),
        ("{at_most: 6}", "no", 6, 'no may mean several things; write true, false, or the word "no"'),
        ("{at_most: 6}", "Six", 6, "Six is never told; words in signals are of small letters"),
        ("score: {", "Score: {", 6, "Score cannot be an attribute"),
        ("category: complaint", "categry: complaint", 21, "has no attribute categry; did you mean category?"),
        ("category: complaint", "category: complain", 21, "this is never complain; did you mean complaint?"),
        ("category: complaint", "category: fire", 21, "it is one of question, complaint, incident, request"),
        ("category: complaint", "category: {at_least: 2}", 21, "category is not a number; ask what it `is`"),
        ("cap: 10", "cap: 0", 11, "the cap of browsing must be above 0"),
        ("in: online", "in: offline", 11, "there is no group offline; did you mean online?"),
        ("online: {cap: 40}", "online: {cap: 40, in: browsing}", 10, "a circle: online in browsing in online;"),
        ("online: {cap: 40}", "online: {cap: 40, in: online}", 10, "in a circle: online in online;"),
        ("until: 20", "until: 26", 13, "warm is left below 26 but entered at 25; until must not be above from"),
        ("{from: 60, until: 50}", "{from: 25, until: 22}", 14, "hot must lie above warm: give it a from above 25"),
        ("{from: 60, until: 50}", "{from: 60, until: 20}", 14, "and an until above 20"),
        ("from: 25, until: 20", "from: 25, until: 0", 13, "warm must lie above cold"),
        ("from: 50, until: 40", "from: 50, until: -1", 24, "at_risk must lie above ok"),
        ("    hot: {from: 60, until: 50}\n", "", 13, "bands of heat lacks hot"),
        ("    hot:", "    boiling:", 14, "bands of heat has no boiling; it may have hot, warm"),
        ("at_risk:", "hot:", 24, "bands of risk has no hot; it may have at_risk"),
        ("  fit:", "  fits:", 15, "heat has no fits; it may have bands, base, fit, groups, kinds"),
        ("base: 40", "base: 2e6", 18, "2e6 is too much"),
        ("{cap: 10, in: online}", "10", 11, "group browsing must be names with values, as `name: value`"),
        ("{cap: 10, in: online}", "{cap: 10", 12, "this is not YAML"),
        ("heat:", "hot:", 2, "the file has no hot; it may have heat, risk, signals"),
        ("heat:", "heat: &all", 2, "anchors and aliases are not read here; write it out"),
        ("heat:", "heat: !!python/object:os.system", 2, "tags are not read here"),
        ("  kinds:", "  kinds: \x07", 3, "this is not YAML"),
        (GOOD, "", 1, "the file is empty; start from one that comes along"),
        (GOOD, "# nothing\n", 1, "the file is empty"),
        (GOOD, "- kinds", 1, "the file must be names with values"),
        (GOOD, f"{GOOD}---\n{GOOD}", 25, "a second document begins here"),
        (GOOD, "[" * 100_000, 1, "nothing here lies deeper than 8 levels"),
        (GOOD, "heat:\n  x: \ud800", 2, "this is not UTF-8; save the file as UTF-8"),
        (GOOD, " " * (MOST_BYTES + 1), 1, f"the file is longer than the {MOST_BYTES} bytes that it may have"),
    ],
)  # fmt: skip
def test_an_error_names_the_line_and_what_would_be_right(
    old: str, new: str, line: int, sentence: str
) -> None:
    assert old in GOOD

    with pytest.raises(RulesError) as caught:
        parse_rules(GOOD.replace(old, new, 1), "team.yaml")

    assert sentence in str(caught.value)
    assert str(caught.value).startswith(f"team.yaml, line {line}: ")
    assert caught.value.line == line


def test_ten_thousand_kinds_are_refused_at_the_first_that_is_too_many() -> None:
    kinds = "".join(f"    k{n}: {{}}\n" for n in range(10_000))

    with pytest.raises(RulesError) as caught:
        parse_rules(GOOD.replace("  groups:", f"{kinds}  groups:", 1))

    assert caught.value.line == 3 + MOST_NAMES + 1
    assert "at most 500 belong together" in str(caught.value)


def test_what_stands_for_much_more_than_it_says_is_refused() -> None:
    bomb = "a: &a [x, x]\n" + "".join(
        f"{b}: &{b} [*{a}, *{a}]\n" for a, b in zip("abcdef", "bcdefg", strict=True)
    )

    with pytest.raises(RulesError, match="line 1: anchors and aliases are not read here"):
        parse_rules(bomb)


@settings(max_examples=400)
@given(st.sampled_from(DEFAULTS), st.randoms(use_true_random=False), st.data())
def test_a_file_that_was_tampered_with_is_read_or_refused_at_a_line_of_it(
    name: str, random: Random, data: st.DataObject
) -> None:
    raw = default_text(name).encode()
    for _ in range(random.randint(1, 4)):
        at, length = random.randrange(len(raw)), random.choice((0, 1, 1, 2, 30))
        piece = random.choice(
            (
                data.draw(st.binary(max_size=4)),
                random.choice(
                    (b"{", b"}", b"[", b"]", b":", b"\n", b"  ", b"'", b'"', b"*", b"&a", b"!x", b"-", b"#")
                ),
                raw[(start := random.randrange(len(raw))) : start + random.randint(1, 60)],
            )
        )
        raw = raw[:at] + piece + raw[at + length :]

    line = 1
    try:
        parse_rules(raw)
    except RulesError as error:
        line = error.line
    assert 1 <= line <= max(1, len(raw.splitlines()))


@given(st.integers(1, 3650 * 24 * 3600))
def test_a_half_life_is_written_as_it_is_read(seconds: int) -> None:
    text = in_words(seconds * 1000)
    rules = parse_rules(GOOD.replace("3d", text, 1))

    assert rules.heat.kinds["lead.captured"].half_life_ms == seconds * 1000


def test_the_file_that_the_documentation_explains_is_good_and_its_words_on_silence_are_true() -> None:
    (example,) = re.findall(r"```yaml\n(.*?)```", (ROOT / "docs" / "rules.md").read_text(), re.S)
    risk = compile_rules(parse_rules(example, "docs/rules.md")).risk
    assert risk is not None
    won = parse_rules(example).kind_of("risk", "lead.won", {})
    assert won is not None
    counts = DecayedCounts()
    counts.add(won.counter.code, 0, won.half_life_ms)

    change = risk.next_change(counts, {}, "ok", 0)

    assert change is not None
    assert 107 * DAY < change < 108 * DAY
