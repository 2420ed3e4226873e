"""What scoring knows of one lead: its counts, what it has seen, what it is. A function of the set of its facts."""

from __future__ import annotations

import sys
from array import array
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from hashlib import blake2b
from struct import Struct
from typing import Any, Final

import msgspec
from xxhash import xxh3_64_intdigest

from services.scoring.scorecard.counts import DecayedCounts
from services.scoring.scorecard.fact import Fact
from services.scoring.scorecard.model import Counter
from services.scoring.scorecard.record import Reader, UnreadableRecord
from shared.errors import Refused

REMEMBERED_SIGNALS: Final = 256
WON: Final = "lead.won"
QUALIFIED: Final = "lead.qualified"

_FEW: Final = 12  # so many are looked through faster than put into a set

_HEAD: Final = Struct(">qBHH")  # newest fact, flags, how many aggregates, how many signals
_CUSTOMER, _QUALIFIED = 1, 2
_QUALIFICATION: Final = Struct(">QH")  # sequence, length of the attributes
_SEEN: Final = Struct(">QQH")
_SEQUENCE: Final = Struct(">Q")
_NONE: Final = -(2**63)


def _fingerprint(name: str) -> int:
    """64 bits of a name; two names of one lead share them with a chance of n²/2^65."""
    return xxh3_64_intdigest(name.encode())


class LeadState:
    """The state of one lead.

    It is a function of the set of facts folded, so any order and any repetition of them gives the same bytes, with
    one limit: a repeated *signal* is recognised while it is among the lead's 256 latest by (time, fingerprint of the
    id). Beyond them a signal is counted each time it comes, so distinct facts still commute whatever their number,
    and a late signal is never lost. A repeat is known by its id alone: one that gives another time changes nothing.
    Service events are recognised for ever.
    """

    __slots__ = (
        "_known",
        "_marks",
        "_oldest",
        "_qualified",
        "_seen",
        "_times",
        "attributes",
        "counts",
        "is_customer",
    )  # fmt: skip

    def __init__(self) -> None:
        self.counts = DecayedCounts()
        self.is_customer = False
        self.attributes: Mapping[str, str] = {}
        """What the lead is, as its newest qualification says."""
        self._qualified = 0
        # Per aggregate: the last sequence without a hole before it, then those above the hole, ascending.
        self._seen: dict[int, list[int]] = {}
        # Of the latest signals, by time and fingerprint: their times in milliseconds, and their fingerprints.
        self._times = array("q")
        self._marks = array("Q")
        self._oldest = (
            0  # where they begin, once there is room for no more: then the next one takes the oldest's place
        )
        self._known: set[int] | None = None  # the fingerprints again, once they are many

    def pack(self, out: bytearray) -> None:
        """Append the one byte form of this state."""
        newest, seen = self.counts.newest_ms, self._seen
        flags = (_CUSTOMER if self.is_customer else 0) | (_QUALIFIED if self._qualified else 0)
        out += _HEAD.pack(_NONE if newest is None else newest, flags, len(seen), len(self._times))
        if self._qualified:
            attributes = msgspec.json.encode(self.attributes, order="sorted")
            out += _QUALIFICATION.pack(self._qualified, len(attributes))
            out += attributes
        for aggregate in sorted(seen):
            sequences = seen[aggregate]
            out += _SEEN.pack(aggregate, sequences[0], len(sequences) - 1)
            for above in sequences[1:]:
                out += _SEQUENCE.pack(above)
        self._straighten()
        out += _big_endian(self._times)
        out += _big_endian(self._marks)
        self.counts.pack(out)

    @classmethod
    def unpack(cls, reader: Reader) -> LeadState:
        """The state that `pack` wrote. Raises UnreadableRecord."""
        state = cls()
        newest, flags, seen, signals = reader.take(_HEAD)
        state.is_customer = flags & _CUSTOMER != 0
        if flags & _QUALIFIED:
            state._qualified, length = reader.take(_QUALIFICATION)
            try:
                state.attributes = msgspec.json.decode(reader.piece(length), type=dict[str, str])
            except msgspec.DecodeError:
                raise UnreadableRecord("the attributes in the record are not readable") from None
        for _ in range(seen):
            aggregate, watermark, above = reader.take(_SEEN)
            state._seen[aggregate] = [watermark, *(reader.take(_SEQUENCE)[0] for _ in range(above))]
        state._times.frombytes(reader.piece(signals * 8))
        state._marks.frombytes(reader.piece(signals * 8))
        if sys.byteorder == "little":
            state._times.byteswap()
            state._marks.byteswap()
        state.counts = DecayedCounts.unpack(reader.rest(), None if newest == _NONE else newest)
        return state

    def digest(self) -> bytes:
        """16 bytes that are equal for equal states."""
        packed = bytearray()
        self.pack(packed)
        return blake2b(packed, digest_size=16).digest()

    def counts_digest(self) -> bytes:
        """16 bytes that are equal when the counts are."""
        packed = bytearray()
        self.counts.pack(packed)
        return blake2b(packed, digest_size=16).digest()

    def remember(self, fact: Fact) -> bool:
        """False when the fact is known. Raises Refused, with nothing changed, for one that cannot be placed."""
        aggregate, sequence = fact.aggregate, fact.sequence
        if aggregate is None and sequence is None:
            return self.remember_signal(fact)
        if aggregate is None or sequence is None:
            raise Refused(
                "sequence-missing",
                f"event {fact.id} needs both aggregate and sequence, or neither as a signal",
            )
        return self._remember_sequence(aggregate, sequence)

    def qualify(self, sequence: int, attributes: Mapping[str, str]) -> None:
        """Take over what the lead is, unless something newer said so."""
        if sequence > self._qualified:
            self._qualified, self.attributes = sequence, attributes

    def _remember_sequence(self, aggregate: str, sequence: int) -> bool:
        if sequence < 1:
            raise Refused(
                "sequence-wrong", f"{aggregate} has an event with sequence {sequence}; they start at 1"
            )
        name = _fingerprint(aggregate)
        seen = self._seen.get(name)
        if seen is None:
            self._seen[name] = [1] if sequence == 1 else [0, sequence]
            return True
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

    def remember_signal(self, fact: Fact) -> bool:
        """False when the signal is among the latest."""
        mark = xxh3_64_intdigest(fact.id.encode())
        times, marks, known, at_ms = self._times, self._marks, self._known, fact.at_ms
        number = len(times)
        if known is None:
            if mark in marks:
                return False
            if number >= _FEW:
                known = self._known = set(marks)
        elif mark in known:
            return False
        if number == REMEMBERED_SIGNALS and at_ms > times[self._oldest - 1]:
            at = self._oldest
            if known is not None:
                known.discard(marks[at])
                known.add(mark)
            times[at], marks[at] = at_ms, mark
            self._oldest = at + 1 if at + 1 < REMEMBERED_SIGNALS else 0
            return True
        self._straighten()
        if number == 0 or at_ms > times[-1]:
            times.append(at_ms)
            marks.append(mark)
        else:
            place = bisect_left(times, at_ms)
            while place < number and times[place] == at_ms and marks[place] < mark:
                place += 1
            if place == 0 and number == REMEMBERED_SIGNALS:
                return True
            times.insert(place, at_ms)
            marks.insert(place, mark)
        if known is not None:
            known.add(mark)
            if number == REMEMBERED_SIGNALS:
                known.discard(marks.pop(0))
                del times[0]
        return True

    def _straighten(self) -> None:
        """Let the latest signals begin with the oldest of them."""
        at = self._oldest
        if at:
            # In place: whoever remembers a signal has them in hand.
            self._times[:], self._marks[:] = (
                self._times[at:] + self._times[:at],
                self._marks[at:] + self._marks[:at],
            )
            self._oldest = 0


def fold(state: LeadState, fact: Fact, counters: Sequence[Counter]) -> bool:
    """Fold `fact`, which counts for `counters`, into `state`; False when it was folded before and nothing changed.

    A service event that counts for nothing is remembered, so that no hole stays in its aggregate's sequence; such a
    signal is passed over. Raises Refused, with `state` unchanged, for a fact that has a sequence below 1, or only one
    of aggregate and sequence.
    """
    if fact.aggregate is None and fact.sequence is None:
        if not counters or not state.remember_signal(fact):
            return False
    elif not state.remember(fact):
        return False
    counts, at_ms = state.counts, fact.at_ms
    for counter in counters:
        counts.add(counter.code, at_ms, counter.half_life_ms)
    if fact.kind == WON:
        state.is_customer = True
    elif fact.kind == QUALIFIED and fact.sequence is not None:
        state.qualify(fact.sequence, words(fact.attributes or {}))
    return True


def words(attributes: Mapping[str, Any]) -> dict[str, str]:
    """The attributes that a qualification names, as fit points are given to: `{"budget": "confirmed"}`."""
    named = attributes.get("attributes", {})
    return {str(name): str(value) for name, value in named.items()} if isinstance(named, Mapping) else {}


def _big_endian(numbers: array[int]) -> bytes:
    if sys.byteorder == "little" and numbers:
        numbers = numbers[:]
        numbers.byteswap()
    return numbers.tobytes()
