"""A lead's state is a function of the set of its facts: order and repetition leave no trace in its bytes."""

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.scoring.scorecard.defaults import default_rules
from services.scoring.scorecard.fact import Fact
from services.scoring.scorecard.lead_state import REMEMBERED_SIGNALS, LeadState, fold
from services.scoring.scorecard.record import UnreadableRecord, seal, unseal
from shared.errors import Refused

NOW = 1_760_000_000_000
HOUR = 3_600_000
RULES = default_rules()

deterministic = settings(max_examples=100)


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


def take(state: LeadState, fact: Fact) -> bool:
    return fold(state, fact, RULES.counters(fact.kind, {}))


def packed(state: LeadState) -> bytes:
    out = bytearray(b"\x01")
    state.pack(out)
    return seal(out)


def unpacked(record: bytes) -> LeadState:
    return LeadState.unpack(unseal(record, 1))


def folded(facts: list[Fact]) -> LeadState:
    state = LeadState()
    for fact in facts:
        take(state, fact)
    return state


def views(count: int) -> list[Fact]:
    return [Fact(f"view-{number}", "signal.page_viewed", NOW + number) for number in range(count)]


@deterministic
@given(stories(), st.randoms(use_true_random=False))
def test_any_order_and_any_repetition_give_the_same_bytes(facts: list[Fact], random: Random) -> None:
    repeated = facts + random.choices(facts, k=len(facts)) if facts else []
    random.shuffle(repeated)

    assert packed(folded(repeated)) == packed(folded(facts))
    assert folded(repeated).digest() == folded(facts).digest()


@deterministic
@given(stories(), st.randoms(use_true_random=False))
def test_a_state_read_back_goes_on_as_if_never_written(facts: list[Fact], random: Random) -> None:
    random.shuffle(facts)
    half = len(facts) // 2
    read = unpacked(packed(folded(facts[:half])))
    for fact in facts:
        take(read, fact)

    assert packed(read) == packed(folded(facts))


@deterministic
@given(stories())
def test_every_new_fact_changes_the_digest_and_no_repeat_does(facts: list[Fact]) -> None:
    state = LeadState()
    for fact in facts:
        before = state.digest()
        assert take(state, fact) is (state.digest() != before)
        after = state.digest()
        assert not take(state, fact)
        assert state.digest() == after


def test_more_signals_than_are_remembered_still_commute() -> None:
    facts = views(REMEMBERED_SIGNALS * 2)
    state = folded(facts)

    assert packed(folded(facts[::-1])) == packed(state)
    assert packed(folded(Random(7).sample(facts, len(facts)))) == packed(state)


def test_a_repeat_is_recognised_among_the_256_latest_signals_and_counted_beyond_them() -> None:
    facts = views(REMEMBERED_SIGNALS + 1)
    state = folded(facts)

    assert not take(state, facts[1])
    assert not take(state, facts[-1])
    assert take(state, facts[0])
    assert len(packed(state)) == len(packed(folded(facts)))


def test_a_signal_sent_again_with_another_time_is_still_the_same_signal() -> None:
    state = folded(views(1))

    assert not take(state, Fact("view-0", "signal.page_viewed", NOW + HOUR))


def test_an_uncounted_service_event_leaves_no_hole_in_its_sequence() -> None:
    uncounted = [Fact(f"lead-1/{number}", "lead.renamed", NOW, "lead-1", number) for number in range(1, 500)]
    state = folded(uncounted)

    assert len(packed(state)) < 60
    assert state.counts_digest() == LeadState().counts_digest()
    assert state.digest() != LeadState().digest()


def test_an_uncounted_signal_takes_no_place_among_the_remembered() -> None:
    state = LeadState()

    assert not take(state, Fact("a", "signal.sneezed", NOW))
    assert packed(state) == packed(LeadState())


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
        take(state, fact)
    assert packed(state) == packed(LeadState())


def test_a_damaged_state_is_refused_at_every_byte() -> None:
    record = packed(folded([*views(2), Fact("a", "lead.captured", NOW, "lead-1", 3)]))

    for place in range(len(record)):
        with pytest.raises(UnreadableRecord):
            unpacked(record[:place] + bytes((record[place] ^ 0x10,)) + record[place + 1 :])
        with pytest.raises(UnreadableRecord):
            unpacked(record[:place])
