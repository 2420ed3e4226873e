"""Who sees a fact's effect, and when: a consumer of `ascua.heat`, and an open page's stream."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from time import time

from aiokafka import AIOKafkaConsumer

from bench.path.http import Connection
from bench.path.system import Installation
from shared.tasks import ended

Seen = dict[str, float]
"""When (seconds since 1970) the last news of each lead's heat came."""


@asynccontextmanager
async def watching(system: Installation) -> AsyncIterator[tuple[Seen, Seen]]:
    """What the consumer and the page have seen so far."""
    heat: Seen = {}
    page: Seen = {}
    topics = system.addresses.topics
    consumer = AIOKafkaConsumer(
        topics.name("heat"), **topics.brokers.client, isolation_level="read_committed",
        auto_offset_reset="latest", fetch_max_wait_ms=20,
    )  # fmt: skip
    await consumer.start()
    await consumer.seek_to_end()

    async def consume() -> None:
        async for record in consumer:
            heat[record.key.decode()] = time()

    async def look() -> None:
        async with Connection(system.addresses.gateway, system.operator) as connection:
            reader = await connection.events("/v1/stream")
            while line := await reader.readline():
                if line.startswith(b"data:") and b"ascua.heat.changed" in line:
                    page[json.loads(line[5:])["lead_id"]] = time()

    tasks = [asyncio.create_task(consume()), asyncio.create_task(look())]
    try:
        yield heat, page
    finally:
        await ended(*tasks)
        await consumer.stop()


async def seen_all(scheduled: Mapping[str, float], seen: Seen, within: float = 5.0) -> None:
    """Wait until news of every lead came; not longer, for what is lost is told as such."""
    until = time() + within
    while time() < until and any(lead not in seen for lead in scheduled):  # noqa: ASYNC110  (watchers only write down)
        await asyncio.sleep(0.05)


def latencies(scheduled: Mapping[str, float], seen: Seen) -> list[float]:
    """Seconds from each lead's instant to what was seen of it, in order; those never seen are infinite."""
    return sorted(seen.get(lead, float("inf")) - due for lead, due in scheduled.items())


def quantile(values: list[float], share: float) -> float:
    return values[min(len(values) - 1, int(len(values) * share))] if values else float("nan")
