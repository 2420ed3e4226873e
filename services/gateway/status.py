"""Whether all is caught up: every service's parts and every consumer's lag."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from fastapi import APIRouter

from services.gateway.access.admission import KeyFirst, admit
from services.gateway.access.keys import KeyRing, Scope
from services.gateway.clients import Upstreams
from shared.bus.lag import lag
from shared.bus.topics import Topics


def router(
    upstreams: Upstreams, topics: Topics, keys: KeyRing, own: Callable[[], Mapping[str, Any]]
) -> APIRouter:
    """`own` is what the parts of this process say of themselves."""
    api = APIRouter(prefix="/v1", tags=["reads"], route_class=KeyFirst)

    @api.get(
        "/status",
        summary="Is everything caught up?",
        dependencies=[admit(keys, Scope.READ), admit(keys, Scope.OPERATE)],
    )
    async def status() -> dict[str, Any]:
        """Every service's parts, every consumer's lag. `caught_up` when nothing was under way between two looks."""
        groups = sorted(_groups({**await upstreams.statuses(), "gateway": own()}))
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


def _groups(services: Mapping[str, Mapping[str, Any]]) -> set[str]:
    """The consumer groups of which the parts of services say that they are in them."""
    parts = [part for parts in services.values() for part in parts.values() if isinstance(part, Mapping)]
    return {str(part["group"]) for part in parts if "group" in part}
