"""Facts at a steady rate, each sent at its scheduled instant or as soon after it as possible: an open loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from time import time

from aiokafka import AIOKafkaProducer

from bench.scoring.traffic import Drawn, Traffic
from shared.bus.topics import Topics

RATE = 2_000


async def send_steadily(
    topics: Topics, traffic: Traffic, seconds: float, scheduled: Callable[[Drawn, float], None] | None = None
) -> int:
    """Send `RATE` facts a second; tell of each when it was to be sent (seconds since 1970). Returns how many."""
    # As the gateway's publisher has it.
    producer = AIOKafkaProducer(
        **topics.brokers.client,
        enable_idempotence=True,
        acks="all",
        linger_ms=2,
        max_batch_size=256 * 1024,
    )
    await producer.start()
    count = int(RATE * seconds)
    under_way: set[asyncio.Future[object]] = set()
    lost: list[BaseException] = []

    def arrived(future: asyncio.Future[object]) -> None:
        under_way.discard(future)
        if (error := future.exception()) is not None:
            lost.append(error)

    try:
        began = time() + 0.1
        for number in range(count):
            due = began + number / RATE
            if (ahead := due - time()) > 0:
                await asyncio.sleep(ahead)
            each = traffic.draw(int(due * 1000))
            if scheduled is not None:
                scheduled(each, due)
            future = await producer.send(
                topics.name(each.topic), key=each.lead.encode(), value=each.value, partition=each.partition
            )
            under_way.add(future)
            future.add_done_callback(arrived)
        while under_way:
            await asyncio.wait(under_way)
        if lost:
            raise lost[0]
    finally:
        await producer.stop()
    return count
