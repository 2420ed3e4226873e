"""Playbooks at work: who comes in, what follows what, what stops or pauses it, and what is told when time comes."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from services.followup.domain import assignment, decisions, model
from services.followup.domain import playbook_change as transition
from services.followup.domain.model import FollowUp
from services.followup.domain.playbooks import Playbooks
from services.followup.reactions import react
from shared.commands.followup import (
    AssignLead,
    LogActivity,
    PlannedStep,
    PlanStep,
)
from shared.errors import Conflict, Refused
from shared.events.base import Event, Recorded
from shared.events.followup import (
    ActivityKind,
    ActivityResult,
    CadencePaused,
    CadenceResumed,
    CadenceStopped,
    Direction,
    NextStepScheduled,
    OwnerChanged,
    StepDue,
    StepEscalated,
    StepOverdue,
)
from shared.events.leads import (
    Channel,
    LeadCaptured,
    LeadLost,
    LeadOffered,
    LeadsMerged,
    LeadSplit,
    LeadWon,
    Stage,
)
from shared.events.signals import SignalReceived
from shared.events.tickets import (
    Author,
    Priority,
    TicketCategory,
    TicketOpened,
    TicketReplied,
    TicketResolved,
)
from tests.followup.books import book

BOOK = book()
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)  # a Monday
ANSWERED, NO_ANSWER = ActivityResult.ANSWERED, ActivityResult.NO_ANSWER


def after(**delta: float) -> datetime:
    return NOON + timedelta(**delta)


class Story:
    """One lead's follow-up as it is told; `facts` are what the last thing brought."""

    def __init__(self, lead_id: str = "ana", book: Playbooks = BOOK) -> None:
        self.state, self.book, self.facts = FollowUp(lead_id), book, [*()]
        self.count = 0

    def hears(
        self, event: type[Event], at: datetime = NOON, recorded: datetime | None = None, **data: Any
    ) -> Story:
        self.count += 1
        told = event(lead_id=self.state.lead_id, at=at, **data)
        number = self.count if event is not SignalReceived else None
        record = Recorded(f"e{self.count}", told, recorded or at, number, told.aggregate if number else None)
        self.state, facts = react(self.state, record, self.book)
        self.facts = list(facts)
        return self

    def logs(self, at: datetime, result: ActivityResult = NO_ANSWER, **fields: Any) -> Story:
        self.count += 1
        command = LogActivity(kind=fields.pop("kind", ActivityKind.CALL), result=result, **fields)
        self.state, self.facts = decisions.log(self.state, f"a{self.count}", command, at, at, self.book)
        return self

    def waits(self, until: datetime) -> Story:
        self.state, self.facts = decisions.fire(self.state, until, self.book)
        return self

    @property
    def step(self) -> model.NextStep:
        assert self.state.step is not None
        return self.state.step

    @property
    def promised(self) -> tuple[str, datetime]:
        return self.step.step or self.step.because, self.step.due

    def kinds(self) -> list[str]:
        return [type(fact).__name__ for fact in self.facts]


def lead(variant: str = "mail", channel: Channel = Channel.WEB, at: datetime = NOON, **data: Any) -> Story:
    """A lead that was just captured, and whose hash gives it this variant."""
    name = next(
        name for number in range(50) if BOOK.playbooks["web"].variant_of(name := f"lead-{number}") == variant
    )
    return Story(name).hears(LeadCaptured, at, channel=channel, **data)


# --- steps, branches, variants


def test_what_follows_a_step_is_what_it_says_for_the_result() -> None:
    assert lead().promised == ("first_call", after(minutes=5))
    assert lead().logs(after(minutes=3), ActivityResult.INTERESTED).step.step == "visit"
    assert lead("mail").logs(after(minutes=3)).promised == ("mail", after(minutes=63))
    assert lead("plain").logs(after(minutes=3)).promised == ("second_call", after(hours=4, minutes=3))


def test_who_was_reached_is_in_no_cadence_any_more_and_the_table_says_what_follows() -> None:
    story = lead().logs(after(minutes=3), ANSWERED)

    assert story.promised == ("after_answered", after(minutes=3, days=2))
    assert story.state.place is None
    assert story.state.runs[0].replied_at == after(minutes=3)
    assert CadenceStopped.__name__ not in story.kinds()


def test_who_calls_us_was_reached_whatever_came_of_it() -> None:
    story = lead().logs(after(minutes=3), ActivityResult.DONE, direction=Direction.INBOUND)
    assert story.promised == ("after_answered", after(minutes=3, days=2))


def test_an_automatic_step_is_told_when_it_is_due_and_brings_the_next_by_itself() -> None:
    story = lead("mail").logs(after(minutes=3)).waits(after(minutes=63))

    due, scheduled = story.facts
    assert isinstance(due, StepDue)
    assert (due.automatic, due.template, due.step) == (True, "sorry_we_missed_you", "mail")
    assert isinstance(scheduled, NextStepScheduled)
    assert story.promised == ("second_call", after(minutes=63, hours=4))
    assert story.waits(after(minutes=64)).facts == []


def test_a_visit_is_due_on_a_working_day_of_the_rep() -> None:
    friday = datetime(2026, 12, 4, 15, tzinfo=UTC)
    story = lead(at=friday).logs(friday + timedelta(minutes=3), ActivityResult.INTERESTED)

    # Monday 7 and Tuesday 8 December are holidays in Madrid, so the second working day is Thursday.
    assert story.step.due == datetime(2026, 12, 10, 16, 3, tzinfo=ZoneInfo("Europe/Madrid"))


def test_a_step_waits_for_the_hours_of_the_rep_and_of_the_customer_where_their_clock_stands() -> None:
    with_customers = book(("  grace: 1h", "  customers: office\n  grace: 1h"))
    store = Story("ana", with_customers).hears(
        LeadCaptured, NOON, channel=Channel.STORE, zone="America/New_York"
    )
    no_zone = Story("ana", with_customers).hears(LeadCaptured, NOON, channel=Channel.STORE)
    kiritimati = Story("ana", with_customers).hears(
        LeadCaptured, NOON, channel=Channel.STORE, zone="Pacific/Honolulu"
    )

    # Marta works 9-14 and 16-19 in Madrid; New York's 9-13 is Madrid's 15-19, so they share 16-19.
    assert store.step.due == datetime(2026, 11, 24, 17, tzinfo=ZoneInfo("Europe/Madrid"))
    assert no_zone.step.due == datetime(2026, 11, 23, 19, tzinfo=ZoneInfo("Europe/Madrid"))
    # They never meet: the rep's hours decide.
    assert kiritimati.step.due == no_zone.step.due


def test_variants_are_dealt_by_hash_and_weight_and_never_change() -> None:
    weighted = book(("{mail: 1, plain: 1}", "{mail: 3, plain: 1}")).playbooks["web"]
    dealt = [weighted.variant_of(f"lead-{number}") for number in range(4_000)]

    assert dealt == [weighted.variant_of(f"lead-{number}") for number in range(4_000)]
    assert 2_850 < dealt.count("mail") < 3_150


# --- stops and pauses


def test_an_answer_stops_the_cadence_and_a_person_answers_soon() -> None:
    for event, data in (
        (SignalReceived, {"kind": "chat_message"}),
        (TicketReplied, {"ticket_id": "t1", "author": Author.CUSTOMER}),
    ):
        story = lead().logs(after(minutes=3)).hears(event, after(minutes=10), **data)  # type: ignore[arg-type]

        assert story.kinds() == ["CadenceStopped", "NextStepScheduled"]
        assert story.promised == ("replied", after(minutes=70))
        assert story.state.runs[0].because == "replied"
        again = story.step
        assert story.hears(event, after(minutes=11), **data).step == again  # type: ignore[arg-type]


def test_what_is_written_before_our_first_attempt_is_no_answer() -> None:
    story = lead().hears(SignalReceived, after(minutes=1), kind="chat_message")
    assert (story.facts, story.step.step) == ([], "first_call")


def test_an_open_complaint_pauses_and_what_was_promised_goes_on_after_it() -> None:
    story = lead().logs(after(minutes=3))
    promised = story.step
    complaint = {"category": TicketCategory.COMPLAINT, "priority": Priority.HIGH}
    story.hears(TicketOpened, after(minutes=10), ticket_id="t1", **complaint)

    assert [type(fact) for fact in story.facts] == [CadencePaused, NextStepScheduled]
    assert story.promised == ("complaint", after(minutes=10, days=1))
    assert story.waits(after(hours=2)).facts == []  # no mail is told while it is open

    story.hears(TicketOpened, after(hours=3), ticket_id="t2", **complaint)
    assert story.facts == []
    story.hears(TicketResolved, after(hours=4), ticket_id="t1", resolution="solved")
    assert story.facts == []
    story.hears(TicketResolved, after(hours=5), ticket_id="t2", resolution="solved")

    assert [type(fact) for fact in story.facts] == [CadenceResumed, NextStepScheduled]
    assert (story.step.step, story.step.due) == (promised.step, after(hours=5))
    assert story.state.place is not None


def test_a_call_made_during_the_pause_decides_what_follows_it() -> None:
    story = lead().hears(
        TicketOpened,
        after(minutes=1),
        ticket_id="t1",
        category=TicketCategory.COMPLAINT,
        priority=Priority.LOW,
    )
    story.logs(after(minutes=30), ANSWERED)
    assert story.step.because == "complaint"
    story.hears(TicketResolved, after(hours=1), ticket_id="t1", resolution="solved")
    assert story.promised == ("after_answered", after(hours=1, days=2))


def test_a_cadence_that_is_stopped_while_it_waits_does_not_go_on() -> None:
    complaint = {"category": TicketCategory.COMPLAINT, "priority": Priority.HIGH}
    story = lead().logs(after(minutes=3)).hears(TicketOpened, after(minutes=5), ticket_id="t1", **complaint)
    story.hears(TicketReplied, after(minutes=6), ticket_id="t1", author=Author.CUSTOMER)
    assert story.kinds() == ["CadenceStopped", "NextStepScheduled"]
    assert story.step.because == "complaint"
    story.hears(TicketResolved, after(hours=1), ticket_id="t1", resolution="solved")
    assert story.state.place is None
    assert story.promised == ("after_no_answer", after(hours=5))


def test_an_interrupted_cadence_that_sends_does_not_go_on_for_one_who_unsubscribed() -> None:
    story = lead().hears(LeadWon, after(hours=1)).hears(SignalReceived, after(hours=2), kind="upgrade_viewed")
    assert story.state.interrupted is not None
    story.hears(SignalReceived, after(hours=3), kind="unsubscribed")
    assert (story.state.interrupted, story.state.step) == (None, None)


def test_a_customers_step_of_a_pause_is_withdrawn_with_it() -> None:
    story = lead().hears(LeadWon, after(hours=1))
    complaint = {"category": TicketCategory.COMPLAINT, "priority": Priority.HIGH}
    story.hears(TicketOpened, after(hours=2), ticket_id="t1", **complaint)
    story.hears(SignalReceived, after(hours=3), kind="unsubscribed")
    assert story.step.because == "complaint"
    story.hears(TicketResolved, after(hours=4), ticket_id="t1", resolution="solved")
    assert story.state.step is None
    assert story.kinds() == ["CadenceResumed"]


def test_a_question_pauses_nothing() -> None:
    story = lead().hears(
        TicketOpened,
        after(minutes=1),
        ticket_id="t1",
        category=TicketCategory.QUESTION,
        priority=Priority.LOW,
    )
    assert (story.facts, story.step.step) == ([], "first_call")


def test_a_complaint_heard_before_the_lead_is_known_pauses_it_from_the_start() -> None:
    story = Story().hears(
        TicketOpened, NOON, ticket_id="t1", category=TicketCategory.COMPLAINT, priority=Priority.LOW
    )
    assert story.state.step is None
    story.hears(LeadCaptured, after(seconds=1), channel=Channel.WEB)
    assert story.step.because == "complaint"
    assert (
        story.hears(TicketResolved, after(hours=1), ticket_id="t1", resolution="x").step.step == "first_call"
    )


def test_revoked_consent_ends_a_cadence_that_sends_and_lets_none_begin() -> None:
    story = lead().logs(after(minutes=3)).hears(SignalReceived, after(minutes=10), kind="unsubscribed")

    assert story.kinds() == ["CadenceStopped", "NextStepScheduled"]
    assert story.promised == ("unsubscribed", after(minutes=10, days=1))
    assert not story.step.automatic
    story.hears(LeadWon, after(hours=1))
    assert story.state.place is None  # onboarding would send


def test_a_lead_that_is_won_or_lost_has_nothing_due_but_what_a_playbook_says_for_customers() -> None:
    won = lead().logs(after(minutes=3), ANSWERED).hears(LeadWon, after(hours=1))
    assert won.kinds() == ["FollowUpClosed", "NextStepScheduled"]
    assert (won.step.step, won.step.automatic) == ("welcome", True)
    assert won.waits(after(hours=1)).kinds() == ["StepDue", "NextStepScheduled"]
    assert won.promised == ("handover", after(hours=1, days=2))
    won.logs(after(days=3), ANSWERED)
    assert won.promised == ("satisfied", after(days=33))  # `then: care`
    won.logs(after(days=33), NO_ANSWER).logs(after(days=340), ANSWERED)
    assert won.state.step is None

    assert lead().hears(LeadLost, after(hours=1), reason="no_budget").state.step is None
    back = lead().hears(LeadLost, after(hours=1), reason="price")
    assert back.promised == ("ask_again", after(hours=1, days=90))


def test_an_upsell_interrupts_the_onboarding_is_the_right_reps_and_comes_again_only_after_a_while() -> None:
    story = lead().hears(LeadWon, after(hours=1)).waits(after(hours=1))
    onboarding = story.step
    story.hears(SignalReceived, after(hours=2), kind="upgrade_viewed")

    assert (story.step.playbook, story.step.owner) == ("upsell", "sales")
    story.logs(after(hours=3), ANSWERED, rep="sales")
    assert (story.step.step, story.step.due) == (onboarding.step, onboarding.due)
    assert story.hears(SignalReceived, after(hours=4), kind="upgrade_viewed").facts == []
    story.hears(SignalReceived, after(days=40), kind="upgrade_viewed")
    assert story.step.playbook == "upsell"


def test_a_ticket_that_ends_in_an_opportunity_becomes_a_step_for_the_right_rep() -> None:
    story = lead().logs(after(minutes=3), ANSWERED)
    story.hears(TicketResolved, after(hours=1), ticket_id="t1", resolution="cross_sell")

    assert (story.step.playbook, story.step.owner) == ("cross_sell", "sales")
    assert story.logs(after(hours=2), NO_ANSWER).step.because == "after_answered"  # what it interrupted


def test_a_signal_heard_twice_brings_nobody_in_twice() -> None:
    always = book(("reenter: 30d", "reenter: always"))
    story = Story("ana", always).hears(LeadCaptured, NOON, channel=Channel.WEB).hears(LeadWon, NOON)
    event = SignalReceived(lead_id="ana", at=after(hours=1), kind="upgrade_viewed")
    record: Recorded[Event] = Recorded("s1", event, event.at)
    hear = partial(react, event=record, book=always)
    state, _ = hear(story.state)
    state, _ = decisions.log(
        state, "a", LogActivity(kind=ActivityKind.CALL), after(hours=2), after(hours=2), always
    )

    assert hear(state)[1] == []


def test_history_fires_nothing_outward() -> None:
    imported = after(days=400)
    story = Story().hears(LeadCaptured, NOON, recorded=imported, channel=Channel.WEB)

    assert story.step.because == "imported"
    assert story.step.due == imported + timedelta(minutes=5)
    assert story.state.timer is None
    assert story.waits(after(days=900)).facts == []
    assert story.hears(LeadWon, NOON, recorded=imported).state.step is None


def test_a_merged_lead_is_closed_and_one_that_is_split_off_has_a_step_again() -> None:
    story = lead().hears(LeadsMerged, after(hours=1), survivor="bea", turn=1)
    assert (story.state.step, story.state.closed_because) == (None, "merged")
    story.hears(LeadSplit, after(hours=2), survivor="bea", turn=2)
    assert story.state.is_open
    assert story.step.because == "after_cadence"


# --- whose


def test_a_lead_is_whose_the_first_fitting_line_says_and_the_teams_is_taken_by_who_acts_first() -> None:
    assert lead(channel=Channel.STORE).step.owner == "marta"
    assert lead(tier="key").step.owner == "pedro"
    story = lead().logs(after(minutes=3), rep="ivan")

    assert OwnerChanged.__name__ in story.kinds()
    assert (story.state.owner, story.step.owner) == ("ivan", "ivan")
    assert story.logs(after(hours=1), rep="olga").state.owner == "ivan"


def test_a_step_is_logged_once_by_its_owner_and_not_for_a_closed_lead() -> None:
    story = lead(channel=Channel.STORE)
    first = story.step.id
    with pytest.raises(Refused) as not_yours:
        story.logs(after(minutes=1), rep="pedro", step_id=first)
    story.logs(after(minutes=2), rep="marta", step_id=first)
    with pytest.raises(Conflict) as twice:
        story.logs(after(minutes=3), rep="marta", step_id=first)
    with pytest.raises(Conflict) as replaced:
        story.logs(after(minutes=3), rep="marta", step_id="ana.99")
    story.hears(LeadLost, after(hours=1), reason="no_budget")
    with pytest.raises(Refused) as closed:
        story.logs(after(hours=2), rep="marta", step_id="ana.99")

    slugs = [each.value.slug for each in (not_yours, twice, replaced, closed)]
    assert slugs == ["not-your-step", "step-done", "step-replaced", "lead-closed"]
    assert story.logs(after(hours=2), rep="pedro").kinds() == ["ActivityLogged"]


def test_handing_a_lead_over_hands_its_step_over() -> None:
    story = lead(channel=Channel.STORE)
    state, (fact,) = assignment.assign(story.state, AssignLead(rep="pedro"), NOON, BOOK)

    assert isinstance(fact, OwnerChanged)
    assert state.step is not None
    assert (state.owner, state.step.owner, state.step.id) == ("pedro", "pedro", story.step.id)
    with pytest.raises(Refused, match="already"):
        assignment.assign(state, AssignLead(rep="pedro"), NOON, BOOK)
    with pytest.raises(Conflict, match="on its way"):
        assignment.assign(None, AssignLead(rep="pedro"), NOON, BOOK)


# --- a person's own next step


def test_a_persons_own_next_step_comes_before_the_playbooks_which_goes_on_after_it() -> None:
    planned = PlannedStep(action=ActivityKind.DEMO, due=after(days=2))
    story = lead("plain").logs(after(minutes=3), next=planned)

    assert (story.step.because, story.step.action, story.step.due) == (
        "agreed",
        ActivityKind.DEMO,
        after(days=2),
    )
    assert len([fact for fact in story.facts if isinstance(fact, NextStepScheduled)]) == 1
    assert story.hears(SignalReceived, after(hours=1), kind="chat_message").step.because == "replied"

    story = lead("plain").logs(after(minutes=3), next=planned).logs(after(days=2), NO_ANSWER)
    assert story.step.step == "visit"  # the step in whose place the demo stood is done


def test_a_note_may_bring_a_next_step_and_keeps_no_promise() -> None:
    planned = PlannedStep(action=ActivityKind.CALL, due=after(days=2))
    story = lead().logs(after(minutes=3), kind=ActivityKind.NOTE, next=planned)
    assert story.kinds() == ["ActivityLogged", "NextStepScheduled"]


def test_a_next_step_lies_ahead() -> None:
    with pytest.raises(Refused, match="lies ahead"):
        lead().logs(after(minutes=3), next=PlannedStep(action=ActivityKind.CALL, due=NOON))
    with pytest.raises(Refused, match="calendar"):
        decisions.plan(
            lead().state,
            PlanStep(
                action=ActivityKind.CALL, due=datetime(9999, 12, 31, tzinfo=ZoneInfo("America/New_York"))
            ),
            NOON,
            BOOK,
        )


def test_what_a_person_promised_before_the_lead_was_known_stands() -> None:
    planned = PlannedStep(action=ActivityKind.MEETING, due=after(days=2))
    story = Story().logs(NOON, next=planned).hears(LeadCaptured, NOON, channel=Channel.WEB)
    assert story.step.because == "agreed"


# --- time


def test_a_step_is_told_due_overdue_and_to_the_manager_each_once() -> None:
    story = lead(
        channel=Channel.STORE
    )  # marta: 4 hours of business from Monday 13:00 in Madrid, due at 19:00
    due = story.step.due
    assert story.waits(due - timedelta(seconds=1)).facts == []
    assert [type(fact) for fact in story.waits(due).facts] == [StepDue]
    assert story.waits(due + timedelta(minutes=59)).facts == []
    # An hour of wall time after 19:00 is closed: overdue when the office opens.
    opens = datetime(2026, 11, 24, 8, tzinfo=UTC)
    assert [type(fact) for fact in story.waits(opens).facts] == [StepOverdue]
    assert story.waits(due + timedelta(days=1)).facts == []  # closed again, by a second
    (told,) = story.waits(opens + timedelta(days=1)).facts
    assert isinstance(told, StepEscalated)
    assert (told.manager, told.owner, told.step_id) == ("luis", "marta", story.step.id)
    assert story.waits(due + timedelta(days=300)).facts == []


def test_after_a_long_stop_all_that_came_due_is_told_in_order_and_mails_do_not_come_in_a_burst() -> None:
    assert lead(channel=Channel.STORE).waits(after(days=9)).kinds() == [
        "StepDue",
        "StepOverdue",
        "StepEscalated",
    ]
    story = lead("mail").logs(after(minutes=3)).waits(after(days=9))
    assert story.kinds() == ["StepDue", "NextStepScheduled"]
    assert story.step.due == after(days=9, hours=4)


# --- other playbooks


def test_those_on_their_way_stay_move_or_end_and_each_is_said_before() -> None:
    story = lead("plain").logs(after(minutes=3))
    assert story.step.step == "second_call"
    same = book(("afterwards:\n", "# a comment is no change\nafterwards:\n"))
    sooner = book(("second_call: {do: call, after: 4h", "second_call: {do: call, after: 2h"))
    without = book(("      second_call: {do: call, after: 4h, hours: any}\n", ""))
    enter = "enter: {on: captured, channel: [web, chat]}"
    gone = book((f"  web:\n    {enter}", f"  web2:\n    {enter}"))

    others = (same, sooner, without, gone)
    assert [transition.moves(story.state, other) for other in others] == ["stay", "move", "end", "end"]
    stayed, nothing = transition.bring_up(story.state, NOON, same)
    assert (stayed, nothing) == (story.state, [])
    moved, nothing = transition.bring_up(story.state, NOON, sooner)
    assert (moved.step, nothing) == (story.state.step, [])
    assert transition.moves(moved, sooner) == "stay"
    ended, facts = transition.bring_up(story.state, after(hours=1), gone)
    assert [type(fact) for fact in facts] == [CadenceStopped, NextStepScheduled]
    assert ended.step is not None
    assert (ended.step.because, ended.step.due) == ("after_no_answer", after(hours=5))
    assert transition.moves(ended, gone) is None


def test_one_in_no_cadence_is_not_on_the_way() -> None:
    state = replace(lead().state, place=None)
    assert transition.moves(state, BOOK) is None


def test_a_machine_answers_nobody_and_begins_nothing_but_an_unsubscription_holds() -> None:
    story = lead()
    before = story.state
    story.hears(SignalReceived, after(minutes=1), kind="chat_message", automated="burst")
    assert (story.state.step, story.facts) == (before.step, [])

    won = lead().hears(LeadWon, after(hours=1))
    won.hears(SignalReceived, after(hours=2), kind="upgrade_viewed", automated="agent")
    assert won.facts == []

    story.hears(SignalReceived, after(minutes=2), kind="unsubscribed", automated="burst")
    assert story.state.unsubscribed


def test_an_automatic_step_that_is_due_with_the_one_before_is_told_at_the_next_look() -> None:
    at_once = book(
        (
            "handover: {do: call, after: 2d, hours: any}",
            "handover: {do: email, after: 0m, automatic: true, hours: any}",
        )
    )
    story = Story("ana", at_once).hears(LeadCaptured, NOON, channel=Channel.WEB).hears(LeadWon, NOON)

    story.waits(NOON)
    assert story.kinds() == ["StepDue", "NextStepScheduled"]
    assert (story.step.step, story.state.timer) == ("handover", NOON)

    story.waits(NOON)
    assert story.kinds()[0] == "StepDue"


def test_an_offer_leads_where_its_owner_says_and_one_of_old_to_the_proposal() -> None:
    assert lead().hears(LeadOffered, after(hours=1)).state.stage == Stage.PROPOSAL.value
    assert (
        lead().hears(LeadOffered, after(hours=1), stage=Stage.NEGOTIATION).state.stage
        == Stage.NEGOTIATION.value
    )
