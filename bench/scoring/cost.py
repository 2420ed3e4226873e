"""What an event costs the worker when it has few leads and when it has many."""

from __future__ import annotations

import asyncio
from statistics import median

from bench.scoring.cluster import cluster, progress
from bench.scoring.load import RATE, send_steadily
from bench.scoring.plan import Plan
from bench.scoring.recovery import fill_state, started
from bench.scoring.traffic import Traffic, new_leads

WARMING = 3.0
SETTLING = 1.0
"""Seconds after which the last facts of a window are committed."""


async def measure(plan: Plan) -> None:
    seconds = max(1.0, plan.seconds / 10)
    costs: dict[int, list[float]] = {}
    async with cluster() as broker:
        for count in sorted({min(1_000, plan.leads), min(100_000, plan.leads), plan.leads}):
            leads, costs[count] = new_leads(count), []
            traffic = Traffic(leads)
            async with broker.topics() as topics:
                await fill_state(topics, leads)
                async with await started(topics) as process:
                    await process.hear()
                    process.say(until={})
                    await send_steadily(topics, traffic, WARMING)
                    for _ in range(plan.runs):
                        cpu = process.cpu()
                        sent = await send_steadily(topics, traffic, seconds)
                        await asyncio.sleep(SETTLING)
                        costs[count].append((process.cpu() - cpu) / sent * 1e6)
                        progress(f"{count:,} leads: {costs[count][-1]:.0f} µs an event")
    middle = [median(values) for values in costs.values()]
    plan.keep(
        [
            *(
                plan.row(f"{count:,} leads, {RATE:,} events/s for {seconds:g} s", "µs/event", values)
                for count, values in costs.items()
            ),
            plan.row("dearest to cheapest", "times", [max(middle) / min(middle)], "≤ 1.3"),
            plan.load(),
        ]
    )
