"""Heat is right: a slow and obvious reckoning from the log's own bytes comes to the same.

The oracle knows JSON, YAML and the design's words on heat, and none of the code that it checks.
"""

from __future__ import annotations

import json
import math
import random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import httpx
import pytest
import yaml
from aiokafka import AIOKafkaConsumer, TopicPartition

from cli.imports.mapping_parser import load_mapping
from cli.imports.run import run
from services.scoring.ledger import Ledger
from services.scoring.processor.lead import ScoredLead
from services.scoring.queries.reads import Reads
from services.scoring.queries.reasons import explain
from services.scoring.rules_log import RulesLog
from services.scoring.scorecard.defaults import (
    default_rules,
)
from services.scoring.scorecard.lead_state import LeadState, fold
from shared.clock import milliseconds, utc_now
from shared.mongo import Mongo
from tests.conftest import System
from tests.e2e import histories
from tests.names import drawn
from tests.waiting import until

PAIRS = 1_000
ASKED = 100
"""How many of the pairs are put to the gateway; the others to scoring's own handler, on the same ledger."""

RESULTS = ("answered", "no_answer", "interested", "appointment", "objection")
PARTITIONS = 4


class Point(NamedTuple):
    """A fact as the oracle sees it: what it says, and when it happened, in milliseconds since 1970."""

    event: str
    at: int
    data: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Oracle:
    """Every fact of every lead, and what it is worth."""

    facts: dict[str, list[Point]]
    kinds: dict[str, Any]
    caps: dict[str, float]
    fit: dict[str, dict[str, float]]
    tied: frozenset[str]
    """Leads that were ever part of another, or had one: other tests look at those."""

    def rule(self, fact: Point) -> Any:
        """The first kind that counts the fact, if any does."""
        for name, rule in self.kinds.items():
            wanted = rule.get("when", {}).items()
            if rule.get("event", name) == fact.event and all(
                fact.data[each] == value for each, value in wanted
            ):
                return rule
        return None

    def groups(self, lead_id: str, at: int) -> dict[str, float]:
        """The sum of weight x 2^-(age/half-life) of each group; what belongs to none is under ""."""
        groups: dict[str, list[float]] = {}
        for fact in self.facts[lead_id]:
            rule = self.rule(fact)
            if rule is not None and fact.at <= at:
                points = rule["weight"] * 2.0 ** (-(at - fact.at) / half_life(rule["half_life"]))
                groups.setdefault(rule.get("group", ""), []).append(points)
        return {group: math.fsum(points) for group, points in groups.items()}

    def heat(self, lead_id: str, at: int) -> float:
        """Each group within its cap, with what the lead is worth for what it is, and never below 0."""
        held = [
            max(-self.caps[group], min(self.caps[group], points)) if group else points
            for group, points in self.groups(lead_id, at).items()
        ]
        return max(0.0, math.fsum([*held, self.worth(lead_id, at)]))

    def worth(self, lead_id: str, at: int) -> float:
        """The points of what its newest qualification says."""
        said = [
            fact.data["attributes"]
            for fact in self.facts[lead_id]
            if fact.event == "lead.qualified" and fact.at <= at
        ]
        named = said[-1] if said else {}
        return math.fsum(self.fit.get(name, {}).get(value, 0.0) for name, value in named.items())

    def is_plain(self, lead_id: str, at: int) -> bool:
        """Whether heat is a mere sum then: no group is held by its cap, and the sum not at 0."""
        sums = self.groups(lead_id, at)
        held = [group for group, points in sums.items() if group and abs(points) > self.caps[group]]
        return not held and self.heat(lead_id, at) > 0


def half_life(text: str) -> int:
    """In milliseconds."""
    return int(text[:-1]) * {"h": 3_600_000, "d": 86_400_000, "w": 604_800_000}[text[-1]]


def instant(text: str) -> int:
    """An RFC 3339 time in milliseconds since 1970."""
    return (datetime.fromisoformat(text) - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)


def kind_of(event: dict[str, Any]) -> str:
    name = str(event["type"]).removeprefix("ascua.").removesuffix(".v1")
    if name == "signal.received":
        return "signal.automated" if "automated" in event["data"] else f"signal.{event['data']['kind']}"
    if name == "activity.logged":
        result = event["data"]["result"]
        return f"activity.{result if result in RESULTS else 'other'}"
    return name


async def records(system: System, topic: str) -> list[tuple[bytes, bytes | None]]:
    """Key and value of all that is committed in a topic, each partition in its order."""
    found = []
    name = f"{system.addresses.topic_prefix}.{topic}"
    async with AIOKafkaConsumer(
        **system.addresses.kafka.client,
        isolation_level="read_committed",
        auto_offset_reset="earliest",
    ) as reader:
        waiting = {TopicPartition(name, number) for number in range(PARTITIONS)}
        reader.assign(waiting)
        ends = await reader.end_offsets(waiting)
        while waiting := {tp for tp in waiting if await reader.position(tp) < ends[tp]}:
            for batch in (await reader.getmany(*waiting, timeout_ms=200)).values():
                found += [(record.key, record.value) for record in batch]
    return found


async def oracle_of(system: System) -> Oracle:
    known: set[tuple[object, ...]] = set()
    facts: dict[str, list[Point]] = {}
    for topic in ("leads", "followup", "tickets", "signals"):
        for _, value in await records(system, topic):
            try:
                event = json.loads(value or b"")
                lead_id = event["subject"]
                point = Point(kind_of(event), instant(event["time"]), event["data"])
            except (ValueError, KeyError, TypeError):
                continue  # what other tests sent to see it put aside
            name = (
                (event["aggregate"], event["sequence"])
                if "aggregate" in event
                else (lead_id, event["id"], "")
            )
            if name not in known:
                known.add(name)
                facts.setdefault(lead_id, []).append(point)
    ties = {"lead.merged", "lead.split"}
    tied = frozenset(lead for lead, points in facts.items() if any(point.event in ties for point in points))
    rules = yaml.safe_load((histories.ROOT / "services/scoring/scorecard/default.yaml").read_text("utf-8"))[
        "heat"
    ]
    return Oracle(
        {lead: points for lead, points in facts.items() if lead not in tied},
        rules["kinds"],
        {name: group["cap"] for name, group in rules["groups"].items()},
        rules["fit"],
        tied,
    )


@pytest.fixture(scope="module")
async def oracle(system: System, tmp_path_factory: pytest.TempPathFactory) -> Oracle:
    """Of the running system, with history in it, live traffic, and repeats of both."""
    home = tmp_path_factory.mktemp("oracle")
    logs = [histories.drawn(home / "drawn.csv", 40, seed=77)]
    if histories.REAL_LOG.exists():
        logs.append(histories.real(home / "real.csv", 1_500))
    async with system.client() as gateway:
        await live_traffic(gateway)
        for log in logs:
            await run(log, load_mapping(histories.MAPPING), system.gateway, system.key, quiet=0.0)

        async def caught_up() -> bool:
            return bool((await gateway.get("/v1/status")).json()["caught_up"])

        await until(caught_up)
    return await oracle_of(system)


async def live_traffic(gateway: httpx.AsyncClient) -> None:
    """Leads to whom everything happens that has a weight, some of it told twice."""
    kinds = (
        "page_viewed",
        "pricing_viewed",
        "email_clicked",
        "chat_message",
        "demo_requested",
        "unsubscribed",
    )
    for number, kind in enumerate(kinds):
        lead = drawn("oracle-")
        signals = [{"id": f"{lead}-{n}", "lead_id": lead, "kind": kind} for n in range(12)]
        activities = f"/v1/leads/{lead}/activities"
        tickets = [
            {"lead_id": lead, "category": category, "subject": "It is late"}
            for category in ("complaint", "question")[number % 2 :]
        ]
        answers = [
            await gateway.post("/v1/leads", json={"lead_id": lead, "channel": "web"}),
            *[await gateway.post("/v1/signals", json=signals) for _ in range(2)],
            *[await gateway.post(activities, json={"kind": "call", "result": result}) for result in RESULTS],
            *[await gateway.post("/v1/tickets", json=ticket) for ticket in tickets],
        ]
        assert not [answer.text for answer in answers if not answer.is_success]


def pairs(oracle: Oracle, count: int) -> list[tuple[str, int]]:
    """Leads and instants, from a day before the lead's first fact to two months after its last."""
    lot, day = random.Random(1_000), 86_400_000
    leads = sorted(oracle.facts)
    drawn = []
    for _ in range(count):
        lead = lot.choice(leads)
        times = [fact.at for fact in oracle.facts[lead]]
        drawn.append((lead, lot.randrange(min(times) - day, max(times) + 60 * day)))
    return drawn


async def test_heat_of_a_thousand_leads_and_instants_is_what_the_oracle_says(
    system: System, oracle: Oracle
) -> None:
    mongo = Mongo(system.addresses.mongo_url, f"{system.addresses.database_prefix}_scoring")
    reads, warm = Reads(Ledger(mongo), RulesLog(system.addresses.topics), utc_now), 0
    async with system.client() as gateway:
        for number, (lead, at_ms) in enumerate(pairs(oracle, PAIRS)):
            expected = oracle.heat(lead, at_ms)
            at = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=at_ms)
            if number < ASKED:
                answer = await gateway.get(
                    f"/v1/leads/{lead}/heat/explain", params={"at": at.isoformat(timespec="milliseconds")}
                )
                assert answer.is_success, answer.text
                told: dict[str, Any] = answer.json()
                heat, parts = told["heat"], [told["terms"], told["rest"], told["fit"], told["caps"]]
                points = [each["points"] for part in parts for each in part]
            else:
                explained = (await explain(reads, lead, at)).score
                heat = explained.heat
                points = [each.points for each in (*explained.terms, *explained.rest)]
                points += [fit.points for fit in explained.fit] + [cap.points for cap in explained.caps]
            assert heat == pytest.approx(expected, abs=1e-9), (lead, at_ms)
            assert math.fsum(points) == pytest.approx(heat, abs=1e-9), (lead, at_ms)
            warm += expected > 1
    await mongo.stop()
    assert warm > PAIRS / 4  # zeros agree too easily


async def test_heat_as_it_was_told_is_what_the_oracle_says_then_and_later(
    system: System, oracle: Oracle
) -> None:
    told = {key.decode(): json.loads(value) for key, value in await records(system, "heat") if value}
    told = {lead: event for lead, event in told.items() if lead not in oracle.tied}
    plain = 0
    for lead, event in told.items():
        at = instant(event["time"])
        assert event["data"]["heat"] == pytest.approx(oracle.heat(lead, at), abs=1e-9), lead
        later = at + 86_400_000
        if oracle.is_plain(lead, at) and oracle.is_plain(lead, later):
            plain += 1
            parts = [points * 2.0 ** (-86_400 / seconds) for seconds, points in event["data"]["parts"]]
            heat = math.fsum([*parts, event["data"].get("base", 0.0)])
            assert heat == pytest.approx(oracle.heat(lead, later), abs=1e-9), lead
    assert told.keys() == {lead for lead, facts in oracle.facts.items() if any(map(oracle.rule, facts))}
    assert plain > 5


async def test_the_folded_state_is_what_the_ledger_gives(system: System, oracle: Oracle) -> None:
    rules = default_rules()
    kept = [(key.decode(), value) for key, value in await records(system, "scoring-state")]
    newest = {key: value for key, value in kept if "/" not in key}
    mongo = Mongo(system.addresses.mongo_url, f"{system.addresses.database_prefix}_scoring")
    ledger = Ledger(mongo)
    for lead, record in newest.items():
        assert record is not None
        state = LeadState()
        async for entries in ledger.upwards([lead], milliseconds(utc_now()) + 10**9):
            for entry in (each for each in entries if each.topic != "scoring"):
                fold(state, entry.fact, rules.counters(entry.kind, entry.fact.attributes or {}))
        assert ScoredLead.decode(lead, record).state.counts_digest() == state.counts_digest(), lead
    await mongo.stop()
    assert newest.keys() >= oracle.facts.keys()
