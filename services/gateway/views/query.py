"""The 360 view of a lead, as it is asked for."""

from __future__ import annotations

from services.gateway.clients import Upstreams
from services.gateway.views.store import Views
from services.gateway.views.view import LeadView


async def view(views: Views, upstreams: Upstreams, lead_id: str) -> LeadView:
    """The 360 view; a lead that was just captured has an empty one until its event has come through."""
    found = await views.get(lead_id)
    if found is None:
        await upstreams.must_exist(lead_id)
        return LeadView(lead_id)
    if found.captured_at is not None:
        upstreams.remember(lead_id)
    return found
