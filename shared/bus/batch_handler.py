"""What becomes of a batch of records: decoded, handled, and a dead letter for each that cannot be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import stamina
from aiokafka import ConsumerRecord

from shared import metrics
from shared.bus.dead_letters import DeadLetter, Origin, dead_letter, replayed
from shared.bus.received import Handle, Received
from shared.bus.topics import REPLAYS, Topics
from shared.clock import Clock
from shared.errors import AscuaError, Conflict, NotFound, Refused, Unavailable
from shared.events.base import decode
from shared.tasks import Pace


@dataclass(frozen=True, slots=True)
class Handled:
    """What became of a batch. `outcomes` belong to `received`, which could be decoded; `letters` to the records."""

    received: Sequence[Received]
    outcomes: Sequence[AscuaError | None]
    letters: Sequence[DeadLetter | None]


class BatchHandler:
    """Hands records to `handle` as events, again and with growing pauses while a server is away."""

    def __init__(self, topics: Topics, group: str, handle: Handle, clock: Clock) -> None:
        self._topics = topics
        self._group = group
        self._handle = handle
        self._clock = clock

    async def __call__(self, records: Sequence[ConsumerRecord]) -> Handled:
        letters: dict[int, DeadLetter] = {}
        received: dict[int, Received] = {}
        pace = Pace()
        for place, record in enumerate(records):
            await pace()
            if (origin := self._origin(record)) is None:
                continue
            try:
                received[place] = Received(decode(record.value or b""), *origin)
            except AscuaError as error:
                letters[place] = self._letter(record, origin, error)
        outcomes = await self._outcomes(list(received.values()))
        for (place, each), failure in zip(received.items(), outcomes, strict=True):
            if failure is not None:
                letter = self._letter(records[place], (each.topic, each.partition, each.offset), failure)
                letters[place] = replace(letter, aggregate=each.event.aggregate)
        return Handled(
            list(received.values()),
            outcomes,
            [letters.get(place) for place in range(len(records))],
        )

    def measure(self, handled: Handled, seconds: float) -> None:
        """Count a batch that is done with, once: all of it was handled or put aside, in so many seconds."""
        metrics.BATCH_SECONDS.labels(self._group).observe(seconds)
        now = self._clock()
        for received, error in zip(handled.received, handled.outcomes, strict=True):
            outcome = "handled" if error is None else "dead_letter"
            metrics.CONSUMED.labels(self._group, received.topic, outcome).inc()
            if not received.event.is_history:
                age = (now - received.event.recorded_at).total_seconds()
                metrics.EVENT_AGE_SECONDS.labels(self._group).observe(max(0.0, age))

    def _origin(self, record: ConsumerRecord) -> Origin | None:
        """Where a record stood first; None for a replay meant for another consumer."""
        topic = self._topics.short(record.topic)
        if topic == REPLAYS.name:
            return replayed(record.headers, self._group)
        return topic, record.partition, record.offset

    async def _outcomes(self, batch: Sequence[Received]) -> Sequence[AscuaError | None]:
        if not batch:
            return []
        async for attempt in stamina.retry_context(
            on=(Unavailable, Conflict),
            attempts=None,
            timeout=None,
            wait_initial=0.05,
            wait_max=2.0,
            wait_jitter=0.5,
        ):
            with attempt:
                if attempt.num > 1:
                    metrics.RETRIES.labels(self._group).inc()
                try:
                    return await self._handle(batch)
                except (NotFound, Refused) as error:
                    if len(batch) == 1:
                        return [error]
                    return [(await self._outcomes([received]))[0] for received in batch]
        raise AssertionError("unreachable: the attempts never end")

    def _letter(self, record: ConsumerRecord, origin: Origin, error: AscuaError) -> DeadLetter:
        return dead_letter(self._group, origin, record.key, record.value, error, self._clock())
