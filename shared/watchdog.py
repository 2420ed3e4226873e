"""Whether a process's event loop comes round: what holds it keeps everybody waiting.

A thread beside the loop looks at the processor time of the loop's own thread, and while that takes any, asks the loop
to come round. *Lag* is how long the loop took to come, whatever the reason, a busy machine too. *Held* is the processor
time that it took until then: that is our doing, and no other program's load adds to it. While the loop is held, the
thread logs where it is, which nobody could tell afterwards. A loop at rest is left in peace.
"""

from __future__ import annotations

import asyncio
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from types import FrameType
from typing import Final

from shared import metrics
from shared.logs import logger

LONGEST: Final = 0.05
"""Seconds for which a loop may be held."""
LOOK: Final = 0.01
"""Seconds between two looks at a loop that works."""
REST: Final = 0.025
"""Seconds between two looks at one that does not."""
WORK: Final = 0.0005
"""Processor time from one look to the next, in seconds, that is called work."""
FRAMES: Final = 8


class Watchdog:
    """A part of every process; it starts first, in the loop that it watches."""

    def __init__(self) -> None:
        self._stopping = threading.Event()

    async def start(self) -> None:
        watched = asyncio.get_running_loop(), threading.get_ident()
        threading.Thread(target=self._watch, args=watched, name="watchdog", daemon=True).start()

    async def stop(self) -> None:
        self._stopping.set()

    async def check(self) -> None:
        """A loop that answers is not held."""

    def status(self) -> dict[str, object]:
        return {}

    def _watch(self, loop: asyncio.AbstractEventLoop, thread: int) -> None:
        clock = time.pthread_getcpuclockid(thread)
        turn = _Turn(clock, time.clock_gettime(clock))
        turn.end()
        pause, is_told = REST, False
        while not self._stopping.wait(pause):
            now = time.clock_gettime(clock)
            if turn.ended is None:
                if now - turn.began > LONGEST and not is_told:
                    at = list(_stack(sys._current_frames().get(thread)))
                    logger().warning("loop_held", seconds=round(now - turn.began, 3), at=at)
                    is_told = True
            elif now - turn.ended > WORK:
                turn, pause, is_told = _Turn(clock, turn.ended), LOOK, False
                with suppress(RuntimeError):  # a loop that was closed
                    loop.call_soon_threadsafe(turn.end)
            else:
                turn.ended, pause = now, REST


class _Turn:
    """What a loop does until it comes round, from the processor time at which it `began`."""

    def __init__(self, clock: int, began: float) -> None:
        self.began = began
        self.ended: float | None = None
        self._clock = clock
        self._asked = time.perf_counter()

    def end(self) -> None:
        self.ended = time.clock_gettime(self._clock)
        metrics.LOOP_LAG_SECONDS.observe(time.perf_counter() - self._asked)
        metrics.LOOP_HELD_SECONDS.observe(self.ended - self.began)


def _stack(frame: FrameType | None) -> Iterator[str]:
    """Where it is, the innermost first."""
    for _ in range(FRAMES):
        if frame is None:
            return
        yield f"{frame.f_globals.get('__name__')}:{frame.f_lineno} {frame.f_code.co_name}"
        frame = frame.f_back
