"""`ascua rules`, as an operator uses it, and as one gets it wrong."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from services.scoring.scorecard.changes import Change, changes
from services.scoring.scorecard.defaults import (
    default_rules,
    default_text,
)
from services.scoring.scorecard.parser import (
    parse_rules,
)
from shared.bus.topics import Topics
from shared.clock import utc_now
from tests.cli.commands import ascua, told
from tests.servers import Addresses
from tests.shared.kit import log

DEFAULT = default_text()


def edited(home: Path, *edits: tuple[str, str]) -> Path:
    """The rules that come along, edited, in a file."""
    text = DEFAULT
    for old, new in edits:
        assert old in text
        text = text.replace(old, new, 1)
    file = home / "team.yaml"
    file.write_text(text)
    return file


@pytest.fixture
def env(servers: Addresses, topics: Topics, tmp_path: Path) -> dict[str, str]:
    """Servers that are given, with topics of this test's own."""
    return told(
        tmp_path,
        **servers.kafka.environment(),
        ASCUA_MONGO_URL=servers.mongo_url,
        ASCUA_TOPIC_PREFIX=topics.prefix,
    )


async def test_a_file_is_checked_without_any_server(tmp_path: Path) -> None:
    env = told(tmp_path / "home", ASCUA_KAFKA_BOOTSTRAP="127.0.0.1:1")
    good = await ascua("rules", "check", str(edited(tmp_path)), "--json", env=env)

    assert good.code == 0
    assert good.document["rules"] == default_rules().version
    assert good.document["scorecards"]["risk"]["bands"] == ["at_risk"]
    shown = await ascua("rules", "show", "--default", "retail", env=env)
    assert (shown.code, shown.out) == (0, default_text("retail"))


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (
            DEFAULT.replace("lead.won", "lead.wn", 1).encode(),
            "line 22: there is no event lead.wn; did you mean",
        ),
        (b"heat:\n  \xff\xfe", "line 2: this is not UTF-8"),
    ],
)
async def test_a_wrong_file_gets_its_line_and_what_would_be_right(
    tmp_path: Path, content: bytes, sentence: str
) -> None:
    file = tmp_path / "wrong.yaml"
    file.write_bytes(content)

    done = await ascua("rules", "check", str(file), "--json", env=told(tmp_path))

    assert (done.code, done.out) == (1, "")
    assert f"ascua: {file}, {sentence}" in done.err
    assert "Traceback" not in done.err


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["show", "--default", "bank"], "there are no default rules bank; there are default and retail"),
        (["show", "0123456789abcdef", "--default", "retail"], "one of the three"),
        (["publish", "pyproject.toml"], "nobody can be asked here"),
    ],
)
async def test_wrong_usage_is_told_from_refused_rules(
    tmp_path: Path, arguments: list[str], sentence: str
) -> None:
    done = await ascua("rules", *arguments, env=told(tmp_path))

    assert done.code == 2
    assert sentence in " ".join(done.err.replace("│", " ").split())


async def test_rules_are_published_after_what_they_change_was_shown(
    env: dict[str, str], topics: Topics, tmp_path: Path
) -> None:
    file = edited(
        tmp_path,
        ("lead.captured: {half_life: 7d, weight: 30}", "lead.captured: {half_life: 7d, weight: 31}"),
        ("activity.other: {half_life: 7d", "activity.other: {half_life: 8d"),
        ("    signal.work_done: {half_life: 2d, weight: 1, group: work}\n", ""),
    )
    done = await ascua("rules", "publish", str(file), "--yes", "--json", env=env)

    assert done.code == 0, done.err
    document = done.document
    assert (document["rules"], document["before"], document["then"]) == (
        parse_rules(file.read_bytes()).version, default_rules().version, [],
    )  # fmt: skip
    assert [(each["name"], each["after"], each["new_count"]) for each in document["changes"]] == [
        ("activity.other", "half_life: 8d, weight: 1", True),
        ("lead.captured", "half_life: 7d, weight: 31", False),
        ("signal.work_done", None, False),
    ]
    assert "heat kind lead.captured: half_life: 7d, weight: 30 -> half_life: 7d, weight: 31\n" in done.err
    assert "activity.other: half_life: 7d, weight: 1 -> half_life: 8d, weight: 1 (a new count" in done.err

    monday = utc_now() + timedelta(days=3)
    ahead = await ascua(
        "rules", "publish", str(edited(tmp_path)), "--at", monday.isoformat(), "--yes", env=env
    )
    assert ahead.code == 0, ahead.err
    assert "heat kind signal.work_done: new: half_life: 2d, weight: 1, group: work" in ahead.err

    now = await ascua("rules", "show", "--json", env=env)
    then = await ascua("rules", "show", "--at", (monday + timedelta(seconds=1)).isoformat(), env=env)
    before = await ascua("rules", "show", "--at", "2026-01-01T00:00:00Z", "--json", env=env)
    assert now.document["rules"] == document["rules"]
    assert then.out == DEFAULT
    assert (before.document["rules"], before.document["effective_at"]) == (default_rules().version, None)

    assert len(await log(topics, "rules")) == 2


async def test_wrong_rules_are_not_published_and_nothing_changes(
    env: dict[str, str], topics: Topics, tmp_path: Path
) -> None:
    wrong = edited(tmp_path, ("browsing: {cap: 30}", "browsing: {cap: 30, in: browsing}"))
    done = await ascua("rules", "publish", str(wrong), "--yes", "--json", env=env)
    same = await ascua("rules", "publish", str(edited(tmp_path)), "--yes", env=env)
    past = await ascua(
        "rules", "publish", str(edited(tmp_path)), "--at", "2026-01-01T00:00:00Z", "--yes", env=env
    )
    unknown = await ascua("rules", "show", "0123456789abcdef", env=env)

    assert (done.code, done.out) == (1, "")
    assert "groups lie in a circle: browsing in browsing; take one `in` of these away" in done.err
    assert (same.code, past.code, unknown.code) == (1, 1, 1)
    assert "are in force then already" in same.err
    assert "has passed, and the past stays as it was" in past.err
    assert "no rules 0123456789abcdef were ever published" in unknown.err
    assert await log(topics, "rules") == []


def test_what_changes_is_told_name_by_name() -> None:
    before = parse_rules(DEFAULT)
    after = parse_rules(
        DEFAULT.replace("base: 60", "base: 61")
        .replace("offer: {cap: 40}", "offer: {cap: 41, in: work}")
        .replace("hot: {from: 60", "hot: {from: 61")
        .replace("budget: {confirmed: 10, none: -10}", "budget: {confirmed: 10, promised: 4}")
        .replace("score: {at_most: 6}", "score: {at_most: 5}")
    )

    assert changes(before, after) == [
        Change("heat", "group", "offer", "cap: 40", "cap: 41, in: work"),
        Change("heat", "band", "hot", "from: 60, until: 50", "from: 61, until: 50"),
        Change("heat", "fit", "budget: none", "-10", None),
        Change("heat", "fit", "budget: promised", None, "4"),
        Change("risk", "base", "base", "60", "61"),
        Change(
            "risk", "kind", "detractor",
            "event: signal.survey_answered, when: score at_most 6, half_life: 60d, weight: 40",
            "event: signal.survey_answered, when: score at_most 5, half_life: 60d, weight: 40",
            new_count=True,
        ),
        # it is tried after the detractors, so it may count others now
    ]  # fmt: skip
    assert changes(before, before) == []
    assert all(
        each.before is None
        for each in changes(parse_rules(_heat_alone()), before)
        if each.scorecard == "risk"
    )


def _heat_alone() -> str:
    return DEFAULT[: DEFAULT.index("risk:")]
