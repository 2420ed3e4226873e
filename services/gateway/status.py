"""Whether all is caught up: every service's parts and every consumer's lag."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from services.gateway.access.admission import KeyFirst, admit
from services.gateway.access.keys import (
    KeyRing,
)
from services.gateway.access.roles import (
    Scope,
)
from services.gateway.clients import Upstreams
from shared.bus.lag import lag
from shared.bus.topics import Topics
from shared.installation import CONSUMERS


def router(upstreams: Upstreams, topics: Topics, keys: KeyRing) -> APIRouter:
    api = APIRouter(prefix="/v1", tags=["reads"], route_class=KeyFirst)

    @api.get(
        "/status",
        summary="Is everything caught up?",
        dependencies=[admit(keys, Scope.READ), admit(keys, Scope.OPERATE)],
    )
    async def status() -> dict[str, Any]:
        """Every service's parts, every consumer's lag. `caught_up` when nothing was under way between two looks."""
        groups = [group.name for group in CONSUMERS]
        before = await lag(topics, groups)
        services = await upstreams.statuses()
        after = await lag(topics, groups)
        idle = all(
            "error" not in each and not each.get("relay", {}).get("outbox_pending")
            for each in services.values()
        )
        behind = sum(place["lag"] for group in after.values() for place in group.values())
        # A group without a position has not begun.
        caught_up = idle and behind == 0 and before == after and all(after.values())
        return {"caught_up": caught_up, "lag": after, "services": services}

    return api
