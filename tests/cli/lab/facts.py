"""A log of some leads, rules to try on it, and what scoring makes of both."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import count
from random import Random
from types import SimpleNamespace
from typing import Any

from services.scoring.processor.decoding import Decoder
from services.scoring.processor.fold import LeadsFold
from services.scoring.scorecard.compiled_rules import (
    CompiledRules,
)
from shared.bus.brokers import Brokers
from shared.bus.topics import Topics
from shared.clock import milliseconds
from shared.events import Recorded, encode
from shared.events.base import Event
from shared.events.leads import LeadCaptured, LeadLost, LeadWon
from shared.events.signals import SignalReceived

NEW_RULES = """
signals: [form_completed]
heat:
  kinds:
    lead.captured: {half_life: 7d, weight: 12}
    big: {event: signal.form_completed, when: {amount: {at_least: 5000}}, half_life: 12h, weight: 70}
    signal.form_completed: {half_life: 12h, weight: 20}
    signal.page_viewed: {half_life: 1d, weight: 4, group: views}
  groups:
    views: {cap: 10}
  bands:
    warm: {from: 20, until: 15}
    hot: {from: 60, until: 50}
"""


def told_facts(leads: int, begin: datetime, every: timedelta) -> list[Recorded[Event]]:
    """Leads that come one by one, and what they do, in order of time."""
    lot, ids, found = Random(3), count(), list[Recorded[Event]]()

    def add(event: Event, sequence: int | None = None) -> None:
        aggregate = event.aggregate if sequence else None
        found.append(Recorded(f"e{next(ids)}", event, event.at, sequence, aggregate))

    for number in range(leads):
        lead, at = f"lead-{number}", begin + every * number
        origin = "fair_madrid" if number % 3 else "google"
        amount, asked = lot.randrange(1, 20) * 500, lot.random() < 0.5
        add(LeadCaptured(lead_id=lead, at=at, channel="web", origin=origin), 1)
        add(
            SignalReceived(
                lead_id=lead, at=at + every / 9, kind="form_completed", attributes={"amount": amount}
            )
        )
        for view in range(lot.randrange(3)):
            add(SignalReceived(lead_id=lead, at=at + every * (view + 1) / 5, kind="page_viewed"))
        if asked:
            add(SignalReceived(lead_id=lead, at=at + every / 2, kind="demo_requested"))
        end = at + every * lot.randrange(8, 60)
        if lot.random() < 0.1 + 0.4 * asked + 0.3 * (amount > 5000):
            add(LeadWon(lead_id=lead, at=end), 2)
        else:
            add(LeadLost(lead_id=lead, at=end, reason="no_budget"), 2)
    return sorted(found, key=lambda each: each.event.at)


def published_later(
    facts: Sequence[Recorded[Event]], in_force: CompiledRules, rules: CompiledRules, until: datetime
) -> dict[str, tuple[float, str, str]]:
    """Heat, band and digest by lead, as scoring has them that took the facts and then went over to other rules."""
    end, topics = milliseconds(until), Topics(Brokers("nowhere"))
    published = SimpleNamespace(rules=rules.rules, effective_ms=end)
    book: Any = SimpleNamespace(in_force=lambda _: published, versions=lambda: (published,))
    scoring = LeadsFold(topics, in_force, 0, Decoder(), book)
    records: list[Any] = [
        SimpleNamespace(key=each.lead_id.encode(), value=encode(each), headers=(), partition=0, offset=0)
        for each in facts
    ]
    for each, record in zip(facts, records, strict=True):
        scoring.fold(topics.name(each.event.topic), [record], until)
    promotion = scoring.due(until)
    assert promotion is not None
    for each, record in zip(facts, records, strict=True):
        promotion.fold(topics.name(each.event.topic), [record])
    for _ in promotion.apply():
        pass
    found = {}
    for lead_id in {each.lead_id for each in facts}:
        lead = scoring.lead(lead_id)
        heat = rules.heat.score(lead.state.counts, end, lead.state.attributes)
        found[lead_id] = heat, str(lead.heat.band), lead.state.digest().hex()
    return found
