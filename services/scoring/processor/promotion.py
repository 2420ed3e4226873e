"""New rules, and states that cannot be read: what becomes of a partition's leads then. No I/O.

New weights, caps and bands are applied to the counts that are there. A new half-life or condition is another count,
which only the facts can fill: they are folded again into states of their own, beside the leads, from the first one to
where the partition stands. Then every lead takes over its new state, and is looked at for the instant from which the
rules are in force. A lead's record says under which rules it was made, so what a crash leaves half done is seen.
"""

from __future__ import annotations

from collections.abc import Container, Sequence
from typing import Protocol

from services.scoring.processor.decoding import Decoder
from services.scoring.processor.lead import ScoredLead
from services.scoring.processor.protocols import Record
from services.scoring.scorecard.compiled_rules import CompiledRules, compile_rules
from services.scoring.scorecard.lead_state import LeadState, fold
from services.scoring.scorecard.model import Rules
from services.scoring.scorecard.record import Reader
from services.scoring.scorecard.ties import TYING, Ties, read_member
from shared.bus.dead_letters import replayed
from shared.bus.topics import REPLAYS, SCORING_MEMBERS
from shared.errors import Undecodable
from shared.events import decode
from shared.events.scoring import CrossingEvent, HeatChanged

UNPACKED = 50_000


class PublishedRules(Protocol):
    """Rules, and from when on they are in force (ms)."""

    @property
    def effective_ms(self) -> int: ...
    @property
    def rules(self) -> Rules: ...


class RulesInForce(Protocol):
    """Which rules are in force when."""

    def in_force(self, instant_ms: int) -> PublishedRules: ...

    def versions(self) -> Sequence[PublishedRules]:
        """All that ever were or will be."""


def by_code(book: RulesInForce, code: int) -> CompiledRules | None:
    """The rules that a lead's record names."""
    found = (compile_rules(publication.rules) for publication in book.versions())
    return next((rules for rules in found if rules.code == code), None)


class Shadow:
    """States of leads made anew from the facts: of all, or only of those that were `forgotten`."""

    def __init__(
        self,
        rules: CompiledRules,
        decoder: Decoder,
        consumer: str,
        forgotten: Container[str],
        covers_all: bool,
    ) -> None:
        self._rules = rules
        self._read = decoder.read
        self._consumer = consumer
        self._forgotten = forgotten
        self._covers_all = covers_all
        self._states: dict[str, LeadState | bytes] = {}
        self._unpacked: list[str] = []
        self.ties: dict[str, Ties] = {}
        """The ties of the leads that were forgotten."""
        self._sent: dict[str, tuple[int, list[CrossingEvent]]] = {}

    def fold(self, topic: str, records: Sequence[Record]) -> None:
        """Fold records of a topic (its short name); those that cannot be decoded are dead letters already."""
        if topic == SCORING_MEMBERS.name:
            self._join(records)
            return
        for record in records:
            if topic == REPLAYS.name and replayed(record.headers, self._consumer) is None:
                continue
            try:
                new = self._read(record.value or b"")
            except Undecodable:
                continue
            if self.covers(new.lead_id):
                fold(self._state(new.lead_id), new, self._rules.step(new).counters)
                if new.kind in TYING and new.lead_id in self._forgotten:
                    self.ties.setdefault(new.lead_id, Ties()).hear(new)

    def _join(self, records: Sequence[Record]) -> None:
        for record in records:
            try:
                lead_id, member, part = read_member(record.key, record.value)
            except Undecodable:
                continue
            if lead_id in self._forgotten:
                self.ties.setdefault(lead_id, Ties()).take(member, part)

    def remind(self, record: Record) -> None:
        """Learn from what was sent of a lead the sequence of its heat and its band."""
        lead_id = (record.key or b"").decode()
        if lead_id not in self._forgotten or not record.value:
            return
        recorded = decode(record.value)
        sequence, crossings = self._sent.setdefault(lead_id, (0, []))
        if isinstance(recorded.event, HeatChanged):
            self._sent[lead_id] = max(sequence, recorded.sequence or 0), crossings
        elif isinstance(recorded.event, CrossingEvent):
            crossings.append(recorded.event)

    def covers(self, lead_id: str) -> bool:
        return self._covers_all or lead_id in self._forgotten

    def take(self, lead_id: str) -> LeadState:
        """The state of a lead, to be kept by whoever takes it."""
        state = self._state(lead_id)
        self._states.pop(lead_id)
        return state

    def remembered(self, lead: ScoredLead) -> None:
        """Give a lead whose record could not be read what is known to have been sent of it."""
        sequence, crossings = self._sent.get(lead.id, (0, []))
        lead.heat_sequence = sequence
        for crossing in sorted(crossings, key=lambda crossing: crossing.episode):
            lead.resume(crossing)

    def _state(self, lead_id: str) -> LeadState:
        state = self._states.get(lead_id)
        if not isinstance(state, LeadState):
            if len(self._unpacked) == UNPACKED:
                self._pack()
            state = LeadState() if state is None else LeadState.unpack(Reader(state, 0, len(state)))
            self._states[lead_id] = state
            self._unpacked.append(lead_id)
        return state

    def _pack(self) -> None:
        for lead_id in self._unpacked:
            state = self._states.get(lead_id)
            if isinstance(state, LeadState):
                packed = bytearray()
                state.pack(packed)
                self._states[lead_id] = bytes(packed)
        self._unpacked.clear()
