"""Playbooks: what is done for whom, when, and by whom. Read from YAML by `playbook_parser`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from hashlib import sha256
from typing import Final, Literal, Protocol

from shared.business_time import (
    ALWAYS,
    Both,
    Calendar,
    Hours,
    NeverOpen,
    add,
    add_days,
    next_open,
)
from shared.events.followup import ActivityKind, ActivityResult

TEAM: Final = "team"
"""The owner when nobody is named: whoever does something first takes the lead over."""
END: Final = "end"
REPLIED: Final = "replied"
UNSUBSCRIBED: Final = "unsubscribed"
COMPLAINT: Final = "complaint"

REACHED: Final = frozenset(
    (
        ActivityResult.ANSWERED,
        ActivityResult.INTERESTED,
        ActivityResult.APPOINTMENT,
        ActivityResult.OBJECTION,
        ActivityResult.CALL_BACK,
        ActivityResult.NOT_INTERESTED,
    )
)
"""Results of a talk: they end a cadence of attempts, unless a step says what follows."""

Within = Literal["both", "rep", "customer", "any"]


@dataclass(frozen=True, slots=True)
class Delay:
    """How long after what it follows: `wall` time, `open` time, or working `days`; then in opening hours."""

    seconds: int
    counted: Literal["wall", "open", "days"] = "wall"

    @property
    def length(self) -> timedelta:
        return timedelta(seconds=self.seconds)


@dataclass(frozen=True, slots=True)
class Task:
    """Something to do, and when."""

    action: ActivityKind
    after: Delay
    hours: Within = "both"
    grace: Delay | None = None
    """How late it may be before it is overdue; the promises' own without it."""


@dataclass(frozen=True, slots=True)
class PlaybookStep:
    """A step of a playbook. `follows` says which step (or `end`) comes after which result."""

    name: str
    task: Task
    automatic: bool = False
    template: str | None = None
    follows: Mapping[ActivityResult, str] = None  # type: ignore[assignment]  # always given by `playbook_parser`
    variants: frozenset[str] = frozenset()
    """Those it belongs to; all, when empty."""


@dataclass(frozen=True, slots=True)
class EntryRule:
    """What brings somebody into a playbook: an event, and what must be true of them. Empty conditions hold."""

    on: Literal["captured", "won", "lost", "signal", "ticket_opened", "ticket_resolved"]
    conditions: Mapping[str, frozenset[str]]


@dataclass(frozen=True, slots=True)
class Playbook:
    name: str
    entry: EntryRule
    steps: tuple[PlaybookStep, ...]
    variants: tuple[tuple[str, int], ...] = ()
    """Names and weights of an experiment."""
    owners: tuple[str, ...] = ()
    """Reps its steps belong to; the lead's own, when empty."""
    stops: frozenset[str] = frozenset((REPLIED, UNSUBSCRIBED))
    pauses: frozenset[str] = frozenset((COMPLAINT,))
    reenter: Literal["never", "always"] | int = "never"
    """Whether one who was in it may come again; a number of seconds after which."""
    then: str | None = None
    digest: str = ""
    """Of its content; equal ones are the same to those on their way."""

    @property
    def sends(self) -> bool:
        return any(step.automatic for step in self.steps)

    def step(self, name: str | None) -> PlaybookStep | None:
        return next((step for step in self.steps if step.name == name), None)

    def variant_of(self, lead_id: str) -> str | None:
        """The variant of a lead: by hash and weight, always the same."""
        total = sum(weight for _, weight in self.variants)
        ticket = dealt(f"{self.name}\n{lead_id}", total) if total else 0
        for name, weight in self.variants:
            ticket -= weight
            if ticket < 0:
                return name
        return None

    def first(self, variant: str | None) -> PlaybookStep | None:
        return self._from(0, variant)

    def after(
        self, step: PlaybookStep, variant: str | None, result: ActivityResult | None
    ) -> PlaybookStep | None:
        """What follows a step: what it says for the result, the end for a talk, else the next one in order."""
        if result is not None and result in step.follows:
            target = step.follows[result]
            return self._from(self._place(target), variant) if target != END else None
        if result in REACHED:
            return None
        return self._from(self._place(step.name) + 1, variant)

    def _from(self, place: int, variant: str | None) -> PlaybookStep | None:
        return next(
            (step for step in self.steps[place:] if not step.variants or variant in step.variants), None
        )

    def _place(self, name: str) -> int:
        return [step.name for step in self.steps].index(name)


@dataclass(frozen=True, slots=True)
class Rep:
    name: str
    calendar: Calendar
    manager: str


@dataclass(frozen=True, slots=True)
class Owners:
    """Whose a new lead is: the first line whose conditions hold; of several reps one by the lead's hash."""

    conditions: Mapping[str, frozenset[str]]
    reps: tuple[str, ...]


class Known(Protocol):
    """What conditions ask of a lead."""

    @property
    def lead_id(self) -> str: ...

    def says(self, name: str) -> str | None: ...


@dataclass(frozen=True)
class Playbooks:
    """Those in force together: all that one file says. Equal content has an equal version, whatever its comments."""

    version: str
    reps: Mapping[str, Rep]
    owners: tuple[Owners, ...]
    customers: Calendar | None
    grace: Delay
    escalate_after: Delay
    playbooks: Mapping[str, Playbook]
    afterwards: Mapping[ActivityResult, Task]
    otherwise: Task
    replied: Task
    unsubscribed: Task
    paused: Task
    reply_signals: frozenset[str]

    @cached_property
    def signals(self) -> frozenset[str]:
        """Kinds of signals that mean something here; all others need not be looked at."""
        kinds = {UNSUBSCRIBED, "subscribed", *self.reply_signals}
        for playbook in self.playbooks.values():
            if playbook.entry.on == "signal":
                kinds |= playbook.entry.conditions["kind"]
        return frozenset(kinds)

    def entered_by(self, on: str, lead: Known, said: Mapping[str, str]) -> Playbook | None:
        """The first playbook that what happened brings the lead into."""
        return next(
            (
                playbook
                for playbook in self.playbooks.values()
                if playbook.entry.on == on and holds(playbook.entry.conditions, lead, said)
            ),
            None,
        )

    def owner_of(self, lead: Known) -> str:
        line = next((line for line in self.owners if holds(line.conditions, lead, {})), None)
        return self.one_of(line.reps, lead.lead_id) if line else TEAM

    @staticmethod
    def one_of(reps: Sequence[str], lead_id: str) -> str:
        return reps[dealt(lead_id, len(reps))]

    def rep(self, name: str | None) -> Rep:
        """A rep; one who is not listed works as the team does."""
        return self.reps.get(name or TEAM) or self.reps[TEAM]

    def due(self, task: Task, owner: str | None, zone: str | None, since: datetime) -> datetime:
        """When a task is due: after its delay, when those are open whom it asks for; the rep's hours, if they never
        meet."""
        rep = self.rep(owner).calendar
        try:
            return _after(self._hours(task.hours, rep, zone), rep, task.after, since)
        except NeverOpen:
            return _after(rep, rep, task.after, since)

    def late(self, task: Task | None, owner: str | None, due: datetime) -> tuple[datetime, datetime]:
        """When a step due then is overdue, and when its owner's manager hears of it, by the owner's hours."""
        calendar = self.rep(owner).calendar
        overdue = _after(calendar, calendar, (task.grace if task else None) or self.grace, due)
        return overdue, max(overdue, _after(calendar, calendar, self.escalate_after, due))

    def _hours(self, within: Within, rep: Calendar, zone: str | None) -> Hours:
        customer = self.customers.at(zone) if self.customers else ALWAYS
        both: Hours = Both(rep, customer)
        if customer.shifts is None or rep.shifts is None:
            both = rep if customer.shifts is None else customer
        return {"any": ALWAYS, "rep": rep, "customer": customer, "both": both}[within]


def holds(conditions: Mapping[str, frozenset[str]], lead: Known, said: Mapping[str, str]) -> bool:
    return all((said.get(name) or lead.says(name)) in allowed for name, allowed in conditions.items())


def dealt(words: str, hands: int) -> int:
    """One of so many hands, by the hash of these words."""
    return int.from_bytes(sha256(words.encode()).digest()[:8], "big") % hands


def _after(hours: Hours, rep: Calendar, delay: Delay, since: datetime) -> datetime:
    if delay.counted == "wall":
        return next_open(hours, since + delay.length)
    if delay.counted == "open":
        return add(hours, since, delay.length)
    return add_days(hours, rep.zone, since, delay.seconds // 86_400)
