"""Scoring as a whole: facts go in, heat comes out, and the API says why."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path
from random import Random
from typing import Any

import httpx
import pytest
from aiokafka import AIOKafkaProducer, ConsumerRecord

from services.scoring.main import Settings, app
from services.scoring.processor.lead import ScoredLead
from services.scoring.scorecard.defaults import default_rules
from services.scoring.scorecard.fact import Fact
from services.scoring.scorecard.lead_state import LeadState, fold
from shared.bus.cluster import Cluster
from shared.bus.dead_letter_topic import open_dead_letters
from shared.bus.dead_letters import DeadLetter, dead_letter
from shared.bus.topics import Topics
from shared.clock import clamp, utc_now
from shared.embedded.home import free_port
from shared.errors import Undecodable
from shared.events import Event, Recorded, decode, encode
from shared.events.leads import LeadCaptured, LeadWon
from shared.events.scoring import HeatChanged, LeadCooled, LeadWarmed
from shared.events.signals import SignalReceived
from shared.events.tickets import TicketOpened
from tests.names import drawn
from tests.scoring.log import Reader, producer
from tests.servers import Addresses
from tests.waiting import until

ROOT = Path(__file__).parents[2]
RULES = default_rules()
numbers = count(1)


def recorded(event: Event, sequence: int | None = None, at: datetime | None = None) -> Recorded[Event]:
    aggregate = event.aggregate if sequence is not None else None
    return Recorded(f"event-{next(numbers)}", event, at or event.at, sequence, aggregate)


def signal(lead_id: str, kind: str = "page_viewed", at: datetime | None = None) -> Recorded[Event]:
    return recorded(SignalReceived(lead_id=lead_id, at=whole(at or utc_now()), kind=kind))


def captured(lead_id: str, at: datetime | None = None) -> Recorded[Event]:
    return recorded(LeadCaptured(lead_id=lead_id, at=whole(at or utc_now()), channel="web"), 1)


def whole(at: datetime) -> datetime:
    """In whole milliseconds, as the log has it."""
    return clamp(at, utc_now() + timedelta(days=1))


class Channel:
    """Puts events on their topics."""

    def __init__(self, topics: Topics, sender: AIOKafkaProducer) -> None:
        self._topics = topics
        self._sender = sender

    async def tell(self, *told: Recorded[Event]) -> None:
        sent = [
            await self._sender.send(
                self._topics.name(each.event.topic), encode(each), key=each.lead_id.encode()
            )
            for each in told
        ]
        await asyncio.gather(*sent)

    async def put(self, topic: str, key: str, value: bytes, headers: dict[str, str] | None = None) -> None:
        listed = [(name, text.encode()) for name, text in (headers or {}).items()]
        await self._sender.send_and_wait(self._topics.name(topic), value, key=key.encode(), headers=listed)


@pytest.fixture(scope="module")
async def topics(servers: Addresses) -> Topics:
    """One set of topics for all of these tests: each tells of leads of its own."""
    topics = Topics(servers.kafka, drawn())
    await Cluster(topics).apply()
    return topics


@pytest.fixture(scope="module")
async def channel(topics: Topics) -> AsyncIterator[Channel]:
    async with producer(topics) as sender:
        yield Channel(topics, sender)


@pytest.fixture
def ana() -> str:
    return f"ana-{next(numbers)}"


@asynccontextmanager
async def scoring(servers: Addresses, topics: Topics) -> AsyncIterator[httpx.AsyncClient]:
    application = app(
        Settings(
            **servers.settings(),
            topic_prefix=topics.prefix,
            database_prefix=topics.prefix,
        )
    )
    transport = httpx.ASGITransport(application)
    async with (
        application.router.lifespan_context(application),
        httpx.AsyncClient(transport=transport, base_url="http://scoring") as client,
    ):
        await until(lambda: is_ready(client))
        yield client


@pytest.fixture(scope="module")
async def client(servers: Addresses, topics: Topics) -> AsyncIterator[httpx.AsyncClient]:
    async with scoring(servers, topics) as running:
        yield running


async def is_ready(client: httpx.AsyncClient) -> bool:
    return (await client.get("/readyz")).status_code == 200


async def entries(client: httpx.AsyncClient, lead_id: str) -> list[dict[str, Any]]:
    """What the ledger holds of a lead, apart from what scoring itself told."""
    answer = await client.get(f"/leads/{lead_id}/timeline", params={"limit": 500})
    return [entry for entry in answer.json()["entries"] if entry["topic"] != "scoring"]


async def known(client: httpx.AsyncClient, lead_id: str, facts: int) -> None:
    """Wait until the ledger holds so many facts of a lead."""

    async def is_known() -> bool:
        return len(await entries(client, lead_id)) >= facts

    await until(is_known)


async def heats(reader: Reader) -> dict[str, HeatChanged]:
    told = [decode(record.value).event for record in await reader.read()]
    return {event.lead_id: event for event in told if isinstance(event, HeatChanged)}


async def test_heat_is_told_of_every_signal(
    client: httpx.AsyncClient, channel: Channel, topics: Topics, ana: str
) -> None:
    async with Reader(topics, "heat") as reader:
        for number in range(1, 21):
            await channel.tell(signal(ana))
            await until(lambda number=number: told_times(reader, number, ana))


async def told_times(reader: Reader, times: int, lead_id: str | None = None) -> bool:
    return len(of(lead_id, await reader.read())) >= times


def of(lead_id: str | None, found: list[ConsumerRecord]) -> list[ConsumerRecord]:
    return [record for record in found if lead_id is None or record.key == lead_id.encode()]


async def test_heat_has_reasons_that_sum_to_it_now_and_at_every_instant(
    client: httpx.AsyncClient, channel: Channel, ana: str
) -> None:
    now = utc_now()
    random = Random(7)
    kinds = ["page_viewed", "pricing_viewed", "chat_message", "email_opened", "unsubscribed"]
    story = [
        signal(ana, random.choice(kinds), now - timedelta(hours=random.uniform(0, 200))) for _ in range(60)
    ]
    story.append(captured(ana, now - timedelta(hours=300)))
    await channel.tell(*story)
    await known(client, ana, 61)

    for _ in range(20):
        at = whole(now - timedelta(hours=random.uniform(-20, 320)))
        heat = (await client.get(f"/leads/{ana}/heat", params={"at": at.isoformat()})).json()
        why = (await client.get(f"/leads/{ana}/heat/explain", params={"at": at.isoformat()})).json()

        assert heat["heat"] == pytest.approx(plain_heat(story, at), abs=1e-9)
        assert why["heat"] == heat["heat"]
        points = [each["points"] for section in ("terms", "fit", "caps") for each in why[section]]
        assert sum(points) == pytest.approx(heat["heat"], abs=1e-9)
        assert {term["topic"] for term in why["terms"]} <= {"signals", "leads"}


def plain_heat(story: list[Recorded[Event]], at: datetime) -> float:
    """Heat the slow and obvious way."""
    sums: dict[str | None, float] = {}
    for each in story:
        age = (at - each.event.at).total_seconds() * 1000
        kind = f"signal.{each.event.kind}" if isinstance(each.event, SignalReceived) else "lead.captured"
        rule = RULES.heat.kinds[kind]
        if age >= 0:
            points = rule.weight * 2 ** (-age / rule.half_life_ms)
            sums[rule.group] = sums.get(rule.group, 0.0) + points
    held = [
        points
        if group is None
        else max(-RULES.heat.groups[group].cap, min(RULES.heat.groups[group].cap, points))
        for group, points in sums.items()
    ]
    return max(0.0, sum(held))


async def test_the_heat_that_is_told_is_the_heat_that_is_answered(
    client: httpx.AsyncClient, channel: Channel, topics: Topics, ana: str
) -> None:
    now = utc_now()
    await channel.tell(
        captured(ana, now), signal(ana, "demo_requested", now), signal(f"ben-{ana}", "chat_message", now)
    )
    await known(client, ana, 2)
    async with Reader(topics, "heat") as reader:
        await until(lambda: hot_is_told(reader, ana, 60))
        told = (await heats(reader))[ana]
    answer = (await client.get(f"/leads/{ana}/heat", params={"at": told.at.isoformat()})).json()

    assert answer["heat"] == pytest.approx(told.heat, abs=1e-9)
    assert (answer["band"], told.band, answer["rules"]) == ("hot", "hot", told.rules)
    assert answer["counts"] == {"lead.captured": pytest.approx(1), "signal.demo_requested": pytest.approx(1)}


async def hot_is_told(reader: Reader, lead_id: str, least: float) -> bool:
    told = (await heats(reader)).get(lead_id)
    return told is not None and told.heat >= least


async def test_a_lead_cools_by_time_alone(
    client: httpx.AsyncClient, channel: Channel, topics: Topics, ana: str
) -> None:
    warm_for = timedelta(days=7) * 0.5849625007211562  # 30 points become 20
    soon = utc_now() + timedelta(seconds=3)
    await channel.tell(captured(ana, soon - warm_for))
    async with Reader(topics, "scoring") as reader:
        await until(lambda: told_times(reader, 2, ana))
        warmed, cooled = [decode(record.value) for record in of(ana, reader.records)]
        heard = utc_now()

    assert isinstance(warmed.event, LeadWarmed)
    assert isinstance(cooled.event, LeadCooled)
    assert (warmed.sequence, cooled.sequence) == (1, 2)
    assert abs(cooled.event.at - soon) < timedelta(seconds=0.1)
    assert cooled.event.at <= heard


async def test_an_event_told_twice_changes_nothing(
    client: httpx.AsyncClient, channel: Channel, topics: Topics, ana: str
) -> None:
    facts = [captured(ana), signal(ana), signal(ana)]
    await channel.tell(*facts, *facts)
    facts.append(signal(ana))
    await channel.tell(*facts)
    async with Reader(topics, "scoring-state") as reader:
        await until(lambda: state_is(reader, ana, state_after(facts)))
    await known(client, ana, 4)

    kept = [entry["event_id"] for entry in await entries(client, ana)]
    assert sorted(kept) == sorted(fact.id for fact in facts)


async def state_is(reader: Reader, lead_id: str, wanted: LeadState) -> bool:
    kept = {record.key.decode(): record.value for record in await reader.read()}
    return lead_id in kept and ScoredLead.decode("", kept[lead_id]).state.digest() == wanted.digest()


def state_after(facts: list[Recorded[Event]]) -> LeadState:
    state = LeadState()
    for each in facts:
        kind = f"signal.{each.event.kind}" if isinstance(each.event, SignalReceived) else each.event.type[6:]
        at_ms = round(each.event.at.timestamp() * 1000)
        fold(state, Fact(each.id, kind, at_ms, each.aggregate, each.sequence), RULES.counters(kind, {}))
    return state


async def test_what_cannot_be_read_is_put_aside_by_both_and_the_rest_flows_on(
    client: httpx.AsyncClient, channel: Channel, topics: Topics, ana: str
) -> None:
    whole = encode(signal(ana))
    for broken in (
        b"not json",
        b"\xff",
        whole.replace(b".v1", b".v9"),
        whole.replace(b"signal.received", b"sneezed"),
    ):
        await channel.put("signals", ana, broken)
    await channel.tell(signal(ana))
    await known(client, ana, 1)

    async def are_put_aside() -> bool:
        return len(await open_dead_letters(topics)) == 8

    await until(are_put_aside)
    letters = await open_dead_letters(topics, "scoring")

    assert sorted(letter.reason for letter in letters) == [
        "not-json", "not-utf8", "unknown-type", "unknown-version"
    ]  # fmt: skip
    assert letters[0].original == b"not json"
    async with Reader(topics, "heat") as reader:
        await until(lambda: hot_is_told(reader, ana, 1))


async def test_a_dead_letter_sent_back_to_scoring_is_folded_there_and_nowhere_else(
    client: httpx.AsyncClient, channel: Channel, topics: Topics, ana: str
) -> None:
    for consumer, lead_id in (("leads", f"ben-{ana}"), ("scoring", ana)):
        letter = a_letter(consumer, signal(lead_id, "demo_requested"))
        await channel.put(
            "replays",
            lead_id,
            letter.original,
            {name: value.decode() for name, value in letter.to_replay().headers},
        )
    async with Reader(topics, "heat") as reader:
        await until(lambda: hot_is_told(reader, ana, 30))

        assert f"ben-{ana}" not in await heats(reader)


def a_letter(consumer: str, event: Recorded[Event]) -> DeadLetter:
    error = Undecodable("not-json", "why")
    return dead_letter(consumer, ("signals", 0, 17), event.lead_id.encode(), encode(event), error, utc_now())


async def test_the_risk_of_a_customer_is_answered_and_of_nobody_else(
    client: httpx.AsyncClient, channel: Channel, ana: str
) -> None:
    now = whole(utc_now())
    await channel.tell(captured(ana, now - timedelta(hours=2)))
    await known(client, ana, 1)
    too_early = await client.get(f"/leads/{ana}/heat", params={"scorecard": "risk"})
    won = Recorded(f"won-{ana}", LeadWon(lead_id=ana, at=now - timedelta(hours=1)), now, 2, f"lead:{ana}")
    await channel.tell(won)
    await known(client, ana, 2)

    why = (await client.get(f"/leads/{ana}/heat/explain", params={"scorecard": "risk"})).json()
    risk = (await client.get(f"/leads/{ana}/heat", params={"scorecard": "risk", "at": why["at"]})).json()

    assert (too_early.status_code, too_early.json()["type"]) == (422, "urn:ascua:problem:no-customer")
    points = [each["points"] for part in (why["terms"], why["fit"], why["caps"]) for each in part]
    assert why["base"] + sum(points) == pytest.approx(why["heat"], abs=1e-9)
    assert (risk["band"], risk["heat"]) == ("ok", why["heat"])
    assert {term["kind"] for term in why["terms"]} == {"lead.won"}


async def test_the_timeline_is_read_in_pages_from_the_newest(
    client: httpx.AsyncClient, channel: Channel, ana: str
) -> None:
    now = utc_now()
    story = [signal(ana, at=now - timedelta(minutes=number // 3)) for number in range(25)]
    opened = recorded(
        TicketOpened(lead_id=ana, at=now, ticket_id="t", category="complaint", priority="high"), 1
    )
    await channel.tell(*story, opened)
    await known(client, ana, 26)
    pages, before = [], None
    while True:
        params = {"limit": 10} if before is None else {"limit": 10, "before": before}
        page = (await client.get(f"/leads/{ana}/timeline", params=params)).json()
        pages.append(page["entries"])
        if (before := page["next"]) is None:
            break
    assert [len(page) for page in pages[:-1]] == [10] * (len(pages) - 1)
    read = [entry for page in pages for entry in page if entry["topic"] != "scoring"]

    assert len(read) == 26
    assert {entry["event_id"] for entry in read} == {each.id for each in [*story, opened]}
    assert [entry["at"] for entry in read] == sorted((entry["at"] for entry in read), reverse=True)


async def test_a_lead_nobody_heard_of_and_a_wrong_cursor_are_said_to_be_so(
    client: httpx.AsyncClient, ana: str
) -> None:
    unknown = await client.get("/leads/nobody/heat")
    wrong = await client.get(f"/leads/{ana}/timeline", params={"before": "?"})

    assert (unknown.status_code, unknown.json()["type"]) == (404, "urn:ascua:problem:lead-unknown")
    assert (wrong.status_code, wrong.json()["type"]) == (422, "urn:ascua:problem:bad-cursor")


@asynccontextmanager
async def process(servers: Addresses, topics: Topics) -> AsyncIterator[asyncio.subprocess.Process]:
    environment = {
        **os.environ,
        **servers.kafka.environment(),
        "ASCUA_MONGO_URL": servers.mongo_url,
        "ASCUA_TOPIC_PREFIX": topics.prefix,
        "ASCUA_DATABASE_PREFIX": topics.prefix,
        "ASCUA_PORT": str(free_port()),
        "ASCUA_SESSION_SECONDS": "2",
    }
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "services.scoring", cwd=ROOT, env=environment,
        stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    try:
        yield child
    finally:
        if child.returncode is None:
            child.terminate()
            async with asyncio.timeout(10):
                await child.wait()
