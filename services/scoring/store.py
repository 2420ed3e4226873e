"""The ledger: every fact of a lead with its place in the log, for the questions that a state cannot answer."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import asdict, dataclass

from shared.events.base import JsonObject
from shared.mongo import Collection, Document, Index, Mongo, keep_new, reaching
from shared.scorecard.fact import Fact
from shared.scorecard.members import TYING


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
        attributes = self.data if self.aggregate is not None else self.data.get("attributes", {})
        return Fact(self.event_id, self.kind, self.at_ms, self.aggregate, self.sequence, attributes)


class Ledger:
    def __init__(self, mongo: Mongo) -> None:
        self._entries: Collection[Document] = mongo.collection(
            "ledger", (Index((("lead_id", 1), ("at_ms", -1))),)
        )

    async def add(self, entries: Sequence[Entry]) -> None:
        """Keep facts; one that is kept already stays as it is."""
        await keep_new(self._entries, [{"_id": entry.name, **asdict(entry)} for entry in entries])

    async def of_leads(self, lead_ids: Sequence[str], until_ms: int) -> AsyncIterator[Entry]:
        """The facts of some leads up to an instant, from the newest."""
        leads = lead_ids[0] if len(lead_ids) == 1 else {"$in": list(lead_ids)}
        with reaching():
            found = self._entries.find({"lead_id": leads, "at_ms": {"$lte": until_ms}})
            async for document in found.sort([("at_ms", -1), ("recorded_ms", -1), ("_id", -1)]):
                yield _entry(document)

    async def tying(self, lead_id: str) -> list[Entry]:
        """The facts that merged a lead with others, or split them."""
        with reaching():
            found = self._entries.find({"lead_id": lead_id, "kind": {"$in": sorted(TYING)}})
            return [_entry(document) async for document in found]

    async def knows(self, lead_id: str) -> bool:
        with reaching():
            return await self._entries.find_one({"lead_id": lead_id}, {"_id": 1}) is not None


def _entry(document: Document) -> Entry:
    return Entry(**{name: value for name, value in document.items() if name != "_id"})
