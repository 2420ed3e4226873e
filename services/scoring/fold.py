"""The leads of one partition number in memory: records in, what is to be told out. No I/O."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from heapq import heappop, heappush

from aiokafka import ConsumerRecord

from services.scoring.domain import Lead, alarm_in, crossing_id, heat_id, heat_of, settle, take_in
from services.scoring.facts import read
from services.scoring.state import RUNG, Output
from shared import metrics
from shared.bus.letters import dead_letter
from shared.bus.topics import HEAT, REPLAYS, SCORING_STATE, Topics
from shared.clock import milliseconds
from shared.errors import Refused, Undecodable
from shared.events import Recorded, encode
from shared.events.scoring import CrossingEvent
from shared.logs import logger
from shared.scorecard.rules import Rules

CONSUMER = "scoring"
"""The name under which scoring puts records aside, and to which they are sent back."""


class Heat:
    """A `Fold` of facts into the heat of leads.

    A lead read back stays bytes until something happens to it. Raises `Refused("too-many-dead-letters")` when more
    than `letters` records could not be decoded.
    """

    def __init__(self, topics: Topics, rules: Rules, letters: int) -> None:
        self._topics = topics
        self._rules = rules
        self._letters_left = letters
        self._leads: dict[str, Lead | bytes] = {}
        self._alarms: list[tuple[int, str]] = []
        self._set: dict[str, int] = {}
        self._changed: dict[str, bool] = {}
        self._told: list[Output] = []

    def __len__(self) -> int:
        return len(self._leads)

    def lead(self, lead_id: str) -> Lead:
        lead = self._leads.get(lead_id)
        if not isinstance(lead, Lead):
            lead = Lead.new(lead_id) if lead is None else Lead.decode(lead_id, lead)
            self._leads[lead_id] = lead
        return lead

    def restore(self, key: bytes, value: bytes | None) -> None:
        lead_id = key.decode()
        if value is None:
            self._leads.pop(lead_id, None)
        else:
            self._leads[lead_id] = value
            self._set_alarm(lead_id, alarm_in(value))

    def fold(self, topic: str, records: Sequence[ConsumerRecord], now: datetime) -> None:
        outcomes = {"handled": 0, "duplicate": 0, "dead_letter": 0, "passed": 0}
        short = self._topics.short(topic)
        for record in records:
            outcomes[self._fold(short, record, now)] += 1
        for outcome, count in outcomes.items():
            if count:
                metrics.CONSUMED.labels(CONSUMER, short, outcome).inc(count)

    def ring(self, now: datetime) -> int:
        now_ms, rung = milliseconds(now), 0
        while rung < RUNG and self._alarms and self._alarms[0][0] <= now_ms:
            alarm, lead_id = heappop(self._alarms)
            if self._set.get(lead_id) != alarm:
                continue
            del self._set[lead_id]
            if lead_id not in self._leads:
                continue
            rung += 1
            lead = self.lead(lead_id)
            for crossing in settle(lead, now_ms, self._rules):
                self._tell(crossing, now)
                self._changed[lead_id] = True
            self._set_alarm(lead_id, lead.alarm_ms)
        return rung

    def take(self, now: datetime) -> Sequence[Output]:
        outputs, self._told = self._told, []
        changed, self._changed = self._changed, {}
        heat_topic, state_topic = self._topics.name(HEAT.name), self._topics.name(SCORING_STATE.name)
        for lead_id, is_told in changed.items():
            lead, key = self.lead(lead_id), lead_id.encode()
            if is_told:
                heat, told = heat_of(lead, self._rules), lead.state.tell()
                recorded = Recorded(heat_id(lead_id, told), heat, now, told, heat.aggregate)
                outputs.append(Output(heat_topic, key, encode(recorded)))
            outputs.append(Output(state_topic, key, lead.encode()))
            self._set_alarm(lead_id, lead.alarm_ms)
        return outputs

    def _fold(self, topic: str, record: ConsumerRecord, now: datetime) -> str:
        partition, offset = record.partition, record.offset
        if topic == REPLAYS.name:
            headers = {name: value.decode(errors="replace") for name, value in record.headers}
            if headers.get("consumer") != CONSUMER:
                return "passed"
            topic, partition, offset = headers["topic"], int(headers["partition"]), int(headers["offset"])
        try:
            new = read(record.value or b"")
        except Undecodable as error:
            self._put_aside(topic, partition, offset, record, error, now)
            return "dead_letter"
        is_new, crossings = take_in(self.lead(new.lead_id), new, self._rules)
        for crossing in crossings:
            self._tell(crossing, now)
        if is_new or crossings:
            is_told = bool(crossings) or new.fact.kind in self._rules.heat.kinds
            self._changed[new.lead_id] = self._changed.get(new.lead_id, False) or is_told
        return "handled" if is_new else "duplicate"

    def _tell(self, crossing: CrossingEvent, now: datetime) -> None:
        recorded = Recorded(crossing_id(crossing), crossing, now, crossing.episode, crossing.aggregate)
        self._told.append(
            Output(self._topics.name(crossing.topic), crossing.lead_id.encode(), encode(recorded))
        )

    def _put_aside(
        self,
        topic: str,
        partition: int,
        offset: int,
        record: ConsumerRecord,
        error: Undecodable,
        now: datetime,
    ) -> None:
        if self._letters_left == 0:
            raise Refused(
                "too-many-dead-letters",
                f"too many dead letters (the next: {topic}/{partition}/{offset}, {error.slug}: {error.sentence}); "
                "see `ascua dlq list`, mend the cause and start it again",
            )
        self._letters_left -= 1
        letter = dead_letter(
            CONSUMER, topic, partition, offset, record.key, record.value, error.slug, error.sentence, now
        )
        logger().warning("dead_letter", letter=letter.name, reason=letter.reason)
        metrics.DEAD_LETTERS.labels(CONSUMER, letter.reason).inc()
        aside = letter.to_record()
        name = self._topics.name(aside.topic)
        self._told.append(Output(name, aside.key.encode(), aside.value, 0, aside.headers))

    def _set_alarm(self, lead_id: str, alarm_ms: int | None) -> None:
        """Wake up for a lead at an instant, unless that is going to happen before anyway."""
        if alarm_ms is not None and alarm_ms < self._set.get(lead_id, alarm_ms + 1):
            self._set[lead_id] = alarm_ms
            heappush(self._alarms, (alarm_ms, lead_id))
