"""Signals, put into the log with what says that a machine has made them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from services.gateway.access.visits import current_actor
from services.gateway.clients import Upstreams
from services.gateway.intake.automated import Arrivals
from shared.bus.outgoing import Outgoing
from shared.bus.publisher import Publisher
from shared.clock import Clock, clamp, new_id
from shared.commands.signals import SendSignal
from shared.errors import AscuaError, NotFound
from shared.events.base import Recorded, encode
from shared.events.signals import Automated, SignalReceived
from shared.logs import current_trace
from shared.tasks import Pace


async def take_signals(
    publisher: Publisher,
    upstreams: Upstreams,
    arrivals: Arrivals,
    signals: Sequence[SendSignal],
    clock: Clock,
) -> list[str]:
    """Put signals into the log, all or none of them checked first, and return their ids once the broker has them.

    Raises `NotFound` when a lead is not known, `Refused` when one is older than whoever sends it may tell, and
    `Unavailable` when not all were acknowledged: sending the same ids again is safe.
    """
    for signal in signals:
        upstreams.as_holder(signal)
    if unknown := await upstreams.unknown([signal.lead_id for signal in signals]):
        some = ", ".join(sorted(unknown)[:5])
        raise NotFound("lead-not-found", f"there is no lead {some}; capture it first with POST /v1/leads")
    now = clock()
    recorded = [
        recorded_signal(
            signal.id or new_id(), signal.lead_id, signal.at or now, signal.kind, signal.attributes, now, mark
        )
        for signal, mark in zip(signals, arrivals.marks(signals, now), strict=True)
    ]
    await publish(publisher, recorded)
    return [each.id for each in recorded]


def recorded_signal(
    id: str,
    lead_id: str,
    at: datetime,
    kind: str,
    attributes: Mapping[str, Any],
    now: datetime,
    automated: Automated | None = None,
) -> Recorded[SignalReceived]:
    event = SignalReceived(
        lead_id=lead_id, at=clamp(at, now), kind=kind, attributes=dict(attributes), automated=automated
    )
    return Recorded(id, event, now, trace=replace(current_trace(), actor=current_actor()))


async def publish(publisher: Publisher, signals: Sequence[Recorded[SignalReceived]]) -> None:
    records, pace = list[Outgoing](), Pace()
    for signal in signals:
        records.append(Outgoing(SignalReceived.topic, signal.lead_id, encode(signal)))
        await pace()
    results = await publisher.publish_all(records)
    for result in results:
        if isinstance(result, AscuaError):
            raise result
