"""Rows of an import on their way into documents: the same decisions as live traffic, each row applied once.

A row's guard is its number in the file. A person's is that persons are brought in once, by whatever file.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from shared.applied_once import Row, Seen
from shared.commands.import_rows import (
    HistoryRow,
    HistoryRows,
    Person,
    RowOutcome,
    RowOutcomes,
)
from shared.documents import Decision, Documents, Look, Outcome, Step, settled

T = TypeVar("T")

_BROUGHT_IN = Seen("import:people", 1, gapless=False)


async def take_history(
    documents: Documents[T],
    piece: HistoryRows,
    decide: Callable[[HistoryRow], Callable[[T | None], Decision[T]]],
    look: Look | None = None,
    document: Callable[[HistoryRow], str] = lambda row: row.lead_id,
) -> RowOutcomes:
    """Apply a piece of an import and say what became of each row, in order. Raises `Unavailable`: send it again."""

    def step(row: HistoryRow) -> Step[T]:
        guard = _BROUGHT_IN if isinstance(row.what, Person) else Row(piece.import_id, row.row)
        return Step(document(row), lambda state: decide(row)(state), guard)

    outcomes = settled(await documents.apply([step(row) for row in piece.rows], look))
    return RowOutcomes(
        outcomes=[_of(row, outcome) for row, outcome in zip(piece.rows, outcomes, strict=True)]
    )


def _of(row: HistoryRow, outcome: Outcome[T]) -> RowOutcome:
    if outcome.error is not None:
        return RowOutcome(row=row.row, outcome="rejected", reason=outcome.error.sentence)
    return RowOutcome(row=row.row, outcome="known" if outcome.kind == "known" else "published")
