"""Whoever has one key of a channel can send signals for one lead without end: others must not notice."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from math import fsum
from typing import Any

import httpx
import pytest

from services.scoring.ledger import Entry, Ledger
from services.scoring.queries.curve import curve
from services.scoring.queries.reads import HEAVY, Heavy, Reads
from services.scoring.queries.reasons import explain
from services.scoring.queries.timeline import timeline
from services.scoring.rules_log import RulesLog
from shared.bus.topics import Topics
from shared.clock import from_milliseconds, milliseconds, utc_now
from shared.errors import Unavailable
from shared.mongo import Mongo
from tests.conftest import System
from tests.loops import held
from tests.names import drawn
from tests.waiting import until

FACTS = 3 * HEAVY
AT_ONCE = 1_000
KINDS = ("page_viewed", "pricing_viewed", "email_opened", "chat_message", "no_kind_of_the_rules")
BIGGEST = 200_000
"""Bytes that an answer may have, whatever is known of a lead."""
HANG = 30.0
ROUNDS = 4


def signals(lead: str, count: int) -> list[Entry]:
    now = milliseconds(utc_now())
    return [
        Entry(
            lead_id=lead,
            event_id=f"s{number}",
            type="ascua.signal.received.v1",
            kind=f"signal.{KINDS[number % len(KINDS)]}",
            at_ms=now - 60_000 + number % 50_000,
            recorded_ms=now,
            aggregate=None,
            sequence=None,
            topic="signals",
            partition=0,
            offset=number,
            data={"kind": KINDS[number % len(KINDS)], "attributes": {}},
        )
        for number in range(count)
    ]


@asynccontextmanager
async def ledger_of(mongo: Mongo, *entries: Entry) -> AsyncIterator[Ledger]:
    ledger = Ledger(mongo)
    await mongo.start()
    for at in range(0, len(entries), AT_ONCE):
        await ledger.add(entries[at : at + AT_ONCE])
    yield ledger


async def test_the_reasons_of_very_many_facts_are_few_and_sum_to_the_heat(
    mongo: Mongo, topics: Topics
) -> None:
    lead = drawn()
    entries = signals(lead, FACTS)
    async with ledger_of(mongo, *entries) as ledger:
        reads = Reads(ledger, RulesLog(topics), utc_now)
        found = await explain(reads, lead, None, most=20)
        drawing = await curve(reads, lead, utc_now() - timedelta(hours=1), utc_now(), points=50)
        pages, before = [], None
        for _ in range(3):
            page, before = await timeline(reads, lead, before, 100)
            pages += page

    score = found.score
    counted = {kind: FACTS // len(KINDS) for kind in KINDS[:-1]}
    assert len(score.terms) == 20
    listed = [term.kind for term in score.terms]
    for rest in score.rest:
        assert rest.facts + listed.count(rest.kind) == counted.pop(rest.kind.removeprefix("signal."))
    assert not counted
    assert fsum(each.points for each in (*score.terms, *score.rest, *score.caps)) == pytest.approx(
        score.heat, abs=1e-9
    )
    # What is listed is the largest there is.
    least = min(abs(term.points) for term in score.terms)
    assert all(abs(term.points) >= least for term in score.terms)
    assert all(rest.points <= least * rest.facts for rest in score.rest)
    assert drawing[-1][1] == pytest.approx(score.heat, abs=0.01)
    newest = sorted(entries, key=lambda entry: entry.place, reverse=True)
    assert pages == newest[:300]


async def test_what_is_told_as_of_an_instant_does_not_depend_on_how_much_is_listed(
    mongo: Mongo, topics: Topics
) -> None:
    lead = drawn()
    async with ledger_of(mongo, *signals(lead, FACTS)) as ledger:
        reads = Reads(ledger, RulesLog(topics), utc_now)
        at = from_milliseconds(milliseconds(utc_now()) - 40_000)
        few, more = [(await explain(reads, lead, at, most=most)).score for most in (1, 500)]

    assert few.heat == more.heat
    for each in (few, more):
        whole = fsum(part.points for part in (*each.terms, *each.rest, *each.caps))
        assert whole == pytest.approx(each.heat, abs=1e-9)


async def test_heavy_reads_go_one_by_one_and_who_waits_too_long_is_told_to_come_again() -> None:
    heavy = Heavy(waiting=1, patience=0.05)
    async with heavy.turn():
        with pytest.raises(Unavailable, match="try again"):
            async with heavy.turn():
                raise AssertionError("two at once")
    async with heavy.turn():
        pass


async def test_others_are_told_their_heat_while_one_lead_is_explained_over_and_over(
    system: System,
) -> None:
    """The attack, scaled: signals for one lead, then several who want it explained, and some who leave at once."""
    async with system.client() as gateway:
        victim, other = [await captured(gateway) for _ in range(2)]
        for _ in range(2 * HEAVY // AT_ONCE + 2):
            body = [{"lead_id": victim, "kind": "chat_message"} for _ in range(AT_ONCE)]
            answer = await gateway.post("/v1/signals", json=body)
            assert answer.status_code == 202, answer.text
        sent = (2 * HEAVY // AT_ONCE + 2) * AT_ONCE

        async def is_known() -> bool:
            answer = await gateway.get(f"/v1/leads/{victim}/heat/explain")
            return answer.is_success and facts_in(answer.json()) == sent + 1

        await until(is_known, within=HANG)
        path = f"/v1/leads/{victim}/heat/explain"
        asking = [asyncio.create_task(asked(gateway, path)) for _ in range(4)]
        leaving = [asyncio.create_task(left(gateway, path)) for _ in range(4)]
        began = time.monotonic()
        for number in range(1, 6):
            told = await gateway.post("/v1/signals", json={"lead_id": other, "kind": "pricing_viewed"})
            assert told.status_code == 202

            async def is_told(number: int = number) -> bool:
                view = (await gateway.get(f"/v1/leads/{other}")).json()
                return bool(view["heat"] and view["heat"] > 30 - 1 + 10 * min(number, 3) - 1)

            await until(is_told, within=HANG)
        seconds = (time.monotonic() - began) / 5
        answers = await asyncio.gather(*asking)
        await asyncio.gather(*leaving)
        page = await gateway.get(f"/leads/{victim}")
        ready = await gateway.get("/readyz")

    assert seconds < 5, "another lead's heat waits for the reads of this one"
    for answer in answers:
        assert answer.status_code in (200, 503), answer.text
        assert answer.status_code == 200 or "retry-after" in answer.headers
        assert len(answer.content) < BIGGEST
    assert any(answer.status_code == 200 for answer in answers)
    assert (page.status_code, ready.status_code) == (200, 200)
    assert len(page.content) < BIGGEST


async def test_the_loop_that_folds_is_not_held_while_a_lead_is_explained(system: System) -> None:
    """What reads and the fold do to the loop they do in each round; what the machine does comes by chance."""
    async with system.client() as gateway:
        victim = await captured(gateway)
        sent = 0

        async def send(count: int = AT_ONCE) -> None:
            nonlocal sent
            body = [{"lead_id": victim, "kind": "chat_message"} for _ in range(count)]
            (await gateway.post("/v1/signals", json=body)).raise_for_status()
            sent += count

        async def is_known() -> bool:
            answer = await gateway.get(f"/v1/leads/{victim}/heat/explain")
            return answer.is_success and facts_in(answer.json()) == sent + 1

        for _ in range(FACTS // AT_ONCE):
            await send()
        await until(is_known, within=HANG)
        least: int | None = None
        for _ in range(ROUNDS):
            before = await held(system.addresses, system.key)
            heat = f"/v1/leads/{victim}/heat"
            asking = [
                asked(gateway, path) for path in (f"{heat}/explain", heat, f"/v1/leads/{victim}/timeline") * 2
            ]
            await asyncio.gather(send(), *asking)
            await until(is_known, within=HANG)
            turns = (await held(system.addresses, system.key))["scoring"] - before["scoring"]
            least = turns if least is None else min(least, turns)
            if least == 0:
                break
    assert least == 0, "loop_held in the log of scoring"


async def captured(gateway: httpx.AsyncClient) -> str:
    answer = await gateway.post("/v1/leads", json={"channel": "web"})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


async def asked(gateway: httpx.AsyncClient, path: str) -> httpx.Response:
    return await gateway.get(path, params={"limit": 500})


async def left(gateway: httpx.AsyncClient, path: str) -> None:
    """Ask, and go away before the answer."""
    with pytest.raises(httpx.TimeoutException):
        await gateway.get(path, timeout=httpx.Timeout(30, read=0.01))


def facts_in(explained: dict[str, Any]) -> int:
    return len(explained["terms"]) + sum(rest["facts"] for rest in explained["rest"])
