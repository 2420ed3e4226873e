"""Who asked to change what, and what was answered: kept for operators, of bounded length, without any content.

Entries wait in memory for up to `EVERY` seconds, and are kept in pages of `PAGE`, of which the last `PAGES` stay.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final

from pydantic import BaseModel, Field
from starlette.types import Scope

from services.gateway.access.limits import Visit
from shared import metrics
from shared.clock import Clock, new_id, utc_now
from shared.errors import AscuaError, Unavailable
from shared.events.base import Instant
from shared.logs import current_trace, logger
from shared.mongo import Collection, Document, Index, Mongo, reaching
from shared.tasks import ended

EVERY: Final = 1.0
PAGE: Final = 500
PAGES: Final = 400
WAITING: Final = 10_000
"""Entries that wait at most while the store is away; later ones are counted and lost."""
GONE: Final = 499


class AuditEntry(BaseModel):
    """A request that could change something. Without `key` nobody was admitted."""

    id: str
    at: Instant
    method: str
    route: str = Field(description="As it is declared, or `unmatched`.")
    lead_id: str | None = None
    ticket_id: str | None = None
    status: int
    key: str | None = Field(None, description="The id of the key; `GET /v1/keys` has its name.")
    name: str | None = None
    role: str | None = None
    on_behalf_of: str | None = Field(
        None, description="The rep in whose name it was done, where another asked."
    )
    request_id: str | None = Field(None, description="The correlation id of the events that came of it.")
    count: int = Field(1, description="How many like it within a second, where they name no lead.")


class Audit:
    """A part of the gateway: takes notes and keeps them."""

    def __init__(self, mongo: Mongo, clock: Clock = utc_now) -> None:
        self._clock = clock
        self._pages: Collection[Document] = mongo.collection("audit", (Index((("last", 1),)),))
        self._waiting: dict[tuple[Any, ...], AuditEntry] = {}
        self._lost = 0
        self._page, self._length = new_id(), 0
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="audit")

    async def stop(self) -> None:
        if self._task is not None:
            await ended(self._task)
        with suppress(AscuaError, TimeoutError):
            await asyncio.wait_for(self._keep(), EVERY)

    async def check(self) -> None:
        if self._task is None or self._task.done():
            raise Unavailable("audit-down", "the audit log is not kept")

    @property
    def task(self) -> asyncio.Task[None] | None:
        return self._task

    def status(self) -> dict[str, object]:
        return {"waiting": len(self._waiting), "lost": self._lost}

    def note(self, visit: Visit, scope: Scope, status: int) -> None:
        """Take a note of a request that was answered."""
        params: Mapping[str, Any] = scope.get("path_params", {})
        holder = visit.holder
        entry = AuditEntry(
            id=new_id(),
            at=self._clock(),
            method=metrics.method(scope["method"]),
            route=getattr(scope.get("route"), "path", "unmatched"),
            lead_id=params.get("lead_id"),
            ticket_id=params.get("ticket_id"),
            status=status or GONE,
            key=holder.key if holder else None,
            name=holder.name if holder else None,
            role=holder.role if holder else None,
            on_behalf_of=visit.on_behalf_of,
            request_id=current_trace().correlation_id,
        )
        names_one = entry.lead_id or entry.ticket_id
        alike = (
            (entry.id,)
            if names_one
            else (entry.method, entry.route, entry.status, entry.key, entry.on_behalf_of)
        )
        if (known := self._waiting.get(alike)) is not None:
            known.count += 1
        elif len(self._waiting) < WAITING:
            self._waiting[alike] = entry
        else:
            self._lost += 1

    async def read(self, limit: int, before: str | None = None) -> list[AuditEntry]:
        """The newest entries, or those older than the entry `before`; the newest first."""
        found: list[AuditEntry] = []
        query = {} if before is None else {"first": {"$lt": before}}
        with reaching():
            async for page in self._pages.find(query).sort([("last", -1)]):
                if len(found) >= limit and page["last"] < found[limit - 1].id:
                    break
                entries = (AuditEntry.model_validate(each) for each in page["entries"])
                found += [each for each in entries if before is None or each.id < before]
                found.sort(key=lambda entry: entry.id, reverse=True)
        return found[:limit]

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(EVERY)
            try:
                await self._keep()
            except AscuaError as error:
                logger().warning("audit_waits", because=error.slug)

    async def _keep(self) -> None:
        while self._waiting:
            some = dict(list(self._waiting.items())[:PAGE])
            entries = sorted(some.values(), key=lambda entry: entry.id)
            # What is like one of these from here on is an entry of its own.
            self._waiting = {alike: entry for alike, entry in self._waiting.items() if alike not in some}
            try:
                await self._write(entries)
            except AscuaError:
                self._waiting = {(entry.id,): entry for entry in entries} | self._waiting
                raise

    async def _write(self, entries: list[AuditEntry]) -> None:
        if self._length + len(entries) > PAGE:
            self._page, self._length = new_id(), 0
            await self._rotate()
        documents = [entry.model_dump(mode="json", exclude_none=True) for entry in entries]
        with reaching():
            await self._pages.update_one(
                {"_id": self._page},
                {
                    "$push": {"entries": {"$each": documents}},
                    "$set": {"last": entries[-1].id},
                    "$setOnInsert": {"first": entries[0].id},
                },
                upsert=True,
            )
        self._length += len(entries)

    async def _rotate(self) -> None:
        with reaching():
            pages = [page["_id"] async for page in self._pages.find({}, {"_id": 1})]
            for old in sorted(pages)[: -PAGES or None]:
                await self._pages.delete_one({"_id": old})
