"""Waiting for conditions: no test sleeps for a fixed time, and none asks how fast the machine is."""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Callable

HANG = 120.0
"""Seconds after which something hangs, also on a slow and busy machine. What is fast is measured in `bench`."""


async def until(condition: Callable[[], object], within: float = HANG) -> float:
    """Wait until a condition, plain or async, holds; return how long that took, in seconds."""
    began = time.monotonic()
    while True:
        holds = condition()
        if inspect.isawaitable(holds):
            holds = await holds
        if holds:
            return time.monotonic() - began
        if time.monotonic() - began > within:
            raise AssertionError(f"it did not come true within {within} s")
        await asyncio.sleep(0.02)
