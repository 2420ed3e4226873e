"""What scoring keeps of one lead: its counts, what it has seen, and what it has told."""

from bisect import bisect_left
from collections.abc import Mapping
from functools import lru_cache
from hashlib import blake2b
from heapq import heappush, heappushpop
from typing import Final, NamedTuple

from shared.errors import Refused
from shared.scorecard.counts import DecayedCounts
from shared.scorecard.record import UnreadableRecord, put, put_bytes, seal, unseal

FORMAT: Final = 1
REMEMBERED_SIGNALS: Final = 256

_MARK_BITS: Final = 64
_MARK: Final = (1 << _MARK_BITS) - 1
_SIGNAL_BYTES: Final = 15  # 7 of time in milliseconds, enough for every datetime, and 8 of fingerprint


class Fact(NamedTuple):
    """Something that happened to a lead. Service events carry aggregate and sequence; signals carry neither."""

    id: str
    kind: str
    at_ms: int
    aggregate: str | None = None
    sequence: int | None = None


@lru_cache(maxsize=4096)
def _fingerprint(name: str) -> int:
    """64 bits of a name; two names of one lead share them with a chance of n²/2^65."""
    return int.from_bytes(blake2b(name.encode(), digest_size=8).digest(), "big")


class LeadState:
    """The state of one lead.

    Counts and memory are a function of the set of facts folded, so any order and any repetition of them gives
    the same bytes, with one limit: a repeated *signal* is recognised while it is among the lead's 256 latest
    by (time, fingerprint of the id). Beyond them a signal is counted each time it comes, so distinct facts
    still commute whatever their number, and a late signal is never lost. A repeat is known by its id alone: one
    that gives another time changes nothing. Service events are recognised for ever.

    `told`, `band` and `episode` follow the order of arrival and are no part of the digests.
    """

    __slots__ = ("_latest", "_seen", "_signals", "_told", "band", "counts", "episode")

    def __init__(self) -> None:
        self.counts = DecayedCounts()
        self.band = "cold"
        self.episode = 0
        self._told = 0
        # Per aggregate: the last sequence without a hole before it, then those above the hole, ascending.
        self._seen: dict[int, list[int]] = {}
        self._signals: set[int] = set()
        self._latest: list[int] = []  # a heap of time << 64 | fingerprint

    @property
    def told(self) -> int:
        """How many times this lead's heat was told; readers drop what is not above the last they saw."""
        return self._told

    def tell(self) -> int:
        """Count one more telling and return its number."""
        self._told += 1
        return self._told

    def encode(self) -> bytes:
        """The one byte form of this state."""
        out = bytearray()
        put_bytes(out, self._pure_part())
        put(out, self._told)
        put(out, self.episode)
        put_bytes(out, self.band.encode())
        return seal(FORMAT, out)

    @classmethod
    def decode(cls, record: bytes) -> "LeadState":
        """The state that `encode` wrote. Raises UnreadableRecord."""
        state = cls()
        reader = unseal(record, FORMAT)
        pure = unseal(reader.bytes(), FORMAT)
        state._told = reader.number()
        state.episode = reader.number()
        state.band = reader.text()
        reader.end()

        state.counts = DecayedCounts.decode(pure.bytes())
        for _ in range(pure.number()):
            aggregate = int.from_bytes(pure.take(8), "big")
            seen = state._seen[aggregate] = [pure.number()]
            for _ in range(pure.number()):
                seen.append(seen[-1] + pure.number())
        for _ in range(pure.number()):
            signal = int.from_bytes(pure.take(_SIGNAL_BYTES), "big", signed=True)
            state._latest.append(signal)  # ascending, and so a heap
            state._signals.add(signal & _MARK)
        pure.end()
        if len(state._signals) != len(state._latest):
            raise UnreadableRecord("the record names a signal twice")
        return state

    def digest_bytes(self) -> bytes:
        """16 bytes that are equal when counts and memory are."""
        return blake2b(self._pure_part(), digest_size=16).digest()

    def counts_digest(self) -> bytes:
        """16 bytes that are equal when the counts are."""
        return self.counts.digest()

    def _pure_part(self) -> bytes:
        out = bytearray()
        put_bytes(out, self.counts.encode())
        put(out, len(self._seen))
        for aggregate in sorted(self._seen):
            watermark, *above = self._seen[aggregate]
            out += aggregate.to_bytes(8, "big")
            put(out, watermark)
            put(out, len(above))
            for before, sequence in zip([watermark, *above], above, strict=False):
                put(out, sequence - before)
        put(out, len(self._latest))
        for signal in sorted(self._latest):
            out += signal.to_bytes(_SIGNAL_BYTES, "big", signed=True)
        return seal(FORMAT, out)


def fold(state: LeadState, fact: Fact, half_lives: Mapping[str, int]) -> bool:
    """Fold `fact` into `state` in place; False when it was folded before and nothing changed.

    `half_lives` (milliseconds) names the kinds that count. Of another kind a service event is remembered, so
    that no hole stays in its aggregate's sequence, and a signal is passed over. Raises Refused, with `state`
    unchanged, for a fact that has a sequence below 1, or only one of aggregate and sequence.
    """
    half_life = half_lives.get(fact.kind)
    if fact.aggregate is None or fact.sequence is None:
        if fact.aggregate is not None or fact.sequence is not None:
            raise Refused(
                "sequence-missing",
                f"event {fact.id} needs both aggregate and sequence, or neither as a signal",
            )
        if half_life is None or not _remember_signal(state, fact):
            return False
    elif not _remember_sequence(state, fact.aggregate, fact.sequence):
        return False
    if half_life is not None:
        state.counts.add(fact.kind, fact.at_ms, half_life)
    return True


def _remember_sequence(state: LeadState, aggregate: str, sequence: int) -> bool:
    """False when `sequence` is known."""
    if sequence < 1:
        raise Refused("sequence-wrong", f"{aggregate} has an event with sequence {sequence}; they start at 1")
    seen = state._seen.setdefault(_fingerprint(aggregate), [0])
    if sequence == seen[0] + 1:
        seen[0] = sequence
        while len(seen) > 1 and seen[1] == seen[0] + 1:
            del seen[0]
        return True
    if sequence <= seen[0]:
        return False
    place = bisect_left(seen, sequence)
    if place < len(seen) and seen[place] == sequence:
        return False
    seen.insert(place, sequence)
    return True


def _remember_signal(state: LeadState, fact: Fact) -> bool:
    """False when the signal is among the latest."""
    mark = int.from_bytes(blake2b(fact.id.encode(), digest_size=8).digest(), "big")
    if mark in state._signals:
        return False
    state._signals.add(mark)
    signal = fact.at_ms << _MARK_BITS | mark
    if len(state._latest) < REMEMBERED_SIGNALS:
        heappush(state._latest, signal)
    else:
        state._signals.discard(heappushpop(state._latest, signal) & _MARK)
    return True
