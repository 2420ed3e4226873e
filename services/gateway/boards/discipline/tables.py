"""Spells in columns, so that many thousands are looked through in a millisecond. Pure, and changed in place."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from services.gateway.boards.discipline.figures import Kept
from services.gateway.boards.discipline.spells import Spell

Rows = NDArray[np.intp]
"""Numbers of rows."""
Codes = NDArray[np.int32]

UNKNOWN: Final = -(2**62)
"""A time at work that nobody has reckoned yet."""
STATES: Final = tuple(Kept)
_TYPES: Final[Mapping[str, Any]] = {
    "lead": np.int32,
    "rep": np.int32,
    "at": np.int64,
    "since": np.int64,
    "until": np.int64,
    "measure": np.int64,
    "grows": np.bool_,
    "counts": np.int32,
    "state": np.int8,
    "worked": np.int64,
    "id": np.object_,
}
_COMPARED: Final = ("until", "since", "at", "measure", "grows", "counts", "state", "rep", "id")
_ROOM: Final = 1_024


class Dictionary:
    """Numbers for names, from 0 on; 0 is None."""

    def __init__(self) -> None:
        self.names: list[str | None] = [None]
        self._codes: dict[str | None, int] = {None: 0}

    def __len__(self) -> int:
        return len(self.names)

    def code(self, name: str | None) -> int:
        if (code := self._codes.get(name)) is None:
            code = self._codes[name] = len(self.names)
            self.names.append(name)
        return code

    def known(self, name: str | None) -> int:
        """The number of a name, or one that nothing has."""
        return self._codes.get(name, -1)


class Table:
    """The spells of one figure, those of one lead in a row.

    Rows are only added: those of a lead that has changed are emptied where they stand (`since` is their `until`), and
    go when every second one is empty.
    """

    def __init__(self) -> None:
        self._columns = {name: np.empty(_ROOM, type_) for name, type_ in _TYPES.items()}
        self._first, self._many = np.zeros(_ROOM, np.int64), np.zeros(_ROOM, np.int32)
        self.size = self._empty = 0
        self.layout = 0
        """Changes when rows get other numbers."""
        self.emptied: list[int] = []
        """Rows in the order in which they were emptied, in this layout."""

    def __getitem__(self, column: str) -> NDArray[Any]:
        return self._columns[column][: self.size]

    def of(self, lead: int) -> slice:
        """The rows of a lead."""
        if lead >= len(self._first):
            return slice(0, 0)
        return slice(int(self._first[lead]), int(self._first[lead]) + int(self._many[lead]))

    def replace(self, leads: Sequence[int], spells: Sequence[Sequence[Spell]], reps: Dictionary) -> None:
        """Put these spells in place of those that the leads had."""
        self._make_room_for(max(leads, default=0) + 1)
        changed = [
            (lead, some) for lead, some in zip(leads, spells, strict=True) if not self._has(lead, some, reps)
        ]
        if not changed:
            return
        leads, spells = [lead for lead, _ in changed], [some for _, some in changed]
        known = {}
        for lead in leads:
            rows = self.of(lead)
            for row in range(rows.start, rows.stop):
                if (worked := self._columns["worked"][row]) != UNKNOWN:
                    known[self._key(row)] = worked
            self._columns["since"][rows] = self._columns["until"][rows]
            self._empty += rows.stop - rows.start
            self.emptied += range(rows.start, rows.stop)
        first = self.size
        self._add(leads, spells, reps)
        for row in range(first, self.size) if known else ():
            self._columns["worked"][row] = known.get(self._key(row), UNKNOWN)
        if self._empty > max(_ROOM, self.size // 2):
            self._close_up()

    def _has(self, lead: int, spells: Sequence[Spell], reps: Dictionary) -> bool:
        """Whether these are the spells that the lead has: most facts change those of few figures."""
        rows = self.of(lead)
        if rows.stop - rows.start != len(spells):
            return False
        columns = [self._columns[name][rows].tolist() for name in _COMPARED]
        return all(
            held == (each.until, each.since, each.at, each.measure, each.grows, each.counts,
                     -1 if each.state is None else STATES.index(each.state), reps.known(each.rep), each.id)
            for held, each in zip(zip(*columns, strict=True), spells, strict=True)
        )  # fmt: skip

    def _key(self, row: int) -> tuple[int, int, int]:
        """What a time at work depends on."""
        return int(self["lead"][row]), int(self["rep"][row]), int(self["measure"][row])

    def _add(self, leads: Sequence[int], spells: Sequence[Sequence[Spell]], reps: Dictionary) -> None:
        lengths = [len(each) for each in spells]
        added = [each for some in spells for each in some]
        start, end = self.size, self.size + len(added)
        self._first[leads] = start + np.cumsum([0, *lengths[:-1]])
        self._many[leads] = lengths
        if not added:
            return
        if end > len(self._columns["lead"]):
            room = max(2 * len(self._columns["lead"]), end)
            self._columns = {name: _with_room(column, room) for name, column in self._columns.items()}
        ids, names, at, since, until, measure, grows, counts, states = zip(*added, strict=True)
        values: dict[str, Any] = {
            "lead": np.repeat(leads, lengths),
            "rep": [reps.code(name) for name in names],
            "at": at,
            "since": since,
            "until": until,
            "measure": measure,
            "grows": grows,
            "counts": counts,
            "state": [-1 if state is None else STATES.index(state) for state in states],
            "worked": UNKNOWN,
            "id": _objects(ids),
        }
        for name, column in self._columns.items():
            column[start:end] = values[name]
        self.size = end

    def _make_room_for(self, leads: int) -> None:
        if leads > len(self._first):
            room = max(2 * len(self._first), leads)
            self._first, self._many = _with_room(self._first, room), _with_room(self._many, room)

    def _close_up(self) -> None:
        rows = np.flatnonzero(self["since"] < self["until"])
        self._columns = {
            name: _with_room(column[: self.size][rows], max(_ROOM, 2 * len(rows)))
            for name, column in self._columns.items()
        }
        self.size, self._empty = len(rows), 0
        self.layout += 1
        self.emptied = []
        leads, first, many = np.unique(self["lead"], return_index=True, return_counts=True)
        self._many[:] = 0
        self._first[leads], self._many[leads] = first, many


def _with_room(column: NDArray[Any], room: int) -> NDArray[Any]:
    larger = np.zeros(room, column.dtype)
    larger[: len(column)] = column
    return larger


def _objects(values: Iterable[str]) -> NDArray[np.object_]:
    some = list(values)
    found = np.empty(len(some), np.object_)
    found[:] = some
    return found
