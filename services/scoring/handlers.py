"""The ledger's consumer: every fact is kept."""

from __future__ import annotations

from collections.abc import Sequence

from services.scoring.ledger import Entry, Ledger
from services.scoring.processor.fact_mapping import map_event
from shared.bus.received import Handle, Received
from shared.clock import milliseconds
from shared.errors import AscuaError
from shared.events import wire_type
from shared.events.base import data_of
from shared.tasks import Pace


def ledger_handler(ledger: Ledger) -> Handle:
    async def keep(batch: Sequence[Received]) -> Sequence[AscuaError | None]:
        outcomes: list[AscuaError | None] = []
        entries, pace = [], Pace()
        for received in batch:
            await pace()
            try:
                entries.append(entry_of(received))
                outcomes.append(None)
            except AscuaError as error:
                outcomes.append(error)
        if entries:
            await ledger.add(entries)
        return outcomes

    return keep


def entry_of(received: Received) -> Entry:
    recorded = received.event
    fact = map_event(recorded)
    return Entry(
        lead_id=recorded.lead_id,
        event_id=fact.id,
        type=wire_type(type(recorded.event)),
        kind=fact.kind,
        at_ms=fact.at_ms,
        recorded_ms=milliseconds(recorded.recorded_at),
        aggregate=fact.aggregate,
        sequence=fact.sequence,
        topic=received.topic,
        partition=received.partition,
        offset=received.offset,
        data=data_of(recorded.event),
        actor=recorded.trace.actor,
    )
