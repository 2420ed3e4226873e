"""A decision in the making: what is promised next, and what of a cadence begins, goes on, waits and ends."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from services.followup.domain.model import (
    AGREED,
    CadencePosition,
    Decision,
    Enrolment,
    FollowUp,
    NextStep,
    SuspendedCadence,
)
from services.followup.domain.playbooks import (
    COMPLAINT,
    TEAM,
    UNSUBSCRIBED,
    Playbook,
    Playbooks,
    PlaybookStep,
    Task,
)
from shared.commands.followup import PlannedStep
from shared.errors import Refused
from shared.events.base import Event
from shared.events.followup import (
    ActivityResult,
    CadencePaused,
    CadenceResumed,
    CadenceStopped,
    NextStepScheduled,
)


class DecisionBuilder:
    """A decision in the making: the follow-up as it becomes, and what is told of it."""

    def __init__(self, followup: FollowUp, book: Playbooks, at: datetime) -> None:
        self.before = self.now = followup
        self.book, self.at = book, at
        self.facts: list[Event] = []
        self._next_id = f"{followup.lead_id}.{followup.steps + 1}"

    def decision(self) -> Decision:
        """The new state, its timer set, and the facts; of several steps decided on, the last is the promised one."""
        step = self.now.step
        is_withdrawn = any(isinstance(fact, CadenceStopped | CadenceResumed) for fact in self.facts)
        if step is not None and (
            self.is_new(step) or is_withdrawn
        ):  # who hears of those takes the step for gone
            step = replace(step, id=self._next_id)
            self.now = replace(self.now, step=step, steps=self.before.steps + 1)
            self.tell(
                NextStepScheduled(
                    lead_id=self.now.lead_id,
                    at=self.at,
                    step_id=step.id,
                    due=step.due,
                    owner=step.owner,
                    action=step.action,
                    because=step.because,
                    playbook=step.playbook,
                    step=step.step,
                    variant=step.variant,
                    template=step.template,
                    automatic=step.automatic or None,
                )
            )
        self.now = replace(self.now, timer=step.timer if step is not None else None)
        return self.now, self.facts

    def is_new(self, step: NextStep) -> bool:
        """Whether it is promised by this decision, and nobody has been told of it yet."""
        return step.id == self._next_id

    def tell(self, event: Event) -> None:
        self.facts.append(event)

    @property
    def playbook(self) -> Playbook | None:
        return self.book.playbooks.get(self.now.place.playbook) if self.now.place else None

    def stops(self, reason: str) -> bool:
        return self.playbook is not None and reason in self.playbook.stops

    # --- promises

    def promise(self, task: Task, since: datetime, because: str) -> None:
        """A step outside every playbook."""
        self._promise(
            task, since, NextStep(self._next_id, task.action, since, because, self.now.owner or TEAM)
        )

    def enter(self, playbook: Playbook, since: datetime, because: str) -> bool:
        """Begin a playbook, if its rules let this one in."""
        if (playbook.sends and self.now.unsubscribed) or not self._may_enter(playbook):
            return False
        variant = playbook.variant_of(self.now.lead_id)
        step = playbook.first(variant)
        assert step is not None
        self.now = replace(
            self.now,
            place=CadencePosition(playbook.name, playbook.digest, step.name, variant),
            runs=(*self.now.runs, Enrolment(playbook.name, self.at, variant)),
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
            self.now = replace(self.now, place=replace(place, step=following.name))
            self._take(playbook, following, since, f"after_{result or 'automatic'}")
            return
        self._end("finished")
        then = self.book.playbooks[playbook.then] if playbook.then else None
        if then is None or not self.enter(then, since, f"after_{playbook.name}"):
            self.carry_on(result, since)

    def carry_on(self, result: ActivityResult | None, since: datetime) -> None:
        """What follows outside a cadence: the one that was interrupted, or what the table says for an open lead."""
        self.now = replace(self.now, place=None, step=None)
        if (suspended := self.now.interrupted) is not None:
            self.now = replace(self.now, interrupted=None)
            self._restore(suspended, since)
        elif self.now.is_open:
            last = self.now.last_activity
            result = result or (last.meaning if last else None)
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
                self._next_id,
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
        self.now = replace(self.now, paused=SuspendedCadence(self.now.step, self.now.place), paused_at=at)
        self.tell(CadencePaused(lead_id=self.now.lead_id, at=self.at, because=COMPLAINT))
        self.promise(self.book.paused, at, COMPLAINT)

    def resume(self, at: datetime) -> None:
        suspended, since, step, last = (
            self.now.paused,
            self.now.paused_at,
            self.now.step,
            self.now.last_activity,
        )
        self.now = replace(self.now, paused=None, paused_at=None)
        self.tell(CadenceResumed(lead_id=self.now.lead_id, at=self.at, because=COMPLAINT))
        if step is not None and step.because == AGREED:
            return
        if last is not None and since is not None and last.at > since:
            self.advance(last.meaning, at)
        elif suspended is not None and suspended.step is not None:
            self._restore(suspended, at)
        else:
            self.carry_on(None, at)

    # --- what ends

    def stop(self, because: str) -> bool:
        """End the cadence before its last step. Says whether there was one."""
        if self.now.place is None:
            return False
        self.tell(
            CadenceStopped(
                lead_id=self.now.lead_id, at=self.at, playbook=self.now.place.playbook, because=because
            )
        )
        self._end(because)
        if self.now.paused is not None:  # what it had promised does not go on
            self.now = replace(self.now, paused=SuspendedCadence(None, None))
        return True

    def end_all(self, because: str, at: datetime) -> None:
        ended = (run if run.ended_at else replace(run, ended_at=at, because=because) for run in self.now.runs)
        self.now = replace(self.now, place=None, runs=tuple(ended))

    def forget_interrupted(self) -> None:
        """An interrupted cadence that sends does not go on."""
        suspended = self.now.interrupted
        playbook = (
            self.book.playbooks.get(suspended.place.playbook) if suspended and suspended.place else None
        )
        if playbook is not None and (playbook.sends or UNSUBSCRIBED in playbook.stops):
            runs = self._in_enrolment(
                playbook.name, lambda run: replace(run, ended_at=self.at, because=UNSUBSCRIBED)
            )
            self.now = replace(self.now, interrupted=None, runs=runs)

    def replied(self, at: datetime) -> None:
        if self.now.place is None or any(run.replied_at for run in self.now.runs if run.ended_at is None):
            return
        runs = self._in_enrolment(self.now.place.playbook, lambda run: replace(run, replied_at=at))
        self.now = replace(self.now, runs=runs)

    def contacted(self, at: datetime, is_reply: bool) -> None:
        self.now = replace(self.now, contacted_at=at)
        if is_reply:
            self.replied(at)

    # --- inside

    def _may_enter(self, playbook: Playbook) -> bool:
        before = [run for run in self.now.runs if run.playbook == playbook.name]
        if not before or playbook.reenter == "always":
            return not (before and before[-1].ended_at is None)
        if playbook.reenter == "never":
            return False
        since = before[-1].ended_at
        return since is not None and self.at >= since + timedelta(seconds=playbook.reenter)

    def _take(self, playbook: Playbook, step: PlaybookStep, since: datetime, because: str) -> None:
        owner = self.book.one_of(playbook.owners, self.now.lead_id) if playbook.owners else self.now.owner
        assert self.now.place is not None
        self._promise(
            step.task,
            since,
            NextStep(
                self._next_id,
                step.task.action,
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

    def _promise(self, task: Task, since: datetime, step: NextStep) -> None:
        due = self.book.due(task, step.owner, self.now.zone, since)
        self._set(replace(step, due=due), task)

    def _set(self, step: NextStep, task: Task | None) -> None:
        overdue_at, escalate_at = (
            (None, None) if step.automatic else self.book.late(task, step.owner, step.due)
        )
        self.now = replace(self.now, step=replace(step, overdue_at=overdue_at, escalate_at=escalate_at))

    def _restore(self, suspended: SuspendedCadence, at: datetime) -> None:
        assert suspended.step is not None
        self.now = replace(self.now, place=suspended.place)
        step = replace(suspended.step, id=self._next_id, due=max(suspended.step.due, at), told=0)
        self._set(step, None)

    def _end(self, because: str) -> None:
        runs = self.now.runs
        if self.now.place is not None:
            runs = self._in_enrolment(
                self.now.place.playbook, lambda run: replace(run, ended_at=self.at, because=because)
            )
        self.now = replace(self.now, place=None, runs=runs)

    def _in_enrolment(self, playbook: str, change: Callable[[Enrolment], Enrolment]) -> tuple[Enrolment, ...]:
        """All enrolments, with a change of the one in this playbook that goes on."""
        return tuple(
            change(run) if run.playbook == playbook and run.ended_at is None else run for run in self.now.runs
        )


def _utc(at: datetime) -> datetime:
    try:
        at = at.astimezone(UTC)
    except OverflowError:
        at = datetime.max.replace(tzinfo=UTC)
    if not 1 < at.year < 9990:
        raise Refused("time-out-of-range", "a step's time lies outside the calendar")
    return at.replace(microsecond=at.microsecond // 1000 * 1000)
