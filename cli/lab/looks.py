"""Leads at ages at which they were open, with how each ended: what a regression learns from."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from cli.lab.histories import History

Floats: TypeAlias = NDArray[np.float64]
MOST_LEADS: Final = 20_000
"""More are thinned evenly in the order of capture."""
_HEAVIEST: Final = 10.0


@dataclass(frozen=True, slots=True)
class Looks:
    """Leads at ages at which they were open, with how each ended: what a regression learns from.

    `lead` and `age` are places among the cases and ages; `at` is the instant.
    """

    lead: NDArray[np.int64]
    age: NDArray[np.int64]
    won: NDArray[np.int64]
    weight: Floats
    at: NDArray[np.int64]


def captured_in(histories: Iterable[History], since_ms: int, until_ms: int) -> list[History]:
    """The leads captured in a time, in that order, and no more of them than are learned from."""
    cases = sorted(
        (
            each
            for each in histories
            if each.captured_ms is not None and since_ms <= each.captured_ms < until_ms
        ),
        key=lambda each: (each.captured_ms, each.lead_id),
    )
    if len(cases) <= MOST_LEADS:
        return cases
    return [cases[number * len(cases) // MOST_LEADS] for number in range(MOST_LEADS)]


def looks_of(cases: Sequence[History], until_ms: int, ages: Sequence[int]) -> tuple[Looks, int]:
    """The looks whose outcome was known by an instant, with their weights; and how many leads had none."""
    watched = np.sort(np.array([until_ms - (case.captured_ms or 0) for case in cases]))

    def share_watched(longer_than: int) -> float:
        return 1.0 - float(np.searchsorted(watched, longer_than, "right")) / len(watched)

    found: list[tuple[int, int, bool, float, int]] = []
    undecided = 0
    for lead, case in enumerate(cases):
        captured = case.captured_ms or 0
        won = case.won_by(until_ms)
        if won is None:
            undecided += 1
            continue
        assert case.ended_ms is not None
        longest = share_watched(case.ended_ms - captured)
        for number, age in enumerate(ages):
            at = captured + age
            if at < until_ms and case.is_open(at):
                weight = min(_HEAVIEST, share_watched(age) / longest) if longest > 0 else _HEAVIEST
                found.append((lead, number, won, weight, at))
    number_of = np.array([each[1] for each in found], dtype=np.int64)
    weights = np.array([each[3] for each in found], dtype=np.float64)
    used = np.unique(number_of)
    for each_age in used:  # every age counts the same, whether many or few are still open
        weights[number_of == each_age] *= len(found) / len(used) / weights[number_of == each_age].sum()
    return Looks(
        np.array([each[0] for each in found], dtype=np.int64),
        number_of,
        np.array([each[2] for each in found], dtype=np.int64),
        weights,
        np.array([each[4] for each in found], dtype=np.int64),
    ), undecided
