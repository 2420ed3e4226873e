"""The follow-up of one lead: its activities, and exactly one next step while it is open."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from shared.commands import LogActivity
from shared.events.base import Instant
from shared.events.followup import (
    ActivityKind,
    ActivityLogged,
    ActivityResult,
    FollowUpClosed,
    FollowUpEvent,
    NextStepDone,
    NextStepScheduled,
)
from shared.events.leads import Channel


@dataclass(frozen=True, slots=True)
class Activity:
    """Something that was done. `note` is what somebody wrote about it and never leaves this service's documents."""

    id: str
    at: Instant
    kind: ActivityKind
    result: ActivityResult
    rep: str | None = None
    duration_seconds: int | None = None
    note: str | None = None


@dataclass(frozen=True, slots=True)
class NextStep:
    id: str
    action: ActivityKind
    due: Instant
    because: str


@dataclass(frozen=True, slots=True)
class FollowUp:
    """What is done for one lead. Before its capture is heard of, `channel` is None and nothing is due."""

    lead_id: str
    channel: Channel | None = None
    closed_because: str | None = None
    activities: tuple[Activity, ...] = ()
    step: NextStep | None = None
    steps: int = 0

    @property
    def is_open(self) -> bool:
        return self.channel is not None and self.closed_because is None


Told = tuple[FollowUp, list[FollowUpEvent]]
Rule = tuple[ActivityKind, timedelta, str]
"""What to do, how long after what it follows, and why."""

FIRST_CALL_WITHIN = {
    Channel.WEB: timedelta(minutes=5),
    Channel.CHAT: timedelta(minutes=5),
    Channel.SOCIAL: timedelta(minutes=30),
    Channel.PHONE: timedelta(hours=1),
    Channel.STORE: timedelta(hours=4),
}
"""Who wrote to us wants an answer now; who stood in the shop has just had one."""

AFTER = {
    ActivityResult.ANSWERED: (ActivityKind.CALL, timedelta(days=2)),
    ActivityResult.NO_ANSWER: (ActivityKind.CALL, timedelta(hours=4)),
    ActivityResult.INTERESTED: (ActivityKind.CALL, timedelta(days=1)),
    ActivityResult.APPOINTMENT: (ActivityKind.MEETING, timedelta(days=1)),
    ActivityResult.OBJECTION: (ActivityKind.CALL, timedelta(days=3)),
    ActivityResult.WRONG_NUMBER: (ActivityKind.EMAIL, timedelta(hours=1)),
    ActivityResult.DONE: (ActivityKind.CALL, timedelta(days=3)),
    ActivityResult.CALL_BACK: (ActivityKind.CALL, timedelta(hours=4)),
    ActivityResult.VOICEMAIL: (ActivityKind.CALL, timedelta(hours=4)),
    ActivityResult.NOT_INTERESTED: (ActivityKind.CALL, timedelta(days=30)),
}
"""What follows an activity, and how long after it."""


def captured(followup: FollowUp, channel: Channel, at: datetime, count_from: datetime) -> Told:
    """The lead is known from now on. `count_from` is when it happened, or the import, for history.

    An activity may have come before: what follows it counts from it.
    """
    last = _last(followup)
    followup = replace(followup, channel=channel)
    if count_from > at:
        return _schedule(
            followup, at, count_from, (ActivityKind.CALL, FIRST_CALL_WITHIN[channel], "imported")
        )
    return _schedule(followup, at, count_from if last is None else max(count_from, last.at))


def log(
    followup: FollowUp, activity_id: str, command: LogActivity, at: datetime, count_from: datetime
) -> Told:
    """Record an activity. The newest one, unless a mere note, keeps the promised step and brings the next.

    What was done before we were told to keep promises (history: `count_from` is later than `at`) keeps none and
    brings none, so that it does not matter whether it or the capture is heard of first.
    """
    activity = Activity(
        activity_id, at, command.kind, command.result, command.rep, command.duration_seconds, command.note
    )
    logged = ActivityLogged(
        lead_id=followup.lead_id,
        at=at,
        activity_id=activity_id,
        kind=command.kind,
        result=command.result,
        rep=command.rep,
        duration_seconds=command.duration_seconds,
    )
    newest = _last(followup)
    followup = replace(followup, activities=(*followup.activities, activity))
    is_late = newest is not None and at < newest.at
    if command.kind is ActivityKind.NOTE or is_late or count_from > at:
        return followup, [logged]
    facts: list[FollowUpEvent] = [logged]
    if followup.step is not None:
        step = followup.step
        facts.append(
            NextStepDone(
                lead_id=followup.lead_id, at=at, step_id=step.id, activity_id=activity_id, due=step.due
            )
        )
    followup, scheduled = _schedule(followup, at, count_from)
    return followup, facts + scheduled


def close(followup: FollowUp, because: str, at: datetime) -> Told:
    """Nothing is left to do."""
    closed = replace(followup, closed_because=because, step=None)
    return closed, [FollowUpClosed(lead_id=followup.lead_id, at=at, reason=because)]


def _schedule(followup: FollowUp, at: datetime, count_from: datetime, rule: Rule | None = None) -> Told:
    if followup.channel is None or not followup.is_open:
        return followup, []
    action, delay, because = rule or _rule(followup.channel, _last(followup))
    number = followup.steps + 1
    step = NextStep(f"{followup.lead_id}.{number}", action, count_from + delay, because)
    scheduled = NextStepScheduled(
        lead_id=followup.lead_id, at=at, step_id=step.id, action=action, due=step.due, because=because
    )
    return replace(followup, step=step, steps=number), [scheduled]


def _rule(channel: Channel, last: Activity | None) -> Rule:
    if last is None:
        return ActivityKind.CALL, FIRST_CALL_WITHIN[channel], "new_lead"
    action, delay = AFTER[last.result]
    return action, delay, f"after_{last.result}"


def _last(followup: FollowUp) -> Activity | None:
    done = [activity for activity in followup.activities if activity.kind is not ActivityKind.NOTE]
    return max(reversed(done), key=lambda activity: activity.at, default=None)  # of equals the last heard of
