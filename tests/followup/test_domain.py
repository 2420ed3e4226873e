"""Every open lead has exactly one next step, whatever was heard and done, in whatever order."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.followup.domain import decisions
from services.followup.domain.model import FollowUp
from services.followup.domain.playbook_parser import default_book
from services.followup.reactions import react
from services.gateway.views.view import LeadView, follow
from shared.commands.followup import (
    LogActivity,
)
from shared.documents import Decision
from shared.errors import Refused
from shared.events.base import Event, Recorded
from shared.events.followup import (
    ActivityKind,
    ActivityLogged,
    ActivityResult,
    FollowUpClosed,
    NextStepDone,
    NextStepScheduled,
    Objection,
)
from shared.events.leads import (
    Channel,
    LeadCaptured,
    LeadLost,
    LeadQualified,
    LeadStageChanged,
    LeadWon,
    Stage,
)

BOOK = default_book()
AFTER = {result: (task.action, task.after.length) for result, task in BOOK.afterwards.items()}
NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
CAPTURED = LeadCaptured(lead_id="ana", at=NOON, channel=Channel.WEB)


def after(**delta: float) -> datetime:
    return NOON + timedelta(**delta)


def hear(followup: FollowUp | None, event: Event, recorded_at: datetime | None = None) -> Decision[FollowUp]:
    recorded = Recorded(f"e-{event.at}", event, recorded_at or event.at, 1, event.aggregate)
    return react(followup or FollowUp(event.lead_id), recorded, BOOK)


def log(
    followup: FollowUp,
    at: datetime,
    result: ActivityResult = ActivityResult.NO_ANSWER,
    kind: ActivityKind = ActivityKind.CALL,
    note: str | None = None,
) -> Decision[FollowUp]:
    command = LogActivity(kind=kind, result=result, note=note)
    return decisions.log(followup, f"a{len(followup.activities)}", command, at, at, BOOK)


def test_a_lead_from_the_web_is_called_within_minutes_and_one_from_the_shop_the_same_day() -> None:
    web, (fact,) = hear(None, CAPTURED)
    store, _ = hear(None, CAPTURED.model_copy(update={"channel": Channel.STORE}))

    assert web.step is not None
    assert web.step.due == after(minutes=5)
    assert store.step is not None
    assert store.step.due == after(hours=4)
    assert isinstance(fact, NextStepScheduled)
    assert (fact.step_id, fact.due, fact.because) == (web.step.id, web.step.due, "new_lead")


def test_an_activity_keeps_the_promise_and_brings_the_next() -> None:
    followup, _ = hear(None, CAPTURED)
    followup, facts = log(followup, after(minutes=3), ActivityResult.INTERESTED, note="wants it in red")

    logged, done, scheduled = facts
    assert isinstance(logged, ActivityLogged)
    assert isinstance(done, NextStepDone)
    assert isinstance(scheduled, NextStepScheduled)
    assert done.due == after(minutes=5)
    assert scheduled.due == after(minutes=3, days=1)
    assert scheduled.because == "after_interested"
    assert followup.activities[0].note == "wants it in red"
    assert not any("red" in fact.model_dump_json() for fact in facts)


def test_a_note_and_an_older_activity_change_nothing_in_what_is_promised() -> None:
    followup, _ = hear(None, CAPTURED)
    followup, _ = log(followup, after(hours=2))
    promised = followup.step
    followup, noted = log(followup, after(hours=3), kind=ActivityKind.NOTE)
    followup, older = log(followup, after(hours=1), ActivityResult.INTERESTED)

    assert [type(fact) for fact in (*noted, *older)] == [ActivityLogged, ActivityLogged]
    assert followup.step == promised
    assert len(followup.activities) == 3


def test_of_two_activities_at_the_same_instant_the_one_told_last_counts() -> None:
    followup, _ = hear(None, CAPTURED)
    followup, _ = log(followup, after(hours=1), ActivityResult.NO_ANSWER)
    followup, _ = log(followup, after(hours=1), ActivityResult.APPOINTMENT)

    assert followup.step is not None
    assert followup.step.because == "after_appointment"


def test_nothing_is_due_once_a_lead_is_won_or_lost_also_when_somebody_still_calls() -> None:
    open_, _ = hear(None, CAPTURED)
    won, (told,) = hear(open_, LeadWon(lead_id="ana", at=after(hours=1)))
    lost, _ = hear(open_, LeadLost(lead_id="ana", at=after(hours=1), reason="no_budget"))
    called, facts = log(won, after(hours=2))

    assert (won.step, lost.step, called.step) == (None, None, None)
    assert (won.closed_because, lost.closed_because) == ("won", "no_budget")
    assert isinstance(told, FollowUpClosed)
    assert [type(fact) for fact in facts] == [ActivityLogged]


def test_promises_that_follow_from_history_count_from_the_import() -> None:
    imported = after(days=400)
    followup, _ = hear(None, CAPTURED, recorded_at=imported)
    assert followup.step is not None
    assert followup.step.due == imported + timedelta(minutes=5)

    yesterday, _ = hear(None, CAPTURED, recorded_at=after(hours=24))
    assert yesterday.step is not None
    assert yesterday.step.due == after(minutes=5)


def test_an_imported_lead_has_the_same_step_whether_its_capture_or_its_calls_are_heard_first() -> None:
    imported = after(days=400)
    call = LogActivity(kind=ActivityKind.CALL, result=ActivityResult.ANSWERED)
    capture_first, _ = hear(None, CAPTURED, recorded_at=imported)
    capture_first, facts = decisions.log(capture_first, "a1", call, after(hours=1), imported, BOOK)
    call_first, _ = decisions.log(FollowUp("ana"), "a1", call, after(hours=1), imported, BOOK)
    call_first, _ = hear(call_first, CAPTURED, recorded_at=imported)

    assert capture_first == call_first
    assert call_first.step is not None
    assert call_first.step.because == "imported"
    assert [type(fact) for fact in facts] == [ActivityLogged]


def test_what_followup_does_not_react_to_leaves_it_as_it_is() -> None:
    followup, _ = hear(None, CAPTURED)
    moved = LeadStageChanged(lead_id="ana", at=NOON, stage=Stage.QUALIFIED, previous=Stage.NEW)
    heard, facts = hear(followup, moved)
    assert (heard.step, facts) == (followup.step, [])


def test_followup_takes_the_segment_that_the_lead_is_told_to_be_in() -> None:
    followup, _ = hear(None, CAPTURED)
    followup, _ = hear(followup, LeadQualified(lead_id="ana", at=NOON, segment="target", tier="key"))
    assert (followup.segment, followup.tier) == ("target", "key")


Deed = tuple[int, ActivityKind, ActivityResult]
deeds = st.lists(
    st.tuples(st.integers(0, 50), st.sampled_from(ActivityKind), st.sampled_from(ActivityResult)), max_size=8
)


@settings(max_examples=80)
@given(deeds=deeds, captured=st.integers(0, 8), closed=st.none() | st.integers(0, 8))
def test_whatever_comes_in_whatever_order_an_open_lead_has_one_next_step_and_a_closed_one_has_none(
    deeds: list[Deed], captured: int, closed: int | None
) -> None:
    """`captured` and `closed`: before which of the deeds leads' facts are heard, which themselves keep their order."""
    inputs: list[Deed | Event] = [*deeds]
    if closed is not None:
        inputs.insert(max(closed, captured), LeadWon(lead_id="ana", at=after(hours=60)))
    inputs.insert(captured, CAPTURED)

    followup, view = FollowUp("ana"), LeadView("ana")
    steps: list[str] = []
    counting: Deed | None = None
    for each in inputs:
        if isinstance(each, Event):
            followup, facts = hear(followup, each)
        else:
            hours, kind, result = each
            followup, facts = log(followup, after(hours=hours), result, kind)
            if kind is not ActivityKind.NOTE and (counting is None or hours >= counting[0]):
                counting = each
        for fact in facts:
            view = follow(view, fact)
            steps += [fact.step_id] if isinstance(fact, NextStepScheduled) else []

        if not followup.is_open:
            assert followup.step is None
        elif counting is None:
            assert followup.step is not None
            assert (followup.step.due, followup.step.because) == (after(minutes=5), "new_lead")
        else:
            hours, _, result = counting
            action, delay = AFTER[result]
            assert followup.step is not None
            assert (followup.step.action, followup.step.due) == (action, after(hours=hours) + delay)
        told = view.next_step
        assert (told and (told.id, told.due)) == (followup.step and (followup.step.id, followup.step.due))
    assert len(steps) == len(set(steps))
    assert (followup.step is not None) == (closed is None)
    assert view.activities == len(deeds)


def test_an_objection_goes_with_the_result_objection() -> None:
    command = LogActivity(kind=ActivityKind.CALL, result=ActivityResult.DONE, objection=Objection.PRICE)
    with pytest.raises(Refused, match="goes with the result objection"):
        decisions.log(FollowUp("ana"), "a-1", command, NOON, NOON, BOOK)
