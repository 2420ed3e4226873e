"""What happened to a ticket since somebody looked at it, in words for whoever was slower."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from services.tickets.domain.moments import Moment, What
from services.tickets.domain.ticket import Ticket
from shared.errors import Conflict

TOLD: Final = 3
"""The last changes that are told one by one."""

_DONE: Final = {
    What.OPENED: "opened it",
    What.CUSTOMER_REPLIED: "replied",
    What.AGENT_REPLIED: "replied",
    What.NOTED: "left a note",
    What.ASSIGNED: "assigned it",
    What.WAITED: "said whose turn it is",
    What.CLASSIFIED: "said anew what it is",
    What.ESCALATED: "escalated it",
    What.RESOLVED: "resolved it",
    What.REOPENED: "reopened it",
    What.CLOSED: "closed it",
    What.MERGED: "merged it into another",
    What.ABSORBED: "merged another into it",
    What.SPLIT: "split it",
    What.LINKED: "linked it to a problem",
}


def must_be_as_looked_at(ticket: Ticket, version: int, at: datetime) -> None:
    """Raises `Conflict("ticket-changed")` with what happened since `version`."""
    if version == ticket.version:
        return
    if version > ticket.version:
        raise Conflict("ticket-changed", f"ticket {ticket.id} is at version {ticket.version}; look again")
    since = ticket.version - version
    last = ticket.history[-min(since, TOLD) :]
    more = f", and {since - len(last)} things before" if since > len(last) else ""
    told = ", ".join(
        f"{_who(moment)} {_DONE[moment.what]} {_ago(at - moment.at)}" for moment in reversed(last)
    )
    raise Conflict(
        "ticket-changed", f"meanwhile {told}{more}; look again (version {ticket.version}), then say it anew"
    )


def _who(moment: Moment) -> str:
    if moment.what in (What.CUSTOMER_REPLIED, What.OPENED):
        return "the customer"
    if moment.what is What.CLOSED and moment.by is None:
        return "time"
    return moment.by or "somebody"


def _ago(since: timedelta) -> str:
    for seconds, unit in ((86_400, "day"), (3_600, "hour"), (60, "minute")):
        if (count := round(since.total_seconds() / seconds)) >= 1:
            return f"{'an' if unit == 'hour' else 'a'} {unit} ago" if count == 1 else f"{count} {unit}s ago"
    return "just now"
