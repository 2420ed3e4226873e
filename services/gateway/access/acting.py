"""Who acts is who has the key: a rep's key does nothing in another's name, and nothing long ago."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TypeVar

from pydantic import BaseModel

from services.gateway.access.keys import Role
from services.gateway.access.limits import Visit
from shared.commands.base import Command
from shared.commands.followup import LogActivities, LogActivity, PlanStep
from shared.commands.tickets import TicketCommand
from shared.errors import Forbidden, Refused

B = TypeVar("B", bound=BaseModel)
Acted = LogActivity | PlanStep | TicketCommand
"""Commands whose `rep` is who does it; of others it is to whom it is done."""


def acting(body: B, visit: Visit, now: datetime, back: timedelta) -> B:
    """The command as its owner is to be told it: with the rep whose key it is, where it says nobody.

    Raises `Forbidden("rep-not-yours")` when a rep says to be another, and `Refused("too-long-ago")` when a rep says to
    have done something longer than `back` ago. Who may act for others is noted in the visit.
    """
    if isinstance(body, LogActivities):
        each = [acting(activity, visit, now, back) for activity in body.activities]
        return body.model_copy(update={"activities": each})
    if not isinstance(body, Command) or visit.holder is None:
        return body
    if visit.holder.role is not Role.REP:
        if isinstance(body, Acted) and body.rep is not None:
            visit.on_behalf_of = body.rep
        return body
    if body.at is not None and now - body.at > back:
        raise Refused(
            "too-long-ago",
            f"with a rep's key nothing can be told that is older than {back.days} days; an operator's key may",
        )
    own = visit.holder.rep
    if isinstance(body, Acted) and body.rep not in (None, own):
        raise Forbidden(
            "rep-not-yours",
            f"this is the key of {visit.holder.name}: leave rep out, or use an operator's key",
        )
    return body.model_copy(update={"rep": own} if isinstance(body, Acted) else {})
