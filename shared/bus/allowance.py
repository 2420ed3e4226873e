"""How many dead letters a consumer may make: judged by rate and by run, so that it recovers by itself.

A bad record now and then is put aside and the rest flows on. Many in a short time, or many in a row with nothing
handled between them, mean that something else is wrong; then the consumer waits and tries the same records again.
"""

from __future__ import annotations

from collections import deque

WINDOW = 60.0
RUN_SHARE, RUN = 0.2, 10
"""The share of the limit that may come in a row within the window, and how many may in any case."""


class Allowance:
    """At most `limit` letters within `window` seconds, of which a fifth, and at least 10, in a row."""

    def __init__(self, limit: int, window: float = WINDOW) -> None:
        self._limit = limit
        self._most_in_a_row = max(RUN, int(limit * RUN_SHARE))
        self.window = window
        self._made: deque[float] = deque()
        self._row: deque[float] = deque()

    def left(self, now: float) -> int:
        """How many letters may be made now."""
        for times in (self._made, self._row):
            while times and times[0] <= now - self.window:
                times.popleft()
        return max(0, min(self._limit - len(self._made), self._most_in_a_row - len(self._row)))

    def take(self, outcomes: list[bool], now: float) -> None:
        """Count records in their order: True for one that was handled, False for a letter."""
        for handled in outcomes:
            if handled:
                self._row.clear()
            else:
                self._made.append(now)
                self._row.append(now)
