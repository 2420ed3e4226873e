"""How far each import has come: which of its rows are done."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial

from shared.documents import Decision, Documents, Step
from shared.mongo import Mongo

STRETCH = 65_536
"""Rows of an import in one document."""


@dataclass(frozen=True, slots=True)
class Marked:
    """Which rows of a stretch of an import are done: a bit each."""

    bits: bytes = bytes(STRETCH // 8)

    def has(self, row: int) -> bool:
        return bool(self.bits[row % STRETCH // 8] >> row % 8 & 1)

    def with_rows(self, rows: Iterable[int]) -> Marked:
        bits = bytearray(self.bits)
        for row in rows:
            bits[row % STRETCH // 8] |= 1 << row % 8
        return Marked(bytes(bits))


class Imports(Documents[Marked]):
    """Which rows of an import are done: told, or known from before. Those that were rejected may be tried again."""

    def __init__(self, mongo: Mongo) -> None:
        super().__init__(mongo.collection("imports"), Marked)

    async def known(self, import_id: str, rows: Sequence[int]) -> set[int]:
        """Those of the rows that are done."""
        stretches = await self.get_many([_stretch(import_id, row) for row in rows])
        return {
            row for row in rows if (marked := stretches.get(_stretch(import_id, row))) and marked.has(row)
        }

    async def mark(self, import_id: str, rows: Sequence[int]) -> None:
        by_stretch: dict[str, list[int]] = {}
        for row in rows:
            by_stretch.setdefault(_stretch(import_id, row), []).append(row)
        for id, some in by_stretch.items():
            await self.change(Step(id, partial(_mark, some)))


def _stretch(import_id: str, row: int) -> str:
    return f"{import_id}.{row // STRETCH}"


def _mark(rows: Sequence[int], marked: Marked | None) -> Decision[Marked]:
    return (marked or Marked()).with_rows(rows), ()
