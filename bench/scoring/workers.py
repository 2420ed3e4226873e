"""Two workers on two cores against one, over the same preloaded log."""

from __future__ import annotations

from asyncio import gather
from contextlib import AsyncExitStack

from bench.scoring.catch_up import LEADS, ZIPF
from bench.scoring.cluster import (
    BROKER,
    TESTED,
    Cluster,
    Process,
    as_records,
    cluster,
    fill,
    now_ms,
    progress,
)
from bench.scoring.plan import DAY_MS, Plan
from bench.scoring.traffic import Traffic, new_leads


async def measure(plan: Plan) -> None:
    one, two = [], []
    async with cluster((BROKER, TESTED)) as broker:
        for _ in range(plan.runs):
            one.append(await _run(plan, broker, [TESTED]))
            two.append(await _run(plan, broker, [TESTED, BROKER]))
            progress(f"one {one[-1]:,.0f} events/s, two {two[-1]:,.0f}")
    about = f"{plan.events:,} events, the broker on both of 2 cores"
    plan.keep(
        [
            plan.row(f"one worker, {about}", "events/s", one),
            plan.row(f"two workers, {about}", "events/s", two),
            plan.row("two to one", "times", [b / a for a, b in zip(one, two, strict=True)], "≥ 1.6"),
            plan.load(),
        ]
    )


async def _run(plan: Plan, broker: Cluster, cores: list[int]) -> float:
    async with broker.topics() as topics, AsyncExitStack() as stack:
        facts = Traffic(new_leads(LEADS), ZIPF).spread(plan.events, now_ms(), 7 * DAY_MS)
        ends = await fill(topics, as_records(facts))
        workers = []
        for core in cores:
            process = await Process.start("bench.scoring.worker", topics.prefix, core=core)
            workers.append(await stack.enter_async_context(process))
        await gather(*(_ready(process, 4 // len(cores)) for process in workers))
        for process in workers:
            process.say(until=ends)
        results = await gather(*(_result(process) for process in workers))
    began = min(each["began"] for each in results)
    return plan.events / (max(each["ended"] for each in results) - began)


async def _ready(process: Process, share: int) -> None:
    """Wait until a worker has its share of the partitions; it says so at each change."""
    while len((await process.hear())["partitions"]) != share:
        pass


async def _result(process: Process) -> dict[str, float]:
    while "ended" not in (said := await process.hear()):
        pass
    return said
