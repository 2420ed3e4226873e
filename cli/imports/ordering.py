"""Rows on their way out: those of each lead together and by time, then in pieces."""

from __future__ import annotations

import heapq
import pickle
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from typing import IO, Final, NamedTuple

from cli.imports.log_rows import Ready, Reject, Skipped, Understood

MAX_ROWS: Final = 2_000
MAX_BYTES: Final = 1024 * 1024
"""Half of what the gateway takes in one body."""

WINDOW: Final = 100_000
"""Rows held in memory to be sorted; some 80 MB. Longer files are sorted in parts that lie on disk meanwhile."""


class Piece(NamedTuple):
    rows: list[Ready]
    rejects: list[Reject]
    skipped: int


def by_lead(rows: Iterable[Understood], window: int = WINDOW) -> Iterator[Understood]:
    """The rows of each lead together and by time; what begins a lead comes first of all, and what ends it last of its
    instant. Rows that are not sent come at once.

    A document that changes once by ten rows is written once; ten changes far apart are ten writes.
    """
    with ExitStack() as files:
        held: list[Ready] = []
        parts: list[Iterator[Ready]] = []
        for row in rows:
            if not isinstance(row, Ready):
                yield row
                continue
            held.append(row)
            if len(held) == window:
                held.sort(key=_place)
                parts.append(_kept(held, files.enter_context(tempfile.TemporaryFile())))
                held = []
        held.sort(key=_place)
        yield from heapq.merge(*parts, held, key=_place) if parts else held


def once_each(rows: Iterable[Understood]) -> Iterator[Understood]:
    """Of a table of people that is sorted by lead, each lead once: which of two rows is right nobody says."""
    last: Ready | None = None
    for row in rows:
        if isinstance(row, Ready):
            if last is not None and last.lead_id == row.lead_id:
                yield Reject(row.raw, f"it is the same lead as in line {last.raw.line}; keep one of both")
                continue
            last = row
        yield row


def pieces(rows: Iterable[Understood], max_rows: int = MAX_ROWS) -> Iterator[Piece]:
    """Rows in the bounds of one request, in order, with what is not sent up to its end."""
    ready: list[Ready] = []
    rejects: list[Reject] = []
    skipped = size = 0
    for row in rows:
        if isinstance(row, Skipped):
            skipped += 1
        elif isinstance(row, Reject):
            rejects.append(row)
        else:
            if ready and size + len(row.body) > MAX_BYTES:
                yield Piece(ready, rejects, skipped)
                ready, rejects, skipped, size = [], [], 0, 0
            ready.append(row)
            size += len(row.body) + 1
        if max_rows in (len(ready), len(rejects), skipped):
            yield Piece(ready, rejects, skipped)
            ready, rejects, skipped, size = [], [], 0, 0
    yield Piece(ready, rejects, skipped)


def _place(row: Ready) -> tuple[str, int, int, int, int]:
    return row.ticket or row.lead_id, *row.turn, row.raw.row


def _kept(rows: list[Ready], file: IO[bytes]) -> Iterator[Ready]:
    """Rows put on disk, to be read back one by one."""
    for row in rows:
        pickle.dump(tuple(row), file, pickle.HIGHEST_PROTOCOL)
    count = len(rows)

    def read() -> Iterator[Ready]:
        file.seek(0)
        for _ in range(count):
            yield Ready(*pickle.load(file))  # noqa: S301 - our own, from a file without a name

    return read()
