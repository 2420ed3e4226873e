"""The sums of what is seen, by rep or source. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import numpy as np

from services.gateway.boards.discipline.board import By, Mean, Promises, Speed, Sums, Wasted
from services.gateway.boards.discipline.figures import Figure, Kept
from services.gateway.boards.discipline.seen import About, Cost, Quantiles, Tally, Weight
from shared.events.leads import Money


class Seen(Protocol):
    """What is seen in a look, however it is found; without business time unless `is_timed`."""

    about: About
    is_timed: bool

    def tally(self, figure: Figure, by: By | None, weight: Weight = "one") -> Tally: ...
    def quantiles(self, column: str, by: By | None) -> Quantiles: ...


class SumsBy:
    """The figures of all who have an item of one, by code; of all together without `by`."""

    def __init__(self, seen: Seen, by: By | None) -> None:
        def of(figure: Figure, weight: Weight = "one") -> Mapping[int, int]:
            return as_map(seen.tally(figure, by, weight))

        self._leads, self._contacted = of(Figure.LEADS), of(Figure.SPEED)
        self._wall = seen.quantiles("measure", by)
        self._worked = seen.quantiles("worked", by) if seen.is_timed else {}
        self._untouched, self._overdue = of(Figure.UNTOUCHED), of(Figure.OVERDUE)
        self._attempts = of(Figure.ATTEMPTS, "counts")
        self._calls, self._offered = of(Figure.CALLS_AFTER_OFFER, "counts"), of(Figure.CALLS_AFTER_OFFER)
        self._kept = {state: of(Figure.FOLLOW_THROUGH, state) for state in Kept}
        self._late, self._cold = of(Figure.LATE_AFTER_OFFER), of(Figure.GONE_COLD)
        names = seen.about.currencies.names
        self._cost = {
            name: of(Figure.GONE_COLD, Cost(code))
            for name, code in sorted((name, code) for code, name in enumerate(names) if name is not None)
        }
        self.codes = set[int]().union(
            self._leads,
            self._contacted,
            self._untouched,
            self._overdue,
            self._offered,
            *self._kept.values(),
            self._late,
            self._cold,
        )

    def __getitem__(self, code: int) -> Sums:
        on_time, late, missed = (self._kept[state].get(code, 0) for state in Kept)
        due, none = on_time + late + missed, (None, None)
        leads = self._leads.get(code, 0)
        spent = {name: cost.get(code, 0) for name, cost in self._cost.items()}
        return Sums(
            leads=leads,
            speed=Speed(
                self._contacted.get(code, 0), *self._wall.get(code, none), *self._worked.get(code, none)
            ),
            untouched=self._untouched.get(code, 0),
            overdue=self._overdue.get(code, 0),
            attempts=_mean(self._attempts.get(code, 0), leads),
            calls_after_offer=_mean(self._calls.get(code, 0), self._offered.get(code, 0)),
            follow_through=Promises(due, on_time, late, missed, on_time / due if due else None),
            late_after_offer=self._late.get(code, 0),
            gone_cold=Wasted(
                self._cold.get(code, 0),
                tuple(Money(minor=minor, currency=name) for name, minor in spent.items() if minor),
            ),
        )


def as_map(tally: Tally) -> dict[int, int]:
    return {code: int(tally[code]) for code in np.flatnonzero(tally).tolist()}


def _mean(total: int, of: int) -> Mean:
    return Mean(total, of, total / of if of else None)
