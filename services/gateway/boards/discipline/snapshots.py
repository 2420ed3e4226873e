"""What is seen of the kept spells for a while, summed once: a board then costs what it shows. Pure.

Of a figure's rows, all but a few are either there throughout some minutes or not at all. Those that are there are put
in the order of their time, with sums by code at every so many of them, so that the sum of any period is the difference
of two. What comes or goes in these minutes, what was added since, and what was emptied since, is looked at row by row.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from services.gateway.boards.discipline.board import By
from services.gateway.boards.discipline.figures import LONG_OVERDUE, Figure, Kept
from services.gateway.boards.discipline.seen import (
    SHARES,
    About,
    LookTimes,
    Quantiles,
    SeenRows,
    Tally,
    Weight,
    codes,
    rank,
    ripe_from,
    summed,
    weights,
)
from services.gateway.boards.discipline.spells import ALWAYS, DERIVED, FOREVER, TIMELESS, length
from services.gateway.boards.discipline.tables import UNKNOWN, Codes, Rows, Table

USUAL: Final = (None, By.REP, By.CHANNEL)
"""By what every board sums."""
Summand = Weight | Literal["ripe"]
"""What a row adds to a sum; one, if it is a lead that has waited too long."""
_SUMMANDS: Final[Mapping[Figure, tuple[Summand, ...]]] = {
    Figure.UNTOUCHED: ("one", "ripe"),
    Figure.ATTEMPTS: ("one", "counts"),
    Figure.CALLS_AFTER_OFFER: ("one", "counts"),
    Figure.FOLLOW_THROUGH: tuple(Kept),
}
_STEP: Final = 512


class RunningSums:
    """Sums by code over any stretch of rows, from the sums at every so many rows."""

    def __init__(self, codes: Codes, weights: NDArray[Any] | None) -> None:
        self._codes, self._weights = codes, weights
        self._many = int(codes.max()) + 1 if len(codes) else 1
        self._step = max(_STEP, self._many)
        blocks = len(codes) // self._step
        self._sums: NDArray[np.int64] = np.zeros((blocks + 1, self._many), np.int64)
        for block in range(blocks):
            start = block * self._step
            self._sums[block + 1] = self._sums[block] + self._over(start, start + self._step)

    def over(self, start: int, stop: int) -> Tally:
        return self._upto(stop) - self._upto(start)

    def _upto(self, stop: int) -> Tally:
        block = stop // self._step
        found: Tally = self._sums[block] + self._over(block * self._step, stop)
        return found

    def _over(self, start: int, stop: int) -> Tally:
        part = self._weights[start:stop] if self._weights is not None else None
        return summed(self._codes[start:stop], part, self._many)


class RankedRows:
    """Rows in the order of a value, by code."""

    def __init__(self, rows: Rows, codes: Codes, values: NDArray[np.int64], at: NDArray[np.int64]) -> None:
        order = np.lexsort((values, codes))
        self._rows, self.values, self._at = rows[order], values[order], at[order]
        self._starts = np.searchsorted(codes[order], np.arange(int(codes.max(initial=-1)) + 2))

    def within(self, times: LookTimes, gone: Rows) -> dict[int, NDArray[np.intp]]:
        """By code, where the rows of a period stand that are not gone."""
        there = (self._at >= times.start) & (self._at < times.end)
        if len(gone):
            there &= ~np.isin(self._rows, gone)
        places = np.flatnonzero(there)
        bounds = np.searchsorted(places, self._starts).tolist()
        return {
            code: places[start:stop] for code, (start, stop) in enumerate(pairwise(bounds)) if start < stop
        }


class Snapshot:
    """The rows of a figure that are seen throughout [start, end), as the table stood when it was taken."""

    def __init__(self, figure: Figure, table: Table, about: About, start: int, end: int) -> None:
        self._table, self._about, self._start = table, about, start
        self.size, self.layout = table.size, table.layout
        self._emptied_from = len(table.emptied)
        since, until = table["since"], table["until"]
        lasts = (since <= start) & (until >= end)
        passes = (since < until) & (since < end) & (until > start) & ~lasts
        if figure is Figure.UNTOUCHED:
            ripe = ripe_from(table, slice(None))
            ripens = lasts & (ripe > start) & (ripe < end)
            lasts, passes = lasts & ~ripens, passes | ripens
        self._lasts, self._passing = lasts, np.flatnonzero(passes)
        rows = np.flatnonzero(lasts)
        at = table["at"][rows]
        order = np.argsort(at, kind="stable")
        self._rows, self._at = rows[order], at[order]
        self._codes_by: dict[By | None, Codes] = {}
        self._weights_of: dict[Summand, NDArray[Any] | None] = {}
        self._running: dict[tuple[By | None, Summand], RunningSums] = {}
        self._ranked: dict[tuple[By | None, str], RankedRows] = {}
        self._prepare(figure)

    @property
    def behind(self) -> int:
        """How many rows have come or gone since."""
        return self._table.size - self.size + len(self._table.emptied) - self._emptied_from

    @property
    def others(self) -> Rows:
        """The rows that have to be looked at one by one."""
        return np.concatenate([self._passing, np.arange(self.size, self._table.size)])

    @property
    def gone(self) -> Rows:
        """The rows of the snapshot that were emptied since."""
        rows = np.array(self._table.emptied[self._emptied_from :], np.intp)
        rows = rows[rows < self.size]
        return rows[self._lasts[rows]]

    def tally(self, figure: Figure, by: By | None, weight: Summand, times: LookTimes, gone: Rows) -> Tally:
        start, end = self._period(figure, times)
        first, last = np.searchsorted(self._at, (start, end)).tolist()
        total = self._sums(by, weight).over(first, max(first, last))
        if len(gone):
            at = self._table["at"][gone]
            rows = gone[(at >= start) & (at < end)]
            total = total - summed(self._codes(rows, by), self._weights(rows, weight), len(total))
        return total

    def ranked(self, column: str, by: By | None) -> RankedRows:
        if (found := self._ranked.get((by, column))) is None:
            values = self._table[column][self._rows]
            known = values != UNKNOWN if column == "worked" else np.ones(len(values), np.bool_)
            rows = self._rows[known]
            found = self._ranked[by, column] = RankedRows(
                rows, self._codes(rows, by), values[known], self._at[known]
            )
        return found

    def _period(self, figure: Figure, times: LookTimes) -> tuple[int, int]:
        if figure is Figure.LONG_OVERDUE:  # its time is when it was due, from which on it is measured
            return ALWAYS, times.at - length(LONG_OVERDUE)
        if figure in TIMELESS:
            return ALWAYS, FOREVER
        return times.start, times.end

    def _sums(self, by: By | None, weight: Summand) -> RunningSums:
        if (found := self._running.get((by, weight))) is None:
            if by not in self._codes_by:
                self._codes_by[by] = self._codes(self._rows, by)
            if weight not in self._weights_of:
                self._weights_of[weight] = self._weights(self._rows, weight)
            found = self._running[by, weight] = RunningSums(self._codes_by[by], self._weights_of[weight])
        return found

    def _codes(self, rows: Rows, by: By | None) -> Codes:
        return codes(self._table, self._about, rows, by)

    def _weights(self, rows: Rows, weight: Summand) -> NDArray[Any] | None:
        if weight == "ripe":
            return ripe_from(self._table, rows) <= self._start
        return weights(self._table, self._about, rows, weight)

    def _prepare(self, figure: Figure) -> None:
        for by in USUAL:
            for weight in _SUMMANDS.get(figure, ("one",)):
                self._sums(by, weight)
            for column in ("measure", "worked") if figure is Figure.SPEED else ():
                self.ranked(column, by)


class Window:
    """The snapshots of all figures for the looks as of [start, end), in milliseconds; whole when all are taken."""

    def __init__(self, start: int, end: int) -> None:
        self.start, self.end = start, end
        self.snapshots: dict[Figure, Snapshot] = {}

    def holds(self, tables: Mapping[Figure, Table], at: int) -> bool:
        """Whether looks as of an instant are told from it."""
        return self.start <= at < self.end and all(
            figure in self.snapshots and self.snapshots[figure].layout == table.layout
            for figure, table in tables.items()
        )

    def overlaps(self, other: Window) -> bool:
        return self.start < other.end and other.start < self.end

    def leans_on(self, figure: Figure, row: int) -> bool:
        return figure in self.snapshots and row < self.snapshots[figure].size

    @property
    def behind(self) -> int:
        return sum(each.behind for each in self.snapshots.values())


class SeenSnapshots:
    """What is seen in a look that a window holds, of all leads and in business time."""

    is_timed = True

    def __init__(
        self, tables: Mapping[Figure, Table], about: About, window: Window, times: LookTimes
    ) -> None:
        self.about, self._times, self._snapshots = about, times, window.snapshots
        among = {figure: each.others for figure, each in window.snapshots.items()}
        self._others = SeenRows(tables, about, times, among=among)
        self._gone = {figure: each.gone for figure, each in window.snapshots.items()}

    def tally(self, figure: Figure, by: By | None, weight: Weight = "one") -> Tally:
        source = DERIVED.get(figure, figure)
        summand: Summand = "ripe" if figure is Figure.NO_FIRST_TRY else weight
        lasting = self._snapshots[source].tally(figure, by, summand, self._times, self._gone[source])
        others = self._others.tally(figure, by, weight)
        total = np.zeros(max(len(lasting), len(others)), np.int64)
        total[: len(lasting)] += lasting
        total[: len(others)] += others
        return total

    def quantiles(self, column: str, by: By | None) -> Quantiles:
        ranked = self._snapshots[Figure.SPEED].ranked(column, by)
        lasting = ranked.within(self._times, self._gone[Figure.SPEED])
        others = self._others.values(column, by)
        found = {}
        for code in lasting.keys() | others.keys():
            places, more = lasting.get(code, _NONE), others.get(code, _NONE)
            many = len(places) + len(more)
            median, decile = (_nth(ranked.values, places, more, rank(many, share)) for share in SHARES)
            found[code] = median / 1_000, decile / 1_000
        return found


_NONE: Final = np.empty(0, np.intp)


def _nth(values: NDArray[np.int64], places: Rows, more: Sequence[int] | NDArray[Any], number: int) -> int:
    """The nth of ordered values at some places and of some more: not so many may stand before it as there are more."""
    first = max(0, number - len(more))
    near = np.concatenate([values[places[first : number + 1]], more])
    return int(np.sort(near)[number - first])
