"""Counts are the same integers on every machine and in every order, and they are right."""

from fractions import Fraction
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.scorecard.counts import (
    LONGEST_HALF_LIFE_MS,
    DecayedCounts,
    HalfLifeChanged,
    decay,
    power_of_two,
)
from shared.scorecard.record import UnreadableRecord

DAY = 86_400_000
NOW = 1_760_000_000_000
HALF_LIVES = {"lead.captured": 7 * DAY, "signal.page_viewed": 2 * DAY, "signal.chat_message": 1000}

deterministic = settings(derandomize=True, deadline=None, max_examples=100)
added = st.lists(
    st.tuples(
        st.sampled_from(sorted(HALF_LIVES)), st.integers(NOW - 300 * DAY, NOW) | st.integers(-DAY, DAY)
    ),
    max_size=30,
)


def counted(facts: list[tuple[str, int]]) -> DecayedCounts:
    counts = DecayedCounts()
    for kind, at_ms in facts:
        counts.add(kind, at_ms, HALF_LIVES[kind])
    return counts


@pytest.mark.parametrize(
    ("part", "whole", "units"),
    # floor(2^(part/whole) * 2^40), from 60 decimal places; the third is 2^40 * sqrt(2).
    [
        (0, 1, 1099511627776),
        (1, 7 * DAY, 1099511629036),
        (1, 2, 1554944255987),
        (1, 3, 1385297844439),
        (2, 3, 1745365914582),
        (7 * DAY - 1, 7 * DAY, 2199023253031),
    ],
)
def test_powers_of_two_have_golden_values(part: int, whole: int, units: int) -> None:
    assert power_of_two(part, whole) >> 56 == units


@deterministic
@given(st.integers(1, 400), st.data())
def test_a_power_of_two_is_right_to_2_to_the_minus_74(whole: int, data: st.DataObject) -> None:
    part = data.draw(st.integers(0, whole - 1))

    power = Fraction(power_of_two(part, whole), 1 << 96) ** whole  # exactly 2^part, were there no error

    assert abs(power / 2**part - 1) < Fraction(whole, 1 << 74)


@deterministic
@given(st.integers(1000, LONGEST_HALF_LIFE_MS), st.data())
def test_a_power_of_two_grows_with_every_millisecond(whole: int, data: st.DataObject) -> None:
    part = data.draw(st.integers(0, whole - 2))

    assert power_of_two(part, whole) < power_of_two(part + 1, whole) < 2 << 96


@deterministic
@given(added, st.randoms(use_true_random=False))
def test_any_order_gives_the_same_bytes(facts: list[tuple[str, int]], random: Random) -> None:
    shuffled = random.sample(facts, len(facts))

    assert counted(shuffled).encode() == counted(facts).encode()


def test_what_is_64_half_lives_older_than_the_newest_is_dropped_whenever_it_comes() -> None:
    newest, kept, dropped = NOW, NOW - 64 * 2 * DAY, NOW - 65 * 2 * DAY
    facts = [("signal.page_viewed", at_ms) for at_ms in (dropped, kept, newest)]

    states = {
        counted([facts[i] for i in order]).encode() for order in [(0, 1, 2), (2, 1, 0), (1, 2, 0), (0, 2, 1)]
    }

    assert states == {counted(facts[1:]).encode()}
    assert counted(facts[1:]).encode() != counted(facts[2:]).encode()


@deterministic
@given(added)
def test_a_state_reads_back_as_it_was_written(facts: list[tuple[str, int]]) -> None:
    counts = counted(facts)
    read = DecayedCounts.decode(counts.encode())
    later = ("lead.captured", NOW + DAY)

    assert read.encode() == counts.encode()
    read.add(*later, HALF_LIVES[later[0]])
    assert read.encode() == counted([*facts, later]).encode()


def test_the_byte_form_is_golden() -> None:
    counts = counted([("lead.captured", NOW), ("lead.captured", NOW - 8 * DAY), ("signal.page_viewed", NOW)])

    assert counts.encode().hex() == (
        "0102c60199c82cc000"
        "0d6c6561642e6361707475726564c4240c8400c20b5e0200c60109901d3fc302c601e10da463d0"
        "127369676e616c2e706167655f766965776564c40a4cb800c227c90100c601231000"
        "3e29240d77cc"
    )


def test_every_damaged_byte_and_every_truncation_is_refused() -> None:
    record = counted([("lead.captured", NOW), ("signal.page_viewed", NOW)]).encode()

    for place in range(len(record)):
        for bit in range(8):
            damaged = bytearray(record)
            damaged[place] ^= 1 << bit
            with pytest.raises(UnreadableRecord):
                DecayedCounts.decode(bytes(damaged))
        with pytest.raises(UnreadableRecord):
            DecayedCounts.decode(record[:place])
    with pytest.raises(UnreadableRecord, match="damaged"):
        DecayedCounts.decode(record + b"\0")


def test_a_record_of_a_later_format_says_which() -> None:
    record = DecayedCounts().encode()

    with pytest.raises(UnreadableRecord, match="format 2 and this program reads format 1"):
        DecayedCounts.decode(b"\2" + record[1:])


def test_a_count_halves_with_every_half_life() -> None:
    counts = counted([("lead.captured", NOW), ("lead.captured", NOW)])

    assert counts.value("lead.captured", NOW) == pytest.approx(2, abs=1e-11)
    assert counts.value("lead.captured", NOW + 7 * DAY) == pytest.approx(1, abs=1e-11)
    assert counts.value("lead.captured", NOW + 7000 * 7 * DAY) == 0
    assert counts.value("signal.page_viewed", NOW) == 0


def test_an_instant_before_the_newest_fact_is_read_as_the_newest() -> None:
    counts = counted([("lead.captured", NOW), ("signal.page_viewed", NOW + DAY)])

    assert counts.value("lead.captured", NOW) == counts.value("lead.captured", NOW + DAY) < 0.91


def test_another_half_life_needs_another_counter() -> None:
    counts = counted([("lead.captured", NOW)])

    with pytest.raises(
        HalfLifeChanged, match=r"lead\.captured is counted with a half-life of 604800000 ms, not 1000"
    ):
        counts.add("lead.captured", NOW, 1000)


@pytest.mark.parametrize(("halvings", "left"), [(0, 1.0), (1, 0.5), (10, 2.0**-10), (5000, 0.0)])
def test_decay_is_exact_at_whole_half_lives(halvings: int, left: float) -> None:
    assert decay(halvings * DAY, DAY) == left
