"""What is seen of the kept spells in a look, and its sums. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from services.gateway.boards.discipline.board import (
    By,
    Mean,
    Promises,
    Speed,
    Sums,
    Wasted,
)
from services.gateway.boards.discipline.figures import FIRST_TRY, HINTS, LONG_OVERDUE, Figure, Kept, Look
from services.gateway.boards.discipline.spells import DERIVED, TIMELESS, length
from services.gateway.boards.discipline.tables import STATES, UNKNOWN, Codes, Dictionary, Rows, Table
from shared.clock import milliseconds
from shared.events.leads import Money


class About:
    """What is the same for all items of a lead: its sources, and what it had cost."""

    def __init__(self) -> None:
        self._columns: Codes = np.zeros((1_024, 4), np.int32)
        self._cost: NDArray[np.int64] = np.zeros(1_024, np.int64)
        self.currencies = Dictionary()

    def set(self, number: int, sources: Sequence[int], cost: Money | None) -> None:
        if number >= len(self._cost):
            self._columns = np.concatenate([self._columns, np.zeros_like(self._columns)])
            self._cost = np.concatenate([self._cost, np.zeros_like(self._cost)])
        self._columns[number] = [*sources, self.currencies.code(cost.currency if cost else None)]
        self._cost[number] = cost.minor if cost is not None else 0

    def source(self, leads: Codes, by: By) -> Codes:
        found: Codes = self._columns[leads, (By.CHANNEL, By.ORIGIN, By.CAMPAIGN).index(by)]
        return found

    def currency(self, leads: Codes) -> Codes:
        found: Codes = self._columns[leads, 3]
        return found

    def cost(self, leads: Codes) -> NDArray[np.int64]:
        return self._cost[leads]


class LookTimes:
    """A look in milliseconds."""

    def __init__(self, look: Look) -> None:
        self.start, self.end = milliseconds(look.period.start), milliseconds(look.period.end)
        self.at = milliseconds(look.at)


class SeenRows:
    """The rows of each figure that are seen in a look."""

    def __init__(
        self,
        tables: Mapping[Figure, Table],
        about: About,
        chosen: Mapping[By, Sequence[int]],
        times: LookTimes,
        is_timed: bool,
    ) -> None:
        self.tables, self.about, self.at, self.is_timed = tables, about, times.at, is_timed
        self._chosen, self._times = chosen, times
        self._rows: dict[Figure, Rows] = {}
        self._by: dict[tuple[Figure, By], Codes] = {}

    def rows(self, figure: Figure) -> Rows:
        if (rows := self._rows.get(figure)) is None:
            rows = self._rows[figure] = self._find(figure)
        return rows

    def table(self, figure: Figure) -> Table:
        return self.tables[DERIVED.get(figure, figure)]

    def column(self, figure: Figure, name: str) -> NDArray[np.int64]:
        return self.table(figure)[name][self.rows(figure)]

    def by(self, figure: Figure, by: By) -> Codes:
        """Whose each row is."""
        key = DERIVED.get(figure, figure) if figure is Figure.LEADS else figure, by
        if (codes := self._by.get(key)) is None:
            if by is By.REP:
                codes = self.column(figure, "rep").astype(np.int32, copy=False)
            else:
                codes = self.about.source(self.leads(figure), by)
            self._by[key] = codes
        return codes

    def leads(self, figure: Figure) -> Codes:
        return self.table(figure)["lead"][self.rows(figure)]

    def codes(self, by: By) -> set[int]:
        """Who has any item of a figure that is summed."""
        return {
            int(code)
            for figure in Figure
            if figure not in HINTS
            for code in np.flatnonzero(np.bincount(self.by(figure, by)))
        }

    def _find(self, figure: Figure) -> Rows:
        source = DERIVED.get(figure)
        if source is None:
            table = self.tables[figure]
            return self._choose(table, np.flatnonzero(is_seen(figure, table, self._times)))
        rows, table = self.rows(source), self.tables[source]
        if figure is Figure.LEADS:
            return rows
        if figure is Figure.LONG_OVERDUE:
            return rows[self.at - table["measure"][rows] > length(LONG_OVERDUE)]
        ripe = table["measure"][rows] + length(FIRST_TRY) + 1
        if self.is_timed:
            ripe = np.where(table["worked"][rows] == UNKNOWN, ripe, table["worked"][rows])
        return rows[ripe <= self.at]

    def _choose(self, table: Table, rows: Rows) -> Rows:
        for by, codes in self._chosen.items():
            leads = table["lead"][rows]
            values = table["rep"][rows] if by is By.REP else self.about.source(leads, by)
            rows = rows[np.isin(values, codes)]
        return rows


def is_seen(figure: Figure, table: Table, times: LookTimes) -> NDArray[np.bool_]:
    found = (table["since"] <= times.at) & (table["until"] > times.at)
    if figure not in TIMELESS:
        found &= (table["at"] >= times.start) & (table["at"] < times.end)
    return found


def places_of(figure: Figure, table: Table, rows: Rows, at: int) -> NDArray[np.float64]:
    """As `board.place` has them: the longest first, else the most."""
    counts = -table["counts"][rows].astype(np.float64)
    if figure is Figure.LEADS:
        return np.full(len(rows), -1.0)
    measure = table["measure"][rows]
    seconds = np.where(table["grows"][rows], at - measure, measure) / 1_000
    return np.where(seconds != 0, -seconds, counts)


@dataclass(frozen=True)
class _Grouped:
    """Sums of what is seen, by code; one group for all without `by`."""

    seen: SeenRows
    by: By | None

    def codes(self, figure: Figure) -> Codes:
        if self.by is not None:
            return self.seen.by(figure, self.by)
        return np.zeros(len(self.seen.rows(figure)), np.int32)

    def count(self, figure: Figure, state: Kept | None = None) -> Mapping[int, int]:
        codes = self.codes(figure)
        if state is not None:
            codes = codes[self.seen.column(figure, "state") == STATES.index(state)]
        return _as_map(np.bincount(codes))

    def total(self, figure: Figure) -> Mapping[int, int]:
        codes = self.codes(figure)
        return _as_map(np.bincount(codes, self.seen.column(figure, "counts")))

    @cached_property
    def cost(self) -> Mapping[int, tuple[Money, ...]]:
        leads, codes = self.seen.leads(Figure.GONE_COLD), self.codes(Figure.GONE_COLD)
        currencies, found = self.seen.about.currency(leads), dict[int, list[Money]]()
        names = self.seen.about.currencies.names
        for currency in sorted(np.unique(currencies).tolist(), key=lambda code: names[code] or ""):
            if (name := names[currency]) is not None:
                ours = currencies == currency
                minor = np.bincount(codes[ours], self.seen.about.cost(leads[ours]))
                for code, each in _as_map(minor).items():
                    found.setdefault(code, []).append(Money(minor=each, currency=name))
        return {code: tuple(some) for code, some in found.items()}

    def percentiles(self, column: str) -> Mapping[int, tuple[float, float]]:
        """The median and the ninth decile in seconds, by nearest rank."""
        codes, values = self.codes(Figure.SPEED), self.seen.column(Figure.SPEED, column)
        if column == "worked":
            is_known = values != UNKNOWN
            codes, values = codes[is_known], values[is_known]
        ordered = values[np.lexsort((values, codes))]
        found, start = {}, 0
        for code, many in _as_map(np.bincount(codes)).items():
            found[code] = (
                int(ordered[start + math.ceil(0.5 * many) - 1]) / 1_000,
                int(ordered[start + math.ceil(0.9 * many) - 1]) / 1_000,
            )
            start += many
        return found


def _as_map(counts: NDArray[np.int64] | NDArray[np.float64]) -> dict[int, int]:
    return {code: int(counts[code]) for code in np.flatnonzero(counts).tolist()}


def sums_of(seen: SeenRows, by: By | None, keys: Sequence[int] = (0,)) -> list[Sums]:
    grouped = _Grouped(seen, by)
    leads, contacted = grouped.count(Figure.LEADS), grouped.count(Figure.SPEED)
    wall = grouped.percentiles("measure")
    worked = grouped.percentiles("worked") if seen.is_timed else {}
    untouched, overdue = grouped.count(Figure.UNTOUCHED), grouped.count(Figure.OVERDUE)
    attempts = grouped.total(Figure.ATTEMPTS)
    calls, offered = grouped.total(Figure.CALLS_AFTER_OFFER), grouped.count(Figure.CALLS_AFTER_OFFER)
    kept = {state: grouped.count(Figure.FOLLOW_THROUGH, state) for state in Kept}
    late, cold = grouped.count(Figure.LATE_AFTER_OFFER), grouped.count(Figure.GONE_COLD)
    none = (None, None)

    def sums(key: int) -> Sums:
        on_time, too_late, missed = (kept[state].get(key, 0) for state in Kept)
        due = on_time + too_late + missed
        return Sums(
            leads=leads.get(key, 0),
            speed=Speed(contacted.get(key, 0), *wall.get(key, none), *worked.get(key, none)),
            untouched=untouched.get(key, 0),
            overdue=overdue.get(key, 0),
            attempts=_mean(attempts.get(key, 0), leads.get(key, 0)),
            calls_after_offer=_mean(calls.get(key, 0), offered.get(key, 0)),
            follow_through=Promises(due, on_time, too_late, missed, on_time / due if due else None),
            late_after_offer=late.get(key, 0),
            gone_cold=Wasted(cold.get(key, 0), grouped.cost.get(key, ())),
        )

    return [sums(key) for key in keys]


def _mean(total: int, of: int) -> Mean:
    return Mean(total, of, total / of if of else None)
