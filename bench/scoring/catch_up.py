"""Events per second and core over a preloaded log: ours, and the same scoring function carried by others."""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
import venv
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from bench.scoring import streams
from bench.scoring.cluster import ROOT, Cluster, Process, as_records, cluster, fill, now_ms, progress
from bench.scoring.plan import BENCH, DAY_MS, LOCK, Plan
from bench.scoring.traffic import Traffic, new_leads
from bench.tables import kept

LEADS, ZIPF = 10_000, 1.0
QUIX = ROOT / ".bench" / "quix"

OURS = {"ours": "ours", "plain": "ours, not compiled"}
PEERS = {
    "streams": ("Kafka Streams, leads as objects, RocksDB + changelog", ""),
    "streams-stock": ("Kafka Streams, stock store, RocksDB + changelog", ""),
    "bare": ("bare aiokafka loop with a dict", "0.9"),
    "quix": ("Quix Streams, RocksDB + changelog", "2"),
    "quix-quiet": ("Quix Streams, RocksDB + changelog, telling no heat", ""),
    "faust": ("Faust agent with a table", "25"),
}


STREAMS = {"streams": "objects", "streams-stock": "stock"}
WARM_GOAL = 1 / 1.3
"""How often ours fits into the processor time of Kafka Streams once that is warm, at least."""


async def measure(plan: Plan) -> None:
    names = [name for name in (*OURS, *PEERS) if not plan.only or name in plan.only.split(",")]
    if why := streams.missing():
        progress(why)
        names = [name for name in names if name not in STREAMS]
    results: dict[str, list[dict[str, Any]]] = {name: [] for name in names}
    async with cluster() as broker:
        for _ in range(plan.runs):
            for name in names:
                results[name].append(await _run(plan, broker, name))
    for name in names:
        _keep(plan, name, results[name])
    _keep_ratios(plan)
    plan.keep([plan.load()], "load average")


async def _run(plan: Plan, broker: Cluster, name: str) -> dict[str, float]:
    is_quick = name in (*OURS, *STREAMS, "bare")
    events = plan.events if is_quick else plan.peer_events
    async with broker.topics() as topics, state_directory() as state:
        facts = Traffic(new_leads(LEADS), ZIPF).spread(events, now_ms(), 7 * DAY_MS)
        ends = await fill(topics, as_records(facts, None if is_quick else "signals"))
        assert sum(ends.values()) == events
        progress(f"{name}: {events:,} events are in the log")
        match name:
            case "ours" | "plain":
                process = await Process.start("bench.scoring.worker", topics.prefix, plain=name == "plain")
            case "bare":
                process = await Process.start("bench.scoring.peers.bare", topics.prefix, events)
            case "streams" | "streams-stock":
                process = await streams.start(streams.build(), STREAMS[name], topics.prefix, events, state)
            case "faust":
                process = await Process.start("bench.scoring.peers.faust_agent", topics.prefix, events)
            case _:
                quiet = ["quiet"] if name == "quix-quiet" else []
                process = await Process.start(
                    "bench.scoring.peers.quix", topics.prefix, events, *quiet, python=quix_python()
                )
        async with process:
            if name in OURS:
                process.say(until=ends)
                await process.hear()
            said = await process.hear()
            memory = process.rss()
    seconds = said["ended"] - said["began"]
    progress(f"{name}: {events / seconds:,.0f} events/s")
    found = {
        "events": events,
        "rate": events / seconds,
        "cpu": said["cpu"] / events * 1e6,
        "memory": memory / 2**20,
    }
    return found | ({"warm": said["cpu_late"]} if "cpu_late" in said else {})


@asynccontextmanager
async def state_directory() -> AsyncIterator[str]:
    with tempfile.TemporaryDirectory() as path:
        yield path


def _keep(plan: Plan, name: str, results: list[dict[str, Any]]) -> None:
    events = results[0]["events"]
    title = OURS.get(name) or PEERS[name][0]
    rates = [each["rate"] for each in results]
    goal = "≥ 100,000" if name == "ours" else ""
    rows = [
        plan.row(
            f"{title}, {events:,.0f} events, {LEADS:,} leads Zipf({ZIPF})", "events/s per core", rates, goal
        ),
        plan.row(f"{title}, processor time", "µs/event", [each["cpu"] for each in results]),
    ]
    if all("warm" in each for each in results):
        warm = [each["warm"] for each in results]
        rows.append(plan.row(f"{title}, warm, processor time", "µs/event", warm))
    memory = [each["memory"] for each in results]
    rows.append(plan.row(f"{title}, memory at the end", "MB", memory, "≤ 300" if name == "ours" else ""))
    plan.keep(rows, re.escape(f"{title}, ") + "(?!telling|not compiled)")


def _keep_ratios(plan: Plan) -> None:
    """Ours to each peer, turn by turn, as far as both are measured: by the clock, and by processor time."""
    rates: dict[str, tuple[float, ...]] = {}
    costs: dict[str, tuple[float, ...]] = {}
    for each in kept(BENCH):
        name = each.row.removeprefix(f"{plan.part}: ")
        if found := re.fullmatch(r"(.*), [\d,]+ events, .*", name):
            rates[found[1]] = each.runs
        elif name.endswith(", processor time"):
            costs[name.removesuffix(", processor time")] = each.runs
    rows = []
    for title, goal in PEERS.values():
        if title in rates and "ours" in rates:
            goals = f"≥ {goal}" if goal else ""
            rows += [
                plan.row(f"ratio to {title}", "times", _ratios(rates["ours"], rates[title]), goals),
                plan.row(
                    f"ratio to {title}, by processor time",
                    "times",
                    _ratios(costs[title], costs["ours"]),
                    "≥ 1" if title == PEERS["streams"][0] else "",
                ),
            ]
        if f"{title}, warm" in costs:
            ratios = _ratios(costs[f"{title}, warm"], costs["ours, warm"])
            goal = f"≥ {WARM_GOAL:.2f}" if title == PEERS["streams"][0] else ""
            rows.append(plan.row(f"ratio to {title}, warm, by processor time", "times", ratios, goal))
    plan.keep(rows, "ratio to ")


def _ratios(ours: Sequence[float], theirs: Sequence[float]) -> list[float]:
    return [one / other for one, other in zip(ours, theirs, strict=False)]


def quix_python() -> str:
    """Python with Quix Streams, in an environment of its own."""
    python = QUIX / "bin" / "python"
    done = QUIX / "installed"
    if not done.exists() or done.read_text() != LOCK.read_text():
        venv.create(QUIX, clear=True, symlinks=True, with_pip=True)
        pip = [str(python), "-m", "pip", "install", "--quiet", "--require-hashes", "-r", str(LOCK)]
        subprocess.run(pip, check=True, stdout=sys.stderr)
        done.write_text(LOCK.read_text())
    return str(python)
