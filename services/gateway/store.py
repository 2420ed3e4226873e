"""What the gateway keeps: the views, the keys, and how far each import has come."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from services.gateway.discipline.trail import Trail
from services.gateway.domain import LeadView, Status
from shared.documents import Decision, Documents, Step
from shared.events.scoring import Band
from shared.mongo import Document, Index, Mongo

STRETCH = 65_536
"""Rows of an import in one document."""

HEAT_BOARD = Index((("state.status", 1), ("state.heat.band", 1), ("state.heat.points", -1)))

DAY = Index((("state.next_step.owner", 1), ("state.next_step.due", 1)))
QUIET_FROM = Index((("state.quiet_from", 1),))


class Views(Documents[LeadView]):
    """The 360 views, one document per lead."""

    def __init__(self, mongo: Mongo) -> None:
        super().__init__(mongo.collection("views", (HEAT_BOARD, DAY)), LeadView)

    async def warmest(self, band: Band, below: float | None, limit: int) -> list[LeadView]:
        """Open leads of a band, by heat as last told, from just below `below` points down."""
        points: Document = {"$gt": 0.0} if below is None else {"$gt": 0.0, "$lt": below}
        query = {
            "state.status": Status.OPEN,
            "state.heat.band": band,
            "state.heat.points": points,
            "state.survivor": None,
        }
        return [view for _, view in await self.find(query, [("state.heat.points", -1)], limit=limit)]

    async def steps(self, owner: str | None, start: datetime, end: datetime, limit: int) -> list[LeadView]:
        """Leads and customers whose step is this rep's, or nobody's, and due within [start, end); the first first."""
        query = {
            "state.next_step.owner": owner,
            "state.next_step.due": {"$gte": start, "$lt": end},
        }
        return [view for _, view in await self.find(query, [("state.next_step.due", 1)], limit=limit)]


class Trails(Documents[Trail]):
    """The trails, one document per lead, followed by a consumer of their own."""

    def __init__(self, mongo: Mongo) -> None:
        super().__init__(mongo.collection("trails", (QUIET_FROM,)), Trail)

    async def open_since(self, start: datetime) -> list[Trail]:
        """Of leads about which something was open at `start` or later."""
        return [trail async for some in self.stream({"state.quiet_from": {"$gte": start}}) for trail in some]


@dataclass(frozen=True, slots=True)
class Marked:
    """Which rows of a stretch of an import are in the log: a bit each."""

    bits: bytes = bytes(STRETCH // 8)

    def has(self, row: int) -> bool:
        return bool(self.bits[row % STRETCH // 8] >> row % 8 & 1)

    def with_rows(self, rows: Iterable[int]) -> Marked:
        bits = bytearray(self.bits)
        for row in rows:
            bits[row % STRETCH // 8] |= 1 << row % 8
        return Marked(bytes(bits))


class Imports(Documents[Marked]):
    """Signals of an import have no document of their own: this keeps which rows' signals were published."""

    def __init__(self, mongo: Mongo) -> None:
        super().__init__(mongo.collection("imports"), Marked)

    async def known(self, import_id: str, rows: Sequence[int]) -> set[int]:
        """Those of the rows whose signals are in the log already."""
        stretches = await self.get_many([_stretch(import_id, row) for row in rows])
        return {
            row for row in rows if (marked := stretches.get(_stretch(import_id, row))) and marked.has(row)
        }

    async def mark(self, import_id: str, rows: Sequence[int]) -> None:
        by_stretch: dict[str, list[int]] = {}
        for row in rows:
            by_stretch.setdefault(_stretch(import_id, row), []).append(row)
        await self.apply([Step(id, partial(_mark, some)) for id, some in by_stretch.items()])


def _stretch(import_id: str, row: int) -> str:
    return f"{import_id}.{row // STRETCH}"


def _mark(rows: Sequence[int], marked: Marked | None) -> Decision[Marked]:
    return (marked or Marked()).with_rows(rows), ()
