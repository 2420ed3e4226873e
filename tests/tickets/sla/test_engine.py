"""Deadlines against the oracle: random histories, policies and calendars, equal to the second."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date, datetime, timedelta
from functools import cache
from random import Random
from zoneinfo import ZoneInfo

import pytest

from services.tickets.domain import decisions, relations
from services.tickets.domain.moments import UNSETTLED, Moment, Status
from services.tickets.domain.sla import promises
from services.tickets.domain.sla.policies import Policies, Policy
from services.tickets.domain.terms import Terms
from services.tickets.domain.ticket import Ticket
from shared.business_time import Calendar, Holidays
from shared.commands.tickets import (
    AnswerTicket,
    ClassifyTicket,
    CloseTicket,
    OpenTicket,
    ReopenTicket,
    ReplyTicket,
    ResolveTicket,
    WaitTicket,
)
from shared.errors import Refused
from shared.events.tickets import Author, Priority, SlaClock, TicketCategory
from tests.tickets.sla.oracle import BEGIN, Office, Promise, Verdict, judge

CASES = 10_000 if os.environ.get("ASCUA_FAULTS") == "long" else 1_500
PARTS = 5
ZONES = (
    "UTC",
    "Europe/Madrid",
    "America/New_York",
    "Australia/Lord_Howe",
    "Asia/Kolkata",
    "America/Santiago",
)
QUEUES = ("service", "billing")
TERMS = Terms(timedelta(days=14), timedelta(days=7))


@cache
def offices() -> tuple[Office, ...]:
    """Some calendars: split shifts, windows past midnight, days off, zones whose clocks are set in this time."""
    random, found = Random(5), [Office("UTC", None)]
    for number in range(7):
        days: list[tuple[tuple[int, int], ...]] = []
        for _ in range(7):
            cuts = sorted(random.sample(range(0, 1_441, 15), 2 * random.choice((0, 1, 1, 2, 2, 3))))
            days.append(tuple(zip(cuts[::2], cuts[1::2], strict=True)))
        days[random.randrange(7)] = ((0, 360), (1_200, 1_440))  # a night's shift
        days_off = frozenset(date(2026, 3, 1) + timedelta(days=random.randrange(90)) for _ in range(6))
        found.append(Office(ZONES[number % len(ZONES)], tuple(days), days_off))
    return tuple(found)


@cache
def calendar(office: Office) -> Calendar:
    if office.hours is None:
        return Calendar(ZoneInfo(office.zone))
    shifts = tuple(tuple((begin * 60_000, end * 60_000) for begin, end in day) for day in office.hours)
    return Calendar(ZoneInfo(office.zone), shifts, Holidays(also=office.days_off))


def some_policies(random: Random) -> tuple[Policies, list[Promise]]:
    ours, theirs = [], []
    for number in range(random.randint(1, 4)):
        conditions: dict[str, set[str]] = {}
        if random.random() < 0.6:
            conditions["priority"] = set(random.sample([str(each) for each in Priority], 2))
        if random.random() < 0.3:
            conditions["queue"] = {random.choice(QUEUES)}
        targets = {str(clock): random.randint(1, 3_000) for clock in SlaClock if random.random() < 0.85}
        pauses = {
            status
            for status in ("waiting_for_customer", "waiting_for_third_party", "resolved")
            if random.random() < 0.4
        }
        until = random.choice(("resolved", "closed"))
        theirs.append(Promise(f"p{number}", conditions, random.choice(offices()), targets, pauses, until))
        ours.append(
            Policy(
                f"p{number}",
                {name: frozenset(allowed) for name, allowed in conditions.items()},
                calendar(theirs[-1].office),
                {SlaClock(clock): minutes * 60_000 for clock, minutes in targets.items()},
                frozenset(map(Status, pauses)),
                "closed" if until == "closed" else "resolved",
            )
        )
    return Policies(f"{random.getrandbits(64):016x}", TERMS, tuple(ours)), theirs


def happenings(random: Random) -> Iterator[Callable[[Ticket, datetime], decisions.Decision]]:
    """What may be done to a ticket, in any order; much of it is refused."""
    while True:
        match random.randrange(9):
            case 0 | 1:
                yield lambda ticket, at: decisions.answer(ticket, AnswerTicket(text="?"), at, TERMS)
            case 2 | 3:
                then = random.choice((None, "customer", "third_party"))
                reply = ReplyTicket(author=Author.AGENT, text="!", waits_for=then)
                yield lambda ticket, at, reply=reply: decisions.reply(ticket, reply, at, TERMS)  # type: ignore[misc]
            case 4:
                turn = WaitTicket(waits_for=random.choice(("customer", "third_party", "us")))
                yield lambda ticket, at, turn=turn: decisions.wait(ticket, turn, at, TERMS)  # type: ignore[misc]
            case 5:
                anew = ClassifyTicket(priority=random.choice(list(Priority)), queue=random.choice(QUEUES))
                yield lambda ticket, at, anew=anew: decisions.classify(ticket, anew, at, TERMS)  # type: ignore[misc]
            case 6:
                yield lambda ticket, at: decisions.resolve(ticket, ResolveTicket(), at, TERMS)
            case 7:
                close = random.random() < 0.3
                yield lambda ticket, at, close=close: (  # type: ignore[misc]
                    decisions.close(ticket, CloseTicket(), at, TERMS)
                    if close
                    else decisions.reopen(ticket, ReopenTicket(), at, TERMS)
                )
            case _:
                back = timedelta(seconds=random.randrange(400_000))
                yield lambda ticket, at, back=back: absorbed(ticket, at, back)  # type: ignore[misc]


def absorbed(ticket: Ticket, at: datetime, back: timedelta) -> decisions.Decision:
    """Another ticket goes on in this one, whose customer has waited for so long."""
    if ticket.status not in UNSETTLED:
        raise Refused("ticket-over", "reopen it first")
    other = replace(ticket, id=f"t{ticket.version}", asked_at=max(at - back, BEGIN))
    return relations.absorb(ticket, other, at, None)


def lived(random: Random, policies: Policies, kept: int) -> tuple[Ticket, datetime, list[Moment]]:
    """A ticket, its whole history, and the instant to look from."""
    at = BEGIN + timedelta(seconds=random.randrange(40 * 86_400))
    command = OpenTicket(
        lead_id="ana", category=TicketCategory.QUESTION, subject="?", priority=random.choice(list(Priority))
    )
    ticket, _ = decisions.open(None, "t", command, at)
    ticket, _ = promises.kept(ticket, policies, at, False, kept)
    history = list(ticket.history)
    for decide, _ in zip(happenings(random), range(random.randrange(25)), strict=False):
        pace = random.choice((60, 3_600, 86_400, 200_000))
        at += timedelta(seconds=random.randrange(pace) if random.random() < 0.9 else 0)
        try:
            before = ticket.version
            ticket, _ = decide(ticket, at)
        except Refused:
            continue
        history += ticket.history[len(ticket.history) - (ticket.version - before) :]
        ticket, _ = promises.kept(ticket, policies, at, False, kept)
        summed = ticket.sla.seal.course.count if ticket.sla.seal else 0
        away = ticket.version - len(ticket.history)
        ticket = replace(ticket, history=ticket.history[max(0, summed - away) :])  # as `pack` does
    now = at + timedelta(seconds=random.randrange(400_000) if random.random() < 0.8 else 0)
    return ticket, now, history


def ours(ticket: Ticket) -> dict[tuple[str, int], Verdict]:
    return {
        (str(each.clock), each.number): Verdict(
            each.policy, each.started_at, each.due_at, each.met, each.met_at, each.business_ms // 1_000
        )
        for each in ticket.sla.ended
    }


@pytest.mark.parametrize("part", range(PARTS))
def test_every_clock_is_as_a_look_at_every_minute_says(part: int) -> None:
    for case in range(part, CASES, PARTS):
        random = Random(case)
        policies, theirs = some_policies(random)
        ticket, now, history = lived(random, policies, kept=random.choice((2, 32)))
        expected = judge(history, theirs, now)

        running = {
            (str(each.run.clock), each.run.number): Verdict(
                each.policy.name, each.run.started, each.due, None, None, each.ms // 1_000
            )
            for each in promises.readings(ticket, policies, now, ticket.version)
            if each.end is None
        }
        assert ours(ticket) | running == expected, f"case {case}"


def test_other_policies_are_reckoned_from_the_whole_history() -> None:
    for case in range(CASES // 5):
        random = Random(-case - 1)
        policies, _ = some_policies(random)
        ticket, now, history = lived(random, policies, kept=2)
        others, theirs = some_policies(random)
        away = ticket.version - len(ticket.history)

        frozen, _ = promises.anew(ticket, history[:away], others, now)
        anew, facts = promises.anew(ticket, history[:away], others, now, closed_too=True)

        assert frozen.sla.ended == ticket.sla.ended, f"case {case}"
        expected = judge(history, theirs, now)
        ended = {key: verdict for key, verdict in expected.items() if verdict.ended is not None}
        assert ours(anew) == ended, f"case {case}"
        open_ones = {
            (str(each.clock), each.number): (each.started_at, each.due_at) for each in anew.sla.promises
        }
        assert open_ones == {
            key: (verdict.started, verdict.due) for key, verdict in expected.items() if key not in ended
        }, f"case {case}"
        assert len(facts) >= len(ended)
