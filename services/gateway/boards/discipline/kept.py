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
from services.gateway.boards.discipline.seen import About, LookTimes, SeenRows, is_seen, places_of
from services.gateway.boards.discipline.snapshots import SeenSnapshots, Snapshot, Window
from services.gateway.boards.discipline.spells import DERIVED, spells
from services.gateway.boards.discipline.sums import Seen, SumsBy, as_map
from services.gateway.boards.discipline.tables import UNKNOWN, Dictionary, Table
from services.gateway.boards.discipline.trail import Trail
from shared.clock import from_milliseconds

TIMED: Final = (Figure.SPEED, Figure.UNTOUCHED)
"""Tables in which business time is kept: how much it was, and from when on it was more than `FIRST_TRY`."""
WINDOWS: Final = 6
"""For so many stretches of time sums are held."""
BEHIND: Final = 100_000
"""When so many rows have come or gone since they were summed, looking at all is no slower."""


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
        self._windows: list[Window] = []

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
            FiguresRow("all", SumsBy(now, None)[0], SumsBy(earlier, None)[0]),
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
        seen = self._seen_rows(look, choice, is_timed)
        table, rows = self._tables[DERIVED.get(figure, figure)], seen.rows(figure)
        places, ids = places_of(figure, table, rows, seen.times.at), table["id"]
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
            self._windows.clear()
            for figure in TIMED:
                self._tables[figure]["worked"][:] = UNKNOWN
            self._hours = hours
        for each, milliseconds_ in zip(wanted, reckoned, strict=True):
            table = self._tables[each.figure]
            if table.layout == each.layout:
                table["worked"][each.row] = milliseconds_
                self._windows = [some for some in self._windows if not some.leans_on(each.figure, each.row)]

    # --- what is summed beforehand

    @property
    def figures(self) -> Sequence[Figure]:
        """Those that spells are kept of."""
        return tuple(self._tables)

    def window(self, at: int, behind: int) -> Window | None:
        """What looks as of an instant are told from, unless more rows have come or gone than `behind`."""
        found = next((each for each in self._windows if each.holds(self._tables, at)), None)
        return found if found is not None and found.behind <= behind else None

    def open_window(self, start: int, end: int) -> Window:
        """One that has still to be filled, figure by figure."""
        self._windows.insert(0, Window(start, end))
        return self._windows[0]

    def fill(self, window: Window, figure: Figure) -> None:
        """Take a snapshot; with the last one, the window takes the place of those that it overlaps."""
        window.snapshots[figure] = Snapshot(
            figure, self._tables[figure], self._about, window.start, window.end
        )
        if window in self._windows and len(window.snapshots) == len(self._tables):
            others = [each for each in self._windows if each is not window and not each.overlaps(window)]
            self._windows = [window, *others[: WINDOWS - 1]]

    # --- inside

    def _number(self, trail: Trail) -> int:
        number = self._numbers.get(trail.lead_id)
        is_new = number is None
        if number is None:
            number = self._numbers[trail.lead_id] = len(self._leads)
            self._leads.append(trail.lead_id)
        sources = [self._sources[by].code(getattr(trail, by)) for by in self._sources]
        if self._about.set(number, sources, trail.cost) and not is_new and self._has_rows(number):
            self._windows.clear()  # their sums are by what was known
        return number

    def _has_rows(self, lead: int) -> bool:
        rows = (table.of(lead) for table in self._tables.values())
        return any(each.start < each.stop for each in rows)

    def _seen(self, look: Look, choice: Choice, is_timed: bool) -> Seen:
        if is_timed and choice == Choice():
            times = LookTimes(look)
            window = self.window(times.at, BEHIND)
            if window is not None:
                return SeenSnapshots(self._tables, self._about, window, times)
        return self._seen_rows(look, choice, is_timed)

    def _seen_rows(self, look: Look, choice: Choice, is_timed: bool) -> SeenRows:
        return SeenRows(
            self._tables, self._about, LookTimes(look), chosen=self._chosen(choice), is_timed=is_timed
        )

    def _chosen(self, choice: Choice) -> dict[By, list[int]]:
        """The codes that were chosen. What is not known is told by the name `NOBODY`."""
        return {
            By(by): [self._names(By(by)).known(name), *([0] if name == NOBODY else [])]
            for by, name in choice.named().items()
            if name is not None
        }

    def _names(self, by: By) -> Dictionary:
        return self._reps if by is By.REP else self._sources[by]

    def _rows(self, now: Seen, earlier: Seen, by: By) -> tuple[FiguresRow, ...]:
        names = self._names(by).names
        one, other = SumsBy(now, by), SumsBy(earlier, by)
        rows = [
            FiguresRow(str(names[code] or NOBODY), one[code], other[code]) for code in one.codes | other.codes
        ]
        return tuple(sorted(rows, key=lambda row: (-row.now.leads, -row.before.leads, row.key)))

    def _hints(self, now: Seen) -> Iterator[Hint]:
        for figure in HINTS:
            reps = as_map(now.tally(figure, By.REP))
            if reps:
                named = [(self._reps.names[code] or NOBODY, count) for code, count in reps.items()]
                most = max(
                    (each for each in named if each[0] != NOBODY),
                    key=lambda each: (each[1], each[0]),
                    default=None,
                )
                yield Hint(figure, sum(reps.values()), most)
