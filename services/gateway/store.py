"""What the gateway keeps: the views, the keys, and how far each import has come."""

from __future__ import annotations

from datetime import datetime

from services.gateway.domain import LeadView, Status
from shared.documents import Documents
from shared.events.scoring import Band
from shared.mongo import Collection, Document, Index, Mongo, reaching

HEAT_BOARD = Index((("state.status", 1), ("state.heat.band", 1), ("state.heat.points", -1)))


class Views(Documents[LeadView]):
    """The 360 views, one document per lead."""

    def __init__(self, mongo: Mongo) -> None:
        super().__init__(mongo.collection("views", (HEAT_BOARD,)), LeadView)

    async def warmest(self, band: Band, below: float | None, limit: int) -> list[LeadView]:
        """Open leads of a band, by heat as last told, from just below `below` points down."""
        points: Document = {"$gt": 0.0} if below is None else {"$gt": 0.0, "$lt": below}
        query = {"state.status": Status.OPEN, "state.heat.band": band, "state.heat.points": points}
        return [view for _, view in await self.find(query, [("state.heat.points", -1)], limit=limit)]


class Imports:
    """Signals of an import have no document of their own: this keeps how far each import's signals were published."""

    def __init__(self, mongo: Mongo) -> None:
        self._collection: Collection[Document] = mongo.collection("imports")

    async def through(self, import_id: str) -> int:
        """The last row whose signals are all in the log."""
        with reaching():
            found = await self._collection.find_one({"_id": import_id})
        return int(found["through"]) if found else 0

    async def advance(self, import_id: str, row: int, now: datetime) -> None:
        with reaching():
            await self._collection.update_one(
                {"_id": import_id}, {"$max": {"through": row}, "$set": {"at": now}}, upsert=True
            )
