"""The ledger: every fact of a lead with its place in the log, for the questions that a state cannot answer.

A lead may have any number of facts: they are read in portions, and never held all at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, fields
from heapq import nlargest
from typing import Final

from services.scoring.processor.fact_mapping import said_by_signal
from services.scoring.scorecard.fact import Fact
from services.scoring.scorecard.ties import TYING
from shared.events.base import JsonObject
from shared.mongo import Collection, Document, Index, Mongo, keep_new, reaching
from shared.tasks import Pace

AT_ONCE: Final = 1_000
"""Facts that are worked on in one go, some 10 ms of it."""

HELD: Final = 10_000
"""Facts that are held at most, to put those of one and the same instant in order."""

EVER: Final = 2**48
"""No fact lies further from 1970 (ms)."""

_COPIED: Final = "copied"


@dataclass(frozen=True, slots=True)
class Entry:
    """A fact of a lead, and where it stands in the log. `topic` is the short name, times are milliseconds."""

    lead_id: str
    event_id: str
    type: str
    kind: str
    at_ms: int
    recorded_ms: int
    aggregate: str | None
    sequence: int | None
    topic: str
    partition: int
    offset: int
    data: JsonObject
    actor: str | None = None
    """Whose request it was."""

    @property
    def name(self) -> str:
        """What makes it this fact and no other: a service's by its sequence, a signal by lead and id."""
        if self.aggregate is not None:
            return f"{self.aggregate}#{self.sequence}"
        return f"{self.lead_id}/{self.event_id}"

    @property
    def place(self) -> tuple[int, int, str]:
        """Where it stands in the timeline: by when it happened, then by when it was told."""
        return self.at_ms, self.recorded_ms, self.name

    @property
    def fact(self) -> Fact:
        attributes, said = self.data, self.data
        if self.aggregate is None:
            attributes = dict(
                said_by_signal(said.get("kind", ""), said.get("attributes", {}), said.get("automated"))
            )
        return Fact(self.event_id, self.kind, self.at_ms, self.aggregate, self.sequence, attributes)


_FIELDS: Final = tuple(field.name for field in fields(Entry))


class Ledger:
    """Facts of merges and splits are kept twice: once more by themselves, to be found among many."""

    def __init__(self, mongo: Mongo) -> None:
        self._entries: Collection[Document] = mongo.collection(
            "ledger", (Index((("lead_id", 1), ("at_ms", -1))),)
        )
        self._ties: Collection[Document] = mongo.collection("ties", (Index((("lead_id", 1),)),))
        self._copying = asyncio.Lock()
        self._is_copied = False

    async def add(self, entries: Sequence[Entry]) -> None:
        """Keep facts; one that is kept already stays as it is."""
        documents, pace = [], Pace()
        for entry in entries:
            documents.append(_document(entry))
            await pace()
        if ties := [document for document in documents if document["kind"] in TYING]:
            await keep_new(self._ties, ties)
        await keep_new(self._entries, documents)

    async def upwards(self, lead_ids: Sequence[str], until_ms: int) -> AsyncIterator[list[Entry]]:
        """The facts of some leads up to an instant, the oldest first, in portions.

        Those of one instant come in the order in which they were recorded, by topic and offset, unless these alone are
        more than can be held.
        """
        portion: list[Entry] = []
        async for entry in self._by_time(lead_ids, until_ms, 1):
            if len(portion) >= AT_ONCE and (portion[-1].at_ms < entry.at_ms or len(portion) >= HELD):
                yield sorted(portion, key=_order)
                portion = []
            portion.append(entry)
        if portion:
            yield sorted(portion, key=_order)

    async def downwards(
        self, lead_ids: Sequence[str], before: tuple[int, int, str] | None, limit: int
    ) -> list[Entry]:
        """At most so many facts of some leads, the newest first, all below a place."""
        found: list[Entry] = []
        async for entry in self._by_time(lead_ids, EVER if before is None else before[0], -1):
            if len(found) >= limit and entry.at_ms < found[-1].at_ms:
                break
            if before is None or entry.place < before:
                found.append(entry)
            if len(found) >= limit + AT_ONCE:
                found = nlargest(limit, found, key=_place)
        return nlargest(limit, found, key=_place)

    async def _by_time(self, lead_ids: Sequence[str], until_ms: int, way: int) -> AsyncIterator[Entry]:
        leads = lead_ids[0] if len(lead_ids) == 1 else {"$in": list(lead_ids)}
        pace = Pace()
        with reaching():
            found = self._entries.find({"lead_id": leads, "at_ms": {"$lte": until_ms}})
            async for document in found.sort([("at_ms", way)]).batch_size(AT_ONCE):
                yield _entry(document)
                await pace()

    async def tying(self, lead_id: str, until_ms: int = EVER) -> list[Entry]:
        """The facts up to an instant that merged a lead with others, or split them."""
        await self._copied()
        with reaching():
            found = self._ties.find({"lead_id": lead_id})
            entries = [_entry(document) async for document in found]
        return [entry for entry in entries if entry.at_ms <= until_ms]

    async def _copied(self) -> None:
        """See to it that the facts of merges are there that an earlier version has kept."""
        async with self._copying:
            if self._is_copied:
                return
            with reaching():
                if await self._ties.find_one({"_id": _COPIED}) is None:
                    ties = [each async for each in self._entries.find({"kind": {"$in": sorted(TYING)}})]
                    await keep_new(self._ties, [*ties, {"_id": _COPIED}])
            self._is_copied = True

    async def knows(self, lead_id: str) -> bool:
        with reaching():
            return await self._entries.find_one({"lead_id": lead_id}, {"_id": 1}) is not None


def _order(entry: Entry) -> tuple[int, int, str, int]:
    return entry.at_ms, entry.recorded_ms, entry.topic, entry.offset


def _place(entry: Entry) -> tuple[int, int, str]:
    return entry.place


def _document(entry: Entry) -> Document:
    return {"_id": entry.name, **{name: getattr(entry, name) for name in _FIELDS}}


def _entry(document: Document) -> Entry:
    return Entry(**{name: value for name, value in document.items() if name != "_id"})
