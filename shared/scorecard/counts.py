"""Decayed counts as integers: the same set of facts gives the same bytes, in whatever order it came.

With half-life h, the count of a kind at instant T is S(T) = Σ 2^(-(T - tᵢ)/h). A fact at t adds the integer
2⁴⁰·2^frac(t/h) to the bucket ⌊t/h⌋; integer addition commutes, where a sum of floats would not. Powers of two
come from tables made by integer arithmetic alone, so every machine gets the same integers.
"""

from collections.abc import Iterator
from hashlib import blake2b
from math import isqrt, ldexp
from typing import Final

from shared.errors import Refused
from shared.scorecard.record import UnreadableRecord, put, put_bytes, seal, unseal

FORMAT: Final = 1
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


class HalfLifeChanged(Refused):
    """A kind is counted with one half-life and asked for with another; only a replay can change it."""

    def __init__(self, kind: str, counted_ms: int, asked_ms: int) -> None:
        super().__init__(
            "half-life-changed",
            f"{kind} is counted with a half-life of {counted_ms} ms, not {asked_ms} ms; "
            "fill a new counter by replaying the facts",
        )


class _Series:
    """The buckets of one kind; those more than 64 below the highest are not kept."""

    __slots__ = ("buckets", "half_life_ms", "newest")

    def __init__(self, half_life_ms: int, newest: int) -> None:
        self.half_life_ms = half_life_ms
        self.newest = newest
        self.buckets: dict[int, int] = {}

    def rise_to(self, newest: int) -> None:
        self.newest = newest
        oldest = newest - KEPT_HALF_LIVES
        for bucket in [bucket for bucket in self.buckets if bucket < oldest]:
            del self.buckets[bucket]


class DecayedCounts:
    """How often each kind of fact happened, each forgotten by half every half-life of its kind.

    The state is a function of the *multiset* of facts added: what is kept depends on the newest bucket alone,
    and a fact too old for it is dropped whether it comes before the newest or after. Recognising repeats is
    the caller's. Dropped facts count for less than 2^-64 each.
    """

    __slots__ = ("_series", "newest_ms")

    def __init__(self) -> None:
        self._series: dict[str, _Series] = {}
        self.newest_ms: int | None = None

    def add(self, kind: str, at_ms: int, half_life_ms: int) -> None:
        """Count one fact of `kind` that happened at `at_ms`. Raises HalfLifeChanged."""
        bucket, part = divmod(at_ms, half_life_ms)
        series = self._series.get(kind)
        if series is None:
            series = self._series[kind] = _Series(half_life_ms, bucket)
        elif series.half_life_ms != half_life_ms:
            raise HalfLifeChanged(kind, series.half_life_ms, half_life_ms)
        if bucket > series.newest:
            series.rise_to(bucket)
        if bucket >= series.newest - KEPT_HALF_LIVES:
            units = (power_of_two(part, half_life_ms) + _ROUND) >> (_BITS - _UNIT_BITS)
            series.buckets[bucket] = series.buckets.get(bucket, 0) + units
        if self.newest_ms is None or at_ms > self.newest_ms:
            self.newest_ms = at_ms

    def kinds(self) -> Iterator[tuple[str, int]]:
        """Each counted kind and its half-life in milliseconds, in the order of their names."""
        return ((kind, self._series[kind].half_life_ms) for kind in sorted(self._series))

    def value(self, kind: str, at_ms: int) -> float:
        """The decayed count at `at_ms`; 0.0 for a kind never counted. The same float on every machine.

        Never increasing in `at_ms`. An instant before the newest fact of any kind is read as the instant of
        that fact: a state holds no past, and a fact a little ahead of the clock counts as happening now.
        """
        series = self._series.get(kind)
        if series is None or self.newest_ms is None:
            return 0.0
        halvings, part = divmod(max(at_ms, self.newest_ms), series.half_life_ms)
        oldest = min(series.buckets)
        units = sum(units << (bucket - oldest) for bucket, units in series.buckets.items())
        # Both are exact integers here: Python rounds their quotient correctly, without libm.
        present = (units << (_BITS - _UNIT_BITS)) / power_of_two(part, series.half_life_ms)
        return ldexp(present, oldest - halvings)

    def encode(self) -> bytes:
        """The one byte form of this state."""
        out = bytearray()
        put(out, len(self._series))
        if self.newest_ms is not None:
            put(out, self.newest_ms)
        for kind in sorted(self._series):
            series = self._series[kind]
            put_bytes(out, kind.encode())
            put(out, series.half_life_ms)
            put(out, series.newest)
            put(out, len(series.buckets))
            for bucket in sorted(series.buckets, reverse=True):
                put(out, series.newest - bucket)
                put(out, series.buckets[bucket])
        return seal(FORMAT, out)

    @classmethod
    def decode(cls, record: bytes) -> "DecayedCounts":
        """The state that `encode` wrote. Raises UnreadableRecord."""
        reader = unseal(record, FORMAT)
        counts = cls()
        kinds = reader.number()
        if kinds:
            counts.newest_ms = reader.number()
        for _ in range(kinds):
            kind = reader.text()
            series = counts._series[kind] = _Series(reader.number(), reader.number())
            if series.half_life_ms <= 0:
                raise UnreadableRecord(f"the record gives {kind} no half-life")
            for _ in range(reader.number()):
                bucket = series.newest - reader.number()
                series.buckets[bucket] = reader.number()
            if series.newest not in series.buckets:
                raise UnreadableRecord(f"the record lacks the newest {kind}")
        reader.end()
        return counts

    def digest(self) -> bytes:
        """16 bytes that are equal for equal states."""
        return blake2b(self.encode(), digest_size=16).digest()
