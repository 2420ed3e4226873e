"""The follow-up of one lead: its activities, and exactly one next step while it is open.

A decision gets the state, what happened, the instant and the playbooks in force; it returns the new state and the
facts. An open lead leaves every decision with one step that has an owner and a due time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal

from services.followup.domain.playbooks import (
    COMPLAINT,
    REACHED,
    REPLIED,
    TEAM,
    UNSUBSCRIBED,
    Book,
    Deed,
    Playbook,
    Step,
)
from shared.commands.followup import (
    AssignLead,
    LogActivity,
    PlannedStep,
    PlanStep,
)
from shared.errors import Conflict, Refused
from shared.events.base import Event, Instant
from shared.events.followup import (
    ActivityKind,
    ActivityLogged,
    ActivityResult,
    CadencePaused,
    CadenceResumed,
    CadenceStopped,
    Direction,
    FollowUpClosed,
    NextStepDone,
    NextStepScheduled,
    Objection,
    OwnerChanged,
    StepDue,
    StepEscalated,
    StepOverdue,
)
from shared.events.leads import Channel, LeadCaptured

AGREED: Final = "agreed"
IMPORTED: Final = "imported"
MERGED: Final = "merged"
KEPT: Final = 32
"""Entries of a history that stay with the follow-up once there are more than twice as many."""
COMPLAINTS_MOST: Final = 256
"""Open complaints that are waited for; of a lead with more, the later ones do not prolong the pause."""
_HEARD_KEPT: Final = 16


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
class Place:
    """Where in a playbook somebody is; `digest` is that of the playbook as it was then."""

    playbook: str
    digest: str
    step: str
    variant: str | None = None


@dataclass(frozen=True, slots=True)
class Run:
    """A way through a playbook, from its entry to its end."""

    playbook: str
    entered_at: Instant
    variant: str | None = None
    replied_at: Instant | None = None
    ended_at: Instant | None = None
    because: str | None = None


@dataclass(frozen=True, slots=True)
class Held:
    """A step that waits, and its place."""

    step: NextStep | None
    place: Place | None


@dataclass(frozen=True, slots=True)
class FollowUp:
    """What is done for one lead. Before its capture is heard of, `channel` is None and nothing is due."""

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
    place: Place | None = None
    interrupted: Held | None = None
    """The cadence that a more urgent one interrupted."""
    paused_at: Instant | None = None
    paused: Held | None = None
    complaints: tuple[str, ...] = ()
    unsubscribed: bool = False
    contacted_at: Instant | None = None
    heard: tuple[str, ...] = ()
    """Ids of the last signals that brought it into a playbook: they have no sequence."""
    runs: tuple[Run, ...] = ()
    """The latest ways through playbooks, of each playbook the last, and all that go on."""
    timer: Instant | None = None
    """When something is to be told of the step."""

    @property
    def is_open(self) -> bool:
        return self.channel is not None and self.closed_because is None

    def says(self, name: str) -> str | None:
        """What a playbook's condition asks."""
        if name == "status":
            return "open" if self.is_open else self.outcome
        found = getattr(self, name, None)
        return None if found is None else str(found)


Told = tuple[FollowUp, list[Event]]


def pack(followup: FollowUp, kept: int = KEPT) -> tuple[FollowUp, tuple[Activity, ...], tuple[Run, ...]]:
    """The follow-up without what is old in its histories, and that, oldest first. No decision needs it."""
    activities, runs = followup.activities, followup.runs
    old_activities: tuple[Activity, ...] = ()
    old_runs: tuple[Run, ...] = ()
    if len(activities) > 2 * kept:
        old_activities, last = activities[:-kept], _last(followup)
        followup = replace(followup, activities=activities[-kept:], last=last and replace(last, note=None))
    if len(runs) > 2 * kept:
        latest = {run.playbook: number for number, run in enumerate(runs)}
        over = [number for number, run in enumerate(runs) if run.ended_at and latest[run.playbook] != number]
        leaving = set(over[:-kept])
        old_runs = tuple(runs[number] for number in sorted(leaving))
        staying = tuple(run for number, run in enumerate(runs) if number not in leaving)
        followup = replace(followup, runs=staying)
    return followup, old_activities, old_runs


def captured(followup: FollowUp, event: LeadCaptured, count_from: datetime, book: Book) -> Told:
    """The lead is known from now on. `count_from` is when it happened, or the import, for history.

    An activity may have come before: what follows it counts from it.
    """
    turn = _Turn(followup, book, event.at)
    turn.change(
        channel=event.channel,
        stage=event.stage.value,
        origin=event.origin,
        campaign=event.campaign,
        segment=event.segment,
        tier=event.tier,
        zone=event.zone,
    )
    if turn.now.owner in (None, TEAM):
        turn.change(owner=book.owner_of(turn.now))
    if not turn.now.is_open:  # heard late
        return turn.told()
    playbook, last = book.entered_by("captured", turn.now), _last(followup)
    if count_from > event.at:
        first = playbook.first(playbook.variant_of(followup.lead_id)) if playbook else None
        turn.promise(first.deed if first else book.otherwise, count_from, IMPORTED)
    else:
        if playbook is None or not turn.enter(playbook, count_from, "new_lead"):
            turn.promise(book.otherwise, count_from, "new_lead")
        if last is not None:
            turn.advance(_meaning(last), max(count_from, last.at))
        if followup.step is not None:  # a person gave it before we knew the lead
            turn.change(step=followup.step)
        if turn.now.complaints:
            turn.pause(count_from)
    return turn.told()


def log(
    followup: FollowUp, activity_id: str, command: LogActivity, at: datetime, count_from: datetime, book: Book
) -> Told:
    """Record an activity. The newest one, unless a mere note, keeps the promised step and brings the next.

    What was done before we were told to keep promises (history: `count_from` is later than `at`) keeps none and
    brings none, so that it does not matter whether it or the capture is heard of first. Raises `Conflict`
    (`step-done`, `step-replaced`), `Refused` (`lead-closed`, `not-your-step`, `next-step-in-the-past`,
    `objection-without-result`).
    """
    if command.objection is not None and command.result is not ActivityResult.OBJECTION:
        raise Refused("objection-without-result", "an objection goes with the result objection")
    is_history = count_from > at
    if command.step_id is not None and not is_history:
        _must_be_open(followup, command.step_id, command.rep)
    newest = _last(followup)
    is_note = command.kind is ActivityKind.NOTE and command.step_id is None
    counts = not (is_note or is_history or (newest is not None and at < newest.at))
    turn = _Turn(followup, book, at)
    activity = Activity(
        activity_id,
        at,
        command.kind,
        command.result,
        command.rep,
        command.duration_seconds,
        command.note,
        command.direction,
        command.objection,
        followup.step.id if counts and followup.step is not None else None,
    )
    turn.change(activities=(*followup.activities, activity))
    turn.tell(
        ActivityLogged,
        activity_id=activity_id,
        kind=command.kind,
        result=command.result,
        rep=command.rep,
        duration_seconds=command.duration_seconds,
        direction=command.direction,
        objection=command.objection,
    )
    if not (is_note or is_history):
        turn.claim(command.rep)
    if counts:
        step = followup.step
        if step is not None:
            turn.tell(NextStepDone, step_id=step.id, activity_id=activity_id, due=step.due, owner=step.owner)
            turn.change(step=None)
        turn.contacted(at, is_reply=command.direction is Direction.INBOUND or command.result in REACHED)
        if turn.now.paused_at is not None:
            turn.promise(book.paused, count_from, COMPLAINT)
        else:
            turn.advance(_meaning(activity), count_from)
    if command.next is not None and not is_history:
        turn.agree(command.next, at)
    return turn.told()


def plan(followup: FollowUp | None, command: PlanStep, at: datetime, book: Book) -> Told:
    """A person says what is done next. Raises as `log`, and `Conflict("lead-not-heard")`."""
    followup = _heard(followup)
    if followup.step is not None and command.rep is not None:
        _must_be_open(followup, followup.step.id, command.rep)
    turn = _Turn(followup, book, at)
    turn.agree(PlannedStep(action=command.action, due=command.due), at)
    return turn.told()


def assign(followup: FollowUp | None, command: AssignLead, at: datetime, book: Book) -> Told:
    """The lead is handed to a rep. Raises `Refused("owner-unchanged")`, `Conflict("lead-not-heard")`."""
    followup = _heard(followup)
    if followup.owner == command.rep:
        raise Refused("owner-unchanged", f"lead {followup.lead_id} is {command.rep}'s already")
    turn = _Turn(followup, book, at)
    turn.hand_over(command.rep, "handed_over")
    return turn.told()


def bring_in(followup: FollowUp, owner: str, at: datetime, book: Book) -> Told:
    """The lead was this rep's in the program it comes from. Who has claimed it since, or was given it, keeps it."""
    if followup.owner not in (None, TEAM, book.owner_of(followup)) or followup.owner == owner:
        return followup, []
    turn = _Turn(followup, book, at)
    turn.hand_over(owner, IMPORTED)
    return turn.told()


def close(
    followup: FollowUp,
    outcome: Literal["won", "lost"],
    because: str,
    at: datetime,
    is_history: bool,
    book: Book,
) -> Told:
    """Nothing is left to do for the lead; a playbook may say what is done for the customer, or to win them back."""
    turn = _Turn(followup, book, at)
    turn.end_all(outcome, at)
    turn.change(
        closed_because=because,
        outcome=outcome,
        closed_at=at,
        step=None,
        interrupted=None,
        paused=None,
        paused_at=None,
    )
    turn.tell(FollowUpClosed, reason=because)
    playbook = None if is_history else book.entered_by(outcome, turn.now, reason=because)
    if playbook is not None:
        turn.enter(playbook, at, outcome)
    return turn.told()


def absorb(followup: FollowUp, at: datetime, book: Book) -> Told:
    """The lead is part of another one from now on, which has a next step of its own."""
    if not followup.is_open:
        return followup, []
    turn = _Turn(followup, book, at)
    turn.end_all("merged", at)
    turn.change(closed_because=MERGED, step=None, interrupted=None, paused=None, paused_at=None)
    turn.tell(FollowUpClosed, reason=MERGED)
    return turn.told()


def release(followup: FollowUp, at: datetime, book: Book) -> Told:
    """The lead stands alone again, and is open as it was."""
    if followup.closed_because != MERGED:
        return followup, []
    turn = _Turn(replace(followup, closed_because=None), book, at)
    turn.carry_on(None, at)
    if turn.now.complaints:
        turn.pause(at)
    return turn.told()


def qualify(followup: FollowUp, attributes: Mapping[str, str]) -> Told:
    """Segment and tier may be said later; a playbook that was entered stays."""
    segment, tier = attributes.get("segment", followup.segment), attributes.get("tier", followup.tier)
    return replace(followup, segment=segment, tier=tier), []


def move_stage(followup: FollowUp, stage: str) -> Told:
    return replace(followup, stage=stage), []


def reply(followup: FollowUp, at: datetime, book: Book) -> Told:
    """They answered. Before our first attempt it is no answer; after it, a person answers soon."""
    turn = _Turn(followup, book, at)
    if followup.contacted_at is None or at < followup.contacted_at:
        return followup, []
    turn.replied(at)
    was_stopped = turn.stops(REPLIED) and turn.stop(REPLIED)
    if (followup.is_open or was_stopped) and followup.paused_at is None:
        step, due = turn.now.step, book.due(book.replied, turn.now.owner, turn.now.zone, at)
        if was_stopped or step is None or (step.because not in (AGREED, REPLIED) and due < step.due):
            turn.promise(book.replied, at, REPLIED)
    return turn.told()


def unsubscribe(followup: FollowUp, at: datetime, book: Book) -> Told:
    """No more mail. A cadence that sends ends, whatever its playbook says."""
    turn = _Turn(followup, book, at)
    playbook = turn.playbook
    turn.change(unsubscribed=True)
    turn.forget_interrupted()
    if (turn.stops(UNSUBSCRIBED) or (playbook is not None and playbook.sends)) and turn.stop(UNSUBSCRIBED):
        if turn.now.paused_at is None and followup.is_open:
            turn.promise(book.unsubscribed, at, UNSUBSCRIBED)
        elif turn.now.paused_at is None:
            turn.change(step=None)
    return turn.told()


def complain(followup: FollowUp, ticket_id: str, at: datetime, book: Book) -> Told:
    """A complaint is open: what was promised waits, and somebody looks after it first."""
    turn = _Turn(followup, book, at)
    turn.change(complaints=(*followup.complaints, ticket_id)[:COMPLAINTS_MOST])
    if followup.paused_at is None:
        turn.pause(at)
    return turn.told()


def settle(followup: FollowUp, ticket_id: str, at: datetime, book: Book) -> Told:
    """A complaint is settled; after the last one, what was promised goes on."""
    if ticket_id not in followup.complaints:
        return followup, []
    turn = _Turn(followup, book, at)
    turn.change(complaints=tuple(each for each in followup.complaints if each != ticket_id))
    if followup.paused_at is not None and not turn.now.complaints:
        turn.resume(at)
    return turn.told()


def trigger(
    followup: FollowUp,
    on: str,
    at: datetime,
    book: Book,
    because: str,
    signal: str | None = None,
    **said: str,
) -> Told:
    """Something may bring the lead, or the customer, into a playbook; what runs meanwhile waits for its end."""
    playbook = book.entered_by(on, followup, **said)
    if playbook is None or followup.channel is None or followup.paused_at is not None:
        return followup, []
    if signal is not None and signal in followup.heard:
        return followup, []
    turn = _Turn(followup, book, at)
    if signal is not None:
        turn.change(heard=(*followup.heard, signal)[-_HEARD_KEPT:])
    before = Held(followup.step, followup.place)
    if turn.enter(playbook, at, because) and before.step is not None:
        turn.change(interrupted=followup.interrupted or before)
    return turn.told()


def fire(followup: FollowUp, now: datetime, book: Book) -> Told:
    """Tell what has come due of the step by now, each thing once, and let an automatic step bring the next."""
    turn = _Turn(followup, book, now)
    while (step := turn.now.step) is not None and (timer := step.timer) is not None and timer <= now:
        turn.change(step=replace(step, told=step.told + 1))
        said: dict[str, Any] = {"step_id": step.id, "due": step.due, "owner": step.owner}
        if step.told == 0:
            turn.tell_step(StepDue, step)
            if step.automatic:
                turn.contacted(now, is_reply=False)
                turn.change(step=None)
                turn.advance(None, now)
        elif step.told == 1:
            turn.tell(StepOverdue, **said)
        else:
            turn.tell(StepEscalated, manager=book.rep(step.owner).manager, **said)
    return turn.told()


Moved = Literal["stay", "move", "end"]


def moves(followup: FollowUp, book: Book) -> Moved | None:
    """What other playbooks mean for one on the way; None for one that is in no cadence."""
    if followup.place is None:
        return None
    playbook = book.playbooks.get(followup.place.playbook)
    if playbook is None:
        return "end"
    if playbook.digest == followup.place.digest:
        return "stay"
    names: list[str | None] = [*dict(playbook.variants)] or [None]
    return "move" if playbook.step(followup.place.step) and followup.place.variant in names else "end"


def bring_up(followup: FollowUp, at: datetime, book: Book) -> Told:
    """Put one on the way under the playbooks in force: the promised step stays, what follows it is new."""
    if (moved := moves(followup, book)) in (None, "stay"):
        return followup, []
    assert followup.place is not None
    turn = _Turn(followup, book, at)
    if moved == "move":
        digest = book.playbooks[followup.place.playbook].digest
        turn.change(place=replace(followup.place, digest=digest))
    else:
        turn.stop("playbook_changed")
        if followup.paused_at is None and followup.step is not None and followup.step.because != AGREED:
            turn.carry_on(None, at)
    return turn.told()


class _Turn:
    """A decision in the making: the follow-up as it becomes, and what is told of it."""

    def __init__(self, followup: FollowUp, book: Book, at: datetime) -> None:
        self.before = self.now = followup
        self.book, self.at = book, at
        self.facts: list[Event] = []

    def told(self) -> Told:
        """The new state, its timer set, and the facts; of several steps decided on, the last is the promised one."""
        step = self.now.step
        if step is not None and any(isinstance(fact, CadenceStopped | CadenceResumed) for fact in self.facts):
            step = replace(step, id="")  # who hears of either takes the step that was there for withdrawn
        if step is not None and not step.id:
            number = self.before.steps + 1
            step = replace(step, id=f"{self.now.lead_id}.{number}")
            self.change(step=step, steps=number)
            self.tell_step(NextStepScheduled, step, because=step.because)
        self.change(timer=step.timer if step is not None else None)
        return self.now, self.facts

    def change(self, **fields: Any) -> None:
        self.now = replace(self.now, **fields)

    def tell(self, event: type[Event], **fields: Any) -> None:
        self.facts.append(event(lead_id=self.now.lead_id, at=self.at, **fields))

    def tell_step(self, event: type[Event], step: NextStep, **fields: Any) -> None:
        self.tell(
            event,
            step_id=step.id,
            action=step.action,
            due=step.due,
            owner=step.owner,
            playbook=step.playbook,
            step=step.step,
            variant=step.variant,
            template=step.template,
            automatic=step.automatic or None,
            **fields,
        )

    @property
    def playbook(self) -> Playbook | None:
        return self.book.playbooks.get(self.now.place.playbook) if self.now.place else None

    def stops(self, reason: str) -> bool:
        return self.playbook is not None and reason in self.playbook.stops

    # --- promises

    def promise(self, deed: Deed, since: datetime, because: str) -> None:
        """A step outside every playbook."""
        self._promise(deed, since, NextStep("", deed.action, since, because, self.now.owner or TEAM))

    def enter(self, playbook: Playbook, since: datetime, because: str) -> bool:
        """Begin a playbook, if its rules let this one in."""
        if (playbook.sends and self.now.unsubscribed) or not self._may_enter(playbook):
            return False
        variant = playbook.variant_of(self.now.lead_id)
        step = playbook.first(variant)
        assert step is not None
        self.change(
            place=Place(playbook.name, playbook.digest, step.name, variant),
            runs=(*self.now.runs, Run(playbook.name, self.at, variant)),
        )
        self._take(playbook, step, since, because)
        return True

    def advance(self, result: ActivityResult | None, since: datetime) -> None:
        """What follows the step that was done, or that marketing automation was told to do."""
        place, playbook = self.now.place, self.playbook
        step = playbook.step(place.step) if place and playbook else None
        if place is None or playbook is None or step is None:
            self.carry_on(result, since)
            return
        following = playbook.after(step, place.variant, result)
        if following is not None:
            self.change(place=replace(place, step=following.name))
            self._take(playbook, following, since, f"after_{result or 'automatic'}")
            return
        self._end("finished")
        then = self.book.playbooks[playbook.then] if playbook.then else None
        if then is None or not self.enter(then, since, f"after_{playbook.name}"):
            self.carry_on(result, since)

    def carry_on(self, result: ActivityResult | None, since: datetime) -> None:
        """What follows outside a cadence: the one that was interrupted, or what the table says for an open lead."""
        self.change(place=None, step=None)
        if (held := self.now.interrupted) is not None:
            self.change(interrupted=None)
            self._restore(held, since)
        elif self.now.is_open:
            last = _last(self.now)
            result = result or (_meaning(last) if last else None)
            because = f"after_{result}" if result else "after_cadence"
            self.promise(self.book.afterwards[result] if result else self.book.otherwise, since, because)

    def agree(self, planned: PlannedStep, at: datetime) -> None:
        """A person's own step takes the place of the playbook's, which goes on after it."""
        due = _utc(planned.due)
        if due <= at:
            raise Refused("next-step-in-the-past", "a next step lies ahead; say when it will be done")
        step = self.now.step
        owner = step.owner if step is not None else self.now.owner or TEAM
        place = self.now.place
        self._set(
            NextStep(
                "",
                planned.action,
                due,
                AGREED,
                owner,
                place.playbook if place else None,
                place.step if place else None,
                place.variant if place else None,
            ),
            None,
        )

    def pause(self, at: datetime) -> None:
        playbook = self.playbook
        if not self.now.is_open and playbook is None:
            return
        if playbook is not None and COMPLAINT not in playbook.pauses:
            return
        self.change(paused=Held(self.now.step, self.now.place), paused_at=at)
        self.tell(CadencePaused, because=COMPLAINT)
        self.promise(self.book.paused, at, COMPLAINT)

    def resume(self, at: datetime) -> None:
        held, since, step, last = self.now.paused, self.now.paused_at, self.now.step, _last(self.now)
        self.change(paused=None, paused_at=None)
        self.tell(CadenceResumed, because=COMPLAINT)
        if step is not None and step.because == AGREED:
            return
        if last is not None and since is not None and last.at > since:
            self.advance(_meaning(last), at)
        elif held is not None and held.step is not None:
            self._restore(held, at)
        else:
            self.carry_on(None, at)

    # --- what ends

    def stop(self, because: str) -> bool:
        """End the cadence before its last step. Says whether there was one."""
        if self.now.place is None:
            return False
        self.tell(CadenceStopped, playbook=self.now.place.playbook, because=because)
        self._end(because)
        if self.now.paused is not None:  # what it had promised does not go on
            self.change(paused=Held(None, None))
        return True

    def end_all(self, because: str, at: datetime) -> None:
        ended = (run if run.ended_at else replace(run, ended_at=at, because=because) for run in self.now.runs)
        self.change(place=None, runs=tuple(ended))

    def forget_interrupted(self) -> None:
        """An interrupted cadence that sends does not go on."""
        held = self.now.interrupted
        playbook = self.book.playbooks.get(held.place.playbook) if held and held.place else None
        if playbook is not None and (playbook.sends or UNSUBSCRIBED in playbook.stops):
            ended = (
                replace(run, ended_at=self.at, because=UNSUBSCRIBED)
                if run.playbook == playbook.name and run.ended_at is None
                else run
                for run in self.now.runs
            )
            self.change(interrupted=None, runs=tuple(ended))

    def replied(self, at: datetime) -> None:
        if not any(run.replied_at for run in self.now.runs if run.ended_at is None):
            self._mark(replied_at=at)

    def contacted(self, at: datetime, is_reply: bool) -> None:
        self.change(contacted_at=at)
        if is_reply:
            self.replied(at)

    # --- whose it is

    def claim(self, rep: str | None) -> None:
        if rep is not None and rep != TEAM and self.now.owner in (None, TEAM):
            self.hand_over(rep, "claimed")

    def hand_over(self, rep: str, because: str) -> None:
        self.tell(OwnerChanged, owner=rep, previous=self.now.owner, because=because)
        step, previous = self.now.step, self.now.owner or TEAM
        self.change(owner=rep)
        if step is not None and step.owner == previous:
            self.change(step=replace(step, owner=rep))

    # --- inside

    def _may_enter(self, playbook: Playbook) -> bool:
        before = [run for run in self.now.runs if run.playbook == playbook.name]
        if not before or playbook.reenter == "always":
            return not (before and before[-1].ended_at is None)
        if playbook.reenter == "never":
            return False
        since = before[-1].ended_at
        return since is not None and self.at >= since + timedelta(seconds=playbook.reenter)

    def _take(self, playbook: Playbook, step: Step, since: datetime, because: str) -> None:
        owner = self.book.one_of(playbook.owners, self.now.lead_id) if playbook.owners else self.now.owner
        assert self.now.place is not None
        self._promise(
            step.deed,
            since,
            NextStep(
                "",
                step.deed.action,
                since,
                because,
                owner or TEAM,
                playbook.name,
                step.name,
                self.now.place.variant,
                step.template,
                step.automatic,
            ),
        )

    def _promise(self, deed: Deed, since: datetime, step: NextStep) -> None:
        due = self.book.due(deed, step.owner, self.now.zone, since)
        self._set(replace(step, due=due), deed)

    def _set(self, step: NextStep, deed: Deed | None) -> None:
        overdue_at, escalate_at = (
            (None, None) if step.automatic else self.book.late(deed, step.owner, step.due)
        )
        self.change(step=replace(step, overdue_at=overdue_at, escalate_at=escalate_at))

    def _restore(self, held: Held, at: datetime) -> None:
        assert held.step is not None
        self.change(place=held.place)
        step = replace(held.step, id="", due=max(held.step.due, at), told=0)
        self._set(step, None)

    def _end(self, because: str) -> None:
        self._mark(ended_at=self.at, because=because)
        self.change(place=None)

    def _mark(self, **fields: Any) -> None:
        """Note something of the way through the playbook that goes on now."""
        place = self.now.place
        runs = [
            replace(run, **fields)
            if place is not None and run.playbook == place.playbook and run.ended_at is None
            else run
            for run in self.now.runs
        ]
        self.change(runs=tuple(runs))


def _must_be_open(followup: FollowUp, step_id: str, rep: str | None) -> None:
    if any(activity.step_id == step_id for activity in followup.activities):
        raise Conflict(
            "step-done", f"step {step_id} was done before; log without step_id what was done since"
        )
    if followup.step is None and followup.closed_because is not None:
        raise Refused(
            "lead-closed",
            f"lead {followup.lead_id} is closed ({followup.closed_because}); log without step_id what was done",
        )
    if followup.step is None or followup.step.id != step_id:
        raise Conflict(
            "step-replaced", f"step {step_id} is not the next one of {followup.lead_id}; look again"
        )
    if rep is not None and followup.step.owner not in (rep, TEAM):
        raise Refused(
            "not-your-step",
            f"the step is {followup.step.owner}'s; take the lead over first, or log without step_id what you did",
        )


def _heard(followup: FollowUp | None) -> FollowUp:
    if followup is None or followup.channel is None:
        raise Conflict("lead-not-heard", "the lead's capture is on its way; try again")
    return followup


def _meaning(activity: Activity) -> ActivityResult:
    """What an activity means for what follows: one who called us was reached."""
    if activity.direction is Direction.INBOUND and activity.result is ActivityResult.DONE:
        return ActivityResult.ANSWERED
    return activity.result


def _utc(at: datetime) -> datetime:
    try:
        at = at.astimezone(UTC)
    except OverflowError:
        at = datetime.max.replace(tzinfo=UTC)
    if not 1 < at.year < 9990:
        raise Refused("time-out-of-range", "a step's time lies outside the calendar")
    return at.replace(microsecond=at.microsecond // 1000 * 1000)


def _last(followup: FollowUp) -> Activity | None:
    done = [activity for activity in followup.activities if activity.kind is not ActivityKind.NOTE]
    if followup.last is not None:
        done.insert(0, followup.last)
    return max(reversed(done), key=lambda activity: activity.at, default=None)  # of equals the last heard of
