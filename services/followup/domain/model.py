"""What is kept of the follow-up of one lead."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, Literal

from services.followup.domain.playbooks import TEAM
from shared.errors import Conflict
from shared.events.base import Event, Instant
from shared.events.followup import ActivityKind, ActivityResult, Direction, Objection
from shared.events.leads import Channel

AGREED: Final = "agreed"
IMPORTED: Final = "imported"
MERGED: Final = "merged"
KEPT: Final = 32
"""Entries of a history that stay with the follow-up once there are more than twice as many."""


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
    direction: Direction | None = None
    objection: Objection | None = None
    step_id: str | None = None
    """The step it did."""

    @property
    def meaning(self) -> ActivityResult:
        """What it means for what follows: one who called us was reached."""
        if self.direction is Direction.INBOUND and self.result is ActivityResult.DONE:
            return ActivityResult.ANSWERED
        return self.result


@dataclass(frozen=True, slots=True)
class NextStep:
    id: str
    action: ActivityKind
    due: Instant
    because: str
    owner: str = TEAM
    playbook: str | None = None
    step: str | None = None
    variant: str | None = None
    template: str | None = None
    automatic: bool = False
    overdue_at: Instant | None = None
    escalate_at: Instant | None = None
    told: int = 0
    """What was told of it: 1 that it is due, 2 overdue, 3 to the manager."""

    @property
    def timer(self) -> datetime | None:
        """When something is to be told of it. Of what follows from history, nothing is."""
        if self.because == IMPORTED:
            return None
        return (self.due, self.overdue_at, self.escalate_at, None)[self.told]


@dataclass(frozen=True, slots=True)
class CadencePosition:
    """Where in a playbook somebody is; `digest` is that of the playbook as it was then."""

    playbook: str
    digest: str
    step: str
    variant: str | None = None


@dataclass(frozen=True, slots=True)
class Enrolment:
    """A way through a playbook, from its entry to its end."""

    playbook: str
    entered_at: Instant
    variant: str | None = None
    replied_at: Instant | None = None
    ended_at: Instant | None = None
    because: str | None = None


@dataclass(frozen=True, slots=True)
class SuspendedCadence:
    """A step that waits, and its place."""

    step: NextStep | None
    place: CadencePosition | None


@dataclass(frozen=True, slots=True)
class FollowUp:
    """What is done for one lead. Before its capture is heard of, `channel` is None and nothing is due.

    Documents and queries name its fields: `place`, `runs`, `interrupted`, `paused` keep the names they are stored by.
    """

    lead_id: str
    channel: Channel | None = None
    closed_because: str | None = None
    activities: tuple[Activity, ...] = ()
    """The latest that we heard of; the others are in the archive."""
    last: Activity | None = None
    """The newest of those in the archive that was no mere note."""
    step: NextStep | None = None
    steps: int = 0
    outcome: Literal["won", "lost"] | None = None
    closed_at: Instant | None = None
    stage: str | None = None
    origin: str | None = None
    campaign: str | None = None
    segment: str | None = None
    tier: str | None = None
    zone: str | None = None
    owner: str | None = None
    place: CadencePosition | None = None
    interrupted: SuspendedCadence | None = None
    """The cadence that a more urgent one interrupted."""
    paused_at: Instant | None = None
    paused: SuspendedCadence | None = None
    complaints: tuple[str, ...] = ()
    unsubscribed: bool = False
    contacted_at: Instant | None = None
    heard: tuple[str, ...] = ()
    """Ids of the last signals that brought it into a playbook: they have no sequence."""
    runs: tuple[Enrolment, ...] = ()
    """The latest ways through playbooks, of each playbook the last, and all that go on."""
    timer: Instant | None = None
    """When something is to be told of the step."""

    @property
    def last_activity(self) -> Activity | None:
        """The newest that was no mere note; of equals the last heard of."""
        done = [activity for activity in self.activities if activity.kind is not ActivityKind.NOTE]
        if self.last is not None:
            done.insert(0, self.last)
        return max(reversed(done), key=lambda activity: activity.at, default=None)

    @property
    def is_open(self) -> bool:
        return self.channel is not None and self.closed_because is None

    def says(self, name: str) -> str | None:
        """What a playbook's condition asks."""
        if name == "status":
            return "open" if self.is_open else self.outcome
        found = getattr(self, name, None)
        return None if found is None else str(found)


Decision = tuple[FollowUp, list[Event]]


def pack(
    followup: FollowUp, kept: int = KEPT
) -> tuple[FollowUp, tuple[Activity, ...], tuple[Enrolment, ...]]:
    """The follow-up without what is old in its histories, and that, oldest first. No decision needs it."""
    activities, runs = followup.activities, followup.runs
    old_activities: tuple[Activity, ...] = ()
    old_runs: tuple[Enrolment, ...] = ()
    if len(activities) > 2 * kept:
        old_activities, last = activities[:-kept], followup.last_activity
        followup = replace(followup, activities=activities[-kept:], last=last and replace(last, note=None))
    if len(runs) > 2 * kept:
        latest = {run.playbook: number for number, run in enumerate(runs)}
        over = [number for number, run in enumerate(runs) if run.ended_at and latest[run.playbook] != number]
        leaving = set(over[:-kept])
        old_runs = tuple(runs[number] for number in sorted(leaving))
        staying = tuple(run for number, run in enumerate(runs) if number not in leaving)
        followup = replace(followup, runs=staying)
    return followup, old_activities, old_runs


def heard(followup: FollowUp | None) -> FollowUp:
    """One whose lead was captured. Raises `Conflict("lead-not-heard")`."""
    if followup is None or followup.channel is None:
        raise Conflict("lead-not-heard", "the lead's capture is on its way; try again")
    return followup
