"""Kinds of faults in deadlines that other help desks were reported to have, each as what is right instead."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from services.tickets.domain.sla import promises
from shared.events.tickets import (
    Priority,
    SlaBreached,
    SlaClock,
    SlaClockEnded,
    SlaWarned,
    TicketEscalated,
)
from tests.tickets.sla.desk import OFFICE, Desk, at

FIRST, NEXT, RESOLUTION = SlaClock.FIRST_RESPONSE, SlaClock.NEXT_RESPONSE, SlaClock.RESOLUTION
HOUR = timedelta(hours=1)


def ms(length: timedelta) -> int:
    return length // timedelta(milliseconds=1)


def test_reopening_goes_on_with_the_same_clock_and_the_time_while_it_was_resolved_does_not_count() -> None:
    desk = Desk(at(2, 9)).is_resolved(at(2, 12))
    assert desk.ended(RESOLUTION).business_ms == ms(3 * HOUR)

    desk.is_reopened(at(4, 9))
    assert not [each for each in desk.ticket.sla.ended if each.clock is RESOLUTION]
    assert desk.left(RESOLUTION, at(4, 9)) == 13 * HOUR
    assert desk.due(RESOLUTION, at(4, 9)) == at(5, 16 - 2)  # 8 hours of Wednesday, 5 of Thursday
    assert desk.is_resolved(at(4, 10)).ended(RESOLUTION).business_ms == ms(4 * HOUR)


def test_a_calendar_that_is_corrected_moves_open_deadlines_and_leaves_what_ended_as_it_was() -> None:
    opened = at(2, 9)
    done, open_one = Desk(opened).is_resolved(at(4, 10)), Desk(opened)
    before = done.ended(RESOLUTION)
    assert (before.met, before.due_at) == (False, at(3, 19))
    corrected = OFFICE.replace('19:00"]}}', '19:00"]}, holidays: {also: [2026-03-03]}}')

    assert open_one.comes_under(at(2, 10), corrected).due(RESOLUTION, at(2, 10)) == at(4, 19)
    assert done.comes_under(at(5, 9), corrected).ended(RESOLUTION) == before
    anew = done.comes_under(at(5, 9), corrected, closed_too=True).ended(RESOLUTION)
    assert (anew.met, anew.due_at) == (True, at(4, 19))


def test_a_policy_that_is_switched_off_leaves_no_deadline_behind() -> None:
    desk = Desk(at(2, 9))
    assert desk.ticket.timer is not None
    desk.comes_under(at(2, 10), OFFICE.replace("  all:\n", "  urgent:\n    for: {priority: urgent}\n"))

    assert (desk.ticket.sla.promises, desk.ticket.timer) == ((), None)
    assert not desk.lives_until(at(20, 9)).facts[1:]


def test_the_next_response_does_not_hide_the_first() -> None:
    desk = Desk(at(2, 9)).asks(at(2, 10))  # the first one is awaited still
    assert {each.clock for each in desk.ticket.sla.promises} == {FIRST, RESOLUTION}
    assert desk.due(FIRST, at(2, 10)) == at(2, 11)

    desk.replies(at(2, 10, 30)).asks(at(2, 13))
    assert desk.ended(FIRST).met
    assert desk.due(NEXT, at(2, 13)) == at(2, 19)  # an hour before the break, three after it
    assert desk.asks(at(2, 18)).due(NEXT, at(2, 18)) == at(2, 19)  # asking again gives us no more time


def test_a_pause_over_a_weekend_gives_back_open_hours_only() -> None:
    desk = Desk(at(6, 9)).replies(at(6, 18), waits_for="customer")
    desk.asks(at(9, 10))  # Monday: an hour of Friday and an hour of Monday were waited for

    assert desk.left(RESOLUTION, at(9, 10)) == 9 * HOUR
    assert desk.due(RESOLUTION, at(9, 10)) == at(10, 11)


def test_a_change_of_priority_keeps_the_pauses_before_it() -> None:
    both = OFFICE.replace(
        "  all:\n", "  urgent:\n    for: {priority: urgent}\n    calendar: office\n    resolution: 8h\n"
        "    pauses: [waiting_for_customer]\n  all:\n",
    )  # fmt: skip
    desk = Desk(at(2, 9), both).replies(at(2, 11), waits_for="customer").asks(at(3, 9))
    desk.becomes(at(3, 10), Priority.URGENT)

    assert desk.left(RESOLUTION, at(3, 10)) == 5 * HOUR  # of 8, less two on Monday and one on Tuesday
    desk.becomes(at(3, 11), Priority.NORMAL)
    assert desk.left(RESOLUTION, at(3, 11)) == 12 * HOUR


def test_resolved_straight_from_a_pause_the_pause_is_not_lost() -> None:
    desk = Desk(at(2, 9)).replies(at(2, 10), waits_for="customer").is_resolved(at(20, 10))
    ended = desk.ended(RESOLUTION)

    assert (ended.business_ms, ended.met) == (ms(HOUR), True)


def test_hours_are_those_of_the_calendars_zone_whatever_the_server_has() -> None:
    tokyo = OFFICE.replace("Europe/Madrid", "Asia/Tokyo")
    opened = datetime(2026, 3, 1, 23, tzinfo=UTC)  # Monday at eight in Tokyo, Sunday elsewhere

    assert Desk(opened, tokyo).due(FIRST, opened) == datetime(2026, 3, 2, 2, tzinfo=UTC)


def test_open_hours_count_and_nothing_counts_after_the_resolution() -> None:
    desk = Desk(at(6, 18)).is_resolved(at(9, 10))  # from Friday evening to Monday morning
    assert desk.ended(RESOLUTION).business_ms == ms(2 * HOUR)
    assert desk.lives_until(at(11, 0)).ended(RESOLUTION).business_ms == ms(2 * HOUR)
    assert not [each for each in desk.facts if isinstance(each, SlaBreached) and each.clock is RESOLUTION]


def test_a_night_without_its_hour_and_a_night_with_one_more_are_as_long_as_they_are() -> None:
    night = OFFICE.replace('{mon-fri: ["09:00-14:00", "16:00-19:00"]}', '{sun: ["00:00-06:00"]}')
    spring, autumn = at(29, 0), at(25, 0, month=10)

    assert Desk(spring, night).due(FIRST, spring) == at(29, 3)  # 0 to 2, then 3 follows at once
    assert Desk(spring, night).is_resolved(at(29, 6)).ended(RESOLUTION).business_ms == ms(5 * HOUR)
    assert Desk(autumn, night).is_resolved(at(25, 6, month=10)).ended(RESOLUTION).business_ms == ms(7 * HOUR)


def test_shifts_with_a_break_and_windows_past_midnight_are_added_up() -> None:
    desk = Desk(at(2, 13))
    assert desk.due(FIRST, at(2, 13)) == at(2, 17)  # the break is none of ours
    bar = OFFICE.replace(
        '{mon-fri: ["09:00-14:00", "16:00-19:00"]}', '{fri: ["22:00-24:00"], sat: ["00:00-02:00"]}'
    )
    assert Desk(at(6, 23), bar).due(FIRST, at(6, 23)) == at(7, 1)


def test_without_pauses_waiting_counts_and_without_hours_every_hour_does() -> None:
    bare = """
calendars: {always: {zone: UTC}}
policies: {all: {calendar: always, resolution: 48h}}
"""
    desk = Desk(at(6, 18), bare).replies(at(6, 19), waits_for="customer")

    assert desk.due(RESOLUTION, at(7, 12)) == at(8, 18)


def test_warnings_the_breach_and_each_step_up_are_told_once_and_in_their_order() -> None:
    desk = Desk(at(2, 9)).lives_until(at(9, 9))
    first = [each for each in desk.facts if getattr(each, "clock", None) is FIRST]
    assert [(type(each), each.at) for each in first] == [
        (SlaWarned, at(2, 10)), (SlaWarned, at(2, 10, 30)), (SlaBreached, at(2, 11)),
    ]  # fmt: skip
    raised = [(each.to, each.at) for each in desk.facts if isinstance(each, TicketEscalated)]
    assert raised == [
        ("team_lead", at(2, 12)), ("manager", at(2, 13)), ("team_lead", at(4, 19)), ("manager", at(5, 19)),
    ]  # fmt: skip
    assert desk.ticket.escalated_to == "manager"

    told = len(desk.facts)
    desk.becomes(at(9, 10), Priority.LOW).comes_under(at(9, 10), OFFICE).is_resolved(at(9, 11))
    desk.is_reopened(at(9, 12)).is_resolved(at(9, 13))
    later = desk.facts[told:]
    assert not [each for each in later if isinstance(each, SlaWarned | SlaBreached | TicketEscalated)]
    ends = [each for each in later if isinstance(each, SlaClockEnded) and each.clock is RESOLUTION]
    assert [each.met for each in ends] == [False, False]


def test_what_is_answered_after_its_deadline_before_anybody_looked_is_breached_all_the_same() -> None:
    desk = Desk(at(2, 9)).replies(at(2, 13))
    (breach, ended) = (each for each in desk.facts if getattr(each, "clock", None) is FIRST)

    assert isinstance(breach, SlaBreached)
    assert breach.at == at(2, 11)
    assert isinstance(ended, SlaClockEnded)
    assert (ended.met, ended.due, ended.business_seconds) == (False, at(2, 11), 4 * 3_600)
    assert not [each for each in desk.lives_until(at(2, 14)).facts if isinstance(each, TicketEscalated)]


def test_a_deadline_is_met_at_its_last_instant_and_missed_after_it() -> None:
    assert Desk(at(2, 9)).replies(at(2, 11)).ended(FIRST).met
    assert not Desk(at(2, 9)).replies(at(2, 11) + timedelta(milliseconds=1)).ended(FIRST).met


def test_a_ticket_that_goes_on_in_another_takes_its_customers_waiting_along_and_misses_nothing() -> None:
    other = Desk(at(2, 9), id="other")
    survivor = Desk(at(2, 12)).replies(at(2, 12, 30))
    other.is_absorbed(at(2, 13), survivor.ticket)
    survivor.absorbs(at(2, 13), other.ticket)

    assert (other.ended(RESOLUTION).met, other.ticket.timer) == (None, None)
    assert survivor.reading(NEXT, at(2, 13)).run.started == at(2, 9)
    assert survivor.left(NEXT, at(2, 13)) == timedelta(0)


def test_a_history_that_is_imported_alarms_nobody_until_somebody_acts() -> None:
    desk = Desk(at(2, 9))
    desk.ticket, facts = promises.kept(desk.ticket, desk.policies, at(30, 9), is_history=True)
    assert (desk.ticket.timer, facts) == (None, [])

    desk.asks(at(30, 9))
    assert desk.ticket.timer == at(2, 10)
    assert [type(each) for each in desk.lives_until(at(30, 9)).facts if getattr(each, "clock", 0) is FIRST] == [
        SlaWarned, SlaWarned, SlaBreached,
    ]  # fmt: skip


def test_what_time_brought_while_nobody_looked_is_told_at_once_and_a_warning_after_the_breach_is_none() -> (
    None
):
    desk = Desk(at(2, 9))
    desk.ticket, facts = promises.fire(desk.ticket, desk.policies, at(4, 9))

    assert [each.at for each in facts] == sorted(each.at for each in facts)
    assert [type(each) for each in facts if getattr(each, "clock", None) is FIRST] == [SlaBreached]
    assert promises.fire(desk.ticket, desk.policies, at(4, 9))[1] == []


def test_a_resolution_may_count_until_the_ticket_is_closed() -> None:
    until_closed = OFFICE.replace("resolution: 16h", "resolution: 16h\n    until: closed")
    desk = Desk(at(2, 9), until_closed).is_resolved(at(2, 10))

    assert desk.due(RESOLUTION, at(2, 10)) == at(3, 19)
    desk.lives_until(at(20, 9))
    assert (desk.ended(RESOLUTION).met, desk.ended(RESOLUTION).met_at) == (False, at(9, 10))
