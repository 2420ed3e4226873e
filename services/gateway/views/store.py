"""Where the views are kept, and the orders in which boards read them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from services.gateway.views.view import LeadView
from shared.archive import Archive
from shared.documents import Documents
from shared.events.scoring import Band
from shared.mongo import Document, Index, Mongo, reaching

BOARD = Index((("state.standing.band", 1), ("state.standing.order", 1)))
UNTIL = Index((("state.standing.until", 1),))
DAY = Index((("state.next_step.owner", 1), ("state.next_step.due", 1)))
_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
_HOTTEST = -1e9
_LAST = 1e9

After = tuple[float, str]
"""Where a lead stands on a board: its order, and of equals its id."""


class Views(Documents[LeadView]):
    """The 360 views, one document per lead."""

    def __init__(self, mongo: Mongo) -> None:
        super().__init__(
            mongo.collection("views", (BOARD, UNTIL, DAY)), LeadView, archive=Archive(mongo, "views")
        )
        self._stretches: dict[object, Any] = {}

    async def standing(self, band: Band, after: After | None, limit: int) -> list[LeadView]:
        """Open leads of a band from behind `after` in the order of their standings, and of equals by id."""
        found: list[LeadView] = []
        band_of, order = "state.standing.band", "state.standing.order"
        if after is not None:
            # To say more than the index holds would make SecantusDB look at all.
            equals = await self.find({band_of: band, order: after[0]}, [("_id", 1)])
            found = [view for _, view in equals if view.lead_id > after[1]][:limit]
        start = _HOTTEST if after is None else after[0]
        # What is to be done now lies below 0, and far from it what is to be done later.
        for begin, end, stretch in ((_HOTTEST, 0.0, 1.0), (0.0, _LAST, 1.0)):
            if start < end and len(found) < limit:
                key = band, end, after is None or start < begin
                found += await self._first(
                    key,
                    {band_of: band},
                    (order, order_of),
                    max(start, begin),
                    end,
                    stretch,
                    limit - len(found),
                )
        return found

    async def steps(self, owner: str | None, start: datetime, end: datetime, limit: int) -> list[LeadView]:
        """Leads and customers whose step is this rep's, or nobody's, and due within (start, end]; the first first."""
        query = {"state.next_step.owner": owner}
        by = "state.next_step.due", _due
        return await self._first(owner, query, by, start, end, timedelta(hours=1), limit)

    async def unsteady(self, now: datetime, limit: int) -> list[str]:
        """Leads whose standing is no longer right."""
        query = {"state.standing.until": {"$gt": _BEGINNING, "$lte": now}}
        with reaching():
            return [found["_id"] async for found in self.collection.find(query, {"_id": 1}).limit(limit)]

    async def unplaced(self) -> list[str]:
        """Leads that were never given a standing. Looks at all."""
        with reaching():
            query = {"state.standing": {"$exists": False}}
            return [found["_id"] async for found in self.collection.find(query, {"_id": 1})]

    async def _first(
        self,
        key: object,
        query: Document,
        by: tuple[str, Callable[[LeadView], Any]],
        start: Any,
        end: Any,
        stretch: Any,
        limit: int,
    ) -> list[LeadView]:
        """The first in (start, end] of a field, and of equals by id.

        SecantusDB looks at all that match before it sorts and limits them. So they are asked for in stretches, from
        one that held enough the last time, or from `stretch` on, each four times as long as the one before.
        """
        (field, value), found = by, list[LeadView]()
        at, until = start, min(end, start + self._stretches.get(key, stretch))
        while True:
            part = {**query, field: {"$gt": at, "$lte": until}}
            more = await self.find(part, [(field, 1), ("_id", 1)], limit=limit - len(found))
            found += [view for _, view in more]
            if len(found) == limit or until == end:
                break
            at, until, stretch = until, min(end, until + stretch), stretch * 4
        if len(found) == limit:
            self._stretches[key] = value(found[-1]) - start
        return found


def order_of(view: LeadView) -> float:
    """Where the lead stands on the board, behind all others if nowhere."""
    return view.standing.order if view.standing is not None else _LAST


def _due(view: LeadView) -> datetime:
    return view.next_step.due if view.next_step is not None else _BEGINNING
