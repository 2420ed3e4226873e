"""What a fact means to heat, and what is told about it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import count

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from services.scoring.processor.crossings import crossing_id
from services.scoring.processor.decisions import settle, take_in
from services.scoring.processor.fact_mapping import MappedFact, kind_of
from services.scoring.processor.heat_event import heat_of
from services.scoring.processor.lead import ScoredLead
from services.scoring.scorecard.compiled_rules import CompiledRules, compile_rules
from services.scoring.scorecard.defaults import default_rules
from services.scoring.scorecard.lead_state import LeadState, fold
from services.scoring.scorecard.parser import parse_rules
from services.scoring.scorecard.vocabulary import events
from shared.clock import from_milliseconds, milliseconds
from shared.events import followup, known_events, leads, scoring, signals, tickets
from shared.events.scoring import (
    Band,
    CrossingEvent,
    CustomerAtRisk,
    CustomerRecovered,
    LeadCooled,
    LeadWarmed,
    LeadWentHot,
)
from tests.scoring.merged import lead_at

DEFAULT = default_rules()
RULES = compile_rules(DEFAULT)
MONDAY = datetime(2026, 11, 23, 10, tzinfo=UTC)
MONDAY_MS = milliseconds(MONDAY)
HOUR = 3_600_000
DAY = 24 * HOUR
ids = count()


def live(kind: str, at_ms: int = MONDAY_MS) -> MappedFact:
    return MappedFact(f"event-{next(ids)}", kind, at_ms, lead_id="ana", effect_ms=at_ms)


def told(lead: ScoredLead, *facts: MappedFact, rules: CompiledRules = RULES) -> list[CrossingEvent]:
    return [crossing for fact in facts for crossing in take_in(lead, fact, rules)[1]]


def test_a_demo_asked_for_and_a_capture_make_a_lead_hot() -> None:
    lead = ScoredLead.new("ana")

    (warmed,) = told(lead, live("lead.captured"))
    (went_hot,) = told(lead, live("signal.demo_requested", MONDAY_MS + HOUR))

    assert isinstance(warmed, LeadWarmed)
    assert isinstance(went_hot, LeadWentHot)
    assert went_hot.heat > 60
    assert went_hot.at == MONDAY + timedelta(hours=1)
    assert (warmed.episode, went_hot.episode) == (1, 2)


def test_a_lead_that_nobody_feeds_cools_at_the_very_instant_its_heat_falls_below_the_band() -> None:
    lead = ScoredLead.new("ana")
    told(lead, live("lead.captured"), live("signal.demo_requested"))

    cooled = list(settle(lead, MONDAY_MS + 60 * DAY, RULES))

    assert [type(each) for each in cooled] == [LeadCooled, LeadCooled]
    assert [each.band for each in cooled if isinstance(each, LeadCooled)] == [Band.WARM, Band.COLD]
    for crossing, keep in zip(cooled, (50, 20), strict=True):
        at = milliseconds(crossing.at)
        assert crossing.heat < keep <= RULES.heat.score(lead.state.counts, at - 1)


def test_a_fall_that_is_due_is_told_before_the_fact_that_comes_after_it() -> None:
    lead = ScoredLead.new("ana")
    told(lead, live("lead.captured"), live("signal.demo_requested"))

    crossings = told(lead, live("signal.offer_accepted", MONDAY_MS + 6 * DAY))

    assert [type(each) for each in crossings] == [LeadCooled, LeadWentHot]
    assert crossings[0].at < crossings[1].at
    assert [each.episode for each in crossings] == [3, 4]


def test_a_late_fact_revises_nothing_that_was_told() -> None:
    lead = ScoredLead.new("ana")
    told(lead, live("lead.captured"), live("signal.demo_requested"))
    (cooled, *_) = settle(lead, MONDAY_MS + 4 * DAY, RULES)

    crossings = told(lead, live("signal.offer_accepted", MONDAY_MS + HOUR))

    assert all(crossing.at >= cooled.at for crossing in crossings)
    assert [type(each) for each in crossings] == [LeadWentHot]


def test_history_moves_the_band_and_tells_nothing() -> None:
    lead = ScoredLead.new("ana")
    recorded_ms = MONDAY_MS + 2 * DAY
    facts = [
        MappedFact(
            f"event-{next(ids)}",
            "lead.captured",
            MONDAY_MS,
            lead_id="ana",
            effect_ms=recorded_ms,
            is_history=True,
        )
        for _ in range(3)
    ]

    assert told(lead, *facts) == []
    assert lead.heat.band == "hot"
    assert heat_of(lead, RULES).at == from_milliseconds(recorded_ms)
    assert isinstance(settle(lead, MONDAY_MS + 90 * DAY, RULES)[0], LeadCooled)


def test_a_fact_that_comes_twice_tells_nothing_the_second_time() -> None:
    lead = ScoredLead.new("ana")
    fact = live("lead.captured")
    told(lead, fact)
    before = lead.encode()

    assert take_in(lead, fact, RULES) == (False, ())
    assert lead.encode() == before


def test_a_crossing_has_one_id_and_each_crossing_its_own() -> None:
    first, second = ScoredLead.new("ana"), ScoredLead.new("ana")
    crossings = told(first, live("lead.captured"), live("signal.demo_requested"))
    again = told(second, live("lead.captured"), live("signal.demo_requested"))

    assert [crossing_id(each) for each in crossings] == [crossing_id(each) for each in again]
    assert len({crossing_id(each) for each in crossings}) == 2


@st.composite
def stories(draw: st.DrawFn) -> list[MappedFact]:
    steps = draw(
        st.lists(
            st.tuples(st.sampled_from(sorted(DEFAULT.heat.kinds)), st.integers(0, 5 * DAY)),
            min_size=1,
            max_size=12,
        )
    )
    at, story = MONDAY_MS, []
    for kind, step in steps:
        at += step
        story.append(live(kind, at))
    return story


WILD = compile_rules(
    parse_rules(
        """
heat:
  kinds:
    lead.captured: {half_life: 30d, weight: 120}
    signal.demo_requested: {half_life: 1h, weight: 80, group: mixed}
    signal.unsubscribed: {half_life: 3d, weight: -90, group: mixed}
    lead.lost: {half_life: 2h, weight: -70}
  groups: {mixed: {cap: 55}}
  bands:
    warm: {from: 25, until: 20}
    hot: {from: 60, until: 50}
risk:
  base: 30
  kinds:
    lead.won: {half_life: 3d, weight: -25}
    activity.answered: {half_life: 2d, weight: -25}
    ticket.opened: {half_life: 5d, weight: 20}
  bands: {at_risk: {from: 25, until: 18}}
"""
    )
)


def plainly(story: list[MappedFact], rules: CompiledRules, until_ms: int) -> list[tuple[str, int, int]]:
    """The crossings as their definition has it: the scores are looked at exactly after every fact and change."""
    state = LeadState()
    told: list[tuple[str, int, int]] = []
    bands = {"heat": "cold", "risk": "ok"}
    episodes = {"heat": 0, "risk": 0}
    at = story[0].at_ms

    def look(at_ms: int) -> None:
        for name, compiled in (("heat", rules.heat), ("risk", rules.risk)):
            if compiled is None or (name == "risk" and not state.is_customer):
                continue
            band = compiled.band(bands[name], compiled.score(state.counts, at_ms))
            if band != bands[name]:
                bands[name] = band
                episodes[name] += 1
                told.append((band, at_ms, episodes[name]))

    def wait(start_ms: int, end_ms: int) -> None:
        while True:
            changes = [
                compiled.next_change(state.counts, {}, bands[name], start_ms)
                for name, compiled in (("heat", rules.heat), ("risk", rules.risk))
                if compiled is not None and (name == "heat" or state.is_customer)
            ]
            first = min((change for change in changes if change is not None), default=None)
            if first is None or first > end_ms:
                return
            look(first)
            start_ms = first

    for fact in story:
        wait(at, fact.at_ms)
        fold(state, fact, rules.rules.counters(fact.kind, {}))
        at = fact.at_ms
        look(at)
    wait(at, until_ms)
    return told


@settings(max_examples=150)
@given(stories(), st.sampled_from([RULES, WILD]))
def test_every_crossing_is_told_at_its_instant_and_in_its_turn(
    story: list[MappedFact], rules: CompiledRules
) -> None:
    lead = ScoredLead.new("ana")
    crossings = [crossing for fact in story for crossing in take_in(lead, fact, rules)[1]]
    crossings += settle(lead, story[-1].at_ms + 60 * DAY, rules)

    expected = plainly(story, rules, story[-1].at_ms + 60 * DAY)

    assert [(band_of(each), milliseconds(each.at), each.episode) for each in crossings] == expected


def band_of(crossing: CrossingEvent) -> str:
    match crossing:
        case LeadCooled():
            return crossing.band
        case CustomerAtRisk():
            return "at_risk"
        case CustomerRecovered():
            return "ok"
        case LeadWentHot():
            return "hot"
        case _:
            return "warm"


def test_a_customer_who_hears_nothing_comes_to_be_at_risk_and_recovers_with_a_talk() -> None:
    lead = ScoredLead.new("ana")
    assert (
        told(lead, live("ticket.opened", MONDAY_MS - 30 * DAY), rules=WILD) == []
    )  # nobody has bought anything yet

    told(lead, live("lead.won"), rules=WILD)
    crossings = [each for each in settle(lead, MONDAY_MS + 20 * DAY, WILD) if each.scorecard == "risk"]
    assert [type(each) for each in crossings] == [CustomerAtRisk]
    recovered = told(lead, live("activity.answered", MONDAY_MS + 20 * DAY), rules=WILD)
    assert [(type(each), each.episode) for each in recovered] == [(CustomerRecovered, 2)]


@settings(max_examples=80)
@given(stories())
def test_a_lead_read_back_goes_on_as_if_it_had_never_been_written(story: list[MappedFact]) -> None:
    kept, read = ScoredLead.new("ana"), ScoredLead.new("ana")
    for fact in story:
        read = ScoredLead.decode("ana", read.encode())
        assert take_in(kept, fact, RULES) == take_in(read, fact, RULES)
    assert read.state.digest() == kept.state.digest()
    assert (read.heat.band, read.heat.episode) == (kept.heat.band, kept.heat.episode)
    # A timer may be only a bound (ADR 0011): who read the lead back has looked exactly, and wakes no earlier.
    assert read.as_of_ms <= kept.as_of_ms


@settings(max_examples=80)
@given(stories())
def test_what_is_told_of_heat_is_that_heat_and_its_parts_sum_to_it(story: list[MappedFact]) -> None:
    lead = ScoredLead.new("ana")
    for fact in story:
        take_in(lead, fact, RULES)
    assume(lead.has_news)  # of a lead without a fact that counts nothing is told
    heat = heat_of(lead, RULES)

    assert heat.heat == RULES.heat.score(lead.state.counts, lead.as_of_ms)
    assert max(0.0, (heat.base or 0.0) + sum(points for _, points in heat.parts)) == pytest.approx(
        heat.heat, abs=1e-9
    )


@settings(max_examples=60)
@given(stories(), st.integers(0, 40 * DAY))
def test_the_band_of_an_instant_is_the_one_the_stream_told(story: list[MappedFact], later: int) -> None:
    lead = ScoredLead.new("ana")
    for fact in story:
        take_in(lead, fact, RULES)
    at = story[-1].effect_ms + later
    list(settle(lead, at, RULES))

    assert lead_at("ana", story, RULES, at).heat.band == lead.heat.band


@pytest.mark.parametrize(
    ("event", "kind"),
    [
        (leads.LeadCaptured(lead_id="ana", at=MONDAY, channel="store"), "lead.captured"),
        (leads.LeadOffered(lead_id="ana", at=MONDAY), "lead.offered"),
        (leads.LeadWon(lead_id="ana", at=MONDAY), "lead.won"),
        (
            followup.ActivityLogged(
                lead_id="ana", at=MONDAY, activity_id="1", kind="call", result="no_answer"
            ),
            "activity.no_answer",
        ),
        (
            followup.ActivityLogged(lead_id="ana", at=MONDAY, activity_id="1", kind="note", result="done"),
            "activity.other",
        ),
        (
            tickets.TicketResolved(lead_id="ana", at=MONDAY, ticket_id="t", resolution="mended"),
            "ticket.resolved",
        ),
        (signals.SignalReceived(lead_id="ana", at=MONDAY, kind="page_viewed"), "signal.page_viewed"),
    ],
)
def test_an_event_is_counted_as_the_kind_that_the_rules_name(event: object, kind: str) -> None:
    assert kind_of(event) == kind  # type: ignore[arg-type]
    assert kind in events() or kind.startswith("signal.")


def test_what_is_not_counted_is_left_out_on_purpose() -> None:
    not_counted = {
        event.type
        for event in known_events()
        if event.topic in ("leads", "tickets")
        and kind_of(event.model_construct(lead_id="ana", at=MONDAY)) not in DEFAULT.heat.by_event
    }

    desk = (
        "absorbed",
        "assigned",
        "classified",
        "closed",
        "escalated",
        "linked",
        "merged",
        "noted",
        "reopened",
    )
    assert not_counted == {
        *(f"ascua.lead.{each}" for each in ("qualified", "merged", "split")),
        *(f"ascua.ticket.{each}" for each in (*desk, "split", "waiting")),
        *(f"ascua.sla.{each}" for each in ("breached", "clock_ended", "warned")),
    }
    assert scoring.LeadCooled.topic == "scoring"
