"""Where the trails are kept."""

from __future__ import annotations

from datetime import datetime

from services.gateway.boards.discipline.trail import Trail
from shared.documents import Documents
from shared.mongo import Index, Mongo

QUIET_FROM = Index((("state.quiet_from", 1),))


class Trails(Documents[Trail]):
    """The trails, one document per lead, followed by a consumer of their own."""

    def __init__(self, mongo: Mongo) -> None:
        super().__init__(mongo.collection("trails", (QUIET_FROM,)), Trail)

    async def open_since(self, start: datetime) -> list[Trail]:
        """Of leads about which something was open at `start` or later."""
        return [trail async for some in self.stream({"state.quiet_from": {"$gte": start}}) for trail in some]
