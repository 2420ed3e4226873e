"""Histories of one lead, made by followup's own decisions: what it heard, what it told of it, what it then holds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from hypothesis import strategies as st

from services.followup.domain import assignment, decisions
from services.followup.domain import playbook_change as transition
from services.followup.domain.model import FollowUp
from services.followup.reactions import react
from shared.commands.followup import (
    AssignLead,
    LogActivity,
    PlannedStep,
    PlanStep,
)
from shared.errors import AscuaError
from shared.events.base import Event, Recorded
from shared.events.followup import ActivityKind, ActivityResult, Direction
from shared.events.leads import (
    Channel,
    LeadCaptured,
    LeadLost,
    LeadOffered,
    LeadsMerged,
    LeadSplit,
    LeadWon,
    Money,
)
from shared.events.scoring import Band, LeadCooled, LeadWarmed, LeadWentHot
from shared.events.signals import SignalReceived
from shared.events.tickets import (
    Author,
    Priority,
    TicketCategory,
    TicketOpened,
    TicketReplied,
    TicketResolved,
)
from tests.followup.books import book

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
REPS = ("marta", "pedro", "sales", "team")
SIGNALS = ("unsubscribed", "subscribed", "chat_message", "checkup_asked", "upgrade_viewed")
BOOKS = (
    book(),
    book(("after: 30d, hours: any", "after: 20d, hours: any")),
    book(("  care:", "  tending:"), ("then: care", "then: tending")),
)
HAPPENS = (
    "call", "call", "call", "plan", "assign", "signal", "signal", "complaint", "ticket", "settled", "replied", "won",
    "lost", "merged", "split", "offer", "crossing", "wait", "wait", "publish",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Moment:
    """Facts in the order of the log, and the follow-up that its own domain then holds."""

    facts: Sequence[Event]
    followup: FollowUp


@dataclass
class Making:
    rng: Random
    followup: FollowUp
    now: datetime = NOON
    number: int = 0
    open_tickets: list[str] = field(default_factory=list)
    moments: list[Moment] = field(default_factory=list)
    edition: int = 0
    is_over: bool = False
    is_merged: bool = False

    def __post_init__(self) -> None:
        """What is tried, and what comes of it: anything, or the same again and again."""
        vain = [ActivityResult.NO_ANSWER, ActivityResult.VOICEMAIL]
        self.kinds = self.rng.choice([list(ActivityKind), [ActivityKind.CALL]])
        self.results = self.rng.choice([list(ActivityResult), vain, [ActivityResult.INTERESTED, *vain]])

    @property
    def book(self) -> Any:
        return BOOKS[self.edition]

    def heard(self, event: type[Event], at: datetime | None = None, **data: Any) -> None:
        """Followup hears a fact of another service."""
        self.number += 1
        told = event(lead_id=self.followup.lead_id, at=at or self.now, **data)
        number = None if event is SignalReceived else self.number
        record = Recorded(f"e{self.number}", told, self.now, number, told.aggregate if number else None)
        self.followup, facts = react(self.followup, record, self.book)
        self.moments.append(Moment([told, *facts], self.followup))

    def told(self, event: type[Event], **data: Any) -> None:
        """A fact that followup does not hear."""
        told = event(lead_id=self.followup.lead_id, at=self.now, **data)
        self.moments.append(Moment([told], self.followup))

    def asked(self, decide: Any, *given: Any) -> None:
        try:
            state, brought = transition.bring_up(self.followup, self.now, self.book)
            self.followup, facts = decide(state, *given, self.book)
        except AscuaError:
            return
        self.moments.append(Moment([*brought, *facts], self.followup))

    def happen(self, what: str) -> None:
        rng = self.rng
        match what:
            case "call":
                self.number += 1
                late = rng.choice([0, 0, 0, 90, 3_000])
                at = self.now - timedelta(minutes=late)
                step = self.followup.step
                own = step.id if step is not None and rng.random() < 0.3 else None
                agreed = PlannedStep(
                    action=ActivityKind.VISIT, due=self.now + timedelta(hours=rng.randint(1, 99))
                )
                command = LogActivity(
                    kind=rng.choice(self.kinds), result=rng.choice(self.results), step_id=own,
                    rep=rng.choice([None, *REPS]), direction=rng.choice([None, *Direction]),
                    next=agreed if rng.random() < 0.2 else None,
                )  # fmt: skip
                id = f"{self.followup.lead_id}-a{self.number}"
                self.asked(lambda state, book: decisions.log(state, id, command, at, at, book))
            case "plan":
                due = self.now + timedelta(hours=rng.randint(1, 200))
                self.asked(decisions.plan, PlanStep(action=ActivityKind.CALL, due=due), self.now)
            case "assign":
                self.asked(assignment.assign, AssignLead(rep=rng.choice(REPS)), self.now)
            case "signal":
                self.heard(SignalReceived, kind=rng.choice(SIGNALS))
            case "complaint" | "ticket":
                ticket = f"t{self.number}"
                self.open_tickets.append(ticket)
                category = TicketCategory.COMPLAINT if what == "complaint" else TicketCategory.QUESTION
                self.heard(TicketOpened, ticket_id=ticket, category=category, priority=Priority.NORMAL)
            case "settled" if self.open_tickets:
                ticket = self.open_tickets.pop()
                self.heard(TicketResolved, ticket_id=ticket, resolution=rng.choice(["solved", "cross_sell"]))
            case "replied" if self.open_tickets:
                self.heard(TicketReplied, ticket_id=self.open_tickets[-1], author=Author.CUSTOMER)
            case "won" | "lost" if not self.is_over:
                self.is_over = True
                if what == "won":
                    self.heard(LeadWon)
                else:
                    self.heard(LeadLost, reason=rng.choice(["price", "no_budget"]))
            case "merged" | "split" if self.is_merged == (what == "split"):
                self.is_merged = not self.is_merged
                self.heard(LeadsMerged if self.is_merged else LeadSplit, survivor="other", turn=self.number)
            case "offer" if not self.is_over:
                self.heard(LeadOffered)
            case "crossing":
                type_ = rng.choice([LeadWentHot, LeadWarmed, LeadCooled])
                band = {"band": rng.choice([Band.WARM, Band.COLD])} if type_ is LeadCooled else {}
                self.told(type_, episode=self.number + 1, heat=20.0, rules="x", **band)
            case "wait":
                until = self.now + timedelta(hours=rng.choice([1, 5, 30, 200, 1_500]))
                while (timer := self.followup.timer) is not None and timer <= until:
                    self.now = max(timer, self.now)
                    self.asked(decisions.fire, self.now)
                self.now = until
            case "publish":
                self.edition = (self.edition + 1) % len(BOOKS)


def history(seed: int, lead_id: str, happens: Sequence[str]) -> list[Moment]:
    """What these happenings become, in the details that the seed draws."""
    making = Making(Random(f"{seed}{lead_id}"), FollowUp(lead_id))
    making.now += timedelta(hours=making.rng.randint(0, 400))
    making.heard(
        LeadCaptured,
        channel=making.rng.choice([Channel.WEB, Channel.STORE, Channel.CHAT]),
        campaign=making.rng.choice([None, "autumn", "winter"]),
        origin=making.rng.choice([None, "search"]),
        acquisition_cost=making.rng.choice([None, Money(minor=1_450)]),
    )
    for what in happens:
        making.now += timedelta(minutes=making.rng.choice([0, 1, 61, 1_000]))
        making.happen(what)
    return making.moments


histories = st.builds(
    history,
    st.integers(0, 9_999),
    st.sampled_from([f"lead-{number}" for number in range(6)]),
    st.lists(st.sampled_from(HAPPENS), max_size=25),
)
