"""Whether a process's event loop comes round: what holds it keeps everybody waiting.

Two things are measured at every beat of a timer. *Lag* is how much later than asked the loop came back, whatever the
reason, a busy machine too. *Held* is the processor time that the loop's own thread took since the beat before: that is
our doing, and no other program's load adds to it. A thread beside the loop looks at the same clock and logs where the
loop is while it is held, which nobody could tell afterwards.
"""

from __future__ import annotations

import asyncio
import sys
import threading
import time
from collections.abc import Iterator
from types import FrameType
from typing import Final

from shared import metrics
from shared.logs import logger
from shared.tasks import ended

BEAT: Final = 0.01
"""Seconds between two beats."""
LONGEST: Final = 0.05
"""Seconds for which a loop may be held."""
FRAMES: Final = 8


class Watchdog:
    """A part of every process; it starts first, in the loop that it watches."""

    def __init__(self) -> None:
        self._task: asyncio.Task[None] | None = None
        self._stopping = threading.Event()
        self._beats = 0
        self._since = 0.0

    async def start(self) -> None:
        clock = time.pthread_getcpuclockid(threading.get_ident())
        self._since = time.clock_gettime(clock)
        self._task = asyncio.create_task(self._beat(clock), name="watchdog")
        watcher = threading.Thread(
            target=self._watch, args=(clock, threading.get_ident()), name="watchdog", daemon=True
        )
        watcher.start()

    async def stop(self) -> None:
        self._stopping.set()
        if self._task is not None:
            await ended(self._task)

    async def check(self) -> None:
        """A loop that answers is not held."""

    def status(self) -> dict[str, object]:
        return {}

    async def _beat(self, clock: int) -> None:
        while True:
            asked = time.perf_counter() + BEAT
            await asyncio.sleep(BEAT)
            metrics.LOOP_LAG_SECONDS.observe(max(0.0, time.perf_counter() - asked))
            now = time.clock_gettime(clock)
            metrics.LOOP_HELD_SECONDS.observe(now - self._since)
            self._since, self._beats = now, self._beats + 1

    def _watch(self, clock: int, thread: int) -> None:
        seen = -1
        while not self._stopping.wait(LONGEST / 2):
            beats, held = self._beats, time.clock_gettime(clock) - self._since
            if held > LONGEST and beats != seen and beats == self._beats:
                seen = beats
                frame = sys._current_frames().get(thread)
                logger().warning("loop_held", seconds=round(held, 3), at=list(_stack(frame)))


def _stack(frame: FrameType | None) -> Iterator[str]:
    """Where it is, the innermost first."""
    for _ in range(FRAMES):
        if frame is None:
            return
        yield f"{frame.f_globals.get('__name__')}:{frame.f_lineno} {frame.f_code.co_name}"
        frame = frame.f_back
