"""The board that is kept: what `board.py` computes from trails, from spells that follow each change of a trail. Pure.

A trail that has changed takes the place of what was known of its lead, so that it does not matter how often, or after
which restart, it comes. Business time is followup's to reckon: `lacking` says what has to be asked, `learn` keeps it.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Final, NamedTuple

import numpy as np

from services.gateway.boards.discipline.board import (
    NOBODY,
    Board,
    By,
    Choice,
    FiguresRow,
    Hint,
)
from services.gateway.boards.discipline.figures import HINTS, Figure, Look
from services.gateway.boards.discipline.seen import About, LookTimes, SeenRows, is_seen, places_of, sums_of
from services.gateway.boards.discipline.spells import DERIVED, spells
from services.gateway.boards.discipline.tables import UNKNOWN, Dictionary, Table
from services.gateway.boards.discipline.trail import Trail
from shared.clock import from_milliseconds

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


class BoardPlace(NamedTuple):
    """An item of a list: where it stands among the others, and whose it is."""

    place: float
    id: str
    lead_id: str


class KeptBoard:
    """All that is needed to tell the board of any period as of any instant. Not for two threads at once."""

    def __init__(self) -> None:
        self._tables = {figure: Table() for figure in Figure if figure not in DERIVED}
        self._reps = Dictionary()
        self._sources = {by: Dictionary() for by in (By.CHANNEL, By.ORIGIN, By.CAMPAIGN)}
        self._numbers: dict[str, int] = {}
        self._leads: list[str] = []
        self._about = About()
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
            FiguresRow("all", *(sums_of(each, None)[0] for each in (now, earlier))),
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
    ) -> tuple[int, list[BoardPlace]]:
        """How many items a figure has, and up to `limit` of them after a place, in their order."""
        seen = self._seen(look, choice, is_timed)
        table, rows = self._table(figure), seen.rows(figure)
        places, ids = places_of(figure, table, rows, seen.at), table["id"]
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
        return count, [BoardPlace(place, id, self._leads[lead]) for place, id, lead in first]

    # --- business time

    def lacking(self, limit: int, looks: Sequence[Look] = ()) -> list[Wanted]:
        """What followup has to reckon, `limit` at most: for these looks, or for any."""
        wanted: list[Wanted] = []
        for figure in TIMED:
            table = self._tables[figure]
            is_open = (table["worked"] == UNKNOWN) & (table["since"] < table["until"])
            if looks and is_open.any():
                is_open &= np.logical_or.reduce([is_seen(figure, table, LookTimes(look)) for look in looks])
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

    def _seen(self, look: Look, choice: Choice, is_timed: bool) -> SeenRows:
        return SeenRows(self._tables, self._about, self._chosen(choice), LookTimes(look), is_timed)

    def _chosen(self, choice: Choice) -> dict[By, list[int]]:
        """The codes that were chosen. What is not known is told by the name `NOBODY`."""
        return {
            By(by): [self._names(By(by)).known(name), *([0] if name == NOBODY else [])]
            for by, name in choice.named().items()
            if name is not None
        }

    def _names(self, by: By) -> Dictionary:
        return self._reps if by is By.REP else self._sources[by]

    def _rows(self, now: SeenRows, earlier: SeenRows, by: By) -> tuple[FiguresRow, ...]:
        names = [NOBODY if name is None else str(name) for name in self._names(by).names]
        keys = sorted({*now.codes(by), *earlier.codes(by)})
        columns = zip(keys, sums_of(now, by, keys), sums_of(earlier, by, keys), strict=True)
        rows = [FiguresRow(names[key], one, other) for key, one, other in columns]
        return tuple(sorted(rows, key=lambda row: (-row.now.leads, -row.before.leads, row.key)))

    def _hints(self, now: SeenRows) -> Iterator[Hint]:
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
