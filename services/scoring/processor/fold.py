"""The leads of one partition number in memory: records in, what is to be told out. No I/O."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from services.scoring.processor.decoding import Decoder
from services.scoring.processor.encoding import HeatEncoder
from services.scoring.processor.lead import (
    FORMAT,
    NEVER,
    NO_WAKE,
    Lead,
    crossing_id,
    promote,
    settle,
    take_in,
    take_part,
    timer_in,
)
from services.scoring.processor.packed import Key, PackedLeads, id_of, key_of
from services.scoring.processor.promotion import RulesInForce, Shadow, by_code
from services.scoring.processor.timers import TimerWheel
from services.scoring.runtime.state import FIRED_AT_ONCE, Output, Promotion
from services.scoring.runtime.transport import Record
from services.scoring.scorecard.compiled_rules import (
    CompiledRules,
    compile_rules,
)
from services.scoring.scorecard.members import Ties, member_key, told_in
from services.scoring.scorecard.record import is_whole
from shared import metrics
from shared.bus.dead_letters import dead_letter, replayed
from shared.bus.topics import HEAT, REPLAYS, SCORING_MEMBERS, SCORING_STATE, Topics
from shared.clock import milliseconds
from shared.errors import Unavailable, Undecodable
from shared.events import Recorded, encode
from shared.events.base import rfc3339
from shared.events.scoring import CrossingEvent
from shared.logs import logger

CONSUMER: Final = "scoring"
"""The name under which scoring puts records aside, and to which they are sent back."""

UNPACKED: Final = 16_384
"""So many leads of a partition stay unpacked; of the others only the state record is in memory."""

NO_RULES: Final = 0

TIES: Final = "/ties"
"""Ends the key of the record that keeps a lead's ties."""

_STEP: Final = 500


LETTERS_WINDOW = timedelta(minutes=1)


class LeadsFold:
    """A `Fold` of facts into the heat of leads.

    The ties of the few leads that have any stay when these rest, and have a state record of their own. Raises
    `Unavailable("too-many-dead-letters")` when more than `letters` records within a minute could not be decoded.
    """

    def __init__(
        self,
        topics: Topics,
        rules: CompiledRules,
        letters: int,
        decoder: Decoder,
        book: RulesInForce | None = None,
        number: int = 0,
    ) -> None:
        self._topics = topics
        self._number = number
        self._rules = rules
        self._letters = self._letters_left = letters
        self._letters_from: datetime | None = None
        self._decoder = decoder
        self._book = book
        self._is_restored = False
        self._unreadable: set[str] = set()
        self._teller = HeatEncoder(rules)
        self._leads: dict[str, Lead] = {}
        self._packed = PackedLeads()
        self._ties: dict[str, Ties] = {}
        self._timers = TimerWheel()
        self._changed: list[Lead] = []
        self._told: list[Output] = []
        self._fired: list[CrossingEvent] = []
        self._heat_topic = topics.name(HEAT.name)
        self._state_topic = topics.name(SCORING_STATE.name)
        self._members_topic = topics.name(SCORING_MEMBERS.name)

    def short(self, topic: str) -> str:
        return self._topics.short(topic)

    def __len__(self) -> int:
        return len(self._leads) + len(self._packed)

    def lead(self, lead_id: str) -> Lead:
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
        return Change(self, rules, effective_ms, before, shadow, is_other or bool(self._unreadable))

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
        self._teller = HeatEncoder(rules)
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
            self._tell_rung(now)
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
        duplicates = letters = 0
        facts = self._decoder.read_all([record.value or b"" for record in records])
        for at, new in enumerate(facts):
            if isinstance(new, Undecodable):
                letters += 1
                record = records[at]
                self._put_aside(topic, place or (self._number, record.offset), record, new, now)
                continue
            lead = leads.get(new.lead_id) or self._unpack(new.lead_id)
            is_new, crossings = take_in(lead, new, rules)
            if lead.is_changed and not lead.is_listed:
                lead.is_listed = True
                self._changed.append(lead)
            if crossings:
                for crossing in crossings:
                    self._tell(crossing, now)
            if not is_new:
                duplicates += 1
        for outcome, count in (
            ("handled", len(records) - duplicates - letters),
            ("duplicate", duplicates),
            ("dead_letter", letters),
        ):
            if count:
                metrics.CONSUMED.labels(CONSUMER, topic, outcome).inc(count)

    def _join(self, records: Sequence[Record], now: datetime) -> None:
        """Take in what members count."""
        for record in records:
            try:
                lead_id, member, part = told_in(record.key, record.value)
            except Undecodable as error:
                self._put_aside(SCORING_MEMBERS.name, (self._number, record.offset), record, error, now)
                continue
            lead = self.lead(lead_id)
            for crossing in take_part(lead, member, part, self._rules):
                self._tell(crossing, now)
            self._list(lead)
        metrics.CONSUMED.labels(CONSUMER, SCORING_MEMBERS.name, "handled").inc(len(records))

    def fire_timers(self, until: datetime, now: datetime) -> int:
        until_ms = milliseconds(until)
        due = self._timers.due(until_ms, FIRED_AT_ONCE)
        for key, second in due:
            self._wake(key, second, until_ms)
        if len(due) < FIRED_AT_ONCE and self._fired:
            self._tell_rung(now)
        return len(due)

    def take(self, now: datetime) -> Sequence[Output]:
        if self._fired:
            self._tell_rung(now)
        outputs, self._told = self._told, []
        changed, self._changed = self._changed, []
        recorded, now_ms = rfc3339(now), milliseconds(now)
        teller, heat_topic, state_topic = self._teller, self._heat_topic, self._state_topic
        for lead in changed:
            key = lead.id.encode()
            if lead.ties is not None:
                outputs += self._tell_ties(lead, lead.ties)
            if lead.has_news:
                lead.told += 1
                outputs.append(Output(heat_topic, key, teller.record(lead, recorded)))
            lead.record = lead.encode()
            outputs.append(Output(state_topic, key, lead.record))
            lead.is_changed = lead.is_listed = lead.has_news = False
            self._set_alarm(lead, now_ms)
        if len(self._leads) > UNPACKED:
            self._rest()
        return outputs

    def _unpack(self, lead_id: str) -> Lead:
        kept = self._packed.pop(key_of(lead_id))
        if kept is None:
            lead = Lead.new(lead_id)
            lead.rules = self._rules.code
        else:
            record, wakes = kept
            lead = Lead.decode(lead_id, record)
            lead.record, lead.wakes = record, wakes
        if lead_id in self._ties:
            lead.ties = self._ties[lead_id]
            lead.join()
        self._leads[lead_id] = lead
        return lead

    def _rest(self) -> None:
        """Let the leads rest that were unpacked first: half of them."""
        for lead_id, lead in list(self._leads.items())[: len(self._leads) // 2]:
            if not lead.is_listed:
                del self._leads[lead_id]
                if lead.record:  # something of it was new
                    self._packed.put(key_of(lead_id), lead.record, lead.wakes)

    def _set_alarm(self, lead: Lead, now_ms: int) -> None:
        """Wake up for a lead at its timer, unless that is going to happen before anyway."""
        if lead.timer_ms < NEVER and lead.timer_ms // 1000 < lead.wakes:
            lead.wakes = self._timers.set(key_of(lead.id), lead.timer_ms, now_ms)

    def _wake(self, key: Key, second: int, until_ms: int) -> None:
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
        self._set_alarm(found, until_ms)
        if found.is_changed:
            self._list(found)
        self._fired += crossings

    def _list(self, lead: Lead) -> None:
        if not lead.is_listed:
            lead.is_listed = True
            self._changed.append(lead)

    def _tell_rung(self, now: datetime) -> None:
        """Tell what time alone has brought about, in its order."""
        fired, self._fired = self._fired, []
        for crossing in sorted(fired, key=lambda each: each.at):
            self._tell(crossing, now)

    def _tell(self, crossing: CrossingEvent, now: datetime) -> None:
        recorded = Recorded(crossing_id(crossing), crossing, now, crossing.episode, crossing.aggregate)
        self._told.append(
            Output(self._topics.name(crossing.topic), crossing.lead_id.encode(), encode(recorded))
        )

    def _tell_ties(self, lead: Lead, ties: Ties) -> Iterator[Output]:
        """The record of a lead's ties, and what it tells its survivor; of a quiet lead nothing else is told."""
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

    def _put_aside(
        self, topic: str, place: tuple[int, int], record: Record, error: Undecodable, now: datetime
    ) -> None:
        partition, offset = place
        if self._letters_from is None or now - self._letters_from > LETTERS_WINDOW:
            self._letters_from, self._letters_left = now, self._letters
        if self._letters_left == 0:
            raise Unavailable(
                "too-many-dead-letters",
                f"too many dead letters (the next: {topic}/{partition}/{offset}, {error.slug}: {error.sentence}); "
                "the worker starts anew, with pauses; see `ascua dlq list` and mend the cause",
            )
        self._letters_left -= 1
        letter = dead_letter(
            CONSUMER, topic, partition, offset, record.key, record.value, error.slug, error.sentence, now
        )
        logger().warning("dead_letter", letter=letter.name, reason=letter.reason)
        metrics.DEAD_LETTERS.labels(CONSUMER, letter.reason).inc()
        aside = letter.to_record()
        self._told.append(
            Output(self._topics.name(aside.topic), aside.key.encode(), aside.value, 0, aside.headers)
        )


@dataclass(frozen=True, slots=True)
class Change:
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
