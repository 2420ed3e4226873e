"""Counts are the same integers on every machine and in every order, and they are right."""

from fractions import Fraction
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.scoring.scorecard.counts import LONGEST_HALF_LIFE_MS, DecayedCounts, decay, power_of_two, scale
from services.scoring.scorecard.record import UnreadableRecord

DAY = 86_400_000
NOW = 1_760_000_000_000
CAPTURED, VIEWED, CHATTED = 0xFFFFFFFF, 7, 99
HALF_LIVES = {CAPTURED: 7 * DAY, VIEWED: 2 * DAY, CHATTED: 1000}

deterministic = settings(max_examples=100)
added = st.lists(
    st.tuples(
        st.sampled_from(sorted(HALF_LIVES)), st.integers(NOW - 300 * DAY, NOW) | st.integers(-DAY, DAY)
    ),
    max_size=30,
)


def packed(counts: DecayedCounts) -> bytes:
    out = bytearray()
    counts.pack(out)
    return bytes(out)


def value(counts: DecayedCounts, code: int, at_ms: int) -> float:
    return counts.value(code, HALF_LIVES[code], at_ms)


def counted(facts: list[tuple[int, int]]) -> DecayedCounts:
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
    assert int(scale(part, whole)) == units


@deterministic
@given(st.integers(1, 400), st.data())
def test_a_power_of_two_is_right_to_2_to_the_minus_50(whole: int, data: st.DataObject) -> None:
    part = data.draw(st.integers(0, whole - 1))

    power = Fraction(power_of_two(part, whole)) ** whole  # exactly 2^part, were there no error

    assert abs(power / 2**part - 1) < Fraction(whole, 1 << 50)


@deterministic
@given(st.integers(1000, LONGEST_HALF_LIFE_MS), st.data())
def test_a_power_of_two_grows_with_every_millisecond(whole: int, data: st.DataObject) -> None:
    part = data.draw(st.integers(0, whole - 2))

    assert power_of_two(part, whole) < power_of_two(part + 1, whole) < 2


@deterministic
@given(added, st.randoms(use_true_random=False))
def test_any_order_gives_the_same_bytes(facts: list[tuple[int, int]], random: Random) -> None:
    shuffled = random.sample(facts, len(facts))

    assert packed(counted(shuffled)) == packed(counted(facts))


def test_what_is_64_half_lives_older_than_the_newest_is_dropped_whenever_it_comes() -> None:
    newest, kept, dropped = NOW, NOW - 64 * 2 * DAY, NOW - 65 * 2 * DAY
    facts = [(VIEWED, at_ms) for at_ms in (dropped, kept, newest)]

    states = {
        packed(counted([facts[i] for i in order])) for order in [(0, 1, 2), (2, 1, 0), (1, 2, 0), (0, 2, 1)]
    }

    assert states == {packed(counted(facts[1:]))}
    assert packed(counted(facts[1:])) != packed(counted(facts[2:]))


@deterministic
@given(added)
def test_a_state_reads_back_as_it_was_written(facts: list[tuple[int, int]]) -> None:
    counts = counted(facts)
    read = DecayedCounts.unpack(packed(counts), counts.newest_ms)
    later = (CAPTURED, NOW + DAY)

    assert packed(read) == packed(counts)
    read.add(*later, HALF_LIVES[later[0]])
    assert packed(read) == packed(counted([*facts, later]))


def test_the_byte_form_is_golden() -> None:
    counts = counted([(CAPTURED, NOW), (CAPTURED, NOW - 8 * DAY), (VIEWED, NOW)])

    assert packed(counts).hex() == (
        "0000000780000027c90006012310003e29ffffffff8000000b5e01060109901d3fc3020601e10da463d0"
    )


def test_more_units_than_64_bits_hold_are_kept() -> None:
    counts = counted([(VIEWED, NOW), (VIEWED, NOW - 3 * DAY)])
    ((_, count),) = counts.by_code.items()
    bucket = count.bucket
    for _ in range(27):  # as after 134 million facts in each half-life
        count.add(bucket, count.units)
        count.add(bucket - 2, count.older[bucket - 2])
    ((_, read),) = DecayedCounts.unpack(packed(counts), NOW).by_code.items()

    assert count.units > 2**64
    assert (read.units, read.older, read.faded) == (count.units, count.older, count.faded)


def test_a_truncated_form_is_refused_wherever_it_ends() -> None:
    record = packed(counted([(CAPTURED, NOW), (CAPTURED, NOW - 8 * DAY), (VIEWED, NOW)]))
    whole = len(packed(counted([(VIEWED, NOW)])))

    for end in range(1, len(record)):
        if end != whole:
            with pytest.raises(UnreadableRecord):
                DecayedCounts.unpack(record[:end], NOW)


def test_a_count_halves_with_every_half_life() -> None:
    counts = counted([(CAPTURED, NOW), (CAPTURED, NOW)])

    assert value(counts, CAPTURED, NOW) == pytest.approx(2, abs=1e-11)
    assert value(counts, CAPTURED, NOW + 7 * DAY) == pytest.approx(1, abs=1e-11)
    assert value(counts, CAPTURED, NOW + 7000 * 7 * DAY) == 0
    assert value(counts, VIEWED, NOW) == 0


def test_an_instant_before_the_newest_fact_is_read_as_the_newest() -> None:
    counts = counted([(CAPTURED, NOW), (VIEWED, NOW + DAY)])

    assert value(counts, CAPTURED, NOW) == value(counts, CAPTURED, NOW + DAY) < 0.91


@pytest.mark.parametrize(("halvings", "left"), [(0, 1.0), (1, 0.5), (10, 2.0**-10), (5000, 0.0)])
def test_decay_is_exact_at_whole_half_lives(halvings: int, left: float) -> None:
    assert decay(halvings * DAY, DAY) == left
