"""What can be decided about a lead, and that what is told adds up to what is kept."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.gateway.views.view import LeadView, follow
from services.leads.domain import lead as domain
from services.leads.domain.lead import Decision, Lead, Status
from shared.commands.base import (
    Command,
)
from shared.commands.leads import (
    CaptureLead,
    ChangeStage,
    LoseLead,
    OfferLead,
    Profile,
    QualifyLead,
    WinLead,
)
from shared.errors import AscuaError, Conflict, NotFound, Refused
from shared.events.leads import (
    Channel,
    LeadCaptured,
    LeadOffered,
    LeadQualified,
    LeadStageChanged,
    Money,
    Stage,
)

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
CAPTURE = CaptureLead(
    profile=Profile(name="Ana Torres", email="ana@example.com", phone="+34 600 000 000"),
    channel=Channel.STORE,
    acquisition_cost=Money(minor=1250),
)


def captured(stage: Stage = Stage.NEW) -> Lead:
    lead, _ = domain.capture(None, "ana", CAPTURE.model_copy(update={"stage": stage}), NOON)
    return lead


def test_a_capture_keeps_the_person_and_tells_only_the_lead() -> None:
    lead, (fact,) = domain.capture(None, "ana", CAPTURE, NOON)

    assert lead.profile == CAPTURE.profile
    assert isinstance(fact, LeadCaptured)
    assert (fact.lead_id, fact.at, fact.channel, fact.acquisition_cost) == (
        "ana", NOON, Channel.STORE, Money(minor=1250),
    )  # fmt: skip
    assert not any(word in fact.model_dump_json() for word in ("Ana", "Torres", "example.com", "600"))


def test_a_lead_is_captured_once() -> None:
    with pytest.raises(Conflict, match="lead ana was captured before"):
        domain.capture(captured(), "ana", CAPTURE, NOON)


def test_a_lead_that_does_not_exist_can_only_be_captured() -> None:
    for decide, command in DECISIONS.values():
        with pytest.raises(NotFound) as error:
            decide(None, command, NOON)
        assert error.value.slug == "lead-not-found"


def test_a_lead_does_not_move_to_where_it_stands() -> None:
    with pytest.raises(Refused, match="at stage new already"):
        domain.change_stage(captured(), ChangeStage(stage=Stage.NEW), NOON)


def test_an_offer_never_sets_a_lead_back() -> None:
    proposed, (fact,) = domain.offer(captured(), OfferLead(value=Money(minor=9)), NOON)
    negotiating, (further,) = domain.offer(captured(Stage.NEGOTIATION), OfferLead(), NOON)

    assert proposed.stage is Stage.PROPOSAL
    assert isinstance(fact, LeadOffered)
    assert fact.value == Money(minor=9)
    assert negotiating.stage is Stage.NEGOTIATION
    assert isinstance(further, LeadOffered)
    assert (fact.stage, further.stage) == (Stage.PROPOSAL, Stage.NEGOTIATION)


def test_an_offer_from_before_its_stage_was_told_leads_to_the_proposal_at_least() -> None:
    old = LeadOffered(lead_id="ana", at=NOON)
    told = LeadOffered(lead_id="ana", at=NOON, stage=Stage.QUALIFIED)

    assert [old.stage_after(before) for before in (Stage.NEW, Stage.NEGOTIATION)] == [
        Stage.PROPOSAL,
        Stage.NEGOTIATION,
    ]
    assert told.stage_after(Stage.NEGOTIATION) is Stage.QUALIFIED


def test_a_lead_has_one_segment_whether_its_capture_or_a_qualification_said_it_last() -> None:
    lead, _ = domain.capture(None, "ana", CAPTURE.model_copy(update={"segment": "smb", "tier": "key"}), NOON)

    kept, (told,) = domain.qualify(lead, QualifyLead(attributes={"budget": "confirmed"}), NOON)
    moved, (later,) = domain.qualify(kept, QualifyLead(attributes={"segment": "target"}), NOON)
    after, (last,) = domain.qualify(moved, QualifyLead(), NOON)

    assert [(each.segment, each.tier) for each in (kept, moved, after)] == [
        ("smb", "key"),
        ("target", "key"),
        ("target", "key"),
    ]
    for state, fact in ((kept, told), (moved, later), (after, last)):
        assert isinstance(fact, LeadQualified)
        assert (fact.segment, fact.tier) == (state.segment, state.tier)


def test_a_qualification_from_before_its_segment_was_told_says_it_among_its_attributes_or_leaves_it() -> None:
    old = LeadQualified(lead_id="ana", at=NOON, attributes={"segment": "target"})
    silent = LeadQualified(lead_id="ana", at=NOON)
    told = LeadQualified(lead_id="ana", at=NOON, attributes={"segment": "target"}, segment="smb", tier="key")

    assert [each.segment_after("before") for each in (old, silent, told)] == ["target", "before", "smb"]
    assert [each.tier_after(None) for each in (old, silent, told)] == [None, None, "key"]


def test_a_closed_lead_stays_as_it_is() -> None:
    won, _ = domain.win(captured(), WinLead(value=Money(minor=7)), NOON)
    lost, _ = domain.lose(captured(), LoseLead(reason="no_budget"), NOON)

    assert (won.status, won.value, won.closed_at) == (Status.WON, Money(minor=7), NOON)
    assert (lost.status, lost.lost_because) == (Status.LOST, "no_budget")
    for closed in (won, lost):
        for decide, command in DECISIONS.values():
            with pytest.raises(Refused, match=r"since 2026-11-21") as error:
                decide(closed, command, NOON)
            assert error.value.slug == "lead-closed"


def test_a_change_of_stage_tells_where_the_lead_came_from() -> None:
    _, (fact,) = domain.change_stage(captured(), ChangeStage(stage=Stage.QUALIFIED), NOON)
    assert isinstance(fact, LeadStageChanged)
    assert (fact.previous, fact.stage) == (Stage.NEW, Stage.QUALIFIED)


DECISIONS = {
    "stage": (domain.change_stage, ChangeStage(stage=Stage.CONTACTED)),
    "offer": (domain.offer, OfferLead()),
    "win": (domain.win, WinLead()),
    "lose": (domain.lose, LoseLead(reason="silent")),
}


def _decide(lead: Lead | None, command: Command, at: datetime) -> Decision:
    match command:
        case CaptureLead():
            return domain.capture(lead, "ana", command, at)
        case ChangeStage():
            return domain.change_stage(lead, command, at)
        case OfferLead():
            return domain.offer(lead, command, at)
        case WinLead():
            return domain.win(lead, command, at)
        case LoseLead():
            return domain.lose(lead, command, at)
    raise AssertionError(command)


@settings(max_examples=60)
@given(
    st.lists(
        st.one_of(
            st.builds(CaptureLead, channel=st.sampled_from(Channel), stage=st.sampled_from(Stage)),
            st.builds(ChangeStage, stage=st.sampled_from(Stage)),
            st.builds(OfferLead),
            st.builds(WinLead),
            st.builds(LoseLead, reason=st.just("silent")),
        ),
        max_size=12,
    )
)
def test_who_only_hears_the_facts_sees_the_lead_as_its_owner_does(commands: list[Command]) -> None:
    lead: Lead | None = None
    view = LeadView("ana")
    for minutes, command in enumerate(commands):
        try:
            lead, facts = _decide(lead, command, NOON + timedelta(minutes=minutes))
        except AscuaError:
            continue
        for fact in facts:
            view = follow(view, fact)
        assert (view.status.value, view.stage, view.channel, view.closed_at, view.lost_because) == (
            lead.status.value, lead.stage, lead.channel, lead.closed_at, lead.lost_because,
        )  # fmt: skip
