"""A gateway in memory: it checks what it is sent as the real one does, and remembers rows by import and number."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from shared.commands.import_rows import (
    HistoryRow,
    HistoryRows,
    RowOutcome,
    RowOutcomes,
)
from shared.web import MAX_BODY_BYTES

KEY = "a-key"


class Killed(Exception):
    """The importer is no more."""


class Gate:
    def __init__(self) -> None:
        self.remembered: dict[tuple[str, int], HistoryRow] = {}
        self.order: list[HistoryRow] = []
        self.pieces = 0
        self.refuse: Callable[[HistoryRow], str | None] = lambda row: None
        self.before_piece: Callable[[], Response | None] = lambda: None
        self.is_open = asyncio.Event()
        self.is_open.set()
        self.url = "http://gate"
        self.kill_after_rows: int | None = None
        self.looks_until_caught_up = 0
        self.app = Starlette(
            routes=[
                Route("/v1/history", self._history, methods=["POST"]),
                Route("/v1/status", self._status),
            ]
        )

    @property
    def transport(self) -> httpx.ASGITransport:
        return httpx.ASGITransport(self.app)

    async def _history(self, request: Request) -> Response:
        self.pieces += 1
        if (answer := self.before_piece()) is not None:
            return answer
        await self.is_open.wait()
        if request.headers.get("authorization") != f"Bearer {KEY}":
            return JSONResponse({"detail": "this key is not known"}, 401)
        body = await request.body()
        assert len(body) < MAX_BODY_BYTES
        piece = HistoryRows.model_validate_json(body)
        outcomes = [self._take(piece.import_id, row) for row in piece.rows]
        return JSONResponse(RowOutcomes(outcomes=outcomes).model_dump(mode="json"))

    def _take(self, import_id: str, row: HistoryRow) -> RowOutcome:
        if self.kill_after_rows is not None and len(self.remembered) >= self.kill_after_rows:
            raise Killed
        if (import_id, row.row) in self.remembered:
            return RowOutcome(row=row.row, outcome="known")
        if (reason := self.refuse(row)) is not None:
            return RowOutcome(row=row.row, outcome="rejected", reason=reason)
        self.remembered[import_id, row.row] = row
        self.order.append(row)
        return RowOutcome(row=row.row, outcome="published")

    async def _status(self, request: Request) -> Response:
        self.looks_until_caught_up -= 1
        lag: dict[str, Any] = {
            "ascua-scoring": {"ascua.leads/0": {"lag": max(self.looks_until_caught_up, 0)}}
        }
        return JSONResponse({"caught_up": self.looks_until_caught_up < 0, "lag": lag})
