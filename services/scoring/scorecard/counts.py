"""Decayed counts as integers: the same set of facts gives the same bytes, in whatever order it came.

With half-life h, a count at instant T is S(T) = Σ 2^(-(T - tᵢ)/h). A fact at t adds the integer nearest to
2⁴⁰·2^frac(t/h) to the bucket ⌊t/h⌋; integer addition commutes, where a sum of floats would not. Powers of two come
from a table made by integer arithmetic and a polynomial of additions, multiplications and divisions alone, which
IEEE 754 rounds in one way: every machine gets the same integers, whatever its libm.
"""

from __future__ import annotations

from math import isqrt, ldexp
from struct import Struct
from typing import Final

from services.scoring.scorecard.record import UnreadableRecord

KEPT_HALF_LIVES: Final = 64
LONGEST_HALF_LIFE_MS: Final = 3650 * 86_400_000

_UNIT_BITS: Final = 40
_STEP_BITS: Final = 12
_STEPS: Final = float(1 << _STEP_BITS)
_STEP: Final = 0.6931471805599453 / _STEPS
"""ln 2 of a step."""


def _table(unit_bits: int) -> tuple[float, ...]:
    """2^(unit_bits + i/2^12) for i in 0…2^12 - 1, correctly rounded.

    The roots 2^(1/2), 2^(1/4)… are a chain of integer square roots, carried with 128 bits.
    """
    bits = 128
    powers, root = [1 << bits], 2 << bits
    for _ in range(_STEP_BITS):
        root = isqrt(root << bits)
        powers = [product for power in powers for product in (power, power * root >> bits)]
    return tuple((power << unit_bits) / (1 << bits) for power in powers)


_POWERS: Final = _table(0)
_UNITS: Final = _table(_UNIT_BITS)


def power_of_two(part: int, whole: int) -> float:
    """2^(part/whole) for 0 <= part < whole, with a relative error below 2^-50.

    Strictly increasing in `part` for any `whole` up to LONGEST_HALF_LIFE_MS.
    """
    steps = part / whole * _STEPS
    step = int(steps)
    rest = (steps - step) * _STEP
    return _POWERS[step] * (1.0 + rest * (1.0 + rest * (0.5 + rest / 6.0)))


def decay(elapsed_ms: int, half_life_ms: int) -> float:
    """2^(-elapsed/half-life): what is left of one point. The same float on every machine."""
    halvings, part = divmod(elapsed_ms, half_life_ms)
    return ldexp(1.0 / power_of_two(part, half_life_ms), -halvings)


def scale(part: int, whole: int) -> float:
    """How many units a fact adds that happens `part` of `whole` into its half-life: 2^(40 + part/whole)."""
    return power_of_two(part, whole) * _UNIT


_UNIT: Final = 2.0**_UNIT_BITS
_HEAD: Final = Struct(">IBIBB")
"""Code, newest bucket in 5 bytes, how many older ones, how many bytes the units of the newest take."""
_OLDER: Final = Struct(">BB")
"""How many buckets before the newest, and how many bytes its units take."""
_LOW: Final = 2**32 - 1
_ORIGIN: Final = 2**39  # makes the number of every bucket positive


class Count:
    """How often one kind of fact happened: `units` of its newest `bucket`, and those of `older` ones by bucket.

    `faded` is what the older ones come to in units of the newest bucket: a function of them, whatever their order.
    `packed` is the byte form, while it is true.
    """

    __slots__ = ("_tail", "bucket", "faded", "older", "packed", "units")

    def __init__(self, bucket: int, units: int, older: dict[int, int] | None = None) -> None:
        self.bucket = bucket
        self.units = units
        self.packed: bytes | None = None
        self.older = older or {}
        self._settle()

    def add(self, bucket: int, units: int) -> None:
        """Add to any bucket, unless it is too old; what has become too old goes."""
        self.packed = None
        if bucket == self.bucket:
            self.units += units
            return
        if bucket > self.bucket:
            self.older[self.bucket] = self.units
            self.bucket, self.units = bucket, units
            for old in [old for old in self.older if old < bucket - KEPT_HALF_LIVES]:
                del self.older[old]
        elif bucket >= self.bucket - KEPT_HALF_LIVES:
            self.older[bucket] = self.older.get(bucket, 0) + units
        self._settle()

    def _settle(self) -> None:
        self._tail: bytes | None = None
        self.faded = 0.0
        if self.older:
            oldest = min(self.older)
            whole = sum(units << (bucket - oldest) for bucket, units in self.older.items())
            self.faded = ldexp(whole, oldest - self.bucket)  # correctly rounded

    def pack(self, code: int) -> bytes:
        """The one byte form, under a code."""
        if self._tail is None:
            tail = bytearray()
            for bucket, units in sorted(self.older.items()):
                width = (units.bit_length() + 7) // 8
                tail += _OLDER.pack(self.bucket - bucket, width)
                tail += units.to_bytes(width, "big")
            self._tail = bytes(tail)
        place, width = self.bucket + _ORIGIN, (self.units.bit_length() + 7) // 8
        head = _HEAD.pack(code, place >> 32, place & _LOW, len(self.older), width)
        self.packed = packed = head + self.units.to_bytes(width, "big") + self._tail
        return packed


class DecayedCounts:
    """How often each kind of fact happened, each forgotten by half every half-life of its kind.

    A count goes by the code of its counter (`rules.Counter`), which stands for one half-life. The
    state is a function of the *multiset* of facts added: what is kept of a count depends on its newest bucket alone,
    and a fact too old for it is dropped whether it comes before the newest or after. Recognising repeats is the
    caller's. Dropped facts count for less than 2^-64 each.
    """

    __slots__ = ("by_code", "newest_ms")

    def __init__(self) -> None:
        self.by_code: dict[int, Count] = {}
        """What was counted, by the code of its counter, ascending."""
        self.newest_ms: int | None = None

    def add(self, code: int, at_ms: int, half_life_ms: int) -> None:
        """Count one fact that happened at `at_ms`."""
        bucket, part = at_ms // half_life_ms, at_ms % half_life_ms
        # `power_of_two`, written out: this is done for every fact.
        steps = part / half_life_ms * _STEPS
        step = int(steps)
        rest = (steps - step) * _STEP
        units = int(_UNITS[step] * (1.0 + rest * (1.0 + rest * (0.5 + rest / 6.0))) + 0.5)
        count = self.by_code.get(code)
        if count is None:
            self.by_code[code] = Count(bucket, units)
            self.by_code = {known: self.by_code[known] for known in sorted(self.by_code)}
        elif count.bucket == bucket:
            count.units += units
            count.packed = None
        else:
            count.add(bucket, units)
        if self.newest_ms is None or at_ms > self.newest_ms:
            self.newest_ms = at_ms

    def join(self, other: DecayedCounts) -> None:
        """Add all that another one counted."""
        for code, theirs in other.by_code.items():
            count = self.by_code.get(code)
            if count is None:
                self.by_code[code] = Count(theirs.bucket, theirs.units, dict(theirs.older))
            else:
                for bucket, units in ((theirs.bucket, theirs.units), *theirs.older.items()):
                    count.add(bucket, units)
        self.by_code = dict(sorted(self.by_code.items()))
        if self.newest_ms is None or (other.newest_ms is not None and other.newest_ms > self.newest_ms):
            self.newest_ms = other.newest_ms

    def value(self, code: int, half_life_ms: int, at_ms: int) -> float:
        """The decayed count at `at_ms`; 0.0 for one never counted. The same float on every machine.

        Never increasing in `at_ms`. An instant before the newest fact of any kind is read as the instant of
        that fact: a state holds no past, and a fact a little ahead of the clock counts as happening now.
        """
        count = self.by_code.get(code)
        if count is None or self.newest_ms is None:
            return 0.0
        halvings, part = divmod(max(at_ms, self.newest_ms), half_life_ms)
        return ldexp((count.units + count.faded) / scale(part, half_life_ms), count.bucket - halvings)

    def codes(self) -> set[int]:
        """The counters that counted anything."""
        return set(self.by_code)

    def pack(self, out: bytearray) -> None:
        """Append the one byte form of the counts."""
        for code, count in self.by_code.items():
            out += count.packed or count.pack(code)

    @classmethod
    def unpack(cls, packed: bytes, newest_ms: int | None) -> DecayedCounts:
        """What `pack` wrote. Raises UnreadableRecord."""
        counts = cls()
        counts.newest_ms = newest_ms
        at, end, number = 0, len(packed), int.from_bytes
        while at < end:
            begin, at = at, at + _HEAD.size
            if at > end:
                raise UnreadableRecord("the record ends in the middle of a count")
            code, high, low, others, width = _HEAD.unpack_from(packed, begin)
            bucket, units, older = (high << 32 | low) - _ORIGIN, number(packed[at : at + width], "big"), {}
            at += width
            for _ in range(others):
                if at + 2 > end:
                    break
                back, width = packed[at], packed[at + 1]
                older[bucket - back] = number(packed[at + 2 : at + 2 + width], "big")
                at += 2 + width
            if at > end or len(older) < others:
                raise UnreadableRecord("the record ends in the middle of a count")
            count = counts.by_code[code] = Count(bucket, units, older)
            count.packed = packed[begin:at]
        return counts
