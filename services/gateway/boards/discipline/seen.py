"""What is seen of the kept spells in a look, row by row. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from services.gateway.boards.discipline.board import By
from services.gateway.boards.discipline.figures import FIRST_TRY, LONG_OVERDUE, Figure, Kept, Look
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

    def set(self, number: int, sources: Sequence[int], cost: Money | None) -> bool:
        """Say what is known of a lead; True if it was something else before."""
        if number >= len(self._cost):
            self._columns = np.concatenate([self._columns, np.zeros_like(self._columns)])
            self._cost = np.concatenate([self._cost, np.zeros_like(self._cost)])
        minor = cost.minor if cost is not None else 0
        columns = [*sources, self.currencies.code(cost.currency if cost else None)]
        is_same = self._cost[number] == minor and self._columns[number].tolist() == columns
        self._columns[number], self._cost[number] = columns, minor
        return not is_same

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


class Cost(NamedTuple):
    """What leads had cost, in a currency by its code."""

    currency: int


Weight = Literal["one", "counts"] | Kept | Cost
"""What a row adds to a tally: one, what it counts, one if its state is this, or its lead's cost in a currency."""
Tally = NDArray[np.int64]
"""Sums by code."""
Quantiles = Mapping[int, tuple[float, float]]
"""By code, the median and the ninth decile in seconds, by nearest rank."""
SHARES = (0.5, 0.9)


class SeenRows:
    """The rows of each figure that are seen in a look, of all rows or `among` some."""

    def __init__(
        self,
        tables: Mapping[Figure, Table],
        about: About,
        times: LookTimes,
        *,
        chosen: Mapping[By, Sequence[int]] | None = None,
        is_timed: bool = True,
        among: Mapping[Figure, Rows] | None = None,
    ) -> None:
        self.tables, self.about, self.times, self.is_timed = tables, about, times, is_timed
        self._chosen, self._among = chosen or {}, among
        self._rows: dict[Figure, Rows] = {}
        self._codes: dict[tuple[Figure, By | None], Codes] = {}

    def rows(self, figure: Figure) -> Rows:
        if (rows := self._rows.get(figure)) is None:
            rows = self._rows[figure] = self._find(figure)
        return rows

    def tally(self, figure: Figure, by: By | None, weight: Weight = "one") -> Tally:
        rows, table = self.rows(figure), self._table(figure)
        return summed(self._codes_of(figure, by), weights(table, self.about, rows, weight))

    def quantiles(self, column: str, by: By | None) -> Quantiles:
        found = self.values(column, by)
        return {code: (_nearest(each, SHARES[0]), _nearest(each, SHARES[1])) for code, each in found.items()}

    def values(self, column: str, by: By | None) -> Mapping[int, NDArray[np.int64]]:
        """How long it took to the first contact by code, the shortest first; `column` says in which time."""
        codes = self._codes_of(Figure.SPEED, by)
        values = self._table(Figure.SPEED)[column][self.rows(Figure.SPEED)]
        if column == "worked":
            is_known = values != UNKNOWN
            codes, values = codes[is_known], values[is_known]
        ordered, counts = values[np.lexsort((values, codes))], np.bincount(codes)
        ends = np.cumsum(counts)
        return {
            code: ordered[ends[code] - counts[code] : ends[code]] for code in np.flatnonzero(counts).tolist()
        }

    def _table(self, figure: Figure) -> Table:
        return self.tables[DERIVED.get(figure, figure)]

    def _codes_of(self, figure: Figure, by: By | None) -> Codes:
        key = DERIVED.get(figure, figure) if figure is Figure.LEADS else figure, by
        if (found := self._codes.get(key)) is None:
            found = self._codes[key] = codes(self._table(figure), self.about, self.rows(figure), by)
        return found

    def _find(self, figure: Figure) -> Rows:
        source, at = DERIVED.get(figure), self.times.at
        if source is None:
            table = self.tables[figure]
            if self._among is None:
                return self._choose(table, np.flatnonzero(is_seen(figure, table, self.times)))
            rows = self._among[figure]
            return self._choose(table, rows[is_seen(figure, table, self.times, rows)])
        rows, table = self.rows(source), self.tables[source]
        if figure is Figure.LEADS:
            return rows
        if figure is Figure.LONG_OVERDUE:
            return rows[at - table["measure"][rows] > length(LONG_OVERDUE)]
        return rows[ripe_from(table, rows, is_timed=self.is_timed) <= at]

    def _choose(self, table: Table, rows: Rows) -> Rows:
        for by, chosen in self._chosen.items():
            rows = rows[np.isin(codes(table, self.about, rows, by), chosen)]
        return rows


def is_seen(
    figure: Figure, table: Table, times: LookTimes, rows: Rows | slice = slice(None)
) -> NDArray[np.bool_]:
    found = (table["since"][rows] <= times.at) & (table["until"][rows] > times.at)
    if figure not in TIMELESS:
        at = table["at"][rows]
        found &= (at >= times.start) & (at < times.end)
    return found


def ripe_from(table: Table, rows: Rows | slice, *, is_timed: bool = True) -> NDArray[np.int64]:
    """From when on leads that nobody has tried have waited too long."""
    ripe: NDArray[np.int64] = table["measure"][rows] + length(FIRST_TRY) + 1
    if not is_timed:
        return ripe
    worked = table["worked"][rows]
    return np.where(worked == UNKNOWN, ripe, worked)


def codes(table: Table, about: About, rows: Rows, by: By | None) -> Codes:
    """Whose each row is; all are the same without `by`."""
    if by is None:
        return np.zeros(len(rows), np.int32)
    if by is By.REP:
        found: Codes = table["rep"][rows]
        return found
    return about.source(table["lead"][rows], by)


def weights(table: Table, about: About, rows: Rows, weight: Weight) -> NDArray[Any] | None:
    if weight == "one":
        return None
    if weight == "counts":
        counts: NDArray[Any] = table["counts"][rows]
        return counts
    if isinstance(weight, Cost):
        leads = table["lead"][rows]
        return np.where(about.currency(leads) == weight.currency, about.cost(leads), 0)
    has_state: NDArray[Any] = table["state"][rows] == STATES.index(Kept(weight))
    return has_state


def summed(codes: Codes, weights: NDArray[Any] | None, many: int = 0) -> Tally:
    """Exact up to 2**53."""
    return np.bincount(codes, weights, many).astype(np.int64, copy=False)


def _nearest(values: NDArray[np.int64], share: float) -> float:
    return int(values[rank(len(values), share)]) / 1_000


def rank(many: int, share: float) -> int:
    return math.ceil(share * many) - 1


def places_of(figure: Figure, table: Table, rows: Rows, at: int) -> NDArray[np.float64]:
    """As `board.place` has them: the longest first, else the most."""
    counts = -table["counts"][rows].astype(np.float64)
    if figure is Figure.LEADS:
        return np.full(len(rows), -1.0)
    measure = table["measure"][rows]
    seconds = np.where(table["grows"][rows], at - measure, measure) / 1_000
    return np.where(seconds != 0, -seconds, counts)
