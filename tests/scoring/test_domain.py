"""What a fact means to heat, and what is told about it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import count

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.scoring.domain import Happened, Lead, band_at, crossing_id, heat_of, kind_of, settle, take_in
from shared.clock import from_milliseconds, milliseconds
from shared.events import followup, known_events, leads, scoring, signals, tickets
from shared.events.scoring import Band, CrossingEvent, LeadCooled, LeadWarmed, LeadWentHot
from shared.scorecard import heat as scorecard
from shared.scorecard.lead_state import Fact
from shared.scorecard.rules import default_rules, parse_rules
from shared.scorecard.vocabulary import events

RULES = default_rules()
MONDAY = datetime(2026, 11, 23, 10, tzinfo=UTC)
MONDAY_MS = milliseconds(MONDAY)
HOUR = 3_600_000
DAY = 24 * HOUR
ids = count()


def live(kind: str, at_ms: int = MONDAY_MS) -> Happened:
    return Happened("ana", Fact(f"event-{next(ids)}", kind, at_ms), at_ms, is_history=False)


def told(lead: Lead, *facts: Happened) -> list[CrossingEvent]:
    return [crossing for fact in facts for crossing in take_in(lead, fact, RULES)[1]]


def test_a_demo_asked_for_and_a_capture_make_a_lead_hot() -> None:
    lead = Lead.new("ana")

    (warmed,) = told(lead, live("lead.captured"))
    (went_hot,) = told(lead, live("signal.demo_requested", MONDAY_MS + HOUR))

    assert isinstance(warmed, LeadWarmed)
    assert isinstance(went_hot, LeadWentHot)
    assert went_hot.heat > 60
    assert went_hot.at == MONDAY + timedelta(hours=1)
    assert (warmed.episode, went_hot.episode) == (1, 2)


def test_a_lead_that_nobody_feeds_cools_at_the_very_instant_its_heat_falls_below_the_band() -> None:
    lead = Lead.new("ana")
    told(lead, live("lead.captured"), live("signal.demo_requested"))

    cooled = list(settle(lead, MONDAY_MS + 60 * DAY, RULES))

    assert [type(each) for each in cooled] == [LeadCooled, LeadCooled]
    assert [each.band for each in cooled if isinstance(each, LeadCooled)] == [Band.WARM, Band.COLD]
    for crossing, keep in zip(cooled, (50, 20), strict=True):
        at = milliseconds(crossing.at)
        assert crossing.heat < keep <= scorecard.heat(lead.state.counts, RULES, at - 1)


def test_a_fall_that_is_due_is_told_before_the_fact_that_comes_after_it() -> None:
    lead = Lead.new("ana")
    told(lead, live("lead.captured"), live("signal.demo_requested"))

    crossings = told(lead, live("signal.offer_accepted", MONDAY_MS + 6 * DAY))

    assert [type(each) for each in crossings] == [LeadCooled, LeadWentHot]
    assert crossings[0].at < crossings[1].at
    assert [each.episode for each in crossings] == [3, 4]


def test_a_late_fact_revises_nothing_that_was_told() -> None:
    lead = Lead.new("ana")
    told(lead, live("lead.captured"), live("signal.demo_requested"))
    (cooled, *_) = settle(lead, MONDAY_MS + 4 * DAY, RULES)

    crossings = told(lead, live("signal.offer_accepted", MONDAY_MS + HOUR))

    assert all(crossing.at >= cooled.at for crossing in crossings)
    assert [type(each) for each in crossings] == [LeadWentHot]


def test_history_moves_the_band_and_tells_nothing() -> None:
    lead = Lead.new("ana")
    recorded_ms = MONDAY_MS + 2 * DAY
    facts = [live("lead.captured")._replace(effect_ms=recorded_ms, is_history=True) for _ in range(3)]

    assert told(lead, *facts) == []
    assert lead.state.band == "hot"
    assert heat_of(lead, RULES).at == from_milliseconds(recorded_ms)
    assert isinstance(next(settle(lead, MONDAY_MS + 90 * DAY, RULES)), LeadCooled)


def test_a_fact_that_comes_twice_tells_nothing_the_second_time() -> None:
    lead = Lead.new("ana")
    fact = live("lead.captured")
    told(lead, fact)
    before = lead.encode()

    assert take_in(lead, fact, RULES) == (False, [])
    assert lead.encode() == before


def test_a_crossing_has_one_id_and_each_crossing_its_own() -> None:
    first, second = Lead.new("ana"), Lead.new("ana")
    crossings = told(first, live("lead.captured"), live("signal.demo_requested"))
    again = told(second, live("lead.captured"), live("signal.demo_requested"))

    assert [crossing_id(each) for each in crossings] == [crossing_id(each) for each in again]
    assert len({crossing_id(each) for each in crossings}) == 2


@st.composite
def stories(draw: st.DrawFn) -> list[Happened]:
    steps = draw(
        st.lists(
            st.tuples(st.sampled_from(sorted(RULES.heat.kinds)), st.integers(0, 5 * DAY)),
            min_size=1,
            max_size=12,
        )
    )
    at, story = MONDAY_MS, []
    for kind, step in steps:
        at += step
        story.append(live(kind, at))
    return story


WILD = parse_rules(
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
"""
)


@settings(derandomize=True, deadline=None, max_examples=150)
@given(stories(), st.sampled_from([RULES, WILD]))
def test_no_heat_falls_out_of_its_band_before_the_alarm(story: list[Happened], rules: object) -> None:
    lead = Lead.new("ana")
    for fact in story:
        take_in(lead, fact, rules)  # type: ignore[arg-type]
        fall = scorecard.next_fall(lead.state.counts, rules, lead.state.band, lead.as_of_ms)  # type: ignore[arg-type]
        if fall is not None:
            assert lead.alarm_ms is not None
            assert lead.alarm_ms <= fall


@settings(derandomize=True, deadline=None, max_examples=80)
@given(stories())
def test_a_lead_read_back_goes_on_as_if_it_had_never_been_written(story: list[Happened]) -> None:
    kept, read = Lead.new("ana"), Lead.new("ana")
    for fact in story:
        read = Lead.decode("ana", read.encode())
        assert take_in(kept, fact, RULES) == take_in(read, fact, RULES)
    assert read.encode() == kept.encode()


@settings(derandomize=True, deadline=None, max_examples=80)
@given(stories())
def test_what_is_told_of_heat_is_that_heat_and_its_parts_sum_to_it(story: list[Happened]) -> None:
    lead = Lead.new("ana")
    for fact in story:
        take_in(lead, fact, RULES)
    heat = heat_of(lead, RULES)

    assert heat.heat == scorecard.heat(lead.state.counts, RULES, lead.as_of_ms)
    assert max(0.0, sum(points for _, points in heat.parts)) == pytest.approx(heat.heat, abs=1e-9)


@settings(derandomize=True, deadline=None, max_examples=60)
@given(stories(), st.integers(0, 40 * DAY))
def test_the_band_of_an_instant_is_the_one_the_stream_told(story: list[Happened], later: int) -> None:
    lead = Lead.new("ana")
    for fact in story:
        take_in(lead, fact, RULES)
    at = story[-1].effect_ms + later
    list(settle(lead, at, RULES))

    assert band_at("ana", [each.fact for each in story], RULES, at) == lead.state.band


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


def test_what_leads_and_tickets_tell_is_counted_unless_it_is_left_out_on_purpose() -> None:
    left_out = {
        event.type
        for event in known_events()
        if event.topic in ("leads", "tickets")
        and kind_of(event.model_construct(lead_id="ana", at=MONDAY)) not in RULES.heat.by_event
    }

    assert left_out == {"ascua.lead.qualified", "ascua.lead.merged", "ascua.lead.split"}
    assert scoring.LeadCooled.topic == "scoring"
