"""A partition's leads in memory: what goes out is what the domain says, and rests as bytes without a trace."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
from random import Random
from types import SimpleNamespace
from typing import Any

import pytest

from services.scoring.processor import fold as module
from services.scoring.processor.crossings import crossing_id
from services.scoring.processor.decoding import Decoder
from services.scoring.processor.fold import LeadsFold
from services.scoring.processor.heat_event import heat_of
from services.scoring.processor.lead import ScoredLead
from services.scoring.processor.protocols import Output
from services.scoring.processor.timer_wheel import TimerWheel
from services.scoring.scorecard.compiled_rules import CompiledRules, compile_rules
from services.scoring.scorecard.defaults import default_rules, default_text
from services.scoring.scorecard.model import Rules
from services.scoring.scorecard.parser import parse_rules
from shared.bus.brokers import Brokers
from shared.bus.topics import Topics
from shared.clock import milliseconds
from shared.errors import Unavailable
from shared.events import Recorded, decode, encode
from shared.events.base import Event
from shared.events.followup import ActivityLogged
from shared.events.leads import LeadCaptured, LeadWon
from shared.events.scoring import CrossingEvent, HeatChanged
from shared.events.signals import SignalReceived

RULES = compile_rules(default_rules())
MONDAY = datetime(2026, 11, 23, 10, tzinfo=UTC)
LEADS = [f"lead-{number}" for number in range(40)]
ids = count()


def new(letters: int = 0) -> LeadsFold:
    return LeadsFold(Topics(Brokers("nowhere"), "ascua"), RULES, letters, Decoder())


def record(event: Event, sequence: int | None = None) -> Any:
    recorded = Recorded(f"e{next(ids)}", event, event.at, sequence, event.aggregate if sequence else None)
    return SimpleNamespace(
        key=event.lead_id.encode(), value=encode(recorded), headers=(), partition=0, offset=next(ids)
    )


def traffic(seed: int, events: int) -> list[Any]:
    """Facts of many leads in order of time, all of them at least once captured."""
    lot = Random(seed)
    records = [record(LeadCaptured(lead_id=lead, at=MONDAY, channel="web"), 1) for lead in LEADS]
    calls: dict[str, int] = {}
    for number in range(events):
        lead, at = lot.choice(LEADS), MONDAY + timedelta(minutes=7 * number)
        match lot.randrange(8):
            case 0:
                calls[lead] = calls.get(lead, 0) + 1
                result = lot.choice(["answered", "no_answer", "objection"])
                call = ActivityLogged(
                    lead_id=lead, at=at, activity_id=f"c{number}", kind="call", result=result
                )
                records.append(record(call, calls[lead]))
            case 1 if number % 50 == 0:
                records.append(record(LeadWon(lead_id=lead, at=at), 2 + number))
            case _:
                kind = lot.choice(["page_viewed", "chat_message", "email_clicked", "form_started"])
                records.append(record(SignalReceived(lead_id=lead, at=at, kind=kind)))
    return records


def played(heat: LeadsFold, records: Sequence[Any], batch: int) -> list[Output]:
    outputs: list[Output] = []
    for start in range(0, len(records), batch):
        heat.fold("ascua.signals", records[start : start + batch], MONDAY + timedelta(days=30))
        outputs += heat.take(MONDAY + timedelta(days=30))
    return outputs


def crossings(outputs: Sequence[Output]) -> list[Recorded[CrossingEvent]]:
    return [decode(each.value or b"") for each in outputs if each.topic == "ascua.scoring"]  # type: ignore[misc]


def states(outputs: Sequence[Output]) -> dict[bytes, bytes]:
    return {each.key: each.value or b"" for each in outputs if each.topic == "ascua.scoring-state"}


def test_a_heat_record_is_what_encode_makes_of_the_heat_of_the_lead() -> None:
    heat, told = new(), 0
    for each in traffic(1, 400):
        heat.fold("ascua.signals", [each], MONDAY)
        outputs = heat.take(MONDAY)
        for output in outputs:
            if output.topic != "ascua.heat":
                continue
            lead = heat.lead(output.key.decode())
            event = heat_of(lead, RULES)
            expected = Recorded(
                f"{lead.id}/heat/{lead.heat_sequence}", event, MONDAY, lead.heat_sequence, event.aggregate
            )
            assert output.value == encode(expected)
            assert isinstance(decode(output.value or b"").event, HeatChanged)
            told += 1
    assert told > 300
    assert any(heat.lead(lead).risk is not None for lead in LEADS)


@pytest.mark.parametrize("unpacked", [2, 16_384])
def test_packing_and_batches_leave_no_trace(unpacked: int, monkeypatch: pytest.MonkeyPatch) -> None:
    records = traffic(2, 1_500)
    plain = played(new(), records, 1)
    monkeypatch.setattr(module, "UNPACKED", unpacked)
    batched = played(new(), records, 60)

    assert [each.id for each in crossings(batched)] == [each.id for each in crossings(plain)]
    digests = [
        {key: ScoredLead.decode("", value).state.digest() for key, value in states(outputs).items()}
        for outputs in (plain, batched)
    ]
    assert digests[0] == digests[1]
    assert len(crossings(plain)) > len(LEADS)


def test_a_fold_restored_from_its_state_goes_on_as_if_nothing_had_been() -> None:
    records = traffic(3, 1_500)
    whole = played(new(), records, 40)
    first = new()
    outputs = played(first, records[:700], 40)
    second = new()
    for key, value in states(outputs).items():
        second.restore(key, value)
    outputs += played(second, records[700:], 40)

    assert [each.id for each in crossings(outputs)] == [each.id for each in crossings(whole)]
    assert {
        key: ScoredLead.decode("", value).heat_sequence for key, value in states(outputs).items()
    }.keys() == {lead.encode() for lead in LEADS}


def test_what_came_due_while_nobody_worked_is_told_in_its_order_and_once() -> None:
    heat = new()
    outputs = played(heat, traffic(4, 900), 40)
    later = new()
    for key, value in states(outputs).items():
        later.restore(key, value)
    now = MONDAY + timedelta(days=60)
    while later.fire_timers(now, now):
        pass

    told = crossings(later.take(now))

    assert [each.event.at for each in told] == sorted(each.event.at for each in told)
    assert len({each.id for each in told}) == len(told) >= len(LEADS)
    assert all(later.lead(lead).heat.band == "cold" for lead in LEADS)
    assert not later.fire_timers(now + timedelta(days=1), now + timedelta(days=1))
    assert not later.take(now)


def test_each_crossing_is_told_within_the_second_when_the_clock_goes_on() -> None:
    heat = new()
    played(heat, [record(LeadCaptured(lead_id=lead, at=MONDAY, channel="web"), 1) for lead in LEADS[:3]], 9)
    due = {crossing.event.at for crossing in crossings(due_of(heat))}

    heat = new()
    played(heat, [record(LeadCaptured(lead_id=lead, at=MONDAY, channel="web"), 1) for lead in LEADS[:3]], 9)
    for instant in sorted(due):
        before = instant - timedelta(milliseconds=1)
        assert not heat.fire_timers(before, before) or not crossings(heat.take(before))
        while heat.fire_timers(instant, instant):
            pass
        assert {each.event.at for each in crossings(heat.take(instant))} == {instant}
    assert len(due) >= 1


def due_of(heat: LeadsFold) -> Sequence[Output]:
    now = MONDAY + timedelta(days=90)
    while heat.fire_timers(now, now):
        pass
    return heat.take(now)


def test_alarms_far_ahead_wake_in_time_and_not_much_earlier() -> None:
    lot = Random(5)
    alarms = TimerWheel()
    now = 1_800_000_000_000
    wanted = {f"lead-{number}": now + lot.randrange(1, 40 * 86_400_000) for number in range(500)}
    for lead, timer in wanted.items():
        alarms.set(lead, timer, now)
    woken = dict.fromkeys(wanted, 0)
    fired: dict[str, int] = {}

    while len(fired) < len(wanted):
        now += 600_000
        for lead, _ in alarms.due(now, 10_000):
            woken[lead] += 1
            if wanted[lead] <= now:
                fired[lead] = now
            else:
                alarms.set(lead, wanted[lead], now)

    assert all(0 <= fired[lead] - timer < 600_000 for lead, timer in wanted.items())
    assert max(woken.values()) <= 4


def test_what_cannot_be_read_is_put_aside_up_to_the_limit() -> None:
    heat = new(letters=1)
    bad = SimpleNamespace(key=b"x", value=b"{", headers=(), offset=7)

    heat.fold("ascua.signals", [bad], MONDAY)
    (letter,) = heat.take(MONDAY)

    assert letter.topic == "ascua.dead-letters"
    assert json.loads(dict(letter.headers)["letter"])["offset"] == 7
    with pytest.raises(Unavailable, match="too many dead letters"):
        heat.fold("ascua.signals", [bad], MONDAY)

    later = MONDAY + timedelta(minutes=2)
    heat.fold("ascua.signals", [bad], later)
    assert len(heat.take(later)) == 1


def test_a_crossing_told_twice_has_one_id() -> None:
    records = traffic(6, 300)
    once, again = played(new(), records, 10), played(new(), records, 25)

    assert [(each.id, crossing_id(each.event)) for each in crossings(once)] == [
        (each.id, each.id) for each in crossings(again)
    ]


@dataclass(frozen=True)
class Published:
    """A book with one publication after the default rules."""

    rules: Rules
    effective_ms: int

    def in_force(self, instant_ms: int) -> Published:
        return self if instant_ms >= self.effective_ms else Published(RULES.rules, 0)

    def versions(self) -> list[Published]:
        return [Published(RULES.rules, 0), self]


def other_rules(old: str, new: str) -> CompiledRules:
    text = default_text()
    assert old in text
    return compile_rules(parse_rules(text.replace(old, new)))


HEAVIER = other_rules(
    "lead.captured: {half_life: 7d, weight: 30}", "lead.captured: {half_life: 7d, weight: 80}"
)
LONGER = other_rules("signal.chat_message: {half_life: 2d", "signal.chat_message: {half_life: 5d")


def promoted(heat: LeadsFold, records: Sequence[Any], now: datetime) -> list[Output]:
    promotion = heat.due(now)
    assert promotion is not None
    if promotion.needs_facts:
        promotion.fold("ascua.signals", records)
    outputs: list[Output] = []
    for _ in promotion.apply():
        outputs += heat.take(now)
    return outputs + list(heat.take(now))


@pytest.mark.parametrize("rules", [HEAVIER, LONGER], ids=["weights", "half-lives"])
def test_published_rules_lead_to_the_states_of_a_fold_that_never_knew_others(rules: CompiledRules) -> None:
    records, now = traffic(7, 600), MONDAY + timedelta(days=10)
    book = Published(rules.rules, milliseconds(now))
    heat = LeadsFold(Topics(Brokers("nowhere"), "ascua"), RULES, 0, Decoder(), book)
    outputs = played(heat, records, 50)
    assert heat.due(now - timedelta(milliseconds=1)) is None

    outputs = promoted(heat, records, now)

    fresh = LeadsFold(Topics(Brokers("nowhere"), "ascua"), rules, 0, Decoder())
    played(fresh, records, 50)
    assert heat.due(now) is None
    assert states(outputs).keys() == {lead.encode() for lead in LEADS}
    for lead in LEADS:
        was, is_now = fresh.lead(lead), heat.lead(lead)
        assert is_now.state.digest() == was.state.digest()
        assert is_now.rules == rules.code
        score = rules.heat.score(is_now.state.counts, milliseconds(now), is_now.state.attributes)
        assert rules.heat.band(is_now.heat.band, score) == is_now.heat.band
    for each in crossings(outputs):
        assert each.event.rules == (rules if each.event.at >= now else RULES).version


def test_a_promotion_cut_short_is_finished_by_whoever_reads_the_states_back() -> None:
    records, now = traffic(8, 600), MONDAY + timedelta(days=10)
    book = Published(LONGER.rules, milliseconds(now))
    heat = LeadsFold(Topics(Brokers("nowhere"), "ascua"), RULES, 0, Decoder(), book)
    before = states(played(heat, records, 50))
    after = states(promoted(heat, records, now))
    half = {**before, **{key: after[key] for key in sorted(after)[: len(after) // 2]}}

    restarted = LeadsFold(Topics(Brokers("nowhere"), "ascua"), LONGER, 0, Decoder(), book)
    for key, value in half.items():
        restarted.restore(key, value)
    outputs = states(promoted(restarted, records, now))

    assert len(outputs) == len(half) - len(after) // 2
    assert {
        key: ScoredLead.decode("", value).state.digest() for key, value in {**half, **outputs}.items()
    } == {key: ScoredLead.decode("", value).state.digest() for key, value in after.items()}


def test_a_state_that_cannot_be_read_is_made_anew_from_the_facts_with_what_was_told_of_it() -> None:
    records = traffic(9, 600)
    first = new()
    outputs = played(first, records, 50)
    kept = states(outputs)
    broken = LEADS[3].encode()
    damaged = bytearray(kept[broken])
    damaged[40] ^= 1

    second = new()
    for key, value in {**kept, broken: bytes(damaged)}.items():
        second.restore(key, value)
    promotion = second.due(MONDAY)
    assert promotion is not None
    for each in outputs:
        if each.topic in ("ascua.heat", "ascua.scoring"):
            promotion.remind(SimpleNamespace(key=each.key, value=each.value))  # type: ignore[arg-type]
    promotion.fold("ascua.signals", records)
    for _ in promotion.apply():
        pass
    mended = states(second.take(MONDAY))

    assert mended.keys() == {broken}
    was, is_now = ScoredLead.decode("", kept[broken]), ScoredLead.decode("", mended[broken])
    assert is_now.state.digest() == was.state.digest()
    assert (is_now.heat.band, is_now.heat.episode) == (was.heat.band, was.heat.episode)
    assert is_now.heat_sequence == was.heat_sequence + 1
