"""Reading a line over HTTP."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from fastapi import APIRouter

from services.gateway.access.admission import KeyFirst, admit
from services.gateway.access.keys import (
    KeyRing,
)
from services.gateway.access.roles import (
    Scope,
)
from services.gateway.quick_log import Language, Proposal, parse
from services.gateway.quick_log.commands import ReadLine
from shared.clock import Clock, clamp


def router(keys: KeyRing, clock: Clock) -> APIRouter:
    api = APIRouter(
        prefix="/v1", tags=["reads"], dependencies=[admit(keys, Scope.READ)], route_class=KeyFirst
    )

    @api.post("/activities/proposals", summary="Read a line into an activity, without logging it")
    async def propose(body: ReadLine) -> Proposal:
        """The fields that a line such as `llamé, no contesta, mañana 10am` gives, for a person to confirm."""
        now = clock()
        at = clamp(body.at, now)
        return parse(body.line, at, ZoneInfo(body.zone), body.language and Language(body.language))

    return api
