"""A story of leads that are merged and split, and a log with workers that take it in and may die, all in memory."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from random import Random
from types import SimpleNamespace
from typing import Any

from services.scoring.processor.crossings import band_of, crossing_id
from services.scoring.processor.decisions import settle
from services.scoring.processor.decoding import Decoder
from services.scoring.processor.fact_mapping import MappedFact, map_event
from services.scoring.processor.fold import LeadsFold
from services.scoring.processor.lead import ScoredLead
from services.scoring.processor.merged_replay import Merged
from services.scoring.processor.protocols import Output
from services.scoring.scorecard.compiled_rules import CompiledRules, compile_rules
from services.scoring.scorecard.defaults import default_rules, default_text
from services.scoring.scorecard.lead_state import LeadState, fold
from services.scoring.scorecard.model import Rules
from services.scoring.scorecard.parser import parse_rules
from services.scoring.scorecard.ties import Ties
from shared.bus.brokers import Brokers
from shared.bus.topics import Topics
from shared.clock import milliseconds
from shared.events import Recorded, decode, encode
from shared.events.base import Event
from shared.events.leads import LeadQualified, LeadsMerged, LeadSplit, LeadWon
from shared.events.scoring import (
    CrossingEvent,
    HeatChanged,
)
from shared.events.signals import SignalReceived
from shared.events.tickets import TicketOpened

RULES = compile_rules(default_rules())
LONGER = compile_rules(
    parse_rules(
        default_text().replace("signal.chat_message: {half_life: 2d", "signal.chat_message: {half_life: 5d")
    )
)
MONDAY = datetime(2026, 11, 23, 10, tzinfo=UTC)
NOW = MONDAY + timedelta(days=2)
LEADS = ("ana", "bea", "eva", "lea", "mia")
PARTITIONS = 3
TOPICS = ("leads", "tickets", "signals", "scoring-members")


def home(lead: str) -> int:
    return LEADS.index(lead) % PARTITIONS


def lead_at(lead_id: str, facts: Iterable[MappedFact], rules: CompiledRules, at_ms: int) -> ScoredLead:
    """The lead that facts make up to an instant: its own, and those of the leads that were ever merged into it.

    Those of one instant count in the order in which they are given.
    """
    merged = Merged(lead_id, rules)
    for fact in sorted(facts, key=lambda fact: fact.at_ms):
        merged.take_in(fact)
    settle(merged.lead, at_ms, rules)
    return merged.lead


class Story:
    """Facts as the services tell them: numbered, both sides of each merge and split, one level deep."""

    def __init__(self) -> None:
        self.facts: list[Recorded[Event]] = []
        self.survivor: dict[str, str] = {}
        self._sequences: dict[str, int] = defaultdict(int)
        self._turns: dict[str, int] = defaultdict(int)
        self._at = MONDAY

    def tell(self, event: type[Event], lead: str, **said: Any) -> None:
        self._at += timedelta(minutes=7)
        fact = event(lead_id=lead, at=self._at, **said)
        number = None
        if not isinstance(fact, SignalReceived):
            self._sequences[fact.aggregate] += 1
            number = self._sequences[fact.aggregate]
        aggregate = fact.aggregate if number is not None else None
        self.facts.append(Recorded(f"e{len(self.facts)}", fact, self._at, number, aggregate))

    def signal(self, lead: str, kind: str, times: int = 1) -> None:
        for _ in range(times):
            self.tell(SignalReceived, lead, kind=kind)

    def merge(self, survivor: str, absorbed: str) -> None:
        is_apart = absorbed not in self.survivor and survivor not in self.survivor
        if survivor == absorbed or not is_apart or absorbed in self.survivor.values():
            return
        self._turn(LeadsMerged, survivor, absorbed)
        self.survivor[absorbed] = survivor

    def split(self, absorbed: str) -> None:
        if absorbed in self.survivor:
            self._turn(LeadSplit, self.survivor.pop(absorbed), absorbed)

    def _turn(self, event: type[Event], survivor: str, absorbed: str) -> None:
        self._turns[survivor] += 1
        self.tell(event, survivor, absorbed=absorbed, turn=self._turns[survivor])
        self.tell(event, absorbed, survivor=survivor, turn=self._turns[survivor])

    def of(self, *leads: str) -> list[Recorded[Event]]:
        return [fact for fact in self.facts if fact.lead_id in leads]

    def members(self, lead: str) -> list[str]:
        return [member for member, survivor in self.survivor.items() if survivor == lead]


class Playbooks:
    """Rules that are published when the test says so."""

    def __init__(self) -> None:
        self.rules = RULES.rules
        self.effective_ms = 0

    def publish(self, rules: Rules) -> None:
        self.rules, self.effective_ms = rules, milliseconds(NOW)

    def in_force(self, instant_ms: int) -> Any:
        return self

    def versions(self) -> list[Any]:
        return [SimpleNamespace(effective_ms=0, rules=RULES.rules), self]


class World:
    """A log, and a worker for each partition number that commits as transactions do and may die at any moment."""

    def __init__(self) -> None:
        self.book = Playbooks()
        self.log: dict[tuple[str, int], list[Any]] = defaultdict(list)
        self.states: dict[int, dict[bytes, bytes]] = defaultdict(dict)
        self.told: list[Recorded[Any]] = []
        self._committed: dict[tuple[str, int], int] = defaultdict(int)
        self._positions: dict[tuple[str, int], int] = {}
        self._uncommitted: list[Output] = []
        self.heats = {number: self._worker(number) for number in range(PARTITIONS)}

    def _worker(self, number: int) -> LeadsFold:
        rules = compile_rules(self.book.rules)
        return LeadsFold(Topics(Brokers("nowhere"), "ascua"), rules, 0, Decoder(), self.book, number)  # type: ignore[arg-type]

    def put(self, fact: Recorded[Event]) -> None:
        self._append(fact.event.topic, home(fact.lead_id), fact.lead_id.encode(), encode(fact))

    def _append(self, topic: str, number: int, key: bytes, value: bytes | None) -> None:
        log = self.log[topic, number]
        log.append(SimpleNamespace(key=key, value=value, headers=(), offset=len(log)))

    def fold(self, number: int, topic: str, most: int) -> None:
        place = topic, number
        start = self._positions.get(place, self._committed[place])
        records = self.log[place][start : start + most]
        if records:
            self.heats[number].fold(f"ascua.{topic}", records, NOW)
            self._positions[place] = start + len(records)

    def commit(self, number: int) -> None:
        for output in self.heats[number].take(NOW):
            match output.topic.removeprefix("ascua."):
                case "scoring-state":
                    self.states[number][output.key] = output.value or b""
                case "scoring-members":
                    assert isinstance(output.partition, bytes)
                    self._append("scoring-members", home(output.partition.decode()), output.key, output.value)
                case _:
                    self.told.append(decode(output.value or b""))
        for topic in TOPICS:
            self._committed[topic, number] = self._positions.get(
                (topic, number), self._committed[topic, number]
            )

    def kill(self, number: int) -> None:
        """Start anew from what was committed."""
        for topic in TOPICS:
            self._positions.pop((topic, number), None)
        heat = self.heats[number] = self._worker(number)
        for key, value in self.states[number].items():
            heat.restore(key, value)
        self.promote(number)

    def promote(self, number: int) -> None:
        promotion = self.heats[number].due(NOW)
        if promotion is None:
            return
        if promotion.needs_facts:
            for fact in self.told:
                if home(fact.lead_id) == number:
                    promotion.remind(SimpleNamespace(key=fact.lead_id.encode(), value=encode(fact)))  # type: ignore[arg-type]
            for topic in TOPICS:
                position = self._positions.get((topic, number), self._committed[topic, number])
                promotion.fold(f"ascua.{topic}", self.log[topic, number][:position])
        for _ in promotion.apply():
            pass
        self.commit(number)

    def damage(self, lot: Random, number: int) -> None:
        if self.states[number]:
            key = lot.choice(sorted(self.states[number]))
            self.states[number][key] = self.states[number][key][:-1] + b"?"

    def rest(self) -> None:
        """Work until nothing is left to do."""
        for _ in range(4):
            for number in range(PARTITIONS):
                self.promote(number)
                for topic in TOPICS:
                    self.fold(number, topic, 10_000)
                self.commit(number)

    def lead(self, lead: str) -> ScoredLead:
        return self.heats[home(lead)].lead(lead)

    def last_heat(self, lead: str) -> HeatChanged:
        return [
            fact.event for fact in self.told if fact.lead_id == lead and isinstance(fact.event, HeatChanged)
        ][-1]

    def crossings(self, lead: str, scorecard: str = "heat") -> list[Recorded[CrossingEvent]]:
        found = [fact for fact in self.told if fact.lead_id == lead and isinstance(fact.event, CrossingEvent)]
        return [fact for fact in found if fact.event.scorecard == scorecard]


def state_of(facts: Sequence[Recorded[Event]], rules: CompiledRules) -> LeadState:
    state = LeadState()
    for each in facts:
        fact = map_event(each)
        fold(state, fact, rules.step(fact).counters)
    return state


def check(world: World, story: Story, rules: CompiledRules = RULES) -> None:
    """Everything is what the facts say, however they came."""
    for lead in LEADS:
        kept, members = world.lead(lead), story.members(lead)
        assert kept.state.digest() == state_of(story.of(lead), rules).digest()
        # Counted together as if one lead had done it all: of the same integers, in the same bytes.
        together = state_of(story.of(lead, *members), rules)
        assert kept.whole.counts_digest() == together.counts_digest()
        assert set((kept.ties or Ties()).members) == set(members)
        assert (kept.ties or Ties()).survivor == story.survivor.get(lead)
        assert kept.whole.is_customer == any(
            isinstance(fact.event, LeadWon) for fact in story.of(lead, *members)
        )
        for scorecard in ("heat", "risk"):
            check_crossings(world.crossings(lead, scorecard))
        told = world.crossings(lead)
        if told:
            assert band_of(told[-1].event) == kept.heat.band
        if kept.as_of_ms > 0 and not kept.is_quiet and any(fact.lead_id == lead for fact in world.told):
            heat = world.last_heat(lead)
            assert heat.heat == rules.heat.score(
                kept.whole.counts, milliseconds(heat.at), kept.whole.attributes
            )
            assert heat.band == kept.heat.band
            assert (heat.risk is not None) == kept.whole.is_customer


def check_crossings(told: Sequence[Recorded[CrossingEvent]]) -> None:
    assert [fact.event.episode for fact in told] == list(range(1, len(told) + 1))
    bands = [band_of(fact.event) for fact in told]
    assert all(one != other for one, other in pairwise(bands))
    assert all(fact.id == crossing_id(fact.event) for fact in told)


KINDS = ("page_viewed", "chat_message", "demo_requested", "unsubscribed", "pricing_viewed")


def drawn(lot: Random, turns: int) -> Story:
    story = Story()
    for _ in range(turns):
        lead, other = lot.choice(LEADS), lot.choice(LEADS)
        match lot.randrange(12):
            case 0 | 1:
                story.merge(lead, other)
            case 2:
                story.split(lead)
            case 3:
                story.tell(
                    LeadQualified,
                    lead,
                    attributes={lot.choice(("budget", "need")): lot.choice(("a", "confirmed"))},
                )
            case 4 if lead not in story.survivor:
                story.tell(LeadWon, lead)
            case 5:
                ticket = {"ticket_id": f"t{len(story.facts)}", "category": "complaint", "priority": "high"}
                story.tell(TicketOpened, lead, **ticket)
            case _:
                story.signal(lead, lot.choice(KINDS), lot.randrange(1, 4))
    return story
