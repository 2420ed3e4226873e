"""A ticket that lives by the clock of a test, under policies written in YAML."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from services.tickets.domain import decisions, relations
from services.tickets.domain.sla import promises
from services.tickets.domain.sla.parser import read
from services.tickets.domain.sla.reckoning import Reading
from services.tickets.domain.sla.record import Ended
from services.tickets.domain.ticket import Ticket
from shared.commands.tickets import (
    AnswerTicket,
    ClassifyTicket,
    OpenTicket,
    ReopenTicket,
    ReplyTicket,
    ResolveTicket,
    WaitTicket,
)
from shared.events.tickets import Author, Priority, SlaClock, TicketCategory, TicketEvent

MADRID = ZoneInfo("Europe/Madrid")
OFFICE = """
calendars:
  office: {zone: Europe/Madrid, hours: {mon-fri: ["09:00-14:00", "16:00-19:00"]}}
policies:
  all:
    calendar: office
    first_response: 2h
    next_response: 4h
    resolution: 16h
    pauses: [waiting_for_customer]
    warn: [50%, 75%]
    escalate: {150%: team_lead, 200%: manager}
"""


def at(day: int, hour: int, minute: int = 0, month: int = 3, zone: ZoneInfo = MADRID) -> datetime:
    """A time of March 2026 on the clock of Madrid; the 2nd is a Monday."""
    return datetime(2026, month, day, hour, minute, tzinfo=zone).astimezone(UTC)


class Desk:
    """One ticket; what it tells is kept in `facts`."""

    def __init__(
        self,
        opened: datetime,
        text: str = OFFICE,
        priority: Priority = Priority.NORMAL,
        queue: str | None = None,
        id: str = "t",
    ) -> None:
        self.policies = read(text)
        command = OpenTicket(
            lead_id="ana", category=TicketCategory.QUESTION, priority=priority, subject="?", queue=queue
        )
        self.facts: list[TicketEvent] = []
        self._do(opened, decisions.open(None, id, command, opened))

    def asks(self, when: datetime) -> Desk:
        return self._do(
            when, decisions.answer(self.ticket, AnswerTicket(text="?"), when, self.policies.terms)
        )

    def replies(self, when: datetime, waits_for: str | None = None) -> Desk:
        command = ReplyTicket.model_validate({"author": Author.AGENT, "text": "!", "waits_for": waits_for})
        return self._do(when, decisions.reply(self.ticket, command, when, self.policies.terms))

    def waits(self, when: datetime, waits_for: str) -> Desk:
        command = WaitTicket.model_validate({"waits_for": waits_for})
        return self._do(when, decisions.wait(self.ticket, command, when, self.policies.terms))

    def becomes(self, when: datetime, priority: Priority) -> Desk:
        command = ClassifyTicket(priority=priority)
        return self._do(when, decisions.classify(self.ticket, command, when, self.policies.terms))

    def is_resolved(self, when: datetime) -> Desk:
        return self._do(when, decisions.resolve(self.ticket, ResolveTicket(), when, self.policies.terms))

    def is_reopened(self, when: datetime) -> Desk:
        return self._do(when, decisions.reopen(self.ticket, ReopenTicket(), when, self.policies.terms))

    def absorbs(self, when: datetime, other: Ticket) -> Desk:
        return self._do(when, relations.absorb(self.ticket, other, when, None))

    def is_absorbed(self, when: datetime, into: Ticket) -> Desk:
        return self._do(when, relations.be_absorbed(self.ticket, into, when, None))

    def comes_under(self, when: datetime, text: str, closed_too: bool = False) -> Desk:
        self.policies = read(text)
        return self._do(when, promises.anew(self.ticket, [], self.policies, when, closed_too))

    def lives_until(self, when: datetime) -> Desk:
        """Lets the timer fire whenever it is due."""
        while (timer := self.ticket.timer) is not None and timer <= when:
            self.ticket, facts = promises.fire(self.ticket, self.policies, timer)
            self.facts += facts
        return self

    def reading(self, clock: SlaClock, now: datetime) -> Reading:
        """The clock that runs."""
        (found,) = (
            each
            for each in promises.readings(self.ticket, self.policies, now, self.ticket.version)
            if each.run.clock is clock and each.end is None
        )
        return found

    def due(self, clock: SlaClock, now: datetime) -> datetime | None:
        return self.reading(clock, now).due

    def left(self, clock: SlaClock, now: datetime) -> timedelta:
        reading = self.reading(clock, now)
        return timedelta(milliseconds=reading.target - reading.ms)

    def ended(self, clock: SlaClock) -> Ended:
        return [each for each in self.ticket.sla.ended if each.clock is clock][-1]

    def _do(self, when: datetime, decision: decisions.Decision) -> Desk:
        ticket, facts = decision
        self.ticket, more = promises.kept(ticket, self.policies, when, is_history=False)
        self.facts += [*facts, *more]
        return self
