"""The board that is kept: what `board.py` computes from trails, from spells that follow each change of a trail. Pure.

A trail that has changed takes the place of what was known of its lead, so that it does not matter how often, or after
which restart, it comes. Business time is followup's to reckon: `lacking` says what has to be asked, `learn` keeps it.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from services.gateway.discipline.board import (
    NOBODY,
    Board,
    By,
    Choice,
    Hint,
    Mean,
    Promises,
    Row,
    Speed,
    Sums,
    Wasted,
)
from services.gateway.discipline.figures import FIRST_TRY, HINTS, LONG_OVERDUE, Figure, Kept, Look
from services.gateway.discipline.spells import DERIVED, TIMELESS, length, spells
from services.gateway.discipline.tables import STATES, UNKNOWN, Codes, Names, Rows, Table
from services.gateway.discipline.trail import Trail
from shared.clock import from_milliseconds, milliseconds
from shared.events.leads import Money

TIMED: Final = (Figure.SPEED, Figure.UNTOUCHED)
"""Tables in which business time is kept: how much it was, and from when on it was more than `FIRST_TRY`."""


class Wanted(NamedTuple):
    """A rep's business time to be reckoned: up to `end`, or, without one, when it is first more than `FIRST_TRY`."""

    rep: str | None
    start: datetime
    end: datetime | None
    figure: Figure
    row: int
    layout: int


class Place(NamedTuple):
    """An item of a list: where it stands among the others, and whose it is."""

    place: float
    id: str
    lead_id: str


class KeptBoard:
    """All that is needed to tell the board of any period as of any instant. Not for two threads at once."""

    def __init__(self) -> None:
        self._tables = {figure: Table() for figure in Figure if figure not in DERIVED}
        self._reps = Names()
        self._sources = {by: Names() for by in (By.CHANNEL, By.ORIGIN, By.CAMPAIGN)}
        self._numbers: dict[str, int] = {}
        self._leads: list[str] = []
        self._about = _About()
        self._hours: str | None = None

    def __len__(self) -> int:
        """How many leads are known."""
        return len(self._leads)

    def take(self, trails: Sequence[Trail]) -> None:
        """Let these trails be what is known of their leads; of several of one lead, the last."""
        latest = {trail.lead_id: trail for trail in trails}
        numbers = [self._number(trail) for trail in latest.values()]
        found = [spells(trail) for trail in latest.values()]
        for figure, table in self._tables.items():
            table.replace(numbers, [each.get(figure, ()) for each in found], self._reps)

    def board(self, look: Look, before: Look, choice: Choice, by: By, *, is_timed: bool = True) -> Board:
        """The board, without business time unless `is_timed`. Raises nothing: what is lacking counts for none."""
        now, earlier = self._seen(look, choice, is_timed), self._seen(before, choice, is_timed)
        return Board(
            Row("all", *(_sums_of(each, None)[0] for each in (now, earlier))),
            by,
            self._rows(now, earlier, by),
            self._rows(now, earlier, By.CHANNEL),
            tuple(self._hints(now)),
        )

    def part(
        self,
        figure: Figure,
        look: Look,
        choice: Choice,
        after: tuple[float, str] | None,
        limit: int,
        *,
        is_timed: bool = True,
    ) -> tuple[int, list[Place]]:
        """How many items a figure has, and up to `limit` of them after a place, in their order."""
        seen = self._seen(look, choice, is_timed)
        table, rows = self._table(figure), seen.rows(figure)
        places, ids = _places(figure, table, rows, seen.at), table["id"]
        count = len(rows)
        if after is not None:
            ahead = places >= after[0]
            rows, places = rows[ahead], places[ahead]
            same = np.flatnonzero(places == after[0])
            passed = [each for each in same if ids[rows[each]] <= after[1]]
            rows, places = np.delete(rows, passed), np.delete(places, passed)
        if len(rows) > limit:
            last = np.partition(places, limit - 1)[limit - 1]
            upto = places <= last
            rows, places = rows[upto], places[upto]
        found = zip(places.tolist(), ids[rows], table["lead"][rows], strict=True)
        first = heapq.nsmallest(limit, found, key=lambda each: each[:2])
        return count, [Place(place, id, self._leads[lead]) for place, id, lead in first]

    # --- business time

    def lacking(self, limit: int, looks: Sequence[Look] = ()) -> list[Wanted]:
        """What followup has to reckon, `limit` at most: for these looks, or for any."""
        wanted: list[Wanted] = []
        for figure in TIMED:
            table = self._tables[figure]
            is_open = (table["worked"] == UNKNOWN) & (table["since"] < table["until"])
            if looks and is_open.any():
                is_open &= np.logical_or.reduce([_is_seen(figure, table, _Times(look)) for look in looks])
            for row in np.flatnonzero(is_open)[: limit - len(wanted)].tolist():
                start, measure = int(table["at"][row]), int(table["measure"][row])
                end = from_milliseconds(start + measure) if figure is Figure.SPEED else None
                rep = self._reps.names[table["rep"][row]]
                wanted.append(Wanted(rep, from_milliseconds(start), end, figure, row, table.layout))
        return wanted

    def learn(self, hours: str, wanted: Sequence[Wanted], reckoned: Sequence[int]) -> None:
        """Keep what was reckoned by the opening hours of a version; what was by another one is forgotten.

        Milliseconds: how many there were up to `end`, or the instant from which on there were more.
        """
        if hours != self._hours:
            for figure in TIMED:
                self._tables[figure]["worked"][:] = UNKNOWN
            self._hours = hours
        for each, milliseconds_ in zip(wanted, reckoned, strict=True):
            table = self._tables[each.figure]
            if table.layout == each.layout:
                table["worked"][each.row] = milliseconds_

    # --- inside

    def _number(self, trail: Trail) -> int:
        if (number := self._numbers.get(trail.lead_id)) is None:
            number = self._numbers[trail.lead_id] = len(self._leads)
            self._leads.append(trail.lead_id)
        sources = [self._sources[by].code(getattr(trail, by)) for by in self._sources]
        self._about.set(number, sources, trail.cost)
        return number

    def _table(self, figure: Figure) -> Table:
        return self._tables[DERIVED.get(figure, figure)]

    def _seen(self, look: Look, choice: Choice, is_timed: bool) -> _Seen:
        return _Seen(self._tables, self._about, self._chosen(choice), _Times(look), is_timed)

    def _chosen(self, choice: Choice) -> dict[By, list[int]]:
        """The codes that were chosen. What is not known is told by the name `NOBODY`."""
        return {
            By(by): [self._names(By(by)).known(name), *([0] if name == NOBODY else [])]
            for by, name in choice.named().items()
            if name is not None
        }

    def _names(self, by: By) -> Names:
        return self._reps if by is By.REP else self._sources[by]

    def _rows(self, now: _Seen, earlier: _Seen, by: By) -> tuple[Row, ...]:
        names = [NOBODY if name is None else str(name) for name in self._names(by).names]
        keys = sorted({*now.codes(by), *earlier.codes(by)})
        columns = zip(keys, _sums_of(now, by, keys), _sums_of(earlier, by, keys), strict=True)
        rows = [Row(names[key], one, other) for key, one, other in columns]
        return tuple(sorted(rows, key=lambda row: (-row.now.leads, -row.before.leads, row.key)))

    def _hints(self, now: _Seen) -> Iterator[Hint]:
        for figure in HINTS:
            counts = np.bincount(now.by(figure, By.REP), minlength=1)
            if total := int(counts.sum()):
                named = [
                    (self._reps.names[code] or NOBODY, int(counts[code])) for code in np.flatnonzero(counts)
                ]
                most = max(
                    (each for each in named if each[0] != NOBODY),
                    key=lambda each: (each[1], each[0]),
                    default=None,
                )
                yield Hint(figure, total, most)


class _About:
    """What is the same for all items of a lead: its sources, and what it had cost."""

    def __init__(self) -> None:
        self._columns: Codes = np.zeros((1_024, 4), np.int32)
        self._cost: NDArray[np.int64] = np.zeros(1_024, np.int64)
        self.currencies = Names()

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


class _Times:
    """A look in milliseconds."""

    def __init__(self, look: Look) -> None:
        self.start, self.end = milliseconds(look.period.start), milliseconds(look.period.end)
        self.at = milliseconds(look.at)


class _Seen:
    """The rows of each figure that are seen in a look."""

    def __init__(
        self,
        tables: Mapping[Figure, Table],
        about: _About,
        chosen: Mapping[By, Sequence[int]],
        times: _Times,
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
            return self._choose(table, np.flatnonzero(_is_seen(figure, table, self._times)))
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


def _is_seen(figure: Figure, table: Table, times: _Times) -> NDArray[np.bool_]:
    found = (table["since"] <= times.at) & (table["until"] > times.at)
    if figure not in TIMELESS:
        found &= (table["at"] >= times.start) & (table["at"] < times.end)
    return found


def _places(figure: Figure, table: Table, rows: Rows, at: int) -> NDArray[np.float64]:
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

    seen: _Seen
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


def _sums_of(seen: _Seen, by: By | None, keys: Sequence[int] = (0,)) -> list[Sums]:
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
