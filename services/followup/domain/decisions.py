"""The decisions about the follow-up of one lead: its activities, and exactly one next step while it is open.

A decision gets the state, what happened, the instant and the playbooks in force; it returns the new state and the
facts. An open lead leaves every decision with one step that has an owner and a due time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Final, Literal

from services.followup.domain.assignment import claim
from services.followup.domain.decision_builder import DecisionBuilder
from services.followup.domain.model import (
    AGREED,
    IMPORTED,
    MERGED,
    Activity,
    Decision,
    FollowUp,
    NextStep,
    SuspendedCadence,
    heard,
)
from services.followup.domain.playbooks import COMPLAINT, REACHED, REPLIED, TEAM, UNSUBSCRIBED, Playbooks
from shared.commands.followup import LogActivity, PlannedStep, PlanStep
from shared.errors import Conflict, Refused
from shared.events.base import HISTORY_AFTER
from shared.events.followup import (
    ActivityKind,
    ActivityLogged,
    ActivityResult,
    Direction,
    FollowUpClosed,
    NextStepDone,
    StepDue,
    StepEscalated,
    StepOverdue,
)
from shared.events.leads import LeadCaptured, LeadQualified

COMPLAINTS_MOST: Final = 256
"""Open complaints that are waited for; of a lead with more, the later ones do not prolong the pause."""
_HEARD_KEPT: Final = 16


def captured(followup: FollowUp, event: LeadCaptured, count_from: datetime, book: Playbooks) -> Decision:
    """The lead is known from now on. `count_from` is when it happened, or the import, for history.

    An activity may have come before: what follows it counts from it.
    """
    builder = DecisionBuilder(followup, book, event.at)
    builder.now = replace(
        builder.now,
        channel=event.channel,
        stage=event.stage.value,
        origin=event.origin,
        campaign=event.campaign,
        segment=event.segment,
        tier=event.tier,
        zone=event.zone,
    )
    if builder.now.owner in (None, TEAM):
        builder.now = replace(builder.now, owner=book.owner_of(builder.now))
    if not builder.now.is_open:  # heard late
        return builder.decision()
    playbook, last = book.entered_by("captured", builder.now, {}), followup.last_activity
    if count_from > event.at:
        first = playbook.first(playbook.variant_of(followup.lead_id)) if playbook else None
        builder.promise(first.task if first else book.otherwise, count_from, IMPORTED)
    else:
        if playbook is None or not builder.enter(playbook, count_from, "new_lead"):
            builder.promise(book.otherwise, count_from, "new_lead")
        if last is not None:
            builder.advance(last.meaning, max(count_from, last.at))
        if followup.step is not None:  # a person gave it before we knew the lead
            builder.now = replace(builder.now, step=followup.step)
        if builder.now.complaints:
            builder.pause(count_from)
    return builder.decision()


def log(
    followup: FollowUp,
    activity_id: str,
    command: LogActivity,
    at: datetime,
    count_from: datetime,
    book: Playbooks,
) -> Decision:
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
    newest = followup.last_activity
    is_note = command.kind is ActivityKind.NOTE and command.step_id is None
    counts = not (is_note or is_history or (newest is not None and at < newest.at))
    builder = DecisionBuilder(followup, book, at)
    activity = _record(builder, activity_id, command, at, followup.step if counts else None)
    if not (is_note or is_history):
        claim(builder, command.rep)
    if counts:
        if followup.step is not None:
            builder.tell(_done(followup.lead_id, followup.step, activity_id, at))
            builder.now = replace(builder.now, step=None)
        builder.contacted(at, is_reply=command.direction is Direction.INBOUND or command.result in REACHED)
        if builder.now.paused_at is not None:
            builder.promise(book.paused, count_from, COMPLAINT)
        else:
            builder.advance(activity.meaning, count_from)
    if command.next is not None and not is_history:
        builder.agree(command.next, at)
    return builder.decision()


def _record(
    builder: DecisionBuilder, activity_id: str, command: LogActivity, at: datetime, does: NextStep | None
) -> Activity:
    """Keep an activity, and tell of it what the log may know. `does` is the step that it does, if any."""
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
        does.id if does is not None else None,
    )
    builder.now = replace(builder.now, activities=(*builder.now.activities, activity))
    builder.tell(
        ActivityLogged(
            lead_id=builder.now.lead_id,
            at=at,
            activity_id=activity_id,
            kind=command.kind,
            result=command.result,
            rep=command.rep,
            duration_seconds=command.duration_seconds,
            direction=command.direction,
            objection=command.objection,
        )
    )
    return activity


def plan(followup: FollowUp | None, command: PlanStep, at: datetime, book: Playbooks) -> Decision:
    """A person says what is done next. Raises as `log`, and `Conflict("lead-not-heard")`."""
    followup = heard(followup)
    if followup.step is not None and command.rep is not None:
        _must_be_open(followup, followup.step.id, command.rep)
    builder = DecisionBuilder(followup, book, at)
    builder.agree(PlannedStep(action=command.action, due=command.due), at)
    return builder.decision()


def close(
    followup: FollowUp,
    outcome: Literal["won", "lost"],
    because: str,
    at: datetime,
    is_history: bool,
    book: Playbooks,
) -> Decision:
    """Nothing is left to do for the lead; a playbook may say what is done for the customer, or to win them back."""
    builder = DecisionBuilder(followup, book, at)
    builder.end_all(outcome, at)
    builder.now = replace(
        builder.now,
        closed_because=because,
        outcome=outcome,
        closed_at=at,
        step=None,
        interrupted=None,
        paused=None,
        paused_at=None,
    )
    builder.tell(FollowUpClosed(lead_id=followup.lead_id, at=at, reason=because))
    playbook = None if is_history else book.entered_by(outcome, builder.now, {"reason": because})
    if playbook is not None:
        builder.enter(playbook, at, outcome)
    return builder.decision()


def absorb(followup: FollowUp, at: datetime, book: Playbooks) -> Decision:
    """The lead is part of another one from now on, which has a next step of its own."""
    if not followup.is_open:
        return followup, []
    builder = DecisionBuilder(followup, book, at)
    builder.end_all("merged", at)
    builder.now = replace(
        builder.now, closed_because=MERGED, step=None, interrupted=None, paused=None, paused_at=None
    )
    builder.tell(FollowUpClosed(lead_id=followup.lead_id, at=at, reason=MERGED))
    return builder.decision()


def release(followup: FollowUp, at: datetime, book: Playbooks) -> Decision:
    """The lead stands alone again, and is open as it was."""
    if followup.closed_because != MERGED:
        return followup, []
    builder = DecisionBuilder(replace(followup, closed_because=None), book, at)
    builder.carry_on(None, at)
    if builder.now.complaints:
        builder.pause(at)
    return builder.decision()


def qualify(followup: FollowUp, event: LeadQualified) -> Decision:
    """Segment and tier may be said later; a playbook that was entered stays."""
    segment, tier = event.segment_after(followup.segment), event.tier_after(followup.tier)
    return replace(followup, segment=segment, tier=tier), []


def move_stage(followup: FollowUp, stage: str) -> Decision:
    return replace(followup, stage=stage), []


def reply(followup: FollowUp, at: datetime, book: Playbooks) -> Decision:
    """They answered. Before our first attempt it is no answer; after it, a person answers soon."""
    builder = DecisionBuilder(followup, book, at)
    if followup.contacted_at is None or at < followup.contacted_at:
        return followup, []
    builder.replied(at)
    was_stopped = builder.stops(REPLIED) and builder.stop(REPLIED)
    if (followup.is_open or was_stopped) and followup.paused_at is None:
        step, due = builder.now.step, book.due(book.replied, builder.now.owner, builder.now.zone, at)
        if was_stopped or step is None or (step.because not in (AGREED, REPLIED) and due < step.due):
            builder.promise(book.replied, at, REPLIED)
    return builder.decision()


def unsubscribe(followup: FollowUp, at: datetime, book: Playbooks) -> Decision:
    """No more mail. A cadence that sends ends, whatever its playbook says."""
    builder = DecisionBuilder(followup, book, at)
    playbook = builder.playbook
    builder.now = replace(builder.now, unsubscribed=True)
    builder.forget_interrupted()
    if (builder.stops(UNSUBSCRIBED) or (playbook is not None and playbook.sends)) and builder.stop(
        UNSUBSCRIBED
    ):
        if builder.now.paused_at is None and followup.is_open:
            builder.promise(book.unsubscribed, at, UNSUBSCRIBED)
        elif builder.now.paused_at is None:
            builder.now = replace(builder.now, step=None)
    return builder.decision()


def complain(followup: FollowUp, ticket_id: str, at: datetime, book: Playbooks) -> Decision:
    """A complaint is open: what was promised waits, and somebody looks after it first."""
    builder = DecisionBuilder(followup, book, at)
    builder.now = replace(builder.now, complaints=(*followup.complaints, ticket_id)[:COMPLAINTS_MOST])
    if followup.paused_at is None:
        builder.pause(at)
    return builder.decision()


def settle(followup: FollowUp, ticket_id: str, at: datetime, book: Playbooks) -> Decision:
    """A complaint is settled; after the last one, what was promised goes on."""
    if ticket_id not in followup.complaints:
        return followup, []
    builder = DecisionBuilder(followup, book, at)
    builder.now = replace(
        builder.now, complaints=tuple(each for each in followup.complaints if each != ticket_id)
    )
    if followup.paused_at is not None and not builder.now.complaints:
        builder.resume(at)
    return builder.decision()


def go_on_in(followup: FollowUp, ticket_id: str, into: str) -> Decision:
    """A complaint goes on in another ticket: that one is waited for."""
    if ticket_id not in followup.complaints:
        return followup, []
    complaints = (into if each == ticket_id else each for each in followup.complaints)
    return replace(followup, complaints=tuple(dict.fromkeys(complaints))), []


def trigger(
    followup: FollowUp,
    on: str,
    at: datetime,
    book: Playbooks,
    because: str,
    said: Mapping[str, str],
    signal: str | None = None,
) -> Decision:
    """Something may bring the lead, or the customer, into a playbook; what runs meanwhile waits for its end."""
    playbook = book.entered_by(on, followup, said)
    if playbook is None or followup.channel is None or followup.paused_at is not None:
        return followup, []
    if signal is not None and signal in followup.heard:
        return followup, []
    builder = DecisionBuilder(followup, book, at)
    if signal is not None:
        builder.now = replace(builder.now, heard=(*followup.heard, signal)[-_HEARD_KEPT:])
    before = SuspendedCadence(followup.step, followup.place)
    if builder.enter(playbook, at, because) and before.step is not None:
        builder.now = replace(builder.now, interrupted=followup.interrupted or before)
    return builder.decision()


def fire(followup: FollowUp, now: datetime, book: Playbooks) -> Decision:
    """Tell what has come due of the step by now, each thing once, and let an automatic step bring the next."""
    builder = DecisionBuilder(followup, book, now)
    while (step := builder.now.step) is not None and not builder.is_new(step):
        if (timer := step.timer) is None or timer > now:
            break
        builder.now = replace(builder.now, step=replace(step, told=step.told + 1))
        if step.told == 0:
            builder.tell(_due(followup.lead_id, step, now))
            if step.automatic:
                builder.contacted(now, is_reply=False)
                builder.now = replace(builder.now, step=None)
                builder.advance(None, now)
        elif step.told == 1:
            builder.tell(
                StepOverdue(lead_id=followup.lead_id, at=now, step_id=step.id, due=step.due, owner=step.owner)
            )
        else:
            manager = book.rep(step.owner).manager
            builder.tell(
                StepEscalated(
                    lead_id=followup.lead_id,
                    at=now,
                    step_id=step.id,
                    due=step.due,
                    owner=step.owner,
                    manager=manager,
                )
            )
    return builder.decision()


def _done(lead_id: str, step: NextStep, activity_id: str, at: datetime) -> NextStepDone:
    return NextStepDone(
        lead_id=lead_id, at=at, step_id=step.id, activity_id=activity_id, due=step.due, owner=step.owner
    )


def _due(lead_id: str, step: NextStep, at: datetime) -> StepDue:
    return StepDue(
        lead_id=lead_id,
        at=at,
        step_id=step.id,
        due=step.due,
        owner=step.owner,
        action=step.action,
        playbook=step.playbook,
        step=step.step,
        variant=step.variant,
        template=step.template,
        automatic=step.automatic or None,
    )


def counted_from(happened: datetime, recorded: datetime) -> datetime:
    """Promises count from what was done; those that follow from history count from when we heard of it."""
    return recorded if recorded - happened > HISTORY_AFTER else happened


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
