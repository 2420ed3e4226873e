"""When to look at which lead again: a timing wheel that costs some bytes a lead, however far ahead. Pure.

A timer far ahead waits in a coarse slot and moves into finer ones as it comes near. What is set is never taken out:
whoever is woken looks at the lead's own timer and may find that it has moved.
"""

from __future__ import annotations

from heapq import heappop, heappush
from itertools import count
from typing import Final

from services.scoring.processor.packed import Key

_STEPS: Final = (86_400, 3_600, 60)
"""Widths of the slots, in seconds, each used from its own length ahead."""


class TimerWheel:
    def __init__(self) -> None:
        self._slots: dict[int, list[Key]] = {}
        self._order: list[int] = []
        self._soon: list[tuple[int, int, Key]] = []
        self._numbers = count()

    def set(self, lead: Key, timer_ms: int, now_ms: int) -> int:
        """Wake for a lead at its timer, or before; return the second for which it is set."""
        second, ahead = timer_ms // 1000, (timer_ms - now_ms) // 1000
        if ahead < 1:
            heappush(self._soon, (timer_ms, next(self._numbers), lead))
            return second
        for step in _STEPS:
            if ahead > step:
                second -= second % step
                break
        if second not in self._slots:
            self._slots[second] = []
            heappush(self._order, second)
        self._slots[second].append(lead)
        return second

    def due(self, now_ms: int, most: int) -> list[tuple[Key, int]]:
        """Leads to look at now, each with the second for which it had been set."""
        found: list[tuple[Key, int]] = []
        while len(found) < most:
            if self._soon and self._soon[0][0] <= now_ms:
                timer, _, lead = heappop(self._soon)
                found.append((lead, timer // 1000))
            elif self._order and self._order[0] * 1000 <= now_ms:
                second = self._order[0]
                leads = self._slots[second]
                room = most - len(found)
                found += [(lead, second) for lead in leads[-room:]]
                del leads[-room:]
                if not leads:
                    del self._slots[heappop(self._order)]
            else:
                break
        return found
