"""Which rules were in force when is said by the log alone, and never differently later."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from aiokafka import TopicPartition
from hypothesis import given, settings
from hypothesis import strategies as st

from services.scoring.rules_log import EVER, Publication, RulesLog, publish
from services.scoring.scorecard.defaults import default_rules
from services.scoring.scorecard.parser import RulesError, parse_rules
from shared.bus.brokers import Brokers
from shared.bus.outgoing import Outgoing
from shared.bus.publisher import Publisher
from shared.bus.topics import Topics
from shared.clock import from_milliseconds, milliseconds, utc_now
from shared.errors import Conflict, NotFound, Refused
from shared.events.base import Event, Recorded, encode
from shared.events.leads import Channel, LeadCaptured, LeadQualified
from shared.events.rules import RulesPublished
from tests.scoring.test_service import scoring
from tests.servers import Addresses
from tests.shared.kit import log, publishing
from tests.waiting import until

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
DEFAULT = default_rules()


def text(weight: int) -> str:
    return f"""\
heat:  # {weight}
  kinds:
    lead.captured: {{half_life: 7d, weight: {weight}}}
  bands:
    warm: {{from: 25, until: 20}}
    hot: {{from: 60, until: 50}}
"""


def version(weight: int) -> str:
    return parse_rules(text(weight)).version


def told(weight: int, effective_at: datetime, at: datetime = NOON) -> bytes:
    event = RulesPublished(
        lead_id=f"p{weight}", at=at, rules=version(weight), effective_at=effective_at, text=text(weight)
    )
    return encode(Recorded(f"p{weight}", event, at, 1, event.aggregate))


@dataclass(frozen=True)
class Record:
    """What a rulebook sees of a record; `timestamp` is when the broker appended it."""

    offset: int
    timestamp: int
    value: bytes | None


def take(book: RulesLog, *records: Record) -> None:
    asyncio.run(book._take({TopicPartition("ascua.rules", 0): list(records)}))  # type: ignore[arg-type]


def test_before_anything_is_published_the_rules_that_come_along_are_in_force_since_ever() -> None:
    book = RulesLog(Topics(Brokers("nowhere")))

    assert book.at(milliseconds(NOON)) == book.at(-(10**15)) == DEFAULT
    assert [(each.version, each.effective_at) for each in book.versions()] == [(DEFAULT.version, None)]
    with pytest.raises(NotFound, match="no rules 0123456789abcdef were ever published"):
        book.find("0123456789abcdef")


@settings(max_examples=150)
@given(
    st.lists(st.tuples(st.integers(0, 20), st.integers(-50, 50), st.booleans()), max_size=10),
    st.integers(-100, 300),
)
def test_what_is_published_later_never_changes_what_was_in_force(
    story: list[tuple[int, int, bool]], instant: int
) -> None:
    """Whatever a writer claims, and however late its record comes."""
    book, now, seen = RulesLog(Topics(Brokers("nowhere"))), milliseconds(NOON), {}
    for offset, (pause, effective, is_readable) in enumerate(story):
        seen[now] = {ms: book.at(ms).version for ms in range(now - 100, now, 7)}
        now += pause
        raw = told(offset, from_milliseconds(now + effective)) if is_readable else b"{}"
        take(book, Record(offset, now, raw))
        assert book.in_force(now + max(effective, 0)).offset == offset or not is_readable
    for answers in seen.values():
        assert all(book.at(ms).version == then for ms, then in answers.items())
    # The definition, said slowly.
    in_force = Publication(EVER, -1, DEFAULT, "")
    for each in sorted(book.versions(), key=lambda each: each.offset):
        if in_force.effective_ms <= each.effective_ms <= now + instant:
            in_force = each
    assert book.in_force(now + instant) == in_force


def test_of_two_for_the_same_instant_the_one_that_stands_later_in_the_log_is_in_force() -> None:
    book = RulesLog(Topics(Brokers("nowhere")))
    monday = NOON + timedelta(days=2)
    take(
        book,
        Record(0, milliseconds(NOON), told(1, monday)),
        Record(1, milliseconds(NOON) + 1, told(2, monday)),
    )

    assert book.at(milliseconds(monday)).version == version(2)
    assert book.at(milliseconds(monday) - 1) == DEFAULT
    assert [each.version for each in book.versions()] == [DEFAULT.version, version(1), version(2)]


@pytest.mark.parametrize(
    ("raw", "sentence"),
    [
        (b"", "the record is empty"),
        (b"\xff", "not UTF-8"),
        (told(1, NOON).replace(b"half_life: 7d", b"half_life: 0d"), "line 3: a half-life of 0d"),
        (told(1, NOON).replace(b"weight: 1}", b"weight: 2}"), "its text are the rules"),
        (told(1, NOON).replace(b"rules.published", b"rules.withdrawn"), "no event is called"),
    ],
)
def test_what_cannot_be_read_changes_nothing_and_is_said_until_rules_come_that_can(
    raw: bytes, sentence: str
) -> None:
    book = RulesLog(Topics(Brokers("nowhere")))
    now = milliseconds(NOON)
    take(book, Record(0, now, told(1, NOON)), Record(1, now + 5, raw))

    assert book.at(now + 10).version == version(1)
    assert sentence in str(book.status()["unreadable"])
    assert "ascua.rules/0/1" in str(book.status()["unreadable"])

    take(book, Record(2, now + 20, told(3, NOON)))
    assert book.at(now + 20).version == version(3)
    assert book.status()["unreadable"] is None


def test_a_record_seen_again_after_the_broker_was_away_counts_once() -> None:
    book = RulesLog(Topics(Brokers("nowhere")))
    record = Record(0, milliseconds(NOON), told(1, NOON))
    take(book, record)
    take(book, record)

    assert len(book.versions()) == 2


@asynccontextmanager
async def reading(topics: Topics) -> AsyncIterator[RulesLog]:
    book = RulesLog(topics)
    await book.start()
    try:
        yield book
    finally:
        await book.stop()


@pytest.fixture
async def publisher(topics: Topics) -> AsyncIterator[Publisher]:
    async with publishing(topics) as publisher:
        yield publisher


async def test_rules_are_published_and_everybody_reads_the_same_also_who_starts_later(
    topics: Topics, publisher: Publisher
) -> None:
    heard = []
    async with reading(topics) as book, reading(topics) as other:
        other.on_change = lambda publication: heard.append(publication.version)
        now = await publish(book, publisher, text(1), "team.yaml", None, utc_now())
        ahead = await publish(book, publisher, text(2), "team.yaml", utc_now() + timedelta(days=1), utc_now())
        again = await publish(book, publisher, text(3), "team.yaml", None, utc_now())
        await book.check()

        assert book.in_force(milliseconds(utc_now())) == again
        assert book.in_force(ahead.effective_ms) == ahead
        assert book.at(now.effective_ms - 1) == DEFAULT
        await until(lambda: heard == [version(1), version(2), version(3)])
        assert other.versions() == book.versions()
        assert book.publication(version(1)).text == text(1)
    async with reading(topics) as late:
        assert late.versions() == book.versions()
    keys = [record.key for record in await log(topics, "rules")]
    assert len(set(keys)) == 3  # compaction takes none away


async def test_what_cannot_be_published_is_refused_and_leaves_the_log_as_it_is(
    topics: Topics, publisher: Publisher
) -> None:
    async with reading(topics) as book:
        with pytest.raises(RulesError, match=r"team\.yaml, line 3: a half-life of 0d"):
            await publish(book, publisher, text(1).replace("7d", "0d"), "team.yaml", None, utc_now())
        with pytest.raises(Refused, match="has passed, and the past stays as it was"):
            await publish(book, publisher, text(1), "team.yaml", utc_now() - timedelta(hours=1), utc_now())
        await publish(book, publisher, text(1), "team.yaml", None, utc_now())
        with pytest.raises(Conflict, match=f"the rules {version(1)} are in force then already"):
            await publish(book, publisher, text(1), "team.yaml", None, utc_now())
    assert len(await log(topics, "rules")) == 1


async def test_two_that_publish_at_once_are_both_kept_and_the_log_decides(
    topics: Topics, publisher: Publisher
) -> None:
    async with reading(topics) as one, reading(topics) as other:
        await asyncio.gather(
            publish(one, publisher, text(1), "one.yaml", None, utc_now()),
            publish(other, publisher, text(2), "other.yaml", None, utc_now()),
        )
        await until(lambda: len(one.versions()) == len(other.versions()) == 3)

        assert one.versions() == other.versions()
        newest = max(one.versions(), key=lambda each: each.offset)
        assert one.at(milliseconds(utc_now()) + 1_000) == newest.rules


async def test_a_rulebook_that_reads_a_spoilt_record_lives_on_and_says_so(
    topics: Topics, publisher: Publisher
) -> None:
    async with reading(topics) as book:
        await book.check()
        await publisher.publish(Outgoing("rules", "spoilt", b"not rules"))

        async def it_says_so() -> bool:
            return "ascua rules publish" in str(book.status()["unreadable"])

        await until(it_says_so)
        await book.check()  # it works, and a process that starts now works too
        async with reading(topics) as another:
            await another.check()
            assert another.at(milliseconds(utc_now())) == book.at(milliseconds(utc_now())) == DEFAULT
        await publish(book, publisher, text(1), "team.yaml", None, utc_now())
        assert book.status()["unreadable"] is None


async def test_heat_is_answered_under_the_rules_of_its_instant_and_counts_what_the_lead_is(
    servers: Addresses, topics: Topics, publisher: Publisher
) -> None:
    asked = {"at": ""}
    captured = utc_now() - timedelta(hours=1)
    told = [
        LeadCaptured(lead_id="ana", at=captured, channel=Channel.WEB),
        LeadQualified(lead_id="ana", at=captured, attributes={"budget": "none"}),
        LeadQualified(lead_id="ana", at=captured, attributes={"budget": "confirmed", "shoes": "red"}),
    ]
    async with scoring(servers, topics) as client, reading(topics) as book:
        for sequence, event in enumerate(told, 1):
            recorded: Recorded[Event] = Recorded(f"e{sequence}", event, captured, sequence, event.aggregate)
            await publisher.publish(Outgoing("leads", "ana", encode(recorded)))
        await until(lambda: _knows(client, sequences=3))
        published = await publish(book, publisher, text(1), "team.yaml", None, utc_now())

        async def it_is_read() -> bool:
            lines = (await client.get("/rules")).json()["items"]
            return [each["rules"] for each in lines if each["in_force"]] == [version(1)]

        await until(it_is_read)
        asked["at"] = from_milliseconds(published.effective_ms - 1).isoformat()
        before = (await client.get("/leads/ana/heat/explain", params=asked)).json()
        now = (await client.get("/leads/ana/heat/explain")).json()
        span = {"from": captured.isoformat(), "to": (utc_now() + timedelta(hours=1)).isoformat()}
        curve = (await client.get("/leads/ana/heat/curve", params=span)).json()

    assert (before["rules"], now["rules"], curve["rules"]) == (DEFAULT.version, version(1), version(1))
    assert [(each["attribute"], each["value"], each["points"]) for each in before["fit"]] == [
        ("budget", "confirmed", 10.0)
    ]
    assert 39 < before["heat"] < 40
    assert 0.9 < now["heat"] < 1
    assert now["fit"] == []
    at = from_milliseconds(published.effective_ms)
    heats = {datetime.fromisoformat(point["at"]): point["heat"] for point in curve["points"]}
    assert heats[at - timedelta(milliseconds=1)] == pytest.approx(before["heat"])
    assert heats[at] < 1


async def _knows(client: httpx.AsyncClient, sequences: int) -> bool:
    answer = await client.get("/leads/ana/timeline")
    if not answer.is_success:
        return False
    # The crossings that scoring tells of them come on top.
    return sum(entry["topic"] != "scoring" for entry in answer.json()["entries"]) == sequences
