"""Who acts is who has the key: a rep's key does nothing in another's name, and only operators tell of long ago."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TypeVar

from pydantic import BaseModel, TypeAdapter, ValidationError

from services.gateway.access.limits import Visit
from services.gateway.access.roles import (
    Role,
)
from shared.commands.base import Command
from shared.commands.followup import LogActivities, LogActivity, PlanStep
from shared.commands.leads import LeadForm
from shared.commands.signals import SendSignal
from shared.commands.tickets import TicketCommand
from shared.errors import Forbidden, Refused
from shared.fields import Time

B = TypeVar("B", bound=BaseModel)
Acted = LogActivity | PlanStep | TicketCommand
"""Commands whose `rep` is who does it; of others it is to whom it is done."""
Told = Command | LeadForm | SendSignal
"""What says when it happened."""
_TIME: TypeAdapter[datetime] = TypeAdapter(Time)


def _at(body: Told) -> datetime | None:
    """When it happened. A form's time that cannot be read is left out by its owner."""
    if not isinstance(body, LeadForm):
        return body.at
    try:
        return None if body.at is None else _TIME.validate_python(body.at)
    except ValidationError:
        return None


def acting(body: B, visit: Visit, now: datetime, back: timedelta) -> B:
    """The command as its owner is to be told it: with the rep whose key it is, where it says nobody.

    Raises `Forbidden("rep-not-yours")` when a rep says to be another, and `Refused("too-long-ago")` when a rep or a
    channel tells of something longer than `back` ago. Who may act for others is noted in the visit.
    """
    if isinstance(body, LogActivities):
        each = [acting(activity, visit, now, back) for activity in body.activities]
        return body.model_copy(update={"activities": each})
    told: object = body
    if not isinstance(told, Told) or visit.holder is None:
        return body
    if visit.holder.role is Role.OPERATOR:
        if isinstance(told, Acted) and told.rep is not None:
            visit.on_behalf_of = told.rep
        return body
    if (at := _at(told)) is not None and now - at > back:
        raise Refused(
            "too-long-ago",
            f"with this key nothing can be told that is older than {back.days} days; with an operator's it can",
        )
    own = visit.holder.rep
    if not isinstance(told, Acted):
        return body
    if told.rep not in (None, own):
        raise Forbidden(
            "rep-not-yours",
            f"this is the key of {visit.holder.name}: leave rep out, or use an operator's key",
        )
    return body.model_copy(update={"rep": own})
