"""`ascua rules backtest` and `fit`, as a person runs them."""

from __future__ import annotations

import json
import re
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from typer.testing import CliRunner

from cli import program
from services.scoring.scorecard.compiled_rules import (
    CompiledRules,
    compile_rules,
)
from services.scoring.scorecard.defaults import (
    default_rules,
    default_text,
)
from services.scoring.scorecard.parser import (
    parse_rules,
)
from shared.bus.cluster import admin
from shared.bus.topics import FACTS, Topics
from shared.events import Recorded, encode
from shared.events.base import Event
from shared.events.rules import RulesPublished
from tests.cli.commands import ascua, told
from tests.cli.lab.facts import NEW_RULES, published_later, told_facts
from tests.scoring.log import producer
from tests.servers import Addresses


async def publish(topics: Topics, facts: list[Recorded[Event]]) -> None:
    async with producer(topics) as sender:
        for each in facts:
            name = topics.name(each.event.topic)
            await sender.send(name, encode(each), key=each.lead_id.encode())
        await sender.flush()


OF_A_TEST = re.compile(r"(t|system)[0-9a-f]{12}\.")


async def standing(topics: Topics) -> tuple[set[str], dict[TopicPartition, int]]:
    """The groups there are, but for those of tests that run meanwhile, and where the topics end."""
    async with admin(topics.brokers) as client:
        groups = {group for group, *_ in await client.list_consumer_groups()}
        groups = {each for each in groups if each.startswith(topics.prefix) or not OF_A_TEST.match(each)}
        described = await client.describe_topics([topics.name(topic.name) for topic in FACTS])
    places = [TopicPartition(each["topic"], p["partition"]) for each in described for p in each["partitions"]]
    async with AIOKafkaConsumer(**topics.brokers.client) as reader:
        return groups, await reader.end_offsets(places)


def environment(home: Path, servers: Addresses, topics: Topics) -> dict[str, str]:
    return told(
        home,
        **servers.kafka.environment(),
        ASCUA_MONGO_URL=servers.mongo_url,
        ASCUA_TOPIC_PREFIX=topics.prefix,
    )


async def test_a_backtest_predicts_the_states_that_scoring_then_has_and_touches_nothing(
    servers: Addresses, topics: Topics, tmp_path: Path
) -> None:
    until = datetime.now(UTC).replace(microsecond=0)
    facts = told_facts(40, until - timedelta(hours=20), timedelta(minutes=20))
    facts = [each for each in facts if each.event.at < until]
    await publish(topics, [*facts, *facts[:30]])  # told twice is told once
    async with producer(topics) as sender:
        await sender.send_and_wait(topics.name("signals"), b"not an event", key=b"lead-1")
    in_force = compile_rules(default_rules("retail"))
    published = RulesPublished(
        lead_id="r1", at=until, rules=in_force.version, effective_at=until, text=default_text("retail")
    )
    async with producer(topics) as sender:
        told_rules = encode(Recorded("r1", published, until, 1, published.aggregate))
        await sender.send_and_wait(topics.name("rules"), told_rules, key=b"r1")
    (tmp_path / "new.yaml").write_text(NEW_RULES)
    before = await standing(topics)

    done = await ascua(
        "rules", "backtest", str(tmp_path / "new.yaml"), "--to", until.isoformat(), "--by", "origin",
        "--states", str(tmp_path / "states.ndjson"), "--picture", str(tmp_path / "picture.svg"), "--json",
        env=environment(tmp_path / "home", servers, topics),
    )  # fmt: skip

    assert done.code == 1, done.err
    assert "1 records could not be read" in done.err
    assert await standing(topics) == before
    rules = CompiledRules(parse_rules(NEW_RULES))
    expected = published_later(facts, in_force, rules, until)
    states = [json.loads(line) for line in (tmp_path / "states.ndjson").read_text().splitlines()]
    assert {each["lead"]: (each["heat"], each["band"], each["digest"]) for each in states} == expected
    assert len({each["band"] for each in states}) > 1
    report = done.document
    assert report["leads"] == 40
    assert report["on_trial"] == rules.version
    assert report["in_force"] == in_force.version
    assert report["crossings"]["LeadWentHot"]["on_trial"] > 0
    groups = report["disparity"]["origin"]["6h"]["on_trial"]["groups"]
    assert [group["name"] for group in groups] == ["fair_madrid", "google"]
    assert groups[1]["share_hot"]["why"].endswith("leads, fewer than 30")
    assert report["worth"]["72h"]["on_trial"]["auc"]["why"].startswith("0 won and 0 lost")
    assert (tmp_path / "picture.svg").read_text().startswith("<?xml")


async def test_rules_are_fitted_written_and_tried(servers: Addresses, topics: Topics, tmp_path: Path) -> None:
    facts = told_facts(330, datetime(2026, 3, 1, tzinfo=UTC), timedelta(hours=5))
    await publish(topics, facts)
    env, file = environment(tmp_path / "home", servers, topics), tmp_path / "learned.yaml"

    done = await ascua("rules", "fit", "-o", str(file), "--json", env=env)

    assert done.code == 0, done.err
    assert parse_rules(file.read_text(), "learned.yaml").version == done.document["version"]
    assert done.document["learned_from"]["won"] > 30
    assert done.document["worth_later"]["24h"]["learned"]["auc"]["value"] > 0.55
    again = await ascua("rules", "fit", "-o", str(file), env=env)
    assert again.code == 2
    assert "is there already" in " ".join(again.err.replace("│", " ").split())
    early = await ascua("rules", "fit", "--to", "2026-03-05", env=env)
    assert early.code == 1
    assert "rules are learned from 30 of each" in early.err
    assert early.out == ""


def used(*arguments: str) -> tuple[int, str]:
    done = CliRunner().invoke(program(), ["rules", *arguments], env={"COLUMNS": "200"})
    return done.exit_code, " ".join(done.output.replace("│", " ").split())


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["backtest", "missing.yaml"], "missing.yaml cannot be read: No such file or directory"),
        (
            ["backtest", "wrong.yaml"],
            "wrong.yaml, line 8: there is no signal.page_vewed; did you mean signal.page_viewed",
        ),
        (["backtest", "new.yaml", "--from", "yesterday"], "write a day, as 2026-11-21"),
        (["backtest", "new.yaml", "--from", "2026-02-01", "--to", "2026-01-01"], "it must lie before --to"),
        (["backtest", "new.yaml", "--picture", "a.gif"], "a.gif is neither an SVG nor a PNG"),
        (["backtest", "new.yaml", "--states", "nowhere/states"], "there is no directory nowhere"),
        (["fit", "-o", "new.yaml"], "new.yaml is there already"),
    ],
)
def test_wrong_usage_is_told_before_anything_is_read(
    arguments: list[str], says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("new.yaml").write_text(NEW_RULES)
    Path("wrong.yaml").write_text(NEW_RULES.replace("signal.page_viewed", "signal.page_vewed"))

    code, output = used(*arguments)

    assert code == 2
    assert says in output


@pytest.mark.parametrize(
    ("package", "arguments", "says"),
    [
        ("sklearn", ["fit"], "learning rules needs scikit-learn; install it with: pip install 'ascua[fit]'"),
        ("matplotlib", ["backtest", "new.yaml", "--picture", "a.svg"], "a picture needs matplotlib"),
    ],
)
def test_what_is_not_installed_is_named(
    package: str, arguments: list[str], says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, package, None)
    Path("new.yaml").write_text(NEW_RULES)

    code, output = used(*arguments)

    assert code == 2
    assert says in output
