"""Merged leads count together across partitions, and split they are what they were, whatever comes when."""

from __future__ import annotations

from datetime import timedelta
from random import Random
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.scoring.processor.decisions import take_in
from services.scoring.processor.decoding import Decoder
from services.scoring.processor.fact_mapping import map_event
from services.scoring.processor.fold import TIES, LeadsFold
from services.scoring.processor.lead import ScoredLead
from services.scoring.scorecard.counts import DecayedCounts
from services.scoring.scorecard.ties import Ties
from shared.bus.brokers import Brokers
from shared.bus.topics import Topics
from shared.clock import milliseconds
from shared.events import Recorded
from shared.events.leads import LeadCaptured, LeadQualified, LeadsMerged, LeadSplit, LeadWon
from shared.events.scoring import (
    CustomerRecovered,
    HeatChanged,
    LeadCooled,
    LeadWarmed,
    LeadWentHot,
)
from shared.events.signals import SignalReceived
from shared.events.tickets import TicketOpened
from tests.scoring.merged import (
    LEADS,
    LONGER,
    MONDAY,
    NOW,
    PARTITIONS,
    RULES,
    TOPICS,
    Story,
    World,
    check,
    drawn,
    home,
    lead_at,
)


@settings(max_examples=80)
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
            step = RULES.step(map_event(fact))
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
    while heat.fire_timers(later, later):
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


def test_what_an_import_says_of_a_member_changes_the_survivor_and_fires_nothing() -> None:
    story, world = Story(), World()
    story.signal("ana", "page_viewed")
    story.merge("ana", "bea")
    for fact in story.facts:
        world.put(fact)
    world.rest()
    for number in range(4):
        old = SignalReceived(lead_id="bea", at=MONDAY, kind="demo_requested")
        world.put(Recorded(f"old-{number}", old, MONDAY + timedelta(days=2)))
    world.rest()

    assert world.last_heat("ana").band == world.lead("ana").heat.band == "hot"
    assert not world.crossings("ana")


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
            told = lead_at(lead, [map_event(fact) for fact in story.facts], RULES, kept.as_of_ms)

            assert told.whole.counts_digest() == kept.whole.counts_digest()
            assert (told.heat.band, told.ties and told.ties.members) == (
                kept.heat.band, kept.ties and kept.ties.members,
            )  # fmt: skip


def test_what_no_member_tells_is_put_aside_and_the_rest_is_taken_in() -> None:
    heat = LeadsFold(Topics(Brokers("nowhere"), "ascua"), RULES, 9, Decoder())
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
    plain = ScoredLead.new("lea")
    for fact in story.of("lea"):
        take_in(plain, map_event(fact), RULES)
    assert plain.whole is plain.state


def test_what_a_lead_is_said_to_be_is_told_as_heat_also_in_the_band_that_it_is_in() -> None:
    story, world = Story(), World()
    story.signal("ana", "chat_message", 5)
    story.tell(LeadQualified, "ana", attributes={"budget": "confirmed"})
    for fact in story.facts:
        world.put(fact)
        world.rest()

    assert world.last_heat("ana").base == 10
    check(world, story)
