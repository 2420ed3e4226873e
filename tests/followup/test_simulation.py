"""Ninety days of two thousand leads and twenty reps, calm and rough; here a short form, at length under `faults`."""

from __future__ import annotations

import os
import time

import pytest

from shared.mongo import Mongo
from tests.followup.simulation import World, judge

LONG = os.environ.get("ASCUA_FAULTS") == "long"


async def test_every_open_lead_has_one_next_step_after_every_event(mongo: Mongo) -> None:
    world = World(mongo, leads=60, days=10, seed=5)
    await world.run()
    kept = await judge(world)

    assert {followup.outcome for followup in kept.values()} == {None, "won", "lost"}
    assert any(followup.complaints or followup.runs for followup in kept.values())
    assert world.log.fired


@pytest.mark.faults
async def test_the_same_whatever_dies_comes_again_or_overtakes(mongo: Mongo) -> None:
    world = World(mongo, leads=1_000 if LONG else 50, days=60 if LONG else 8, seed=6, rough=True)
    await world.run()
    await judge(world)

    assert world.kills
    assert world.redelivered


@pytest.mark.faults
@pytest.mark.timeout(900)
@pytest.mark.skipif(not LONG, reason="takes minutes; runs under make test-faults")
async def test_ninety_days_of_two_thousand_leads_take_less_than_three_minutes(mongo: Mongo) -> None:
    world = World(mongo, leads=2_000, days=90, seed=7)
    began = time.perf_counter()
    await world.run()
    seconds = time.perf_counter() - began
    await judge(world)

    assert seconds < 180
