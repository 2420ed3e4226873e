"""A simulated office: leads come, reps work on what is due, days go by, through the real handlers and the store.

The world outside has a script drawn from a seed; reps see only what was published. After every step that any document
takes, the invariant is checked. A rough world also kills the process at random between write and acknowledgement,
delivers again what it delivered, and lets topics overtake one another.
"""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from services.followup import handlers, publications, reactions
from services.followup.domain.model import FollowUp
from services.followup.store import FollowUps, PublishedPlaybooks, followups
from shared.bus.outgoing import Outgoing
from shared.bus.received import Received
from shared.commands.followup import (
    LeadActivity,
    LogActivities,
    PublishPlaybooks,
)
from shared.documents import Documents, Outcome, Step
from shared.errors import Refused, Unavailable
from shared.events.base import Event, Recorded, decode
from shared.events.followup import (
    ActivityKind,
    ActivityLogged,
    ActivityResult,
    CadenceResumed,
    CadenceStopped,
    FollowUpClosed,
    NextStepDone,
    NextStepScheduled,
    StepDue,
    StepEscalated,
    StepOverdue,
)
from shared.events.leads import Channel, LeadCaptured, LeadLost, LeadWon
from shared.events.signals import SignalReceived
from shared.events.tickets import (
    Author,
    Priority,
    TicketCategory,
    TicketOpened,
    TicketReplied,
    TicketResolved,
)
from shared.mongo import Mongo
from shared.outbox import Relay
from tests.followup.books import TEXT

BEGIN = datetime(2026, 3, 2, 6, tzinfo=UTC)  # daylight saving begins within the first month
REPS = [f"rep-{number:02}" for number in range(20)]
TICK = timedelta(hours=1)


def playbooks() -> str:
    """The tests' playbooks, with twenty reps who share the leads by hash."""
    reps = "\n".join(f"  {rep}: {{calendar: office, manager: luis}}" for rep in REPS)
    return TEXT.replace("  sales: {", f"{reps}\n  sales: {{").replace(
        "  - {to: [team]}", f"  - {{to: [{', '.join(REPS)}]}}"
    )


class Killed(BaseException):
    """The process is gone between two instructions."""


class Watched(Documents[FollowUp]):
    """Documents whose every step is looked at; a write may be the last thing the process does."""

    def watch(self, world: World) -> Watched:
        self.world = world
        return self

    def _decide(self, held: Any, step: Step[FollowUp]) -> tuple[Any, Outcome[FollowUp]]:
        decided, outcome = super()._decide(held, step)
        self.world.steps += 1
        if outcome.error is not None and outcome.error.slug == "failed":
            raise AssertionError(outcome.error.sentence)
        if decided.state is not None:
            check(decided.state)
        return decided, outcome

    async def _save(self, documents: Sequence[Any]) -> tuple[set[str], dict[str, Refused]]:
        self.world.perhaps_die()
        saved = await super()._save(documents)
        self.world.perhaps_die()
        return saved


def check(followup: FollowUp) -> None:
    """One next step with owner and due time, or a closed reason."""
    if followup.is_open:
        assert followup.step is not None, followup
        assert followup.step.owner, followup
        assert followup.timer == followup.step.timer, followup
    else:
        assert followup.channel is None or followup.closed_because, followup
    if followup.place is not None:
        assert followup.step is not None, followup
        assert sum(run.ended_at is None for run in followup.runs) >= 1, followup


class Log:
    """What was published: a log that also fails at times. It stands for the broker and outlives the process."""

    def __init__(self, rng: Random, fails: float) -> None:
        self.rng, self.fails = rng, fails
        self.facts: dict[str, dict[int, Recorded[Event]]] = defaultdict(dict)
        self.repeats = 0
        self.open: dict[str, NextStepScheduled] = {}
        self.fired: Counter[tuple[str, str]] = Counter()

    async def publish_all(self, records: Sequence[Outgoing]) -> list[tuple[int, int] | Unavailable]:
        results: list[tuple[int, int] | Unavailable] = []
        for record in records:
            if self.rng.random() < self.fails:
                results.append(Unavailable("kafka-unreachable", "the broker is away"))
                continue
            self._take(decode(record.value or b""))
            results.append((0, 0))
        return results

    def _take(self, recorded: Recorded[Event]) -> None:
        of_lead, event = self.facts[recorded.lead_id], recorded.event
        assert recorded.sequence is not None
        if recorded.sequence in of_lead:
            assert of_lead[recorded.sequence].event == event, "two facts with one number"
            self.repeats += 1
            return
        assert recorded.sequence == len(of_lead) + 1, "a fact before its predecessor"
        of_lead[recorded.sequence] = recorded
        match event:
            case NextStepScheduled():
                self.open[event.lead_id] = event
            case NextStepDone() | FollowUpClosed() | CadenceStopped() | CadenceResumed():
                self.open.pop(event.lead_id, None)
            case StepDue() | StepOverdue() | StepEscalated():
                self.fired[type(event).__name__, event.step_id] += 1
                if isinstance(event, StepDue) and event.automatic:
                    self.open.pop(event.lead_id, None)


@dataclass
class Lead:
    rng: Random
    comes: datetime
    channel: Channel
    open: bool = True
    complaints: list[str] = field(default_factory=list)
    sequences: Counter[str] = field(default_factory=Counter)


class World:
    """Everybody outside: leads, customers, reps."""

    def __init__(
        self, mongo: Mongo, leads: int, days: int, seed: int, *, rough: bool = False, text: str | None = None
    ) -> None:
        self.mongo, self.days, self.rough = mongo, days, rough
        self.rng = Random(seed)
        self.now = BEGIN
        self.text = text or playbooks()
        self.log = Log(self.rng, 0.01 if rough else 0.0)
        self.leads = {
            f"lead-{number}": Lead(
                Random(f"{seed}{number}"),
                BEGIN + timedelta(seconds=self.rng.uniform(0, days * 86_400 * 0.9)),
                self.rng.choice(list(Channel)),
            )
            for number in range(leads)
        }
        self.topics: dict[str, list[Received]] = {"leads": [], "tickets": [], "signals": []}
        self.taken: Counter[str] = Counter()
        self.calls: list[LeadActivity] = []
        self.called: set[str] = set()
        self.steps = self.kills = self.events = self.fired = self.redelivered = 0
        self.deaths = 0.0

    def clock(self) -> datetime:
        return self.now

    def perhaps_die(self) -> None:
        if self.rng.random() < self.deaths:
            self.kills += 1
            raise Killed

    async def run(self) -> None:
        kept = followups(self.mongo, kept=2)  # what is old leaves as soon as it can
        PublishedPlaybooks(self.mongo)
        await self.mongo.start()
        await self._begin(kept)
        await publications.publish(
            self.followups,
            self.books,
            PublishPlaybooks(text=self.text, source="simulation"),
            self.clock,
        )
        end = BEGIN + timedelta(days=self.days)
        while self.now < end:
            self.now += TICK
            self._happen()
            await self._live(kept)
        self.deaths, self.log.fails = 0.0, 0.0
        for _ in range(40):  # nothing new happens; what is under way arrives
            self.now += TICK
            await self._live(kept)
            if not self.calls and all(self.taken[topic] == len(log) for topic, log in self.topics.items()):
                break
        await self._published()
        await self._end()

    async def _begin(self, kept: FollowUps) -> None:
        """A process starts: it knows nothing but what is in the store and in the log."""
        self.followups = Watched(kept.collection, FollowUp, self.clock, kept.archive, kept.pack).watch(self)
        self.books = PublishedPlaybooks(self.mongo)
        self.relay = Relay("followup", self.followups, self.log, "followup", self.clock)  # type: ignore[arg-type]
        await self.relay.start()

    async def _end(self) -> None:
        for task in (self.relay._task, self.relay._sweep):
            assert task is not None
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _live(self, kept: FollowUps) -> None:
        self.deaths = 0.02 if self.rough else 0.0
        for work in (self._deliver, self._call, self._fire):
            while True:
                try:
                    await work()
                    break
                except Killed:
                    await self._end()
                    await self._begin(kept)
        if not self.rough:
            await self._published()

    async def _published(self) -> None:
        while True:
            left = await self.followups.collection.find_one({"outbox.recordedtime": {"$gt": ""}}, {"_id": 1})
            if left is None:
                return
            self.relay._wake.set()
            await asyncio.sleep(0.002)
            if self.rough:  # what a dead process left behind is looked for after a while
                self.now += timedelta(seconds=3)
                await self.relay._find_left_behind()

    # --- what followup hears

    async def _deliver(self) -> None:
        """Each topic in its order; in a rough world some wait, and some go back to a position before."""
        batch: list[Received] = []
        upto = dict(self.taken)
        for topic, log in self.topics.items():
            first = self.taken[topic]
            if self.rough and self.deaths and self.rng.random() < 0.4:
                continue
            if self.rough and self.deaths and self.rng.random() < 0.1:
                self.redelivered += first - max(0, first - 30)
                first = max(0, first - 30)
            batch += log[first:]
            upto[topic] = len(log)
        for some in (batch[at : at + 500] for at in range(0, len(batch), 500)):
            errors = await reactions.follow(self.followups, self.books, some)
            assert errors == [None] * len(some), [error for error in errors if error]
        self.taken.update(Counter({topic: upto[topic] - self.taken[topic] for topic in upto}))

    async def _call(self) -> None:
        """Log the calls; what was not acknowledged is sent again."""
        for some in (self.calls[at : at + 500] for at in range(0, len(self.calls), 500)):
            answer = await handlers.log_many(
                self.followups, self.books, LogActivities(activities=some), None, self.clock
            )
            for call, outcome in zip(some, answer.outcomes, strict=True):
                assert outcome.outcome != "refused" or outcome.error in (
                    "step-replaced",
                    "step-done",
                    "lead-closed",
                )
                if outcome.outcome != "refused":
                    self.called.add(call.key or "")
        self.calls = []

    async def _fire(self) -> None:
        self.fired += await handlers.timers(self.followups, self.books, self.clock).fire()

    # --- what happens

    def _happen(self) -> None:
        for lead_id, lead in self.leads.items():
            if lead.comes > self.now:
                continue
            if not lead.sequences:
                segment = lead.rng.choice([None, "smb"])
                self._tell(
                    lead_id, LeadCaptured, channel=lead.channel, segment=segment, zone="America/New_York"
                )
                continue
            chance = lead.rng.random()
            if chance < 0.004:
                self._signal(lead_id, lead.rng.choice(["chat_message", "unsubscribed", "upgrade_viewed"]))
            elif chance < 0.005:
                self._ticket(lead_id, lead)
            elif chance < 0.02 and lead.complaints and lead.rng.random() < 0.5:
                ticket = lead.complaints.pop()
                resolution = lead.rng.choice(["solved", "cross_sell"])
                self._tell(lead_id, TicketResolved, ticket_id=ticket, resolution=resolution)
            elif chance < 0.021 and lead.open:
                lead.open = False
                if lead.rng.random() < 0.4:
                    self._tell(lead_id, LeadWon)
                else:
                    self._tell(lead_id, LeadLost, reason=lead.rng.choice(["price", "no_budget"]))
        self._work()

    def _work(self) -> None:
        """Reps do most of what is due, as they see it."""
        results = list(ActivityResult)
        for lead_id, step in list(self.log.open.items()):
            if step.due > self.now or step.automatic or self.rng.random() > 0.5:
                continue
            self.calls.append(
                LeadActivity(
                    lead_id=lead_id,
                    key=f"{step.step_id}-{self.now:%m%d%H}",
                    kind=step.action,
                    result=self.rng.choice([ActivityResult.NO_ANSWER, self.rng.choice(results)]),
                    rep=step.owner,
                    step_id=step.step_id,
                    at=self.now - timedelta(minutes=self.rng.uniform(0, 55)),
                )
            )
            if self.rng.random() < 0.1:
                self.calls.append(
                    LeadActivity(
                        lead_id=lead_id,
                        key=f"{step.step_id}-{self.now:%m%d%H}-note",
                        kind=ActivityKind.NOTE,
                        next={"action": "call", "due": self.now + timedelta(days=self.rng.uniform(0.1, 5))},  # type: ignore[arg-type]
                    )
                )

    def _ticket(self, lead_id: str, lead: Lead) -> None:
        ticket = f"{lead_id}-{len(lead.sequences)}"
        category = lead.rng.choice([TicketCategory.COMPLAINT, TicketCategory.QUESTION])
        self._tell(lead_id, TicketOpened, ticket_id=ticket, category=category, priority=Priority.NORMAL)
        self._tell(lead_id, TicketReplied, ticket_id=ticket, author=Author.CUSTOMER)
        lead.complaints.append(ticket)

    def _signal(self, lead_id: str, kind: str) -> None:
        event = SignalReceived(lead_id=lead_id, at=self.now, kind=kind)
        self._append("signals", Recorded(f"s{len(self.topics['signals'])}", event, self.now))

    def _tell(self, lead_id: str, type: type[Event], **data: Any) -> None:
        event = type(lead_id=lead_id, at=self.now, **data)
        sequences = self.leads[lead_id].sequences
        sequences[event.aggregate] += 1
        number = sequences[event.aggregate]
        self._append(
            event.topic,
            Recorded(f"{event.aggregate}.{number}", event, self.now, number, event.aggregate),
        )

    def _append(self, topic: str, recorded: Recorded[Event]) -> None:
        self.events += 1
        self.topics[topic].append(Received(recorded, topic, 0, len(self.topics[topic])))


async def judge(world: World) -> Mapping[str, FollowUp]:
    """Compare, at the end, what the world did, what was published, and what is kept. Returns what is kept."""
    kept = await world.followups.get_many(list(world.leads))
    known = {lead_id for lead_id, lead in world.leads.items() if lead.sequences}
    assert known <= set(kept)
    for lead_id in known:
        followup = kept[lead_id]
        check(followup)
        assert followup.is_open == world.leads[lead_id].open
        shown = world.log.open.get(lead_id)
        assert (shown and shown.step_id) == (followup.step and followup.step.id), lead_id
        steps = [f.event for f in world.log.facts[lead_id].values() if isinstance(f.event, NextStepScheduled)]
        assert len({step.step_id for step in steps}) == len(steps) == followup.steps
    logged = [
        fact.event.activity_id
        for facts in world.log.facts.values()
        for fact in facts.values()
        if isinstance(fact.event, ActivityLogged)
    ]
    assert len(logged) == len(set(logged)) == len(world.called)
    assert set(world.log.fired.values()) <= {1}
    return kept
