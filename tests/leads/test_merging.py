"""Two leads that are one, and back: whatever crashes, repeats or races, both sides agree in the end."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.leads import handlers
from services.leads.domain import lead as domain
from services.leads.domain.lead import Lead
from shared.bus.received import Received
from shared.commands.leads import (
    CaptureLead,
    ChangeStage,
    LeadForm,
    LoseLead,
    MergeLeads,
    QualifyLead,
    SplitLead,
    WithdrawConsent,
)
from shared.documents import Documents, Step
from shared.errors import AscuaError, Conflict, NotFound, Refused, Unavailable
from shared.events.base import from_cloudevent
from shared.events.leads import Channel, ConsentBasis, LeadQualified, LeadsMerged, LeadSplit, Stage

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


def clock() -> datetime:
    return NOON


class Shelf(Documents[Lead]):
    """Leads in memory, and all they have told, in the order in which they told it."""

    def __init__(self) -> None:
        super().__init__(SimpleNamespace(name="leads"), Lead, clock)  # type: ignore[arg-type]
        self.held: dict[str, Any] = {}
        self.log: list[Received] = []

        self.contended: set[str] = set()

    async def get_many(self, ids: Sequence[str]) -> dict[str, Lead]:
        return {id: self.held[id].state for id in ids if id in self.held}

    async def _load(self, steps: Sequence[Step[Lead]]) -> dict[str, Any]:
        return {step.id: self.held[step.id] for step in steps if step.id in self.held}

    async def _save(self, documents: Sequence[Any]) -> tuple[set[str], dict[str, Refused]]:
        lost = {held.id for held in documents} & self.contended
        for held in documents:
            if held.id in lost:
                continue
            told = [Received(from_cloudevent(fact), "leads", 0, 0) for fact in held.told]
            self.log += told
            self.held[held.id] = replace(held, version=held.version + 1, told=(), changed=False)
        return lost, {}

    def lead(self, lead_id: str) -> Lead:
        lead: Lead = self.held[lead_id].state
        return lead


async def shelf(*lead_ids: str) -> Shelf:
    leads = Shelf()
    for lead_id in lead_ids:
        await handlers.capture(leads, LeadForm(lead_id=lead_id, channel=Channel.WEB), None, clock)
    return leads


async def follow_all(leads: Shelf) -> None:
    """Let leads hear all that it told, as a consumer would, with what that brings about."""
    heard = 0
    while heard < len(leads.log):
        batch = leads.log[heard:]
        heard = len(leads.log)
        assert await handlers.follower(leads)(batch) == [None] * len(batch)


def told(leads: Shelf, *types: type) -> list[tuple[str, str | None, str | None, int]]:
    return [
        (each.event.lead_id, each.event.event.absorbed, each.event.event.survivor, each.event.event.turn)
        for each in leads.log
        if isinstance(each.event.event, types or (LeadsMerged, LeadSplit))
    ]


async def test_a_merge_is_told_of_the_survivor_first_and_then_of_the_absorbed_lead() -> None:
    leads = await shelf("ana", "eva")

    merged = await handlers.merge(leads, "ana", MergeLeads(absorb="eva"), None, clock)

    assert (merged.members, leads.lead("eva").survivor) == ({"eva": 1}, "ana")
    assert told(leads) == [("ana", "eva", None, 1), ("eva", None, "ana", 1)]

    parted = await handlers.split(leads, "ana", SplitLead(member="eva"), None, clock)

    assert (parted.members, leads.lead("eva").survivor) == ({}, None)
    assert told(leads)[2:] == [("ana", "eva", None, 2), ("eva", None, "ana", 2)]


@pytest.mark.parametrize("stage", ["merge", "split"])
async def test_what_a_crash_left_half_done_is_finished_when_leads_hears_itself(stage: str) -> None:
    leads = await shelf("ana", "eva")
    merge, split = MergeLeads(absorb="eva"), SplitLead(member="eva")
    if stage == "split":
        await handlers.merge(leads, "ana", merge, None, clock)
    # The survivor has said it, and the process is gone.
    await handlers.change(leads, "ana", merge if stage == "merge" else split, None, clock)
    assert leads.lead("eva").survivor == (None if stage == "merge" else "ana")

    await follow_all(leads)
    before = told(leads)
    await follow_all(leads)

    assert leads.lead("eva").survivor == ("ana" if stage == "merge" else None)
    assert told(leads) == before


async def test_two_survivors_that_want_the_same_lead_do_not_both_get_it() -> None:
    leads = await shelf("ana", "bea", "eva")
    for survivor in ("ana", "bea"):
        await handlers.change(leads, survivor, MergeLeads(absorb="eva"), None, clock)

    await follow_all(leads)

    assert leads.lead("eva").survivor == "ana"
    assert (set(leads.lead("ana").members), set(leads.lead("bea").members)) == ({"eva"}, set())
    assert ("bea", "eva", None, 2) in told(leads, LeadSplit)


async def test_of_two_leads_that_absorb_each_other_at_once_one_survives() -> None:
    leads = await shelf("ana", "eva")
    await handlers.change(leads, "ana", MergeLeads(absorb="eva"), None, clock)
    await handlers.change(leads, "eva", MergeLeads(absorb="ana"), None, clock)

    await follow_all(leads)

    assert (leads.lead("ana").members, leads.lead("ana").survivor) == ({}, "eva")
    assert (leads.lead("eva").members, leads.lead("eva").survivor) == ({"ana": 1}, None)


@pytest.mark.parametrize(
    ("survivor", "absorb", "error", "slug"),
    [
        ("ana", "ana", Refused, "merge-with-itself"),
        ("ana", "nobody", NotFound, "lead-not-found"),
        ("nobody", "ana", NotFound, "lead-not-found"),
        ("ana", "member", Conflict, "lead-absorbed"),
        ("member", "ana", Refused, "lead-absorbed"),
        ("ana", "whole", Conflict, "lead-has-members"),
        ("member", "whole", Conflict, "lead-has-members"),
        ("whole", "member", Conflict, "merged-already"),
    ],
)
async def test_a_merge_that_cannot_be_is_refused_and_changes_nothing(
    survivor: str, absorb: str, error: type[AscuaError], slug: str
) -> None:
    leads = await shelf("ana", "whole", "member")
    await handlers.merge(leads, "whole", MergeLeads(absorb="member"), None, clock)
    before = dict(leads.held)

    with pytest.raises(error) as caught:
        await handlers.merge(leads, survivor, MergeLeads(absorb=absorb), None, clock)

    assert caught.value.slug == slug
    assert leads.held == before


def test_a_lead_takes_in_a_hundred_others_and_no_more() -> None:
    lead: Lead = _lead()
    for number in range(100):
        lead, _ = domain.merge(lead, MergeLeads(absorb=f"member-{number}"), NOON)

    with pytest.raises(Refused) as caught:
        domain.merge(lead, MergeLeads(absorb="one-more"), NOON)
    assert caught.value.slug == "too-many-members"
    lead, _ = domain.split(lead, SplitLead(member="member-7"), NOON)
    domain.merge(lead, MergeLeads(absorb="one-more"), NOON)


async def test_who_asks_an_absorbed_lead_is_sent_to_the_survivor() -> None:
    leads = await shelf("ana", "eva")
    await handlers.merge(leads, "ana", MergeLeads(absorb="eva"), None, clock)

    for command in (
        ChangeStage(stage=Stage.QUALIFIED),
        QualifyLead(),
        WithdrawConsent(),
        SplitLead(member="x"),
    ):
        with pytest.raises(Refused, match="lead eva is part of ana; address that one"):
            await handlers.change(leads, "eva", command, None, clock)
    with pytest.raises(Refused, match="lead x is no part of ana"):
        await handlers.split(leads, "ana", SplitLead(member="x"), None, clock)


async def test_a_merge_sent_again_with_its_key_is_answered_as_the_first_time() -> None:
    leads = await shelf("ana", "eva")
    first = await handlers.merge(leads, "ana", MergeLeads(absorb="eva"), "key-1", clock)
    again = await handlers.merge(leads, "ana", MergeLeads(absorb="eva"), "key-1", clock)

    assert again == first
    assert len(told(leads)) == 2


LEADS = ("ana", "bea", "eva", "lea")


@settings(max_examples=120)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["merge", "split", "half merge", "half split", "hear"]),
            st.sampled_from(LEADS),
            st.sampled_from(LEADS),
            st.integers(0, 50),
        ),
        max_size=30,
    )
)
def test_whatever_happens_both_sides_agree_in_the_end(story: list[tuple[str, str, str, int]]) -> None:
    async def live() -> None:
        leads = await shelf(*LEADS)
        for what, one, other, which in story:
            try:
                match what:
                    case "merge":
                        await handlers.merge(leads, one, MergeLeads(absorb=other), None, clock)
                    case "split":
                        await handlers.split(leads, one, SplitLead(member=other), None, clock)
                    case "half merge":
                        await handlers.change(leads, one, MergeLeads(absorb=other), None, clock)
                    case "half split":
                        await handlers.change(leads, one, SplitLead(member=other), None, clock)
                    case _:  # an old fact comes once more, as late as it likes
                        await handlers.follower(leads)([leads.log[which % len(leads.log)]])
            except AscuaError:
                continue
        await follow_all(leads)

        members = {(lead, member) for lead in LEADS for member in leads.lead(lead).members}
        assert members == {
            (survivor, lead) for lead in LEADS if (survivor := leads.lead(lead).survivor) is not None
        }
        assert all(leads.lead(survivor).survivor is None for survivor, _ in members)
        # Who only hears the newest turn of each pair knows the same.
        newest: dict[tuple[str, str], LeadsMerged | LeadSplit] = {}
        for received in leads.log:
            event = received.event.event
            if isinstance(event, LeadsMerged | LeadSplit) and event.absorbed is not None:
                pair = event.lead_id, event.absorbed
                newest[pair] = max(newest.get(pair, event), event, key=lambda each: each.turn)
        assert members == {pair for pair, event in newest.items() if isinstance(event, LeadsMerged)}

    asyncio.run(live())


def _lead() -> Lead:
    return domain.capture(None, "ana", CaptureLead(channel=Channel.WEB), NOON)[0]


def test_what_a_lead_is_replaces_what_was_said_before() -> None:
    lead, _ = domain.qualify(_lead(), QualifyLead(attributes={"budget": "confirmed", "need": "clear"}), NOON)
    lead, (fact,) = domain.qualify(lead, QualifyLead(attributes={"need": "urgent"}), NOON)

    assert lead.attributes == {"need": "urgent"}
    assert fact == LeadQualified(lead_id="ana", at=NOON, attributes={"need": "urgent"})


def test_what_concerns_the_person_is_told_only_with_a_basis_and_gone_when_it_is_withdrawn() -> None:
    about_both = QualifyLead(attributes={"segment": "target"}, person={"authority": "decides"})
    with pytest.raises(Refused) as caught:
        domain.qualify(_lead(), about_both, NOON)
    assert caught.value.slug == "consent-missing"

    agreed = about_both.model_copy(update={"consent": ConsentBasis.CONSENT})
    lead, (fact,) = domain.qualify(_lead(), agreed, NOON)
    assert isinstance(fact, LeadQualified)
    assert fact.attributes == {"segment": "target", "authority": "decides"}
    assert fact.consent == "consent"
    lead, _ = domain.qualify(lead, about_both, NOON)  # the basis stays until it is withdrawn

    lead, (fact,) = domain.withdraw(lead, WithdrawConsent(), NOON + timedelta(days=1))
    assert fact == LeadQualified(
        lead_id="ana", at=NOON + timedelta(days=1), attributes={"segment": "target"}, segment="target"
    )
    assert (lead.person, lead.consent) == ({}, None)
    assert domain.withdraw(lead, WithdrawConsent(), NOON) == (lead, [])
    with pytest.raises(Refused, match="authority concern the person"):
        domain.qualify(lead, about_both, NOON)


def test_a_closed_lead_can_be_qualified_and_one_word_has_one_place() -> None:
    lost, _ = domain.lose(_lead(), LoseLead(reason="no_need"), NOON)
    qualified, _ = domain.qualify(lost, QualifyLead(attributes={"segment": "outside"}), NOON)
    assert qualified.attributes == {"segment": "outside"}

    twice = QualifyLead(attributes={"need": "clear"}, person={"need": "clear"}, consent=ConsentBasis.CONTRACT)
    with pytest.raises(Refused, match="need cannot concern both"):
        domain.qualify(_lead(), twice, NOON)


@pytest.mark.parametrize(
    "attributes",
    [
        {"budget": "about 3 million"},
        {"budget": "call 612345678"},
        {"budget": "x612345678"},
        {"Budget": "confirmed"},
        {"notes": "Ana is nice"},
        {"budget": 3},
        {f"a{n}": "x" for n in range(33)},
    ],
)
def test_only_words_say_what_a_lead_is(attributes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="attributes"):
        QualifyLead(attributes=attributes)


async def test_a_merge_that_meets_a_crowd_is_not_taken_back_but_followed_later() -> None:
    leads = await shelf("ana", "leo")
    leads.contended = {"leo"}
    with pytest.raises(Unavailable):
        await handlers.merge(leads, "ana", MergeLeads(absorb="leo"), "key", clock)
    with pytest.raises(Unavailable):
        await handlers.follower(leads)(leads.log)
    assert leads.lead("ana").members == {"leo": 1}

    leads.contended = set()
    await follow_all(leads)

    assert leads.lead("leo").survivor == "ana"
    assert leads.lead("ana").members == {"leo": 1}
