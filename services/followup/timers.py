"""The clock of the steps: looks every second for what has come due, and tells it.

What is due stands in the documents, so a timer outlives any process, and several processes may look at once: a step's
next message is part of its document, changed by compare-and-set, and goes out through the outbox.
"""

from __future__ import annotations

import asyncio
from datetime import datetime
from time import monotonic
from typing import NamedTuple

from services.followup import handlers
from services.followup.store import Books, FollowUps
from shared import metrics
from shared.clock import Clock
from shared.errors import AscuaError, Unavailable
from shared.logs import logger

LOOK_SECONDS = 1.0
LONGEST_REST = 600.0


class _Rest(NamedTuple):
    """How long a refused timer is left alone, and until when by the monotonic clock."""

    seconds: float
    until: float


class Timers:
    """One that is refused is tried again after a second, and then after twice as long each time, up to ten minutes."""

    def __init__(self, followups: FollowUps, books: Books, clock: Clock) -> None:
        self._followups, self._books, self._clock = followups, books, clock
        self._task: asyncio.Task[None] | None = None
        self._stopping = asyncio.Event()
        self._looked: datetime | None = None
        self._fired = 0
        self._refused: dict[str, _Rest] = {}

    async def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="timers")

    async def stop(self) -> None:
        self._stopping.set()
        if self._task is not None:
            await asyncio.wait([self._task], timeout=3)
            self._task.cancel()

    async def check(self) -> None:
        if self._task is None or self._task.done():
            raise Unavailable("timers-down", "the timers of the steps are not running")

    @property
    def task(self) -> asyncio.Task[None] | None:
        """The loop; when it ends by an error, the process must end too."""
        return self._task

    def status(self) -> dict[str, object]:
        looked = self._looked.isoformat() if self._looked else None
        return {"fired": self._fired, "refused": len(self._refused), "looked_at": looked}

    async def _run(self) -> None:
        while not self._stopping.is_set():
            next_look = monotonic() + LOOK_SECONDS
            try:
                await self._fire()
                self._looked = self._clock()
            except AscuaError as error:
                logger().warning("timers_wait", because=error.slug)
            try:
                await asyncio.wait_for(self._stopping.wait(), max(0.0, next_look - monotonic()))
            except TimeoutError:
                continue

    async def _fire(self) -> None:
        resting = {id: rest for id, rest in self._refused.items() if monotonic() < rest.until}
        fired = await handlers.fire(self._followups, self._books, self._clock, resting)
        self._fired += fired.leads
        for id, error in fired.refused.items():
            seconds = min(2 * self._refused[id].seconds if id in self._refused else 1.0, LONGEST_REST)
            resting[id] = _Rest(seconds, monotonic() + seconds)
            logger().warning("timer_refused", lead=id, because=error.slug, again_in_seconds=seconds)
        self._refused = resting
        metrics.TIMERS_REFUSED.set(len(resting))
