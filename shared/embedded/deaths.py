"""How often a child may die before it is given up, and how long it is waited before it is started again. Pure."""

from __future__ import annotations

import os
from dataclasses import dataclass

QUICK = 5.0  # seconds: a child that dies younger than this was not up
QUICK_DEATHS = 5
SHORT = 60.0  # seconds: a child that lives longer than this is well
SHORT_LIVES = 12
EXCUSED = 8  # short lives counted at most of a child that is kept from its work: pauses of 6 s
BACKOFF = 30.0
HOPELESS = frozenset({2, os.EX_CONFIG})  # wrong usage, configuration


@dataclass(slots=True)
class Deaths:
    """Those in a row of one child: soon after its start, those of them that say it can never work, and after a short
    life at all."""

    quick: int = 0
    hopeless: int = 0
    short: int = 0

    def count(self, age: float, code: int, is_stuck: bool) -> None:
        """Count a death at the age of so many seconds. One that was stuck, and ended for that, had no short life."""
        early = age < QUICK
        self.quick = self.quick + 1 if early else 0
        self.hopeless = self.hopeless + 1 if early and code in HOPELESS else 0
        self.short = self.short + 1 if age < SHORT and not is_stuck else 0

    def excuse(self) -> None:
        """It is kept from its work by something else."""
        self.short = min(self.short, EXCUSED)

    def too_many(self, was_up: bool) -> int | None:
        """How many they were, when they are too many; of a child that was up before, more are borne."""
        if was_up and self.hopeless < QUICK_DEATHS:
            return self.short if self.short >= SHORT_LIVES else None
        times = self.hopeless if was_up else self.quick
        return times if times >= QUICK_DEATHS else None


def pause(short: int) -> float:
    """Seconds to wait after so many short lives in a row."""
    return 0.0 if short <= 1 else min(BACKOFF, 0.1 * 2 ** min(short - 2, 20))
