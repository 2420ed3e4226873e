"""Where the views are kept, and the orders in which boards read them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from itertools import chain
from typing import Any, Final

from services.gateway.views.view import LeadView
from shared.archive import Archive
from shared.documents import Documents
from shared.events.scoring import Band
from shared.mongo import Document, Index, Mongo, reaching

BOARD = Index((("state.standing.band", 1), ("state.standing.order", 1)))
UNTIL = Index((("state.standing.until", 1),))
DAY = Index((("state.next_step.owner", 1), ("state.standing.band", 1), ("state.next_step.due", 1)))
_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
_HOTTEST = -1e9
_LAST = 1e9

After = tuple[float, str]
"""Where a lead stands on a board: its order, and of equals its id."""
AfterStep = tuple[datetime, str]
"""Where a lead stands among steps: when its own is due, and of equals its id."""
ALL_BANDS: Final = (*Band, None)
"""Those of open leads, and of all others none."""


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
            found = await self._equals({band_of: band, order: after[0]}, after[1], limit)
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

    async def steps(
        self,
        owner: str | None,
        start: datetime,
        end: datetime,
        limit: int,
        *,
        bands: Sequence[Band | None] = ALL_BANDS,
        after: AfterStep | None = None,
    ) -> list[LeadView]:
        """Leads and customers whose step is this rep's, or nobody's, and due within (start, end]: the first first.

        Of equals by id, and from behind `after`.
        """
        found = await asyncio.gather(*(self._steps(owner, band, start, end, limit, after) for band in bands))
        return sorted(chain.from_iterable(found), key=place_of_step)[:limit]

    async def _steps(
        self,
        owner: str | None,
        band: Band | None,
        start: datetime,
        end: datetime,
        limit: int,
        after: AfterStep | None,
    ) -> list[LeadView]:
        due = "state.next_step.due"
        query = {"state.next_step.owner": owner, "state.standing.band": band}
        found: list[LeadView] = []
        if after is not None:
            start = after[0]
            found = await self._equals({**query, due: start}, after[1], limit)
        if len(found) < limit:
            found += await self._first(
                (owner, band), query, (due, _due), start, end, timedelta(hours=1), limit - len(found)
            )
        return found

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

    async def _equals(self, query: Document, id: str, limit: int) -> list[LeadView]:
        """Of those that match the first ones behind an id."""
        # To say more than the index holds would make SecantusDB look at all.
        found = await self.find(query, [("_id", 1)])
        return [view for _, view in found if view.lead_id > id][:limit]

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
        self._stretches[key] = (value(found[-1]) if len(found) == limit else end) - start
        return found


def order_of(view: LeadView) -> float:
    """Where the lead stands on the board, behind all others if nowhere."""
    return view.standing.order if view.standing is not None else _LAST


def place_of_step(view: LeadView) -> AfterStep:
    return _due(view), view.lead_id


def _due(view: LeadView) -> datetime:
    return view.next_step.due if view.next_step is not None else _BEGINNING
