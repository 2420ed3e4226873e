"""A lead's state is a function of the set of its facts: order and repetition leave no trace in its bytes."""

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.errors import Refused
from shared.scorecard.lead_state import REMEMBERED_SIGNALS, Fact, LeadState, fold
from shared.scorecard.record import UnreadableRecord
from shared.scorecard.rules import default_rules

NOW = 1_760_000_000_000
HOUR = 3_600_000
HALF_LIVES = default_rules().half_lives

deterministic = settings(derandomize=True, deadline=None, max_examples=100)


@st.composite
def stories(draw: st.DrawFn) -> list[Fact]:
    """Distinct facts of one lead, some of kinds that do not count; sequences may have holes."""
    instants = st.integers(NOW - 10_000 * HOUR, NOW)
    facts = []
    for aggregate in ("lead-1", "ticket-1", "ticket-2"):
        for sequence in draw(st.sets(st.integers(1, 12), max_size=8)):
            kind = draw(st.sampled_from(["lead.captured", "ticket.opened", "ticket.renamed"]))
            facts.append(Fact(f"{aggregate}/{sequence}", kind, draw(instants), aggregate, sequence))
    for number in range(draw(st.integers(0, 20))):
        kind = draw(st.sampled_from(["signal.page_viewed", "signal.chat_message", "signal.sneezed"]))
        facts.append(Fact(f"signal-{number}", kind, draw(instants)))
    return facts


def folded(facts: list[Fact]) -> LeadState:
    state = LeadState()
    for fact in facts:
        fold(state, fact, HALF_LIVES)
    return state


def views(count: int) -> list[Fact]:
    return [Fact(f"view-{number}", "signal.page_viewed", NOW + number) for number in range(count)]


@deterministic
@given(stories(), st.randoms(use_true_random=False))
def test_any_order_and_any_repetition_give_the_same_bytes(facts: list[Fact], random: Random) -> None:
    repeated = facts + random.choices(facts, k=len(facts)) if facts else []
    random.shuffle(repeated)

    assert folded(repeated).encode() == folded(facts).encode()
    assert folded(repeated).digest_bytes() == folded(facts).digest_bytes()


@deterministic
@given(stories(), st.randoms(use_true_random=False))
def test_a_state_read_back_goes_on_as_if_never_written(facts: list[Fact], random: Random) -> None:
    random.shuffle(facts)
    half = len(facts) // 2
    read = LeadState.decode(folded(facts[:half]).encode())
    for fact in facts:
        fold(read, fact, HALF_LIVES)

    assert read.encode() == folded(facts).encode()


@deterministic
@given(stories())
def test_every_new_fact_changes_the_digest_and_no_repeat_does(facts: list[Fact]) -> None:
    state = LeadState()
    for fact in facts:
        before = state.digest_bytes()
        assert fold(state, fact, HALF_LIVES) is (state.digest_bytes() != before)
        after = state.digest_bytes()
        assert not fold(state, fact, HALF_LIVES)
        assert state.digest_bytes() == after


def test_more_signals_than_are_remembered_still_commute() -> None:
    facts = views(REMEMBERED_SIGNALS * 2)
    state = folded(facts)

    assert folded(facts[::-1]).encode() == state.encode()
    assert folded(Random(7).sample(facts, len(facts))).encode() == state.encode()


def test_a_repeat_is_recognised_among_the_256_latest_signals_and_counted_beyond_them() -> None:
    facts = views(REMEMBERED_SIGNALS + 1)
    state = folded(facts)

    assert not fold(state, facts[1], HALF_LIVES)
    assert not fold(state, facts[-1], HALF_LIVES)
    assert fold(state, facts[0], HALF_LIVES)
    assert len(state.encode()) == len(folded(facts).encode())


def test_a_signal_sent_again_with_another_time_is_still_the_same_signal() -> None:
    state = folded(views(1))

    assert not fold(state, Fact("view-0", "signal.page_viewed", NOW + HOUR), HALF_LIVES)


def test_an_uncounted_service_event_leaves_no_hole_in_its_sequence() -> None:
    uncounted = [Fact(f"lead-1/{number}", "lead.renamed", NOW, "lead-1", number) for number in range(1, 500)]
    state = folded(uncounted)

    assert len(state.encode()) < 50
    assert state.counts_digest() == LeadState().counts_digest()
    assert state.digest_bytes() != LeadState().digest_bytes()


def test_an_uncounted_signal_takes_no_place_among_the_remembered() -> None:
    state = LeadState()

    assert not fold(state, Fact("a", "signal.sneezed", NOW), HALF_LIVES)
    assert state.encode() == LeadState().encode()


@pytest.mark.parametrize(
    "fact",
    [
        Fact("a", "lead.captured", NOW, "lead-1", 0),
        Fact("a", "lead.captured", NOW, "lead-1", None),
        Fact("a", "lead.captured", NOW, None, 1),
    ],
)
def test_a_fact_that_cannot_be_placed_is_refused_and_changes_nothing(fact: Fact) -> None:
    state = LeadState()

    with pytest.raises(Refused):
        fold(state, fact, HALF_LIVES)
    assert state.encode() == LeadState().encode()


def test_what_was_told_is_kept_but_is_no_part_of_the_digests() -> None:
    state = folded(views(3))
    state.band, state.episode = "hot", 4
    assert [state.tell(), state.tell()] == [1, 2]

    read = LeadState.decode(state.encode())

    assert (read.band, read.episode, read.told) == ("hot", 4, 2)
    assert state.digest_bytes() == folded(views(3)).digest_bytes()
    assert state.encode() != folded(views(3)).encode()


def test_a_damaged_state_is_refused_at_every_byte() -> None:
    record = folded([*views(2), Fact("a", "lead.captured", NOW, "lead-1", 3)]).encode()

    for place in range(len(record)):
        with pytest.raises(UnreadableRecord):
            LeadState.decode(record[:place] + bytes((record[place] ^ 0x10,)) + record[place + 1 :])
        with pytest.raises(UnreadableRecord):
            LeadState.decode(record[:place])
