"""Merged leads count together across partitions, and split they are what they were, whatever comes when."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from random import Random
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.scoring.domain import Lead, band_of, crossing_id, happened, take_in
from services.scoring.facts import Decoder
from services.scoring.fold import TIES, Heat
from services.scoring.merging import lead_at
from services.scoring.state import Output
from shared.bus.topics import Topics
from shared.clock import milliseconds
from shared.events import Recorded, decode, encode
from shared.events.base import Event
from shared.events.leads import LeadCaptured, LeadQualified, LeadsMerged, LeadSplit, LeadWon
from shared.events.scoring import (
    CrossingEvent,
    CustomerRecovered,
    HeatChanged,
    LeadCooled,
    LeadWarmed,
    LeadWentHot,
)
from shared.events.signals import SignalReceived
from shared.events.tickets import TicketOpened
from shared.scorecard.counts import DecayedCounts
from shared.scorecard.heat import Gauges, gauges
from shared.scorecard.lead_state import LeadState, fold
from shared.scorecard.members import Ties
from shared.scorecard.rules import Rules, default_rules, default_text, parse_rules

RULES = gauges(default_rules())
LONGER = gauges(
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


class Book:
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
        self.book = Book()
        self.log: dict[tuple[str, int], list[Any]] = defaultdict(list)
        self.states: dict[int, dict[bytes, bytes]] = defaultdict(dict)
        self.told: list[Recorded[Any]] = []
        self._committed: dict[tuple[str, int], int] = defaultdict(int)
        self._positions: dict[tuple[str, int], int] = {}
        self._uncommitted: list[Output] = []
        self.heats = {number: self._worker(number) for number in range(PARTITIONS)}

    def _worker(self, number: int) -> Heat:
        rules = gauges(self.book.rules)
        return Heat(Topics("nowhere", "ascua"), rules, 0, Decoder(), self.book, number)  # type: ignore[arg-type]

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

    def lead(self, lead: str) -> Lead:
        return self.heats[home(lead)].lead(lead)

    def last_heat(self, lead: str) -> HeatChanged:
        return [
            fact.event for fact in self.told if fact.lead_id == lead and isinstance(fact.event, HeatChanged)
        ][-1]

    def crossings(self, lead: str, scorecard: str = "heat") -> list[Recorded[CrossingEvent]]:
        found = [fact for fact in self.told if fact.lead_id == lead and isinstance(fact.event, CrossingEvent)]
        return [fact for fact in found if fact.event.scorecard == scorecard]


def state_of(facts: Sequence[Recorded[Event]], rules: Gauges) -> LeadState:
    state = LeadState()
    for each in facts:
        fact = happened(each)
        fold(state, fact, rules.step(fact).counters)
    return state


def counts_of(state: LeadState) -> bytes:
    return state.counts_digest()


def check(world: World, story: Story, rules: Gauges = RULES) -> None:
    """Everything is what the facts say, however they came."""
    for lead in LEADS:
        kept, members = world.lead(lead), story.members(lead)
        assert kept.state.digest() == state_of(story.of(lead), rules).digest()
        # Counted together as if one lead had done it all: of the same integers, in the same bytes.
        assert counts_of(kept.whole) == counts_of(state_of(story.of(lead, *members), rules))
        assert (kept.ties or Ties()).members == members or sorted((kept.ties or Ties()).members) == sorted(
            members
        )
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


@settings(derandomize=True, deadline=None, max_examples=80)
@given(st.integers(0, 2**32), st.booleans(), st.booleans())
def test_in_whatever_order_and_after_whatever_dies_the_leads_count_what_the_facts_say(
    seed: int, is_shuffled: bool, is_damaged: bool
) -> None:
    lot = Random(seed)
    story, world = drawn(lot, 60), World()
    facts = [*story.facts, *lot.sample(story.facts, len(story.facts) // 5)]  # some are told twice
    if is_shuffled:
        lot.shuffle(facts)
    publish_at = lot.randrange(2 * len(facts)) if lot.random() < 0.5 else None
    for step in range(2 * len(facts)):
        if step < len(facts):
            world.put(facts[step])
        if step == publish_at:
            world.book.publish(LONGER.rules)
        number = lot.randrange(PARTITIONS)
        match lot.randrange(10):
            case 0:
                if is_damaged:
                    world.damage(lot, number)
                world.kill(number)
            case 1 | 2:
                world.commit(number)
            case 3:
                world.promote(number)
            case _:
                world.fold(number, lot.choice(TOPICS), lot.randrange(1, 9))
    world.rest()

    check(world, story, RULES if publish_at is None else LONGER)


def test_split_again_both_leads_are_what_they_would_be_had_they_never_been_merged() -> None:
    story, apart, world = Story(), Story(), World()
    for each in (story, apart):
        for lead in LEADS:
            each.tell(LeadCaptured, lead, channel="web")
            each.signal(lead, "chat_message", 3)
    story.merge("ana", "bea")
    for each in (story, apart):
        each.signal("bea", "pricing_viewed", 4)
        each.signal("ana", "page_viewed", 2)
    for fact in story.facts:
        world.put(fact)
    world.rest()
    check(world, story)
    together = world.last_heat("ana").heat
    bea_was_told = len([fact for fact in world.told if fact.lead_id == "bea"])
    story.signal("bea", "demo_requested")
    apart.signal("bea", "demo_requested")
    more = len(story.facts)
    world.put(story.facts[-1])
    world.rest()
    assert world.last_heat("ana").heat > together  # it counts through the survivor
    assert len([fact for fact in world.told if fact.lead_id == "bea"]) == bea_was_told  # and is silent itself
    story.split("bea")
    for fact in story.facts[more:]:
        world.put(fact)
    world.rest()

    check(world, story)
    for lead in ("ana", "bea"):
        counts, told = world.lead(lead).whole.counts, world.last_heat(lead)
        # The facts of `apart` are told some minutes earlier: compare what lies in the same instants.
        expected = DecayedCounts()
        for fact in story.of(lead):
            step = RULES.step(happened(fact))
            for counter in step.counters:
                expected.add(counter.code, milliseconds(fact.event.at), counter.half_life_ms)
        one, other = bytearray(), bytearray()
        counts.pack(one)
        expected.pack(other)
        assert one == other
        assert told.heat == RULES.heat.score(expected, milliseconds(told.at))
    pair = [each.value for each in world.log["scoring-members", home("ana")] if each.key == b"ana/bea"]
    assert pair[-1] is None  # nothing is left of it in the compacted topic
    assert {type(fact.event) for fact in story.of("ana")} == {type(fact.event) for fact in apart.of("ana")} | {
        LeadsMerged, LeadSplit,
    }  # fmt: skip


def test_an_absorbed_lead_tells_nothing_however_time_goes_on_and_is_told_anew_when_it_stands_alone() -> None:
    story, world = Story(), World()
    story.signal("bea", "demo_requested", 3)
    story.merge("ana", "bea")
    for fact in story.facts:
        world.put(fact)
        world.rest()
    assert [type(fact.event) for fact in world.crossings("bea")] == [LeadWarmed, LeadWentHot]
    assert [type(fact.event) for fact in world.crossings("ana")] == [LeadWentHot]
    before = len(world.told)

    later = NOW + timedelta(days=300)
    heat = world.heats[home("bea")]
    while heat.ring(later):
        pass
    assert not heat.take(later)

    story.split("bea")
    for fact in story.facts[-2:]:
        world.put(fact)
    world.rest()
    told = [fact for fact in world.told[before:] if fact.lead_id == "bea"]
    assert [type(fact.event) for fact in told] == [HeatChanged]
    assert told[0].event.band == "hot"
    assert [type(fact.event) for fact in world.crossings("ana")] == [LeadWentHot, LeadCooled]


def test_a_customer_by_a_member_alone_has_a_risk_only_as_long_as_the_member_stays() -> None:
    story, world = Story(), World()
    story.tell(LeadWon, "bea")
    story.signal("ana", "page_viewed")
    for number in range(6):
        story.tell(TicketOpened, "bea", ticket_id=f"t{number}", category="complaint", priority="urgent")
    story.merge("ana", "bea")
    for fact in story.facts:
        world.put(fact)
    world.rest()
    risk = world.last_heat("ana").risk
    assert risk is not None
    assert risk.band == "at_risk"

    for _ in range(2):  # its episodes go on where they were
        story.split("bea")
        story.merge("ana", "bea")
    story.split("bea")
    for fact in story.facts[-10:]:
        world.put(fact)
        world.rest()
        world.kill(home("ana"))

    assert world.last_heat("ana").risk is None
    check(world, story)
    told = world.crossings("ana", "risk")
    assert len(told) == 6
    assert isinstance(told[-1].event, CustomerRecovered)


@pytest.mark.parametrize("first", ["ana", "bea"])
def test_new_rules_make_nobody_cool_while_a_member_has_not_told_its_new_counts(first: str) -> None:
    story, world = Story(), World()
    story.signal("bea", "chat_message", 10)
    story.signal("ana", "page_viewed")
    story.merge("ana", "bea")
    for fact in story.facts:
        world.put(fact)
    world.rest()
    before = world.crossings("ana")

    world.book.publish(LONGER.rules)
    world.promote(home(first))
    world.fold(home("ana"), "scoring-members", 100)
    world.commit(home("ana"))
    assert world.lead("ana").is_quiet
    world.rest()

    assert not world.lead("ana").is_quiet
    assert world.crossings("ana") == before
    check(world, story, LONGER)


def test_replayed_from_the_ledger_a_merged_lead_is_what_the_stream_made_of_it() -> None:
    for seed in range(20):
        story, world = drawn(Random(seed), 50), World()
        for fact in story.facts:
            world.put(fact)
            world.rest()
        for lead in LEADS:
            kept = world.lead(lead)
            told = lead_at(lead, [happened(fact) for fact in story.facts], RULES, kept.as_of_ms)

            assert counts_of(told.whole) == counts_of(kept.whole)
            assert (told.heat.band, told.ties and told.ties.members) == (
                kept.heat.band, kept.ties and kept.ties.members,
            )  # fmt: skip


def test_what_no_member_tells_is_put_aside_and_the_rest_is_taken_in() -> None:
    heat = Heat(Topics("nowhere", "ascua"), RULES, 9, Decoder())
    for key, value in (
        (b"ana/bea", b"\x01 no part"),
        (b"ana", None),
        (b"ana/not a lead", None),
        (None, None),
    ):
        heat.fold("ascua.scoring-members", [SimpleNamespace(key=key, value=value, headers=(), offset=1)], NOW)
    letters = heat.take(NOW)

    assert [each.topic for each in letters] == ["ascua.dead-letters"] * 4
    assert not len(heat)


def test_the_ties_of_a_lead_are_kept_beside_its_state_and_of_others_nothing() -> None:
    story, world = Story(), World()
    story.signal("ana", "page_viewed")
    story.signal("lea", "page_viewed")
    story.merge("ana", "bea")
    for fact in story.facts:
        world.put(fact)
    world.rest()

    kept = {key.decode() for states in world.states.values() for key in states}
    assert kept == {"ana", "bea", "lea", f"ana{TIES}", f"bea{TIES}"}
    record = world.states[home("ana")][f"ana{TIES}".encode()]
    assert Ties.decode(record).encode() == record
    plain = Lead.new("lea")
    for fact in story.of("lea"):
        take_in(plain, happened(fact), RULES)
    assert plain.whole is plain.state
