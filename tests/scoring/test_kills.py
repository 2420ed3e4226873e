"""Workers are killed and the group is thrown about under load: every state and every crossing is the oracle's.

The short form takes some seconds. ASCUA_FAULTS=long kills a worker every 10 s and forces a rebalance every 15 s for
three minutes.
"""

from __future__ import annotations

import asyncio
import os
from contextlib import AsyncExitStack
from dataclasses import dataclass
from random import Random
from typing import Any

import pytest

from services.scoring.processor.crossings import band_of
from services.scoring.processor.decisions import settle, take_in
from services.scoring.processor.fact_mapping import map_event
from services.scoring.processor.lead import ScoredLead
from services.scoring.scorecard.compiled_rules import compile_rules
from services.scoring.scorecard.defaults import default_rules
from shared.bus.topics import Topics
from shared.clock import milliseconds, utc_now
from shared.events import Recorded, decode
from shared.events.base import Event
from shared.events.scoring import CrossingEvent
from tests.scoring.log import Reader, producer, records
from tests.scoring.test_service import Channel, process, signal
from tests.servers import Addresses
from tests.waiting import until

IS_LONG = os.environ.get("ASCUA_FAULTS") == "long"
pytestmark = pytest.mark.timeout(600 if IS_LONG else 120)

RULES = compile_rules(default_rules())
LEADS = [f"lead-{number}" for number in range(60)]
SECONDS = 180.0 if IS_LONG else 9.0
KILL_EVERY = 10.0 if IS_LONG else 3.0
JOIN_EVERY = 15.0 if IS_LONG else 4.0
KINDS = ["page_viewed", "chat_message", "email_opened", "demo_requested", "unsubscribed", "pricing_viewed"]


@dataclass
class Oracle:
    """One fold of each lead's facts in their order, which nothing interrupts."""

    leads: dict[str, ScoredLead]
    crossings: dict[str, list[CrossingEvent]]

    def fold(self, each: Recorded[Event]) -> None:
        lead = self.leads.setdefault(each.lead_id, ScoredLead.new(each.lead_id))
        _, told = take_in(lead, map_event(each), RULES)
        self.crossings.setdefault(each.lead_id, []).extend(told)


class Load:
    """Signals of all leads, some sent twice. One topic: only there does a lead's order of arrival hold."""

    def __init__(self, channel: Channel, oracle: Oracle) -> None:
        self.sent = 0
        self._channel = channel
        self._oracle = oracle
        self._lot = Random(11)

    async def flow(self, seconds: float) -> None:
        loop = asyncio.get_running_loop()
        end = loop.time() + seconds
        while loop.time() < end:
            some = [self._next(self._lot.choice(LEADS)) for _ in range(20)]
            for each in some:
                self._oracle.fold(each)
            twice = [self._lot.choice(some)]
            await self._channel.tell(*some, *twice)
            self.sent += len(some)

    def _next(self, lead: str) -> Recorded[Event]:
        return signal(lead, self._lot.choice(KINDS))


async def test_kills_and_rebalances_under_load_leave_the_states_and_crossings_of_the_oracle(
    servers: Addresses, topics: Topics
) -> None:
    oracle = Oracle({}, {})
    async with AsyncExitStack() as stack:
        sender = await stack.enter_async_context(producer(topics))
        channel = Channel(topics, sender)
        load = Load(channel, oracle)
        hurting = asyncio.create_task(hurt(servers, topics, SECONDS))
        await load.flow(SECONDS)
        await hurting
        state = await stack.enter_async_context(Reader(topics, "scoring-state"))
        worker = await stack.enter_async_context(process(servers, topics))
        wanted = {lead: each.state.digest() for lead, each in oracle.leads.items()}
        kept: dict[str, ScoredLead] = {}

        async def is_right() -> bool:
            nonlocal worker
            if worker.returncode is not None:  # as its supervisor does
                worker = await stack.enter_async_context(process(servers, topics))
            newest = {record.key: record.value for record in await state.read()}
            kept.update((key.decode(), ScoredLead.decode("", value)) for key, value in newest.items())
            return {lead: each.state.digest() for lead, each in kept.items()} == wanted

        await until(is_right)
    check_crossings(await records(topics, "scoring"), oracle, kept)
    told: dict[bytes, list[int]] = {}
    for record in await records(topics, "heat"):
        told.setdefault(record.key, []).append(decode(record.value).sequence or 0)
    assert all(sequences == list(range(1, len(sequences) + 1)) for sequences in told.values())
    assert load.sent > 100 * SECONDS


async def hurt(servers: Addresses, topics: Topics, seconds: float) -> None:
    """Kill a worker at every turn while another one joins at every other: there is always somebody to take over."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    async with AsyncExitStack() as stack:

        async def join() -> asyncio.subprocess.Process:
            return await stack.enter_async_context(process(servers, topics))

        alive = [await join(), await join()]
        leaving: list[asyncio.subprocess.Process] = []
        kills = joins = 0
        while (gone := loop.time() - began) < seconds:
            if gone > (kills + 1) * KILL_EVERY:
                kills += 1
                alive.pop(0).kill()
                alive.append(await join())
            if gone > (joins + 1) * JOIN_EVERY:
                joins += 1
                leaver = alive.pop(0)
                leaver.terminate()
                leaving.append(leaver)
                alive.append(await join())
            await asyncio.sleep(0.05)
        for each in [*alive, *leaving]:
            if each.returncode is None:
                each.kill()
        assert kills >= 2


def shown(crossing: CrossingEvent) -> object:
    return crossing.episode, crossing.at, band_of(crossing), crossing.heat


def check_crossings(found: list[Any], oracle: Oracle, kept: dict[str, ScoredLead]) -> None:
    told: dict[str, dict[str, CrossingEvent]] = {}
    for record in found:
        recorded = decode(record.value)
        assert isinstance(recorded.event, CrossingEvent)
        known = told.setdefault(recorded.lead_id, {})
        assert recorded.id not in known, "a crossing was told twice"
        known[recorded.id] = recorded.event
    for lead, state in kept.items():
        # Each lead's facts came in order; time itself may have brought about more since the last one.
        settle(oracle.leads[lead], milliseconds(utc_now()), RULES)
        crossings = [*told.get(lead, {}).values()]
        expected = oracle.crossings[lead]
        assert [shown(each) for each in crossings[: len(expected)]] == [shown(each) for each in expected]
        assert [each.episode for each in crossings] == list(range(1, len(crossings) + 1))
        assert state.heat.episode == len(crossings)
        if crossings:
            assert band_of(crossings[-1]) == state.heat.band
