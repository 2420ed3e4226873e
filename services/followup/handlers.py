"""What followup does when asked, and when leads tells something."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from services.followup import domain
from services.followup.domain import FollowUp, Told
from services.followup.store import FollowUps
from shared.clock import Clock, clamp, new_id
from shared.commands import (
    Activity,
    HistoryRow,
    HistoryRows,
    LogActivity,
    RowOutcomes,
    derived_id,
    idempotency,
)
from shared.documents import Decision, Step
from shared.errors import NotFound, Refused
from shared.events.base import HISTORY_AFTER, Recorded
from shared.events.leads import LeadCaptured, LeadLost, LeadWon
from shared.history import take_history
from shared.reactions import Reactions

reactions = Reactions(begin=FollowUp)


@reactions.on(LeadCaptured)
def begin(followup: FollowUp, event: Recorded[LeadCaptured]) -> Decision[FollowUp]:
    happened = event.event.at
    return domain.captured(followup, event.event.channel, happened, _count_from(happened, event.recorded_at))


@reactions.on(LeadWon)
def won(followup: FollowUp, event: Recorded[LeadWon]) -> Decision[FollowUp]:
    return domain.close(followup, "won", event.event.at)


@reactions.on(LeadLost)
def lost(followup: FollowUp, event: Recorded[LeadLost]) -> Decision[FollowUp]:
    return domain.close(followup, event.event.reason, event.event.at)


async def log(followups: FollowUps, lead_id: str, command: LogActivity, key: str | None, clock: Clock) -> str:
    """Log an activity and return its id. A lead not heard of yet is accepted: its capture is on the way."""
    activity_id = derived_id("activity", lead_id, key) if key else new_id()
    now = clock()
    decide = _log(lead_id, activity_id, command, clamp(command.at or now, now), now)
    await followups.change(Step(lead_id, decide, idempotency(key, command)))
    return activity_id


async def get(followups: FollowUps, lead_id: str) -> FollowUp:
    followup = await followups.get(lead_id)
    if followup is None:
        raise NotFound("followup-not-found", f"nothing was done for lead {lead_id} yet")
    return followup


async def take_rows(followups: FollowUps, piece: HistoryRows, clock: Clock) -> RowOutcomes:
    """Take the rows of an import that are activities."""

    def decide(row: HistoryRow) -> Callable[[FollowUp | None], Told]:
        if not isinstance(row.what, Activity):
            raise Refused("not-for-followup", f"followup does not take {row.what.action}")
        now = clock()
        activity_id = derived_id("activity", piece.import_id, str(row.row))
        return _log(row.lead_id, activity_id, row.what, clamp(row.at, now), now)

    return await take_history(followups, piece, decide)


def _log(
    lead_id: str, activity_id: str, command: LogActivity, at: datetime, now: datetime
) -> Callable[[FollowUp | None], Told]:
    count_from = _count_from(at, now)
    return lambda followup: domain.log(followup or FollowUp(lead_id), activity_id, command, at, count_from)


def _count_from(happened: datetime, recorded: datetime) -> datetime:
    """Promises count from the deed; those that follow from history count from when we heard of it."""
    return recorded if recorded - happened > HISTORY_AFTER else happened
