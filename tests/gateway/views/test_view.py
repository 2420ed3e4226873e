"""The 360 view is the same however the topics interleave."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import reduce

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.gateway.views.view import LeadStatus, LeadView, ShownHeat, follow
from shared.events.base import Event
from shared.events.followup import (
    ActivityKind,
    ActivityLogged,
    ActivityResult,
    FollowUpClosed,
    NextStepDone,
    NextStepScheduled,
)
from shared.events.leads import Channel, LeadCaptured, LeadLost, LeadOffered, LeadStageChanged, LeadWon, Stage
from shared.events.scoring import Band, HeatChanged
from shared.events.tickets import (
    Author,
    Priority,
    TicketCategory,
    TicketOpened,
    TicketReplied,
    TicketResolved,
)

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
times = st.integers(0, 10_000).map(lambda minutes: NOON + timedelta(minutes=minutes))


def _all(lead: str = "ana") -> dict[str, st.SearchStrategy[list[Event]]]:
    """Per topic, facts as its owner may tell them, in its order."""
    ours = st.just(lead)
    of_leads = st.tuples(
        st.builds(LeadCaptured, lead_id=ours, at=times, channel=st.sampled_from(Channel)),
        st.lists(
            st.builds(
                LeadStageChanged,
                lead_id=ours,
                at=times,
                stage=st.sampled_from(Stage),
                previous=st.just(Stage.NEW),
            )
            | st.builds(LeadOffered, lead_id=ours, at=times),
            max_size=3,
        ),
        st.lists(
            st.builds(LeadWon, lead_id=ours, at=times)
            | st.builds(LeadLost, lead_id=ours, at=times, reason=st.just("silent")),
            max_size=1,
        ),
    ).map(lambda parts: [parts[0], *parts[1], *parts[2]])
    step = st.sampled_from(["ana.1", "ana.2"])
    of_followup = st.lists(
        st.builds(
            ActivityLogged,
            lead_id=ours,
            at=times,
            activity_id=st.just("a"),
            kind=st.sampled_from(ActivityKind),
            result=st.sampled_from(ActivityResult),
        )
        | st.builds(
            NextStepScheduled,
            lead_id=ours,
            at=times,
            step_id=step,
            action=st.sampled_from(ActivityKind),
            due=times,
            because=st.just("new_lead"),
        )
        | st.builds(NextStepDone, lead_id=ours, at=times, step_id=step, activity_id=st.just("a"), due=times)
        | st.builds(FollowUpClosed, lead_id=ours, at=times, reason=st.just("won")),
        max_size=5,
    )
    ticket = st.sampled_from(["t1", "t2"])
    of_tickets = st.lists(
        st.builds(
            TicketOpened,
            lead_id=ours,
            at=times,
            ticket_id=ticket,
            category=st.sampled_from(TicketCategory),
            priority=st.sampled_from(Priority),
        )
        | st.builds(TicketReplied, lead_id=ours, at=times, ticket_id=ticket, author=st.sampled_from(Author))
        | st.builds(TicketResolved, lead_id=ours, at=times, ticket_id=ticket, resolution=st.just("solved")),
        max_size=4,
    )
    heats = st.lists(
        st.builds(
            HeatChanged,
            lead_id=ours,
            at=times,
            heat=st.floats(0, 100),
            band=st.sampled_from(Band),
            rules=st.just("r1"),
        ),
        max_size=3,
    )
    return {"leads": of_leads, "followup": of_followup, "tickets": of_tickets, "heat": heats}


def view_of(events: Sequence[Event]) -> LeadView:
    return reduce(follow, events, LeadView("ana"))


@settings(max_examples=80)
@given(st.fixed_dictionaries(_all()), st.data())
def test_any_interleaving_of_the_topics_gives_the_same_view(
    topics: dict[str, list[Event]], data: st.DataObject
) -> None:
    one_by_one = [event for events in topics.values() for event in events]
    turns = data.draw(st.permutations([name for name, events in topics.items() for _ in events]))
    waiting = {name: iter(events) for name, events in topics.items()}
    interleaved = [next(waiting[name]) for name in turns]

    assert view_of(interleaved) == view_of(one_by_one)
    # Of a compacted topic only the last record is sure to be there.
    last_heat = topics["heat"][-1:]
    thinned = [event for event in interleaved if not isinstance(event, HeatChanged) or event in last_heat]
    assert view_of(thinned) == view_of(one_by_one)


def test_a_view_that_has_not_heard_of_the_capture_says_so_and_keeps_what_it_has_heard() -> None:
    activity = ActivityLogged(
        lead_id="ana", at=NOON, activity_id="a", kind=ActivityKind.CALL, result=ActivityResult.DONE
    )
    early = view_of([activity])
    whole = follow(early, LeadCaptured(lead_id="ana", at=NOON, channel=Channel.WEB))

    assert (early.status, early.activities) == (LeadStatus.UNHEARD, 1)
    assert (whole.status, whole.last_activity) == (LeadStatus.OPEN, early.last_activity)


def test_an_offer_never_sets_the_view_back() -> None:
    captured = LeadCaptured(lead_id="ana", at=NOON, channel=Channel.WEB, stage=Stage.NEGOTIATION)
    assert view_of([captured, LeadOffered(lead_id="ana", at=NOON)]).stage is Stage.NEGOTIATION
    assert (
        view_of([captured, LeadOffered(lead_id="ana", at=NOON, stage=Stage.PROPOSAL)]).stage is Stage.PROPOSAL
    )


def test_heat_decays_from_where_it_was_told_and_never_rises_by_itself() -> None:
    heat = ShownHeat(30, NOON, Band.WARM, "r1", ((3600, 20.0), (7200, 10.0)))

    assert heat.now(NOON - timedelta(hours=1)) == pytest.approx(30)
    assert heat.now(NOON + timedelta(hours=2)) == pytest.approx(20 / 4 + 10 / 2)
    assert ShownHeat(3, NOON, Band.COLD, "r1", ((3600, 1.0), (7200, -9.0))).now(NOON) == 0
