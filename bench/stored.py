"""A store as it is after months of work: facts drawn per lead, taken through the services' own folds and stores."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial, reduce
from random import Random
from typing import Any

from services.gateway.boards.discipline.store import Trails
from services.gateway.boards.discipline.trail import Trail, trace
from services.gateway.boards.heat.standing import placed
from services.gateway.views.store import Views
from services.gateway.views.view import LeadView, follow
from services.leads.domain.lead import capture
from services.leads.store import leads
from services.scoring.handlers import entry_of
from services.scoring.ledger import Ledger
from services.scoring.processor.decisions import take_in
from services.scoring.processor.fact_mapping import map_event
from services.scoring.processor.heat_event import heat_of
from services.scoring.processor.lead import ScoredLead
from services.scoring.scorecard.compiled_rules import (
    CompiledRules,
    compile_rules,
)
from services.scoring.scorecard.defaults import (
    default_rules,
)
from shared.bus.received import Received
from shared.commands.leads import (
    CaptureLead,
    Profile,
)
from shared.documents import Decision, Documents, Step
from shared.events.base import Event, Recorded
from shared.events.followup import (
    ActivityKind,
    ActivityLogged,
    ActivityResult,
    FollowUpClosed,
    NextStepDone,
    NextStepScheduled,
)
from shared.events.leads import Channel, LeadCaptured, LeadLost, LeadOffered, LeadStageChanged, LeadWon, Stage
from shared.events.signals import SignalReceived
from shared.mongo import Mongo

FACTS = 20
"""Facts of a lead."""
DAYS = 60
"""The leads came within so many days."""
REPS = tuple(f"rep-{number:02}" for number in range(20))
AT_ONCE = 500
SIGNALS = (
    "page_viewed",
    "product_viewed",
    "pricing_viewed",
    "email_opened",
    "chat_message",
    "demo_requested",
)
OFTEN = (30, 10, 6, 20, 4, 2)
RESULTS = (
    ActivityResult.NO_ANSWER,
    ActivityResult.ANSWERED,
    ActivityResult.INTERESTED,
    ActivityResult.OBJECTION,
)


@dataclass(frozen=True, slots=True)
class Story:
    """All that happened with a lead, in its order, and what its owner keeps of it."""

    lead_id: str
    command: CaptureLead
    facts: tuple[Recorded[Any], ...]


def story(number: int, now: datetime, seed: int = 11) -> Story:
    """A lead's facts: captured, tried, promised, warmed by signals, sometimes offered, won or lost."""
    random = Random(f"{seed}/{number}")
    lead, rep = f"lead-{number}", random.choice(REPS)
    at = now - timedelta(days=DAYS * random.random() ** 1.5, minutes=5)
    profile = Profile(name=f"Person {number}", phone=f"+34600{number:06}", email=f"p{number}@example.com")
    command = CaptureLead(
        channel=random.choice(list(Channel)),
        campaign=random.choice(["autumn", "fair", None]),
        profile=profile,
    )
    captured = LeadCaptured(lead_id=lead, at=at, channel=command.channel, campaign=command.campaign)
    facts: list[Recorded[Any]] = []
    sequences: dict[str, int] = {}

    def tell(event: Event) -> None:
        aggregate = None if isinstance(event, SignalReceived) else event.aggregate
        if aggregate is not None:
            sequences[aggregate] = sequences.get(aggregate, 0) + 1
        place = len(facts)
        sequence = None if aggregate is None else sequences[aggregate]
        facts.append(Recorded(f"{lead}.e{place}", event, event.at, sequence, aggregate))

    tell(captured)
    end = random.random()
    closing: list[Event] = []
    step, due = 1, at + timedelta(minutes=random.choice([5, 240]))
    tell(scheduled(lead, step, at, due, rep, "new_lead"))
    while len(facts) < FACTS - 4:
        at += (now - at) * random.random() * 0.2
        if random.random() < 0.3:
            tell(
                ActivityLogged(
                    lead_id=lead, at=at, activity_id=f"{lead}.a{step}", kind=ActivityKind.CALL,
                    result=random.choice(RESULTS), rep=rep,
                )
            )  # fmt: skip
            tell(
                NextStepDone(
                    lead_id=lead,
                    at=at,
                    step_id=f"{lead}.{step}",
                    activity_id=f"{lead}.a{step}",
                    due=due,
                    owner=rep,
                )
            )
            step, due = step + 1, at + timedelta(hours=random.choice([4, 24, 48, 120]))
            tell(scheduled(lead, step, at, due, rep, random.choice(["after_answered", "agreed"])))
        else:
            kind = random.choices(SIGNALS, OFTEN)[0]
            tell(SignalReceived(lead_id=lead, at=at, kind=kind))
    if random.random() < 0.4:
        tell(LeadOffered(lead_id=lead, at=at))
    if end < 0.3:
        closing = [
            LeadWon(lead_id=lead, at=at) if end < 0.15 else LeadLost(lead_id=lead, at=at, reason="silent"),
            FollowUpClosed(lead_id=lead, at=at, reason="won" if end < 0.15 else "lost"),
        ]
    else:
        closing = [LeadStageChanged(lead_id=lead, at=at, stage=Stage.CONTACTED, previous=Stage.NEW)]
    for event in closing:
        tell(event)
    while len(facts) < FACTS:
        tell(SignalReceived(lead_id=lead, at=at, kind="email_opened"))
    return Story(lead, command, tuple(facts))


def scheduled(lead: str, step: int, at: datetime, due: datetime, rep: str, because: str) -> NextStepScheduled:
    return NextStepScheduled(
        lead_id=lead, at=at, step_id=f"{lead}.{step}", due=due, owner=rep, action=ActivityKind.CALL,
        because=because,
    )  # fmt: skip


class Stored:
    """The collections of a running system that its boards and pages read."""

    def __init__(self, mongo_url: str, prefix: str) -> None:
        self._gateway, self._scoring, self._leads = (
            Mongo(mongo_url, f"{prefix}_{service}") for service in ("gateway", "scoring", "leads")
        )
        self.views, self.trails = Views(self._gateway), Trails(self._gateway)
        self.ledger, self.leads = Ledger(self._scoring), leads(self._leads)
        self._rules = compile_rules(default_rules())

    async def fill(self, count: int, now: datetime, first: int = 0) -> int:
        """Add leads from number `first` up to `count` with their facts, and return how many facts those are."""
        told = 0
        for at in range(first, count, AT_ONCE):
            stories = [story(number, now) for number in range(at, min(at + AT_ONCE, count))]
            received = [
                Received(
                    fact,
                    "signals" if isinstance(fact.event, SignalReceived) else fact.event.topic,
                    0,
                    told + place,
                )
                for place, fact in enumerate(fact for each in stories for fact in each.facts)
            ]
            told += len(received)
            await self.ledger.add([entry_of(each) for each in received])
            await _put(self.views, {each.lead_id: viewed(each, self._rules, now) for each in stories})
            await _put(self.trails, {each.lead_id: trailed(each) for each in stories})
            await _put(
                self.leads,
                {
                    each.lead_id: capture(None, each.lead_id, each.command, each.facts[0].event.at)[0]
                    for each in stories
                },
            )
        return told

    async def stop(self) -> None:
        for mongo in (self._gateway, self._scoring, self._leads):
            await mongo.stop()


def viewed(of: Story, rules: CompiledRules, now: datetime) -> LeadView:
    heat = ScoredLead.new(of.lead_id)
    for fact in of.facts:
        take_in(heat, map_event(fact), rules)
    view = reduce(follow, (fact.event for fact in of.facts), LeadView(of.lead_id))
    return placed(follow(view, heat_of(heat, rules)).named(of.command.profile), now)


def trailed(of: Story) -> Trail:
    return reduce(trace, (fact.event for fact in of.facts), Trail(of.lead_id))


async def _put(documents: Documents[Any], states: dict[str, Any]) -> None:
    outcomes = await documents.apply([Step(id, partial(_kept, state)) for id, state in states.items()])
    assert all(outcome.kind == "applied" for outcome in outcomes)


def _kept(state: Any, _: Any) -> Decision[Any]:
    return state, ()
