"""Work that time brings: what is due stands in documents, and a part looks for it again and again."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime
from time import monotonic

from shared.clock import Clock
from shared.errors import AscuaError, Unavailable
from shared.logs import logger


class Timers:
    """Calls `look` every so many seconds; it does what is due, and returns how much that was.

    Several processes may look at once: what they do is guarded in the documents. `first` is called once before.
    """

    def __init__(
        self,
        look: Callable[[], Awaitable[int]],
        clock: Clock,
        every_seconds: float,
        first: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self._look, self._clock, self._every, self._first = look, clock, every_seconds, first
        self._task: asyncio.Task[None] | None = None
        self._stopping = asyncio.Event()
        self._looked: datetime | None = None
        self._fired = 0

    async def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="timers")

    async def stop(self) -> None:
        self._stopping.set()
        if self._task is not None:
            await asyncio.wait([self._task], timeout=3)
            self._task.cancel()

    async def check(self) -> None:
        if self._task is None or self._task.done():
            raise Unavailable("timers-down", "the timers are not running")

    @property
    def task(self) -> asyncio.Task[None] | None:
        """The loop; when it ends by an error, the process must end too."""
        return self._task

    def status(self) -> dict[str, object]:
        return {"fired": self._fired, "looked_at": self._looked.isoformat() if self._looked else None}

    async def _run(self) -> None:
        while not self._stopping.is_set():
            next_look = monotonic() + self._every
            try:
                if self._first is not None:
                    await self._first()
                    self._first = None
                self._fired += await self._look()
                self._looked = self._clock()
            except AscuaError as error:
                logger().warning("timers_wait", because=error.slug)
            try:
                await asyncio.wait_for(self._stopping.wait(), max(0.0, next_look - monotonic()))
            except TimeoutError:
                continue
