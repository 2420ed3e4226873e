"""Decayed counts as integers: the same set of facts gives the same bytes, in whatever order it came.

With half-life h, a count at instant T is S(T) = Σ 2^(-(T - tᵢ)/h). A fact at t adds the integer
2⁴⁰·2^frac(t/h) to the bucket ⌊t/h⌋; integer addition commutes, where a sum of floats would not. Powers of two
come from tables made by integer arithmetic alone, so every machine gets the same integers.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import isqrt, ldexp
from struct import Struct
from typing import Final

from shared.scorecard.record import UnreadableRecord

KEPT_HALF_LIVES: Final = 64
LONGEST_HALF_LIFE_MS: Final = 3650 * 86_400_000

_UNIT_BITS: Final = 40
_BITS: Final = 96  # fixed point of the tables
_ROUND: Final = 1 << (_BITS - _UNIT_BITS - 1)
_STEP: Final = 12  # bits of the exponent that one table resolves
_STEP_MASK: Final = (1 << _STEP) - 1


def _tables() -> tuple[list[int], list[int], list[int]]:
    """2^(i/2^12), 2^(i/2^24) and 2^(i/2^36) for i in 0…2^12, in units of 2^-96.

    The roots 2^(1/2), 2^(1/4)… are a chain of integer square roots, carried with 32 guard bits.
    """
    guarded = _BITS + 32
    root = 2 << guarded
    tables = []
    for _ in range(3):
        powers, last = [1 << guarded], root
        for _ in range(_STEP):
            root = isqrt(root << guarded)
            powers = [product for power in powers for product in (power, power * root >> guarded)]
        powers.append(last)
        tables.append([(power + (1 << 31)) >> 32 for power in powers])
    return tables[0], tables[1], tables[2]


_COARSE, _MIDDLE, _FINE = _tables()


def power_of_two(part: int, whole: int) -> int:
    """2^(part/whole) for 0 <= part < whole, in units of 2^-96, with a relative error below 2^-74.

    Two tables give the first 24 bits of the exponent, the third the next 12 with a straight line between its
    entries. Strictly increasing in `part` for any `whole` up to LONGEST_HALF_LIFE_MS.
    """
    exponent, rest = divmod(part << 3 * _STEP, whole)
    fine = exponent & _STEP_MASK
    low = _FINE[fine]
    low += (_FINE[fine + 1] - low) * rest // whole
    high = _COARSE[exponent >> 2 * _STEP] * _MIDDLE[(exponent >> _STEP) & _STEP_MASK] >> _BITS
    return high * low >> _BITS


def decay(elapsed_ms: int, half_life_ms: int) -> float:
    """2^(-elapsed/half-life): what is left of one point. The same float on every machine."""
    halvings, part = divmod(elapsed_ms, half_life_ms)
    return ldexp((1 << _BITS) / power_of_two(part, half_life_ms), -halvings)


def scale(part: int, whole: int) -> float:
    """How many units a fact adds that happens `part` of `whole` into its half-life: 2^(40 + part/whole)."""
    return power_of_two(part, whole) * _UNIT


_UNIT: Final = 2.0 ** (_UNIT_BITS - _BITS)
_SHIFT: Final = _BITS - _UNIT_BITS
_BUCKET_BITS: Final = 40
_BUCKET: Final = (1 << _BUCKET_BITS) - 1
_ORIGIN: Final = 1 << (_BUCKET_BITS - 1)  # makes the number of every bucket positive
_PIECE: Final = Struct(
    ">IBIQ"
)  # code, bucket in 5 bytes, units; a sum of more than 64 bits is several pieces
_MOST: Final = 2**64 - 1


class DecayedCounts:
    """How often each kind of fact happened, each forgotten by half every half-life of its kind.

    A count goes by the code of its counter (`shared.scorecard.rules.Counter`), which stands for one half-life. The
    state is a function of the *multiset* of facts added: what is kept of a count depends on its newest bucket alone,
    and a fact too old for it is dropped whether it comes before the newest or after. Recognising repeats is the
    caller's. Dropped facts count for less than 2^-64 each.
    """

    __slots__ = ("_units", "newest_ms")

    def __init__(self) -> None:
        self._units: dict[int, int] = {}  # by code and bucket in one number: a lead has many of them
        self.newest_ms: int | None = None

    def add(self, code: int, at_ms: int, half_life_ms: int) -> None:
        """Count one fact that happened at `at_ms`."""
        bucket, part = divmod(at_ms, half_life_ms)
        # `power_of_two`, written out: this is done for every fact.
        exponent, rest = divmod(part << 36, half_life_ms)
        low = _FINE[exponent & _STEP_MASK]
        low += (_FINE[(exponent & _STEP_MASK) + 1] - low) * rest // half_life_ms
        high = _COARSE[exponent >> 24] * _MIDDLE[exponent >> 12 & _STEP_MASK] >> _BITS
        units = ((high * low >> _BITS) + _ROUND) >> _SHIFT
        place, kept = code << _BUCKET_BITS | bucket + _ORIGIN, self._units
        if place in kept:
            kept[place] += units
        else:
            self._begin(place, units)
        if self.newest_ms is None or at_ms > self.newest_ms:
            self.newest_ms = at_ms

    def _begin(self, place: int, units: int) -> None:
        """Keep the first units of a bucket, unless it is too old; then, what has become too old goes."""
        same = [other for other in self._units if other >> _BUCKET_BITS == place >> _BUCKET_BITS]
        if not same or place > max(same) - KEPT_HALF_LIVES - 1:
            self._units[place] = units
        for other in same:
            if other < place - KEPT_HALF_LIVES:
                del self._units[other]

    def items(self) -> Iterator[tuple[int, int, int]]:
        """Code of the counter, bucket and units."""
        for place, units in self._units.items():
            yield place >> _BUCKET_BITS, (place & _BUCKET) - _ORIGIN, units

    def value(self, code: int, half_life_ms: int, at_ms: int) -> float:
        """The decayed count at `at_ms`; 0.0 for one never counted. The same float on every machine.

        Never increasing in `at_ms`. An instant before the newest fact of any kind is read as the instant of
        that fact: a state holds no past, and a fact a little ahead of the clock counts as happening now.
        """
        buckets = {bucket: units for other, bucket, units in self.items() if other == code}
        if not buckets or self.newest_ms is None:
            return 0.0
        halvings, part = divmod(max(at_ms, self.newest_ms), half_life_ms)
        oldest = min(buckets)
        total = sum(units << (bucket - oldest) for bucket, units in buckets.items())
        # Both are exact integers here: Python rounds their quotient correctly, without libm.
        return ldexp((total << _SHIFT) / power_of_two(part, half_life_ms), oldest - halvings)

    def codes(self) -> set[int]:
        """The counters that counted anything."""
        return {place >> _BUCKET_BITS for place in self._units}

    def pack(self, out: bytearray) -> None:
        """Append the one byte form of the counts: of each bucket its counter, number and units."""
        for place, units in sorted(self._units.items()):
            where = place >> _BUCKET_BITS, (place >> 32) & 0xFF, place & 0xFFFFFFFF
            while units > _MOST:
                out += _PIECE.pack(*where, _MOST)
                units -= _MOST
            out += _PIECE.pack(*where, units)

    @classmethod
    def unpack(cls, packed: bytes, newest_ms: int | None) -> DecayedCounts:
        """What `pack` wrote. Raises UnreadableRecord."""
        counts = cls()
        counts.newest_ms = newest_ms
        kept = counts._units
        if len(packed) % _PIECE.size:
            raise UnreadableRecord("the record ends in the middle of a count")
        for code, high, low, units in _PIECE.iter_unpack(packed):
            place = code << _BUCKET_BITS | high << 32 | low
            kept[place] = kept.get(place, 0) + units
        return counts
