"""Ending what runs beside."""

from __future__ import annotations

import asyncio
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
