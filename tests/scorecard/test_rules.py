"""Rules that are wrong say where, and what would be right."""

import pytest

from shared.scorecard.rules import KINDS, BandRule, KindRule, RulesError, default_rules, parse_rules

GOOD = """\
kinds:
  lead.captured: {half_life: 3d, weight: 20}
  signal.page_viewed: {half_life: 12h, weight: -2.5, group: browsing}
groups:
  browsing: {cap: 10}
bands:
  warm: {from: 25, until: 20}
  hot: {from: 60, until: 50}
fit:
  budget: {confirmed: 10, none: -5}
"""


def test_rules_are_read_as_written() -> None:
    rules = parse_rules(GOOD)

    assert rules.kinds == {
        "lead.captured": KindRule(3 * 86_400_000, 20.0),
        "signal.page_viewed": KindRule(12 * 3_600_000, -2.5, "browsing"),
    }
    assert rules.caps == {"browsing": 10.0}
    assert rules.bands == (BandRule("warm", 25.0, 20.0), BandRule("hot", 60.0, 50.0))
    assert rules.fit == {"budget": {"confirmed": 10.0, "none": -5.0}}
    assert rules.half_lives["signal.page_viewed"] == 43_200_000


def test_the_default_rules_weigh_every_kind() -> None:
    assert default_rules().kinds.keys() == KINDS


def test_the_version_follows_the_content_and_nothing_else() -> None:
    version = parse_rules(GOOD).version
    kinds, rest = GOOD.split("groups:")
    first, second = kinds.splitlines()[1:]
    same = f"# a comment\ngroups:{rest}kinds:\n{second}\n{first.replace('3d', '72h').replace('20', '20.0')}\n"

    assert parse_rules(same).version == version
    assert len(version) == 16
    for changed in ("weight: 21", "weight: 20, group: browsing"):
        assert parse_rules(GOOD.replace("weight: 20", changed)).version != version
    for old, new in [
        ("3d", "4d"),
        ("cap: 10", "cap: 11"),
        ("until: 50", "until: 51"),
        ("none: -5", "none: -6"),
    ]:
        assert parse_rules(GOOD.replace(old, new)).version != version


@pytest.mark.parametrize(
    ("old", "new", "line", "sentence"),
    [
        (
            "lead.captured",
            "lead.captrued",
            2,
            "there is no kind lead.captrued; the kinds are activity.answered",
        ),
        ("3d", "0d", 2, "a half-life of 0d forgets a fact as it happens; give at least 1s"),
        ("3d", "4000d", 2, "give at most 3650d"),
        ("3d", "-3d", 2, "-3d is not a half-life; write a whole number and s, m, h, d or w, as 3d"),
        ("3d", "three", 2, "three is not a half-life"),
        ("weight: 20", "weight: .nan", 2, ".nan is not a number"),
        ("weight: 20", "weight: NaN", 2, "NaN cannot be added up"),
        ("weight: 20", "weight: 1e999", 2, "1e999 cannot be added up"),
        ("weight: 20", "weight: yes", 2, "yes is not a number; write one such as 12 or -2.5"),
        ("weight: 20", "weight: [20]", 2, "one name or number belongs here"),
        ("weight: 20", "weight:", 2, "one name or number belongs here"),
        (", weight: 20", "", 2, "a kind lacks weight"),
        ("weight: 20", "wieght: 20", 2, "a kind has no wieght; it may have group, half_life, weight"),
        (
            "weight: 20",
            "weight: 20, weight: 30",
            2,
            "weight is given twice; keep this one or the one on line 2",
        ),
        ("group: browsing", "group: mail", 3, "group mail has no cap; add it under groups (there: browsing)"),
        (
            "signal.page_viewed",
            "lead.captured",
            3,
            "lead.captured is given twice; keep this one or the one on line 2",
        ),
        ("cap: 10", "cap: 0", 5, "the cap of browsing must be above 0"),
        (
            "until: 20",
            "until: 26",
            7,
            "warm is left below 26 but entered at 25; until must not be above from",
        ),
        (
            "{from: 60, until: 50}",
            "{from: 25, until: 22}",
            8,
            "hot must lie above warm: give it a from above 25",
        ),
        ("{from: 60, until: 50}", "{from: 60, until: 20}", 8, "and an until above 20"),
        ("from: 25, until: 20", "from: 25, until: 0", 7, "warm must lie above cold"),
        ("  hot: {from: 60, until: 50}\n", "", 7, "bands lacks hot"),
        ("  hot:", "  boiling:", 8, "bands has no boiling; it may have hot, warm"),
        ("fit:", "fits:", 9, "the rules has no fits"),
        ("{cap: 10}", "10", 5, "group browsing must be names with values, as `name: value`"),
        ("{cap: 10}", "{cap: 10", 6, "this is not YAML"),
        ("kinds:", "kinds: \x07", 1, "this is not YAML"),
        (GOOD, "", 1, "the file is empty; start from the default rules"),
        (GOOD, "- kinds", 1, "the rules must be names with values"),
    ],
)
def test_an_error_names_the_line_and_what_would_be_right(
    old: str, new: str, line: int, sentence: str
) -> None:
    assert old in GOOD

    with pytest.raises(RulesError) as caught:
        parse_rules(GOOD.replace(old, new, 1), "team.yaml")

    assert str(caught.value).startswith(f"team.yaml, line {line}: ")
    assert sentence in str(caught.value)
    assert caught.value.line == line
