"""Keeps standings right as time goes by: heat fades and hours come without any fact."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from services.gateway.boards.heat.standing import placed
from services.gateway.views.store import Views
from services.gateway.views.view import LeadView
from shared.clock import Clock
from shared.documents import Decision, Step
from shared.errors import NotFound

AT_ONCE = 1_000
"""Leads that are placed on the board at one time."""


async def place_again(views: Views, clock: Clock) -> int:
    """Give leads whose standing is no longer right another one; return how many there were."""
    found = await views.unsteady(clock(), AT_ONCE)
    await _place(views, found, clock())
    return len(found)


async def place_first(views: Views, clock: Clock) -> None:
    """Give a standing to leads that have none from older versions."""
    found = await views.unplaced()
    for some in range(0, len(found), AT_ONCE):
        await _place(views, found[some : some + AT_ONCE], clock())


async def _place(views: Views, lead_ids: Sequence[str], now: datetime) -> None:
    def decide(view: LeadView | None) -> Decision[LeadView]:
        if view is None:
            raise NotFound("lead-not-found", "the view is gone")
        return placed(view, now), ()

    await views.apply([Step(lead_id, decide) for lead_id in lead_ids])
