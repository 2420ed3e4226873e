"""Ending what runs beside, and letting it run."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from typing import Any

AGAIN = 1.0
"""After so many seconds a task that goes on is cancelled once more."""


async def ended(*tasks: asyncio.Task[Any]) -> None:
    """Cancel tasks and wait until they have ended, however they do.

    Once is not enough: up to Python 3.11 `asyncio.wait_for`, which clients of Kafka are full of, drops a cancellation
    that comes just when what it waits for is there.
    """
    pending = set(tasks)
    while pending:
        for task in pending:
            task.cancel()
        _, pending = await asyncio.wait(pending, timeout=AGAIN)


class Pace:
    """Gives the loop back now and then during a long piece of work: `await pace()` costs nothing most of the time."""

    LONGEST = 0.01

    def __init__(self) -> None:
        self._since = time.perf_counter()

    async def __call__(self) -> None:
        if time.perf_counter() - self._since > self.LONGEST:
            await asyncio.sleep(0)
            self._since = time.perf_counter()


def end_within(seconds: float, code: int = 1) -> None:
    """End this process after so many seconds, whatever it still does: a loop that stands or a thread that waits for a
    server would keep it for as long as they like."""
    timer = threading.Timer(seconds, os._exit, (code,))
    timer.daemon = True
    timer.start()
