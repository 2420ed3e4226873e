"""The watchdog tells what holds a loop from what only makes it late."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import structlog
from prometheus_client import generate_latest
from structlog.testing import capture_logs

from shared.tasks import Pace
from shared.watchdog import LONGEST, Watchdog
from tests.loops import turns
from tests.waiting import until


def holds(seconds: float) -> None:
    """Keep the processor for so long, whatever else runs on it."""
    until_then = time.thread_time() + seconds
    while time.thread_time() < until_then:
        pass


def held() -> int:
    return turns(generate_latest().decode())[1]


async def test_a_held_loop_is_counted_and_the_log_says_where() -> None:
    structlog.reset_defaults()
    watchdog, before = Watchdog(), held()
    with capture_logs() as logs:
        await watchdog.start()
        await asyncio.sleep(0)
        holds(6 * LONGEST)
        await until(lambda: held() > before)
        await watchdog.stop()

    def found() -> list[Any]:
        return [each for each in logs if each["event"] == "loop_held"]

    await until(found)
    assert "holds" in found()[0]["at"][0]


async def test_a_loop_that_only_waits_is_not_held_however_late_it_is() -> None:
    watchdog, before = Watchdog(), held()
    await watchdog.start()
    time.sleep(2 * LONGEST)  # noqa: ASYNC251
    await asyncio.sleep(LONGEST)
    await watchdog.stop()

    assert held() == before


async def test_long_work_that_keeps_pace_lets_others_go_on() -> None:
    watchdog, before, pace = Watchdog(), held(), Pace()
    await watchdog.start()
    for _ in range(100):
        holds(LONGEST / 25)
        await pace()
    await watchdog.stop()

    assert held() == before
