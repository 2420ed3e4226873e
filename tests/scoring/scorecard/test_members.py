"""Ties between leads: the same facts and parts make the same ties in any order, and sums that are exact."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.scoring.scorecard.counts import DecayedCounts
from services.scoring.scorecard.defaults import default_rules
from services.scoring.scorecard.fact import Fact
from services.scoring.scorecard.lead_state import LeadState, fold
from services.scoring.scorecard.record import UnreadableRecord
from services.scoring.scorecard.ties import MERGED, SPLIT, MemberCounts, Ties, member_key, read_member
from shared.errors import Undecodable

RULES = default_rules()
HOUR = 3_600_000
START = 1_800_000_000_000
KINDS = ("signal.page_viewed", "signal.chat_message", "signal.demo_requested", "lead.captured")


def told(kind: str, turn: int, sequence: int = 1, **said: str) -> Fact:
    return Fact(f"{kind}-{turn}", kind, START, "lead:ana", sequence, {"turn": turn, **said})


def part(
    turn: int, points: int = 1, rules: int = 7, attributes: dict[str, str] | None = None
) -> MemberCounts:
    counts = DecayedCounts()
    for _ in range(points):
        counts.add(1, START, HOUR)
    return MemberCounts(turn, rules, START, False, False, attributes or {}, counts)


def counted(ties: Ties) -> list[str]:
    return [member for member, _ in ties.counted()]


def test_a_part_counts_once_both_sides_have_said_so_whichever_came_first() -> None:
    early, late = Ties(), Ties()
    early.take("eva", part(1))
    assert counted(early) == []
    early.hear(told(MERGED, 1, absorbed="eva"))
    late.hear(told(MERGED, 1, absorbed="eva"))
    assert counted(late) == []
    assert late.take("eva", part(1))

    assert counted(early) == counted(late) == ["eva"]
    assert early.encode() == late.encode()


def test_what_a_member_counted_before_a_split_does_not_count_after_the_next_merge() -> None:
    ties = Ties()
    ties.hear(told(MERGED, 1, absorbed="eva"))
    ties.take("eva", part(1, points=5))
    ties.hear(told(MERGED, 3, absorbed="eva"))
    assert counted(ties) == []
    assert not ties.take("eva", part(1, points=6))
    assert not ties.take("eva", part(5))  # of a merge that is not heard of yet
    ties.take("eva", None)
    assert ties.take("eva", part(3))
    assert [each.turn for _, each in ties.counted()] == [3]
    ties.hear(told(SPLIT, 4, absorbed="eva"))
    assert (counted(ties), ties.members) == ([], [])


def test_a_lead_is_part_of_the_one_that_its_own_newest_fact_names() -> None:
    ties = Ties()
    ties.hear(told(MERGED, 4, sequence=9, survivor="bea"))
    ties.hear(told(SPLIT, 2, sequence=8, survivor="ana"))
    ties.hear(told(MERGED, 1, sequence=7, survivor="ana"))

    assert (ties.survivor, ties.turn, ties.left) == ("bea", 4, [])
    ties.hear(told(SPLIT, 5, sequence=10, survivor="bea"))
    assert (ties.survivor, ties.left) == (None, ["bea"])


@pytest.mark.parametrize("turn", [0, -1, 2**63, 2**80])
def test_a_turn_that_cannot_be_changes_nothing(turn: int) -> None:
    ties = Ties()
    ties.hear(told(MERGED, turn, absorbed="eva"))
    ties.hear(told(MERGED, turn, survivor="eva"))

    assert ties.encode() == Ties().encode()


STORIES = st.lists(st.tuples(st.sampled_from(["eva", "lea"]), st.integers(1, 4)), max_size=8)


@settings(max_examples=200)
@given(STORIES, st.permutations(range(8)), st.data())
def test_the_same_facts_and_parts_make_the_same_ties_in_any_order(
    story: list[tuple[str, int]], order: list[int], data: st.DataObject
) -> None:
    facts = [
        told(MERGED if number % 2 == 0 else SPLIT, number + 1, absorbed=lead)
        for number, (lead, _) in enumerate(story)
    ]
    # Parts follow each other as in the log; a member that comes back tells a later turn.
    parts = [
        (lead, part(number + 1, points)) for number, (lead, points) in enumerate(story) if number % 2 == 0
    ]
    straight, mixed = Ties(), Ties()
    for fact in facts:
        straight.hear(fact)
    for each in parts:
        straight.take(*each)
    shuffled = [facts[place] for place in order if place < len(facts)]
    waiting = list(parts)
    while shuffled or waiting:
        if waiting and (not shuffled or data.draw(st.booleans())):
            mixed.take(*waiting.pop(0))
        else:
            mixed.hear(shuffled.pop())
            mixed.hear(facts[0])  # an old one once more

    assert mixed.encode() == straight.encode()
    assert mixed.digest() == straight.digest()
    assert Ties.decode(mixed.encode()).encode() == mixed.encode()


FACTS = st.lists(
    st.tuples(st.sampled_from(KINDS), st.integers(0, 400 * 24 * HOUR), st.integers(0, 2)), max_size=30
)


@settings(max_examples=200)
@given(FACTS)
def test_leads_that_are_joined_count_to_the_byte_what_one_lead_counts_that_did_it_all(
    facts: list[tuple[str, int, int]],
) -> None:
    whole, states = LeadState(), [LeadState() for _ in range(3)]
    for number, (kind, after, whose) in enumerate(facts):
        fact = Fact(f"f{number}", kind, START + after)
        for state in (whole, states[whose]):
            fold(state, fact, RULES.counters(kind, {}))
    ties = Ties()
    for turn, state in enumerate(states[1:], 1):
        ties.hear(told(MERGED, turn, absorbed=f"m{turn}"))
        ties.take(
            f"m{turn}", MemberCounts.decode(MemberCounts(turn, 1, 0, False, False, {}, state.counts).encode())
        )

    joined = ties.joined(states[0])

    assert joined.counts_digest() == whole.counts_digest()
    assert joined.counts.newest_ms == whole.counts.newest_ms


def test_of_what_a_lead_is_its_own_word_holds_and_then_that_of_the_member_that_came_first() -> None:
    ties, state = Ties(), LeadState()
    state.attributes = {"budget": "confirmed"}
    ties.hear(told(MERGED, 2, absorbed="ben"))
    ties.hear(told(MERGED, 1, absorbed="eva"))
    ties.take("ben", part(2, attributes={"need": "vague", "budget": "none", "size": "small"}))
    ties.take("eva", part(1, attributes={"need": "clear"}))

    assert ties.joined(state).attributes == {"budget": "confirmed", "need": "clear", "size": "small"}
    assert state.attributes == {"budget": "confirmed"}
    assert Ties().joined(state) is state


def test_a_lead_is_quiet_while_it_is_part_of_another_or_a_member_counts_by_other_rules() -> None:
    ties = Ties()
    ties.hear(told(MERGED, 1, absorbed="eva"))
    assert not ties.is_quiet(7)
    ties.take("eva", part(1, rules=7))
    assert (ties.is_quiet(7), ties.is_quiet(8)) == (False, True)
    absorbed = Ties()
    absorbed.hear(told(MERGED, 1, survivor="ana"))
    assert absorbed.is_quiet(7)


def test_records_that_are_damaged_are_never_taken_for_something_else() -> None:
    ties = Ties()
    ties.hear(told(MERGED, 1, absorbed="eva"))
    ties.take("eva", part(1, points=2, attributes={"need": "clear"}))
    records: list[tuple[Any, bytes]] = [(Ties, ties.encode()), (MemberCounts, part(1).encode())]
    for kind, record in records:
        for place in range(len(record)):
            damaged = bytearray(record)
            damaged[place] ^= 4
            with pytest.raises(UnreadableRecord):
                kind.decode(bytes(damaged))
        for length in range(len(record)):
            with pytest.raises(UnreadableRecord):
                kind.decode(record[:length])


def test_a_record_names_its_survivor_and_member() -> None:
    lead, member, found = read_member(member_key("ana", "eva"), part(3).encode())
    assert (lead, member, found and found.turn) == ("ana", "eva", 3)
    assert read_member(b"ana/eva", None) == ("ana", "eva", None)
    for key in (None, b"", b"ana", b"ana/", b"/eva", b"ana/eva/lea", b"an a/eva", b"\xff/eva"):
        with pytest.raises(Undecodable):
            read_member(key, None)
