"""The life of a ticket: what is said in it, whose turn it is, how it ends and begins again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from pydantic import ValidationError

from services.tickets.domain import decisions, macros, relations
from services.tickets.domain.moments import Moment, Status, What
from services.tickets.domain.terms import Terms
from services.tickets.domain.ticket import Message, Ticket, with_history
from shared.commands.tickets import (
    AnswerTicket,
    AssignTicket,
    Attachment,
    ClassifyTicket,
    CloseTicket,
    EscalateTicket,
    LinkTicket,
    Macro,
    OpenTicket,
    ReopenTicket,
    ReplyTicket,
    ResolveTicket,
    SplitTicket,
    TicketCommand,
    WaitTicket,
)
from shared.errors import Conflict, NotFound, Refused
from shared.events.tickets import (
    Author,
    Priority,
    TicketAssigned,
    TicketCategory,
    TicketClosed,
    TicketEvent,
    TicketMerged,
    TicketNoted,
    TicketOpened,
    TicketReopened,
    TicketReplied,
    TicketResolved,
    TicketWaiting,
    WaitsFor,
)

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
TERMS = Terms(reopen_within=timedelta(days=14), close_after=timedelta(days=7))
OPEN = OpenTicket(
    lead_id="ana",
    category=TicketCategory.COMPLAINT,
    priority=Priority.HIGH,
    subject="my heater smokes",
    text="and my cat coughs",
)
AGENT = ReplyTicket(author=Author.AGENT, text="open a window", rep="marta")


def after(minutes: float) -> datetime:
    return NOON + timedelta(minutes=minutes)


def opened(id: str = "t1", lead: str = "ana") -> Ticket:
    ticket, _ = decisions.open(None, id, OPEN.model_copy(update={"lead_id": lead}), NOON)
    return ticket


def resolved(at: datetime = NOON) -> Ticket:
    return decisions.resolve(opened(), ResolveTicket(), at, TERMS)[0]


def test_an_opened_ticket_keeps_what_was_written_and_tells_only_that_it_was() -> None:
    ticket, (fact,) = decisions.open(None, "t1", OPEN, NOON)

    assert (ticket.subject, ticket.messages) == (
        "my heater smokes", (Message(Author.CUSTOMER, NOON, "and my cat coughs"),),
    )  # fmt: skip
    assert isinstance(fact, TicketOpened)
    assert (fact.lead_id, fact.aggregate, fact.category, fact.priority) == (
        "ana", "ticket:t1", TicketCategory.COMPLAINT, Priority.HIGH,
    )  # fmt: skip
    assert not any(word in fact.model_dump_json() for word in ("heater", "cat "))


def test_a_ticket_without_words_begins_without_messages() -> None:
    ticket, _ = decisions.open(None, "t1", OPEN.model_copy(update={"text": None}), NOON)
    assert ticket.messages == ()


def test_replies_stand_in_the_order_they_were_given_and_their_words_are_not_told() -> None:
    ticket, (first, assigned) = decisions.reply(opened(), AGENT, after(60), TERMS)
    ticket, _ = decisions.answer(ticket, AnswerTicket(text="it is open"), after(60), TERMS)

    assert [message.text for message in ticket.messages][1:] == ["open a window", "it is open"]
    assert isinstance(first, TicketReplied)
    assert (first.author, first.at, first.agent) == (Author.AGENT, after(60), "marta")
    assert "window" not in first.model_dump_json()
    assert isinstance(assigned, TicketAssigned)  # nobody's ticket is theirs who answers first
    assert ticket.agent == "marta"


def test_a_note_is_for_agents_and_answers_nobody() -> None:
    note = ReplyTicket(author=Author.AGENT, text="he is angry", internal=True, rep="marta")
    ticket, (fact,) = decisions.reply(opened(), note, after(5), TERMS)

    assert isinstance(fact, TicketNoted)
    assert ticket.messages[-1].internal
    assert (ticket.asked_at, ticket.agent) == (NOON, None)


def test_whose_turn_it_is_follows_what_is_said() -> None:
    waits = AGENT.model_copy(update={"waits_for": "customer"})
    ticket, facts = decisions.reply(opened(), waits, after(5), TERMS)
    assert (ticket.status, ticket.asked_at) == (Status.WAITING_FOR_CUSTOMER, None)
    assert [each.waits_for for each in facts if isinstance(each, TicketWaiting)] == [WaitsFor.CUSTOMER]

    ticket, facts = decisions.answer(ticket, AnswerTicket(text="done"), after(9), TERMS)
    assert (ticket.status, ticket.asked_at) == (Status.OPEN, after(9))
    assert [each.waits_for for each in facts if isinstance(each, TicketWaiting)] == [None]

    ticket, _ = decisions.wait(ticket, WaitTicket(waits_for="third_party"), after(10), TERMS)
    ticket, facts = decisions.answer(ticket, AnswerTicket(text="and?"), after(11), TERMS)
    assert ticket.status is Status.WAITING_FOR_THIRD_PARTY  # the supplier has not answered yet
    assert ticket.asked_at == after(9)


def test_a_customers_answer_reopens_a_ticket_that_was_resolved_lately() -> None:
    ticket, (fact,) = decisions.resolve(opened(), ResolveTicket(resolution="replaced"), NOON, TERMS)
    assert (ticket.status, ticket.resolution, ticket.resolved_at) == (Status.RESOLVED, "replaced", NOON)
    assert isinstance(fact, TicketResolved)

    again, (reopened, replied) = decisions.answer(
        ticket, AnswerTicket(text="no"), NOON + TERMS.reopen_within, TERMS
    )
    assert (again.status, again.resolved_at, again.resolution) == (Status.OPEN, None, None)
    assert isinstance(reopened, TicketReopened)
    assert (reopened.because, reopened.opened_at, reopened.priority) == ("answered", NOON, Priority.HIGH)
    assert isinstance(replied, TicketReplied)
    with pytest.raises(Refused, match="resolved more than 14 days ago; open a new one") as refused:
        decisions.answer(
            ticket, AnswerTicket(text="no"), NOON + TERMS.reopen_within + timedelta(seconds=1), TERMS
        )
    assert refused.value.slug == "ticket-over"


def test_a_resolved_ticket_is_closed_in_time_and_can_be_reopened_still() -> None:
    ticket, due = resolved(), NOON + TERMS.close_after
    assert decisions.closes_at(ticket, TERMS) == due
    assert decisions.close_in_time(ticket, due - timedelta(seconds=1), TERMS) == (ticket, [])

    closed, (fact,) = decisions.close_in_time(ticket, due + timedelta(hours=3), TERMS)
    assert isinstance(fact, TicketClosed)
    assert (fact.at, fact.because, closed.status) == (due, "time", Status.CLOSED)
    assert decisions.closes_at(closed, TERMS) is None
    again, _ = decisions.reopen(closed, ReopenTicket(rep="leo"), due, TERMS)
    assert (again.status, again.closed_at) == (Status.OPEN, None)


@pytest.mark.parametrize(
    ("ticket", "command", "slug"),
    [
        (resolved(), AGENT, "ticket-resolved"),
        (resolved(), ResolveTicket(), "ticket-resolved"),
        (resolved(), WaitTicket(waits_for="customer"), "ticket-resolved"),
        (resolved(), EscalateTicket(to="boss"), "ticket-resolved"),
        (opened(), ReplyTicket(author=Author.CUSTOMER, text="?", internal=True), "agents-only"),
        (opened(), ReopenTicket(), "ticket-open"),
        (opened(), CloseTicket(), "ticket-not-resolved"),
        (opened(), AssignTicket(), "agent-unchanged"),
        (opened(), WaitTicket(waits_for="us"), "turn-unchanged"),
        (opened(), ClassifyTicket(priority=Priority.HIGH), "traits-unchanged"),
    ],
)
def test_what_makes_no_sense_is_refused_by_name(ticket: Ticket, command: TicketCommand, slug: str) -> None:
    decide = {
        ReplyTicket: decisions.reply,
        ResolveTicket: decisions.resolve,
        WaitTicket: decisions.wait,
        EscalateTicket: decisions.escalate,
        ReopenTicket: decisions.reopen,
        CloseTicket: decisions.close,
        AssignTicket: decisions.assign,
        ClassifyTicket: decisions.classify,
    }[type(command)]
    with pytest.raises(Refused) as refused:
        decide(ticket, command, after(1), TERMS)  # type: ignore[arg-type]  # each takes its own
    assert refused.value.slug == slug


def test_who_was_slower_is_told_what_happened_meanwhile() -> None:
    looked_at = opened()
    ticket, _ = decisions.answer(looked_at, AnswerTicket(text="and?"), after(1), TERMS)
    ticket, _ = decisions.reply(ticket, AGENT, after(59), TERMS)
    seen = AGENT.model_copy(update={"expected_version": looked_at.version})

    with pytest.raises(Conflict) as conflict:
        decisions.asked(ticket, seen, after(61))
    assert conflict.value.slug == "ticket-changed"
    assert conflict.value.sentence == (
        "meanwhile marta replied 2 minutes ago, the customer replied an hour ago; look again (version 3), then say it"
        " anew"
    )
    fresh = AGENT.model_copy(update={"expected_version": ticket.version})
    assert decisions.asked(ticket, fresh, after(61)) == ticket
    for minute in range(5):
        note = ReplyTicket(author=Author.AGENT, text="?", internal=True)
        ticket, _ = decisions.reply(ticket, note, after(60 + minute), TERMS)
    with pytest.raises(Conflict, match=r"somebody left a note just now, .*, and 4 things before; look again"):
        decisions.asked(ticket, seen, after(64))


def test_a_ticket_is_opened_once_and_only_then_spoken_of() -> None:
    with pytest.raises(Conflict):
        decisions.open(opened(), "t1", OPEN, NOON)
    with pytest.raises(NotFound):
        decisions.asked(None, AGENT, NOON)


def test_of_two_tickets_on_one_matter_one_goes_on_and_the_other_says_where() -> None:
    survivor, _ = decisions.reply(opened("t1"), AGENT, after(3), TERMS)
    other, (merged,) = relations.be_absorbed(opened("t2"), survivor, after(9), "marta")
    survivor, (absorbed,) = relations.absorb(survivor, other, after(9), "marta")

    assert (other.status, other.merged_into) == (Status.MERGED, "t1")
    assert isinstance(merged, TicketMerged)
    assert not merged.was_resolved
    assert (survivor.absorbed, survivor.asked_at) == (("t2",), NOON)  # the other's customer still waits
    assert survivor.history[-1] == Moment(after(9), What.ABSORBED, Status.OPEN, None, "marta", NOON)
    assert absorbed.lead_id == "ana"
    assert relations.be_absorbed(other, survivor, after(10), None) == (other, [])
    assert relations.absorb(survivor, other, after(10), None) == (survivor, [])
    with pytest.raises(Refused, match="ticket t2 goes on in t1"):
        decisions.asked(other, AGENT, after(11))
    for bad, into, slug in (
        (survivor, survivor, "merged-with-itself"),
        (opened("t3", lead="bea"), survivor, "another-lead"),
        (other, opened("t4"), "ticket-merged"),
        (opened("t5"), resolved(), "ticket-resolved"),
    ):
        with pytest.raises(Refused) as refused:
            relations.be_absorbed(bad, into, after(12), None)
        assert refused.value.slug == slug


def test_a_matter_of_its_own_leaves_with_what_is_known_of_the_ticket() -> None:
    ticket, _ = decisions.classify(opened(), ClassifyTicket(queue="service", tier="key"), after(1), TERMS)
    command = SplitTicket(category=TicketCategory.QUESTION, subject="Which logs?", text="And which logs?")
    off = relations.split_off(ticket, command)
    parted, (fact,) = relations.split(ticket, "t9", after(2), "marta")

    assert (off.lead_id, off.queue, off.tier, off.category) == (
        "ana",
        "service",
        "key",
        TicketCategory.QUESTION,
    )
    assert (parted.split_off, fact.lead_id) == (("t9",), "ana")
    assert relations.split(parted, "t9", after(3), "marta") == (parted, [])


def test_a_ticket_belongs_to_a_problem_and_to_one_who_hears_of_it() -> None:
    ticket, (linked,) = decisions.link(opened(), LinkTicket(problem="p1"), after(1), TERMS)
    ticket, (escalated,) = decisions.escalate(ticket, EscalateTicket(to="boss"), after(2), TERMS)

    assert (ticket.problem, ticket.escalated_to) == ("p1", "boss")
    facts: list[TicketEvent] = [linked, escalated]
    assert {fact.ticket_id for fact in facts} == {"t1"}


def test_a_macro_does_all_it_says_or_nothing() -> None:
    macro = Macro(
        name="photo", text="A photo, please.", waits_for="customer", priority=Priority.LOW, to="leo"
    )
    ticket, facts = macros.apply(opened(), macro, "marta", after(1), TERMS)

    assert [each.type.rpartition(".")[2] for each in facts] == [
        "classified",
        "assigned",
        "replied",
        "waiting",
    ]
    assert (ticket.status, ticket.priority, ticket.agent) == (
        Status.WAITING_FOR_CUSTOMER, Priority.LOW, "leo",
    )  # fmt: skip
    again = macro.model_copy(update={"text": None})
    with pytest.raises(Refused, match="is as photo would have it already"):
        macros.apply(ticket, again, "marta", after(2), TERMS)
    with pytest.raises(Refused, match="ticket t1 is resolved"):
        macros.apply(resolved(), macro, "marta", after(2), TERMS)
    done = Macro(name="done", text="no fault found", internal=True, resolution="no_fault")
    ticket, facts = macros.apply(ticket, done, "marta", after(3), TERMS)
    assert [each.type.rpartition(".")[2] for each in facts] == ["noted", "resolved"]


def test_a_ticket_of_before_histories_has_what_can_be_known_of_it() -> None:
    said = (Message(Author.CUSTOMER, NOON, "help"), Message(Author.AGENT, after(5), "yes"))
    old = Ticket(
        "t1", "ana", TicketCategory.QUESTION, Priority.LOW, "help", NOON, Status.RESOLVED, said,
        resolved_at=after(7), resolution="solved",
    )  # fmt: skip
    known = with_history(old)

    assert [(moment.what, moment.at) for moment in known.history] == [
        (What.OPENED, NOON), (What.AGENT_REPLIED, after(5)), (What.RESOLVED, after(7)),
    ]  # fmt: skip
    assert (known.version, known.status) == (3, Status.RESOLVED)
    assert with_history(known) == known


@pytest.mark.parametrize(
    "bad",
    [
        {"media_type": "application/x-msdownload"},
        {"size_bytes": 25 * 1024 * 1024 + 1},
        {"size_bytes": 0},
        {"url": "http://files.example.com/x"},
        {"url": "file:///etc/passwd"},
    ],
)
def test_what_is_attached_is_of_a_known_kind_and_size_and_lies_behind_https(bad: dict[str, object]) -> None:
    good = {"name": "a.png", "url": "https://files.example.com/a", "media_type": "image/png", "size_bytes": 9}
    Attachment.model_validate(good)
    with pytest.raises(ValidationError):
        Attachment.model_validate({**good, **bad})
