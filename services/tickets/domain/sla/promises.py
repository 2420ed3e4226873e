"""What a ticket's promises come to after each change, and what time brings of them.

Every decision on a ticket is followed by `kept`: clocks that ended are written down and told, for those that run the
next instant at which something is to be told is the ticket's timer. `fire` tells what that time has brought.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final

from services.tickets.domain import decisions
from services.tickets.domain.moments import Moment
from services.tickets.domain.sla.clocks import Course, Run, follow
from services.tickets.domain.sla.policies import Alarm, Policies
from services.tickets.domain.sla.reckoning import Reading, pass_by, read
from services.tickets.domain.sla.record import Ended, Passed, Promise, Seal, Sla
from services.tickets.domain.ticket import KEPT, Decision, Ticket
from shared.clock import milliseconds
from shared.events.tickets import (
    SlaBreached,
    SlaClock,
    SlaClockEnded,
    SlaWarned,
    TicketEscalated,
    TicketEvent,
)

ENDED_KEPT: Final = 32
"""Ended clocks that stay with a ticket once it has more than twice as many."""
STRETCHES_KEPT: Final = 512
"""Changes of how a ticket stands that are looked at for one response that is awaited."""


def readings(ticket: Ticket, policies: Policies, now: datetime, frozen: int = 0) -> list[Reading]:
    """The clocks of which a ticket's history still tells, as of `now`; no responses up to the moment `frozen`."""
    return _readings(ticket, course_of(ticket), policies, now, frozen)


def _readings(
    ticket: Ticket, course: Course, policies: Policies, now: datetime, frozen: int
) -> list[Reading]:
    sla = ticket.sla
    is_frozen = any(each.clock is SlaClock.RESOLUTION for each in sla.ended)
    runs = (
        *(run for run in course.over if run.ends[0].number > frozen),
        *(run for run in course.runs if not (run.ends and is_frozen)),
    )
    found = (read(course, run, policies, now, sla.seal) for run in runs)
    return [each for each in found if each is not None]


def course_of(ticket: Ticket) -> Course:
    seal = ticket.sla.seal
    if seal is None:
        return follow(Course(), ticket.history)
    summed = seal.course.count - (ticket.version - len(ticket.history))
    return follow(seal.course, ticket.history[max(0, summed) :])


def kept(
    ticket: Ticket,
    policies: Policies,
    now: datetime,
    is_history: bool | None = None,
    kept_moments: int = KEPT,
) -> Decision:
    """The ticket with its promises after a change, and what is told of those that ended.

    `is_history`: the change happened so long ago that nobody is alarmed until somebody acts; None if there was none.
    """
    sla, course, facts = ticket.sla, course_of(ticket), list[TicketEvent]()
    found = _readings(ticket, course, policies, now, sla.frozen)
    ended, told = list(sla.ended), set(sla.told)
    if any(not run.ends for run in course.runs if run.clock is SlaClock.RESOLUTION):  # reopened
        ended = [each for each in ended if each.clock is not SlaClock.RESOLUTION]
    for each in found:
        if each.end is not None and each.end.number > sla.frozen:
            ended.append(_ended(each, policies.version))
            if each.met is False and (key := _key(each, _breach(each))) not in told:
                told.add(key)
                facts.append(_breached(ticket, each))
            facts.append(_told_end(ticket, ended[-1]))
    running = [each for each in found if each.end is None]
    may_run = {_name(each.run) for each in running} | {f"{SlaClock.RESOLUTION}.1"}
    sla = replace(
        sla,
        policies=policies.version,
        promises=tuple(map(_promise, running)),
        ended=tuple(ended),
        frozen=ticket.version,
        is_quiet=sla.is_quiet if is_history is None else is_history,
        told=tuple(sorted(key for key in told if key.rpartition("/")[0] in may_run)),
    )
    ticket = sealed(replace(ticket, sla=sla), policies, kept_moments)
    return replace(ticket, timer=_timer(ticket, running, policies)), facts


def fire(ticket: Ticket, policies: Policies, now: datetime) -> Decision:
    """Tell what has come due by now, each thing once, in the order of time, and put away what is resolved."""
    ticket, facts = decisions.close_in_time(ticket, now, policies.terms)
    ticket, more = kept(ticket, policies, now)
    facts, told = [*facts, *more], set(ticket.sla.told)
    due = sorted(
        (
            (at, number, each, alarm)
            for number, each in enumerate(readings(ticket, policies, now, ticket.version))
            if each.end is None
            for alarm, at in each.alarms
            if at <= now and _key(each, alarm) not in told
        ),
        key=lambda one: one[:2],
    )
    breached = {number for _, number, _, alarm in due if alarm.is_breach}
    for at, number, each, alarm in due:
        told.add(_key(each, alarm))
        if alarm.to is not None:
            ticket = replace(ticket, escalated_to=alarm.to)
            facts.append(_escalated(ticket, each, alarm, at))
        elif alarm.is_breach:
            facts.append(_breached(ticket, each))
        elif number not in breached:
            facts.append(_warned(ticket, each, alarm, at))
    ticket = replace(ticket, sla=replace(ticket.sla, told=tuple(sorted(told))))
    running = [each for each in readings(ticket, policies, now, ticket.version) if each.end is None]
    return replace(ticket, timer=_timer(ticket, running, policies)), facts


def sealed(ticket: Ticket, policies: Policies, kept_moments: int = KEPT) -> Ticket:
    """The ticket with its old moments in sum, once it has many: then `pack` takes them away."""
    if len(ticket.history) <= 2 * kept_moments:
        return ticket
    first = ticket.version - len(ticket.history)
    count = len(ticket.history) - kept_moments
    before = ticket.sla.seal
    summed = max(0, before.course.count - first) if before is not None else 0
    seal = seal_of(ticket.history[summed:count], policies, before)
    return replace(ticket, sla=replace(ticket.sla, seal=seal))


def seal_of(moments: Sequence[Moment], policies: Policies, before: Seal | None = None) -> Seal:
    """What these moments come to, of which there are some, after what was before them."""
    course = follow(before.course if before is not None else Course(), moments)
    at = moments[-1].at
    (resolution,) = (run for run in course.runs if run.clock is SlaClock.RESOLUTION)
    awaited = min((run.started for run in course.runs if run is not resolution), default=at)
    place = max(0, bisect_right(course.stretches, awaited, key=lambda each: each.begin) - 1)
    rest = replace(course, over=(), stretches=course.stretches[place:][-STRETCHES_KEPT:])
    return Seal(rest, tuple(_passed(course, resolution, policies, at, before)))


def _passed(
    course: Course, run: Run, policies: Policies, at: datetime, before: Seal | None
) -> Iterator[Passed]:
    for policy in policies.policies:
        if (target := policy.targets.get(run.clock)) is not None:
            passed = before.passed_by(run.clock, policy.name) if before is not None else None
            ms, reached = pass_by(course.stretches, run, policy, milliseconds(at), passed, (target,))
            due = passed.due if passed is not None else None
            yield Passed(policy.name, at, ms, due or reached.get(target))


def anew(
    ticket: Ticket, old: Sequence[Moment], policies: Policies, now: datetime, closed_too: bool = False
) -> Decision:
    """The ticket under other policies, from its whole history: `old` is what of it is in the archive.

    What ended stays as it was, unless `closed_too`; and in any case what has left the ticket for the archive.
    """
    sla = replace(ticket.sla, seal=None)
    if closed_too:
        sla = replace(sla, ended=(), frozen=_archived(ticket, old))
    ticket, facts = kept(replace(ticket, history=(*old, *ticket.history), sla=sla), policies, now)
    return replace(ticket, history=ticket.history[len(old) :]), facts


def _archived(ticket: Ticket, old: Sequence[Moment]) -> int:
    """The moment up to which ended clocks are in the archive."""
    here = [each.met_at for each in ticket.sla.ended if each.clock is not SlaClock.RESOLUTION]
    if not ticket.sla.earlier or not here:
        return 0
    over = follow(Course(), (*old, *ticket.history)).over
    return max((run.ends[0].number for run in over if run.ends[0].at < min(here)), default=0)


def pack(sla: Sla, kept: int = ENDED_KEPT) -> tuple[Sla, tuple[Ended, ...]]:
    """Without the clocks that ended long ago, and those, oldest first. The resolution's stays: it may go on."""
    if len(sla.ended) <= 2 * kept:
        return sla, ()
    old = tuple(each for each in sla.ended[:-kept] if each.clock is not SlaClock.RESOLUTION)
    rest = tuple(each for each in sla.ended if each not in old)
    return replace(sla, ended=rest, earlier=sla.earlier + len(old)), old


def _timer(ticket: Ticket, running: Sequence[Reading], policies: Policies) -> datetime | None:
    """When something is to be told next."""
    if ticket.sla.is_quiet:
        return None
    told = set(ticket.sla.told)
    alarms = (at for each in running for alarm, at in each.alarms if _key(each, alarm) not in told)
    return min(filter(None, (*alarms, decisions.closes_at(ticket, policies.terms))), default=None)


def _name(run: Run) -> str:
    return f"{run.clock}.{run.number}"


def _key(reading: Reading, alarm: Alarm) -> str:
    return f"{_name(reading.run)}/{alarm.share}{f'>{alarm.to}' if alarm.to else ''}"


def _breach(reading: Reading) -> Alarm:
    return next(alarm for alarm in reading.policy.alarms if alarm.is_breach)


def _promise(reading: Reading) -> Promise:
    run = reading.run
    return Promise(run.clock, run.number, run.started, reading.due, reading.policy.name, reading.paused)


def _ended(reading: Reading, version: str) -> Ended:
    run = reading.run
    assert reading.end is not None
    return Ended(
        run.clock,
        run.number,
        run.started,
        reading.due,
        reading.met,
        reading.end.at,
        reading.ms,
        reading.policy.name,
        version,
    )


def _told_end(ticket: Ticket, ended: Ended) -> SlaClockEnded:
    return SlaClockEnded(
        lead_id=ticket.lead_id,
        at=ended.met_at,
        ticket_id=ticket.id,
        clock=ended.clock,
        number=ended.number,
        policy=ended.policy,
        started_at=ended.started_at,
        due=ended.due_at,
        met=ended.met,
        business_seconds=ended.business_ms / 1_000,
        policies=ended.policies,
    )


def _breached(ticket: Ticket, reading: Reading) -> SlaBreached:
    assert reading.due is not None
    return SlaBreached(
        lead_id=ticket.lead_id,
        at=reading.due,
        ticket_id=ticket.id,
        clock=reading.run.clock,
        number=reading.run.number,
        policy=reading.policy.name,
        due=reading.due,
    )


def _warned(ticket: Ticket, reading: Reading, alarm: Alarm, at: datetime) -> SlaWarned:
    return SlaWarned(
        lead_id=ticket.lead_id,
        at=at,
        ticket_id=ticket.id,
        clock=reading.run.clock,
        number=reading.run.number,
        policy=reading.policy.name,
        share=alarm.share,
        due=reading.due,
    )


def _escalated(ticket: Ticket, reading: Reading, alarm: Alarm, at: datetime) -> TicketEscalated:
    assert alarm.to is not None
    return TicketEscalated(
        lead_id=ticket.lead_id,
        at=at,
        ticket_id=ticket.id,
        to=alarm.to,
        because=f"sla_{reading.run.clock}",
    )
