"""The leads of one partition number in memory: records in, records out. No I/O."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from services.scoring.processor.crossings import crossing_id
from services.scoring.processor.dead_letters import CONSUMER, DeadLetters
from services.scoring.processor.decisions import promote, settle, take_in, take_part
from services.scoring.processor.decoding import Decoder
from services.scoring.processor.encoding import HeatEncoder
from services.scoring.processor.lead import FORMAT, NEVER, NO_WAKE, ScoredLead, timer_in
from services.scoring.processor.packed import Key, PackedLeads, id_of, key_of
from services.scoring.processor.promotion import RulesInForce, Shadow, by_code
from services.scoring.processor.protocols import FIRED_AT_ONCE, Output, Promotion, Record
from services.scoring.processor.timer_wheel import TimerWheel
from services.scoring.scorecard.compiled_rules import CompiledRules, compile_rules
from services.scoring.scorecard.record import is_whole
from services.scoring.scorecard.ties import Ties, member_key, read_member
from shared import metrics
from shared.bus.dead_letters import replayed
from shared.bus.topics import HEAT, REPLAYS, SCORING_MEMBERS, SCORING_STATE, Topics
from shared.clock import milliseconds
from shared.errors import Undecodable
from shared.events import Recorded, encode
from shared.events.base import rfc3339
from shared.events.scoring import CrossingEvent
from shared.logs import logger

UNPACKED: Final = 16_384
"""So many leads of a partition stay unpacked; of the others only the state record is in memory."""

NO_RULES: Final = 0

TIES: Final = "/ties"
"""Ends the key of the record that keeps a lead's ties."""

_STEP: Final = 500


class LeadsFold:
    """A `Fold` of facts into the heat of leads.

    The ties of the few leads that have any stay when these are packed, and have a state record of their own. Raises
    `Unavailable("too-many-dead-letters")` when more than `dead_letter_limit` records within a minute could not be
    decoded.
    """

    def __init__(
        self,
        topics: Topics,
        rules: CompiledRules,
        dead_letter_limit: int,
        decoder: Decoder,
        book: RulesInForce | None = None,
        number: int = 0,
    ) -> None:
        self._topics = topics
        self._number = number
        self._rules = rules
        self._dead_letters = DeadLetters(topics, dead_letter_limit)
        self._decoder = decoder
        self._book = book
        self._is_restored = False
        self._unreadable: set[str] = set()
        self._encoder = HeatEncoder(rules)
        self._leads: dict[str, ScoredLead] = {}
        self._packed = PackedLeads()
        self._ties: dict[str, Ties] = {}
        self._timers = TimerWheel()
        self._changed: list[ScoredLead] = []
        self._outputs: list[Output] = []
        self._fired: list[CrossingEvent] = []
        self._heat_topic = topics.name(HEAT.name)
        self._state_topic = topics.name(SCORING_STATE.name)
        self._members_topic = topics.name(SCORING_MEMBERS.name)

    def short(self, topic: str) -> str:
        return self._topics.short(topic)

    def __len__(self) -> int:
        return len(self._leads) + len(self._packed)

    def lead(self, lead_id: str) -> ScoredLead:
        return self._leads.get(lead_id) or self._unpack(lead_id)

    def restore(self, key: bytes, value: bytes | None) -> None:
        lead_id = key.decode()
        if lead_id.endswith(TIES):
            self._restore_ties(lead_id, value)
            return
        self._unreadable.discard(lead_id)
        at = key_of(lead_id)
        if value is None:
            self._packed.pop(at)
            return
        if not is_whole(value, FORMAT):
            self._unreadable.add(lead_id)
            self._packed.pop(at)
            return
        self._is_restored = True
        timer, _ = timer_in(value)
        self._packed.put(at, value, NO_WAKE if timer == NEVER else self._timers.set(at, timer, 0))

    def _restore_ties(self, key: str, value: bytes | None) -> None:
        self._unreadable.discard(key)
        lead_id = key.removesuffix(TIES)
        self._ties.pop(lead_id, None)
        if value is not None:
            try:
                self._ties[lead_id] = Ties.decode(value)
            except Undecodable:
                self._unreadable.add(key)

    def due(self, now: datetime) -> Promotion | None:
        # Without its ties a lead is forgotten as a whole.
        self._unreadable = {key.removesuffix(TIES) for key in self._unreadable}
        for lead_id in self._unreadable:
            self._packed.pop(key_of(lead_id))
            self._ties.pop(lead_id, None)
            logger().error("state_unreadable", lead=lead_id, mended="its facts are folded anew")
        if self._book is None:
            rules, effective_ms = self._rules, -NEVER
        else:
            publication = self._book.in_force(milliseconds(now))
            rules, effective_ms = compile_rules(publication.rules), publication.effective_ms
        before: dict[int, CompiledRules | None] = (
            {self._rules.code: self._rules} if rules.code != self._rules.code else {}
        )
        for code in self._codes_restored() - {rules.code, self._rules.code}:
            before[code] = by_code(self._book, code) if self._book else None
        if not before and not self._unreadable:
            return None
        is_other = any(each is None or each.codes != rules.codes for each in before.values())
        forgotten = frozenset(self._unreadable)
        shadow = Shadow(rules, self._decoder, CONSUMER, forgotten, covers_all=is_other)
        return LeadsPromotion(self, rules, effective_ms, before, shadow, is_other or bool(self._unreadable))

    def _codes_restored(self) -> set[int]:
        """Of what was read back, the codes of the rules."""
        if not self._is_restored:
            return set()
        self._is_restored = False
        return self._packed.rules()

    def promote(
        self,
        rules: CompiledRules,
        effective_ms: int,
        before: Mapping[int, CompiledRules | None],
        shadow: Shadow | None,
    ) -> Iterator[int]:
        """Put all leads under some rules, a few hundred at a time."""
        self._rules = rules
        self._encoder = HeatEncoder(rules)
        for lead_id in sorted(self._unreadable):
            lead = self._unpack(lead_id)
            if shadow is not None:
                shadow.remembered(lead)
                lead.ties = shadow.ties.get(lead_id)
                lead.rules = NO_RULES
        self._unreadable.clear()
        for number, lead_id in enumerate([*self._leads, *self._packed], 1):
            lead = self.lead(lead_id)
            if lead.rules != rules.code:
                state = lead.state
                if shadow is not None and shadow.covers(lead_id):
                    state = shadow.take(lead_id)
                    if lead.rules == NO_RULES:
                        lead.as_of_ms = max(lead.as_of_ms, state.counts.newest_ms or -NEVER)
                crossings = promote(lead, state, before.get(lead.rules), rules, effective_ms)
                self._list(lead)
                self._fired += crossings
            if number % _STEP == 0:
                yield number

    def fold(self, topic: str, records: Sequence[Record], now: datetime) -> None:
        if self._fired:
            self._emit_fired(now)
        short = self._topics.short(topic)
        if short == SCORING_MEMBERS.name:
            self._join(records, now)
            return
        if short != REPLAYS.name:
            self._fold(short, records, now)
            return
        for record in records:
            place = replayed(record.headers, CONSUMER)
            # What a member counts is not sent back: it tells all of it anew.
            if place is None or place[0] == SCORING_MEMBERS.name:
                metrics.CONSUMED.labels(CONSUMER, short, "passed").inc()
            else:
                self._fold(place[0], [record], now, place[1:])

    def _fold(
        self,
        topic: str,
        records: Sequence[Record],
        now: datetime,
        place: tuple[int, int] | None = None,
    ) -> None:
        """Fold records of a topic (its short name); `place` is where a record stood that is sent back."""
        leads, rules = self._leads, self._rules
        duplicates = dead_letters = 0
        facts = self._decoder.read_all([record.value or b"" for record in records])
        for at, new in enumerate(facts):
            if isinstance(new, Undecodable):
                dead_letters += 1
                record = records[at]
                origin = (topic, *(place or (self._number, record.offset)))
                self._outputs.append(self._dead_letters.put_aside(origin, record, new, now))
                continue
            lead = leads.get(new.lead_id) or self._unpack(new.lead_id)
            is_new, crossings = take_in(lead, new, rules)
            if lead.is_changed and not lead.is_listed:
                lead.is_listed = True
                self._changed.append(lead)
            if crossings:
                for crossing in crossings:
                    self._emit(crossing, now)
            if not is_new:
                duplicates += 1
        for outcome, count in (
            ("handled", len(records) - duplicates - dead_letters),
            ("duplicate", duplicates),
            ("dead_letter", dead_letters),
        ):
            if count:
                metrics.CONSUMED.labels(CONSUMER, topic, outcome).inc(count)

    def _join(self, records: Sequence[Record], now: datetime) -> None:
        """Take in what members count."""
        for record in records:
            try:
                lead_id, member, part = read_member(record.key, record.value)
            except Undecodable as error:
                origin = SCORING_MEMBERS.name, self._number, record.offset
                self._outputs.append(self._dead_letters.put_aside(origin, record, error, now))
                continue
            lead = self.lead(lead_id)
            for crossing in take_part(lead, member, part, self._rules):
                self._emit(crossing, now)
            self._list(lead)
        metrics.CONSUMED.labels(CONSUMER, SCORING_MEMBERS.name, "handled").inc(len(records))

    def fire_timers(self, until: datetime, now: datetime) -> int:
        until_ms = milliseconds(until)
        due = self._timers.due(until_ms, FIRED_AT_ONCE)
        for key, second in due:
            self._fire(key, second, until_ms)
        if len(due) < FIRED_AT_ONCE and self._fired:
            self._emit_fired(now)
        return len(due)

    def take(self, now: datetime) -> Sequence[Output]:
        if self._fired:
            self._emit_fired(now)
        outputs, self._outputs = self._outputs, []
        changed, self._changed = self._changed, []
        recorded, now_ms = rfc3339(now), milliseconds(now)
        encoder, heat_topic, state_topic = self._encoder, self._heat_topic, self._state_topic
        for lead in changed:
            key = lead.id.encode()
            if lead.ties is not None:
                outputs += self._outputs_of(lead, lead.ties)
            if lead.has_news:
                lead.heat_sequence += 1
                outputs.append(Output(heat_topic, key, encoder.record(lead, recorded)))
            lead.record = lead.encode()
            outputs.append(Output(state_topic, key, lead.record))
            lead.is_changed = lead.is_listed = lead.has_news = False
            self._set_timer(lead, now_ms)
        if len(self._leads) > UNPACKED:
            self._pack()
        return outputs

    def _unpack(self, lead_id: str) -> ScoredLead:
        kept = self._packed.pop(key_of(lead_id))
        if kept is None:
            lead = ScoredLead.new(lead_id)
            lead.rules = self._rules.code
        else:
            record, wakes = kept
            lead = ScoredLead.decode(lead_id, record)
            lead.record, lead.wakes = record, wakes
        if lead_id in self._ties:
            lead.ties = self._ties[lead_id]
            lead.join()
        self._leads[lead_id] = lead
        return lead

    def _pack(self) -> None:
        """Pack the leads that were unpacked first: half of them."""
        for lead_id, lead in list(self._leads.items())[: len(self._leads) // 2]:
            if not lead.is_listed:
                del self._leads[lead_id]
                if lead.record:  # something of it was new
                    self._packed.put(key_of(lead_id), lead.record, lead.wakes)

    def _set_timer(self, lead: ScoredLead, now_ms: int) -> None:
        """Wake up for a lead at its timer, unless that is going to happen before anyway."""
        if lead.timer_ms < NEVER and lead.timer_ms // 1000 < lead.wakes:
            lead.wakes = self._timers.set(key_of(lead.id), lead.timer_ms, now_ms)

    def _fire(self, key: Key, second: int, until_ms: int) -> None:
        found = self._leads.get(id_of(key))
        if found is not None:
            if found.wakes != second:
                return
        else:
            packed = self._packed.timer(key)
            if packed is None or packed[1] != second:
                return
            timer = packed[0]
            if timer > until_ms:
                self._packed.set_timer(key, self._timers.set(key, timer, until_ms))
                return
            found = self._unpack(id_of(key))
        found.wakes = NO_WAKE
        crossings = settle(found, until_ms, self._rules)
        self._set_timer(found, until_ms)
        if found.is_changed:
            self._list(found)
        self._fired += crossings

    def _list(self, lead: ScoredLead) -> None:
        if not lead.is_listed:
            lead.is_listed = True
            self._changed.append(lead)

    def _emit_fired(self, now: datetime) -> None:
        """Send what time alone has brought about, in its order."""
        fired, self._fired = self._fired, []
        for crossing in sorted(fired, key=lambda each: each.at):
            self._emit(crossing, now)

    def _emit(self, crossing: CrossingEvent, now: datetime) -> None:
        recorded = Recorded(crossing_id(crossing), crossing, now, crossing.episode, crossing.aggregate)
        self._outputs.append(
            Output(self._topics.name(crossing.topic), crossing.lead_id.encode(), encode(recorded))
        )

    def _outputs_of(self, lead: ScoredLead, ties: Ties) -> Iterator[Output]:
        """The record of a lead's ties, and what it tells its survivor; of a quiet lead nothing else is sent."""
        self._ties[lead.id] = ties
        yield Output(self._state_topic, f"{lead.id}{TIES}".encode(), ties.encode())
        for survivor in ties.left:
            yield Output(self._members_topic, member_key(survivor, lead.id), None, survivor.encode())
        ties.left.clear()
        if ties.survivor is not None:
            key, part = member_key(ties.survivor, lead.id), lead.part().encode()
            yield Output(self._members_topic, key, part, ties.survivor.encode())
        ties.is_history = None
        if ties.is_quiet(lead.rules):
            lead.has_news = False


@dataclass(frozen=True, slots=True)
class LeadsPromotion:
    """A `Promotion` of a partition's leads."""

    heat: LeadsFold
    rules: CompiledRules
    effective_ms: int
    before: Mapping[int, CompiledRules | None]
    shadow: Shadow
    needs_facts: bool

    def fold(self, topic: str, records: Sequence[Record]) -> None:
        self.shadow.fold(self.heat.short(topic), records)

    def remind(self, record: Record) -> None:
        self.shadow.remind(record)

    def apply(self) -> Iterator[int]:
        return self.heat.promote(
            self.rules, self.effective_ms, self.before, self.shadow if self.needs_facts else None
        )
