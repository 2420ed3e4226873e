"""From a fact's scheduled instant to its heat on `ascua.heat`, at a steady rate and in an open loop."""

from __future__ import annotations

import asyncio
import json
import os
from collections import deque
from contextlib import suppress
from datetime import datetime
from time import time

from aiokafka import AIOKafkaConsumer, TopicPartition

from bench.scoring.catch_up import LEADS, ZIPF
from bench.scoring.cluster import TESTED, Cluster, cluster, progress
from bench.scoring.load import RATE, send_steadily
from bench.scoring.plan import Plan
from bench.scoring.recovery import started
from bench.scoring.traffic import Drawn, Traffic, new_leads
from shared.bus.topics import PARTITIONS, Topics

WARMING = 5.0
PATIENCE = 30.0


class Waiting:
    """Facts whose heat has not come yet, by lead."""

    def __init__(self) -> None:
        self._waiting: dict[str, deque[tuple[int, float]]] = {}
        self.left = 0
        self.latencies: list[float] = []
        self.late: list[float] = []

    def scheduled(self, each: Drawn, due: float) -> None:
        self._waiting.setdefault(each.lead, deque()).append((int(due * 1000), due))
        self.left += 1
        self.late.append(time() - due)

    def arrived(self, lead: str, at_ms: int, now: float) -> None:
        """Heat as of an instant holds all of the lead's facts up to then."""
        waiting = self._waiting.get(lead)
        while waiting and waiting[0][0] <= at_ms:
            self.latencies.append(now - waiting.popleft()[1])
            self.left -= 1


async def measure(plan: Plan) -> None:
    cuts: dict[float, list[float]] = {0.5: [], 0.99: [], 0.999: [], 1.0: []}
    busy, late = [], []
    async with cluster() as broker:
        os.sched_setaffinity(0, {TESTED})  # the broker needs the most of its own
        for _ in range(plan.runs):
            latencies, lateness, share = await _run(broker, plan.seconds)
            lateness.sort()
            late.append(1000 * lateness[int(0.99 * len(lateness))])
            latencies.sort()
            for cut, values in cuts.items():
                values.append(1000 * latencies[min(len(latencies) - 1, int(cut * len(latencies)))])
            busy.append(100 * share)
            progress(f"{len(latencies):,} facts, p50 {cuts[0.5][-1]:.1f} ms, p99 {cuts[0.99][-1]:.1f} ms")
    about = f"event to heat, {RATE:,} events/s for {plan.seconds:g} s"
    plan.keep(
        [
            plan.row(f"{about}, p50", "ms", cuts[0.5]),
            plan.row(f"{about}, p99", "ms", cuts[0.99], "≤ 25"),
            plan.row(f"{about}, p99.9", "ms", cuts[0.999]),
            plan.row(f"{about}, longest", "ms", cuts[1.0]),
            plan.row("of it, until the sender came to it, p99", "ms", late),
            plan.row("the worker's core, busy meanwhile", "%", busy),
            plan.load(),
        ]
    )


async def _run(broker: Cluster, seconds: float) -> tuple[list[float], list[float], float]:
    """In seconds, of all facts but those of the first seconds: the latencies, and how late they were sent.

    Last the worker's share of its core.
    """
    traffic, waiting = Traffic(new_leads(LEADS), ZIPF), Waiting()
    async with broker.topics() as topics, await started(topics) as process:
        await process.hear()
        process.say(until={})
        watching = asyncio.create_task(_watch(topics, waiting))
        await send_steadily(topics, traffic, WARMING, waiting.scheduled)
        await _all_arrived(waiting, watching)
        waiting.latencies.clear()
        waiting.late.clear()
        cpu, began = process.cpu(), time()
        sent = await send_steadily(topics, traffic, seconds, waiting.scheduled)
        share = (process.cpu() - cpu) / (time() - began)
        await _all_arrived(waiting, watching)
        assert len(waiting.latencies) == sent
        watching.cancel()
        with suppress(asyncio.CancelledError):
            await watching
    return waiting.latencies, waiting.late, share


async def _all_arrived(waiting: Waiting, watching: asyncio.Task[None]) -> None:
    async with asyncio.timeout(PATIENCE):
        while waiting.left:
            if watching.done():
                watching.result()
            await asyncio.sleep(0.02)


async def _watch(topics: Topics, waiting: Waiting) -> None:
    # A fetch that waits delays what comes meanwhile in partitions that it left out, hence the short wait.
    consumer = AIOKafkaConsumer(
        **topics.brokers.client,
        isolation_level="read_committed",
        auto_offset_reset="earliest",
        fetch_max_wait_ms=10,
    )
    await consumer.start()
    try:
        consumer.assign([TopicPartition(topics.name("heat"), number) for number in range(PARTITIONS)])
        while True:
            batches = await consumer.getmany(timeout_ms=1000)
            now = time()
            for records in batches.values():
                for record in records:
                    told = json.loads(record.value)
                    at = datetime.fromisoformat(told["time"])
                    waiting.arrived(told["subject"], round(at.timestamp() * 1000), now)
    finally:
        await consumer.stop()
