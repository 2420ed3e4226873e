"""Where an event's time goes: the stages of the fold, without Kafka."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from time import process_time
from types import SimpleNamespace
from typing import Any

from bench.scoring.catch_up import LEADS, ZIPF
from bench.scoring.cluster import TESTED, now_ms
from bench.scoring.plan import DAY_MS, Plan
from bench.scoring.traffic import Drawn, Traffic, new_leads
from bench.tables import kept
from services.scoring.processor.decisions import take_in
from services.scoring.processor.decoding import Decoder
from services.scoring.processor.encoding import HeatEncoder
from services.scoring.processor.fact_mapping import MappedFact
from services.scoring.processor.fold import LeadsFold
from services.scoring.processor.lead import ScoredLead
from services.scoring.runtime import collector
from services.scoring.scorecard.compiled_rules import compile_rules
from services.scoring.scorecard.defaults import default_rules
from shared.bus.brokers import Brokers
from shared.bus.topics import Topics
from shared.clock import utc_now

EVENTS, BATCH, TAKE = 360_000, 500, 36_000
"""A take as often as a worker that catches up commits."""
RULES = compile_rules(default_rules())
TOPICS = Topics(Brokers("nowhere"), "ascua")


async def measure(plan: Plan) -> None:
    os.sched_setaffinity(0, {TESTED})
    collector.set_up()
    drawn = list(Traffic(new_leads(LEADS), ZIPF).spread(EVENTS, now_ms(), 7 * DAY_MS))
    stages: dict[str, list[float]] = {}
    for _ in range(plan.runs):
        for name, seconds in _stages(drawn).items():
            stages.setdefault(name, []).append(seconds / EVENTS * 1e6)
    rows = [plan.row(name, "µs/event", values) for name, values in stages.items()]
    catching_up = [each.value for each in kept("scoring") if each.row == "catch-up: ours, processor time"]
    if catching_up:
        inside = rows[-2].value + rows[-1].value
        rows.append(
            plan.row(
                "transport, client, transactions: the rest of catching up",
                "µs/event",
                [catching_up[0] - inside],
            )
        )
    plan.keep(rows)


def _stages(drawn: Sequence[Drawn]) -> dict[str, float]:
    values = [each.value for each in drawn]
    facts, reading = _timed(lambda: _read(values))
    rare = [
        each.value.replace(b'"attributes":{', b'"attributes":{"seconds":%d,' % number)
        for number, each in enumerate(drawn)
    ]
    _, reading_anew = _timed(lambda: _read(rare))
    leads = {fact.lead_id: ScoredLead.new(fact.lead_id) for fact in facts}

    def folded() -> None:
        for fact in facts:
            take_in(leads[fact.lead_id], fact, RULES)

    _, folding = _timed(folded)
    tell, busy = HeatEncoder(RULES).record, [leads[fact.lead_id] for fact in facts]
    # As often as leads change between two takes.
    changed = [
        lead
        for at in range(0, EVENTS, TAKE)
        for lead in {id(each): each for each in busy[at : at + TAKE]}.values()
    ]
    _, telling = _timed(lambda: [tell(lead, "2026-11-21T09:30:00.000Z") for lead in changed])
    _, packing = _timed(lambda: [lead.encode() for lead in changed])
    heat_folding, heat_taking = _played(drawn)
    return {
        "Decoder.read_all": reading,
        "Decoder.read_all, where no signal says what another said": reading_anew,
        "take_in": folding,
        f"Teller.record, {len(changed) / EVENTS:.2f} an event": telling,
        f"Lead.encode, {len(changed) / EVENTS:.2f} an event": packing,
        "Heat.fold (read_all, take_in and its own)": heat_folding,
        "Heat.take (record, encode and its own)": heat_taking,
    }


def _read(values: Sequence[bytes]) -> list[MappedFact]:
    decoder = Decoder()
    found = [
        fact for at in range(0, len(values), BATCH) for fact in decoder.read_all(values[at : at + BATCH])
    ]
    return [fact for fact in found if isinstance(fact, MappedFact)]


def _played(drawn: Sequence[Drawn]) -> tuple[float, float]:
    heat = LeadsFold(TOPICS, RULES, 0, Decoder())
    records: list[Any] = [
        SimpleNamespace(key=each.lead.encode(), value=each.value, headers=(), partition=0, offset=number)
        for number, each in enumerate(drawn)
    ]
    folding = taking = 0.0
    for at in range(0, len(records), BATCH):
        folding += _timed(lambda at=at: heat.fold("ascua.signals", records[at : at + BATCH], utc_now()))[1]  # type: ignore[misc]
        if (at + BATCH) % TAKE == 0:
            taking += _timed(lambda: heat.take(utc_now()))[1]
    return folding, taking


def _timed(work: Callable[[], Any]) -> tuple[Any, float]:
    began = process_time()
    result = work()
    return result, process_time() - began
