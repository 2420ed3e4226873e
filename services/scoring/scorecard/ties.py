"""What a lead has to do with others: which leads were merged into it, or which one it was merged into. Pure.

Both sides of a merge hear of it by facts of their own, in whatever order. The absorbed lead tells its survivor what it
counts: its `MemberCounts`. The survivor counts the newest part of each member, as long as part and membership are of
the same turn; what comes before the fact that explains it waits. So the same facts and parts make the same ties in any
order. Parts of one turn replace each other as they follow in the log, where only one worker at a time writes them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from struct import Struct
from typing import Any, Final

import msgspec

from services.scoring.scorecard.counts import DecayedCounts
from services.scoring.scorecard.fact import Fact
from services.scoring.scorecard.lead_state import LeadState
from services.scoring.scorecard.record import Reader, UnreadableRecord, seal, unseal
from shared.errors import Undecodable

MERGED: Final = "lead.merged"
SPLIT: Final = "lead.split"
TYING: Final = frozenset({MERGED, SPLIT})

_FORMAT: Final = 1
_LARGEST: Final = 2**63
_PART: Final = Struct(">QIqqBBH")  # turn, rules, as of, newest fact, customer, history, length of attributes
_HEAD: Final = Struct(">QQII")  # own sequence, turn, how many other leads, how many parts
_NAME: Final = Struct(">B")
_TURN: Final = Struct(">QB")
_LENGTH: Final = Struct(">I")
_NONE: Final = -(2**63)
_LEAD: Final = re.compile(r"[A-Za-z0-9_-]{1,64}").fullmatch


@dataclass(frozen=True, slots=True)
class MemberCounts:
    """What a member counts, as it told its survivor.

    `turn` is the survivor's turn in which it became a member, `rules` the code of the rules that it is kept under,
    `as_of_ms` the latest instant that was looked at; `is_history` when nothing in it is news but history.
    """

    turn: int
    rules: int
    as_of_ms: int
    is_history: bool
    is_customer: bool
    attributes: Mapping[str, str]
    counts: DecayedCounts

    def encode(self) -> bytes:
        attributes = msgspec.json.encode(self.attributes, order="sorted") if self.attributes else b""
        newest = self.counts.newest_ms
        out = bytearray([_FORMAT])
        out += _PART.pack(
            self.turn,
            self.rules,
            self.as_of_ms,
            _NONE if newest is None else newest,
            self.is_customer,
            self.is_history,
            len(attributes),
        )
        out += attributes
        self.counts.pack(out)
        return seal(out)

    @classmethod
    def decode(cls, record: bytes) -> MemberCounts:
        """Raises UnreadableRecord."""
        reader = unseal(record, _FORMAT)
        turn, rules, as_of, newest, is_customer, is_history, length = reader.take(_PART)
        try:
            attributes = msgspec.json.decode(reader.piece(length), type=dict[str, str]) if length else {}
        except msgspec.DecodeError:
            raise UnreadableRecord("the attributes in the record are not readable") from None
        counts = DecayedCounts.unpack(reader.rest(), None if newest == _NONE else newest)
        return cls(turn, rules, as_of, is_history == 1, is_customer == 1, attributes, counts)


def member_key(survivor: str, member: str) -> bytes:
    """The key under which a member tells what it counts."""
    return f"{survivor}/{member}".encode()


def read_member(key: bytes | None, value: bytes | None) -> tuple[str, str, MemberCounts | None]:
    """Survivor, member and part of a record; no part when the member has left. Raises `Undecodable`."""
    survivor, _, member = (key or b"").decode(errors="replace").partition("/")
    if not (_LEAD(survivor) and _LEAD(member)):
        raise Undecodable("key-wrong", "the key does not name a survivor and its member")
    return survivor, member, MemberCounts.decode(value) if value else None


class Ties:
    """The ties of one lead: a function of the set of its facts about merges, and of the parts it was told."""

    __slots__ = ("_heard", "_parts", "_turns", "is_history", "left", "survivor", "turn")

    def __init__(self) -> None:
        self.survivor: str | None = None
        """The lead that this one is part of, since that one's `turn`."""
        self.turn = 0
        self._heard = 0  # the own sequence of the newest fact that said so
        self._turns: dict[
            str, tuple[int, bool]
        ] = {}  # by other lead: the newest turn, and whether it merged them
        self._parts: dict[str, MemberCounts] = {}
        self.left: list[str] = []
        """Survivors that are to hear that this lead is no part of them any more."""
        self.is_history: bool | None = None
        """Whether all that is new since this lead was last told is history; None when nothing is new."""

    def hear(self, fact: Fact) -> None:
        """Take in a fact about a merge or a split."""
        said: Mapping[str, Any] = fact.attributes or {}
        turn, is_merge = said.get("turn", 0), fact.kind == MERGED
        if not 0 < turn < _LARGEST:
            return
        if (absorbed := said.get("absorbed")) is not None:
            if turn > self._turns.get(absorbed, (0, False))[0]:
                self._turns[absorbed] = turn, is_merge
                if absorbed in self._parts and self._parts[absorbed].turn < turn:
                    del self._parts[absorbed]
        elif (survivor := said.get("survivor")) is not None and (fact.sequence or 0) > self._heard:
            self._heard = fact.sequence or 0
            before = self.survivor
            self.survivor, self.turn = (survivor, turn) if is_merge else (None, 0)
            if before is not None and before != self.survivor:
                self.left.append(before)

    def take(self, member: str, part: MemberCounts | None) -> bool:
        """Take in what a member told, None when it has left; true when that makes a difference to what counts."""
        counted = self._counted(member)
        if part is None:
            self._parts.pop(member, None)
        elif part.turn >= max(
            self._turns.get(member, (0, False))[0], self._parts[member].turn if member in self._parts else 0
        ):
            self._parts[member] = part
        return self._counted(member) is not counted

    @property
    def members(self) -> list[str]:
        """The leads that were merged into this one, in the order of their turns."""
        merged = sorted((turn, lead) for lead, (turn, is_merge) in self._turns.items() if is_merge)
        return [lead for _, lead in merged]

    def counted(self) -> Iterator[tuple[str, MemberCounts]]:
        """The members that count, and their parts."""
        for member in self.members:
            part = self._counted(member)
            if part is not None:
                yield member, part

    def _counted(self, member: str) -> MemberCounts | None:
        turn, is_merge = self._turns.get(member, (0, False))
        part = self._parts.get(member)
        return part if is_merge and part is not None and part.turn == turn else None

    def is_quiet(self, rules: int) -> bool:
        """Whether nothing is told of this lead: it is part of another, or lacks what a member counts under its rules.

        That comes as soon as the member's partition has taken the rules over.
        """
        return self.survivor is not None or any(part.rules != rules for _, part in self.counted())

    def joined(self, state: LeadState) -> LeadState:
        """What a lead's scores are read of: its own state and what its members count.

        Of what a lead is, its own word holds, then that of the member that came first.
        """
        parts = [part for _, part in self.counted()]
        if not parts:
            return state
        whole = LeadState()
        whole.is_customer = state.is_customer or any(part.is_customer for part in parts)
        whole.counts.join(state.counts)
        whole.attributes = state.attributes
        for part in parts:
            whole.counts.join(part.counts)
            whole.attributes = {**part.attributes, **whole.attributes}
        return whole

    def encode(self) -> bytes:
        """The record of these ties."""
        out = bytearray([_FORMAT])
        out += _HEAD.pack(self._heard, self.turn, len(self._turns), len(self._parts))
        _put(out, self.survivor or "")
        for lead, turn in sorted(self._turns.items()):
            _put(out, lead)
            out += _TURN.pack(*turn)
        for lead, part in sorted(self._parts.items()):
            _put(out, lead)
            packed = part.encode()
            out += _LENGTH.pack(len(packed)) + packed
        return seal(out)

    @classmethod
    def decode(cls, record: bytes) -> Ties:
        """Raises UnreadableRecord."""
        reader = unseal(record, _FORMAT)
        ties = cls()
        ties._heard, ties.turn, turns, parts = reader.take(_HEAD)
        ties.survivor = _name(reader) or None
        for _ in range(turns):
            lead = _name(reader)
            turn, is_merge = reader.take(_TURN)
            ties._turns[lead] = turn, is_merge == 1
        for _ in range(parts):
            lead = _name(reader)
            (length,) = reader.take(_LENGTH)
            ties._parts[lead] = MemberCounts.decode(reader.piece(length))
        return ties

    def digest(self) -> bytes:
        """16 bytes that are equal when the members and what they count are; whose part it is counts as well."""
        h = blake2b(f"{self.survivor or ''} {' '.join(self.members)}".encode(), digest_size=16)
        for member, part in self.counted():
            packed = bytearray(f" {member} {part.is_customer} {sorted(part.attributes.items())} ".encode())
            part.counts.pack(packed)
            h.update(packed)
        return h.digest()


def _put(out: bytearray, name: str) -> None:
    out += _NAME.pack(len(name)) + name.encode()


def _name(reader: Reader) -> str:
    (length,) = reader.take(_NAME)
    return reader.piece(length).decode()
