"""The rows of `bench path`, in the order in which a system lives through them."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from secrets import token_hex
from time import monotonic
from typing import Any

from bench import imports
from bench.path.processes import shares
from bench.path.system import ROOT, Installation, installation
from bench.path.watch import latencies, quantile, seen_all, watching
from bench.tables import Row, figure, keep, row
from shared.bus.cluster import Cluster
from shared.bus.topics import Topics
from shared.embedded.home import free_port

CAUGHT_UP = 5.0
"""Seconds after a load in which everything has caught up."""
CLIENTS = 64
SECONDS = 60.0
"""How long each load lasts, and the rest before the idle one."""


async def load(system: Installation, what: str, leads: Sequence[str], **asked: object) -> dict[str, Any]:
    """Run the load in a process of its own; what it tells."""
    words = {"url": system.addresses.gateway, "key": system.channel, "what": what, "leads": leads, **asked}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bench.path.load",
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, cwd=ROOT,
    )  # fmt: skip
    told, _ = await process.communicate(json.dumps(words).encode())
    found: dict[str, Any] = json.loads(told)
    return found


class Bench:
    """The rows of one store."""

    def __init__(self, system: Installation, store: str, seconds: float) -> None:
        self._system, self._store, self._seconds = system, store, seconds
        self.rows: list[Row] = []
        self._leads: list[str] = []

    def add(self, name: str, unit: str, value: float, goal: str = "") -> None:
        self.rows.append(row("path", f"{self._store}: {name}", unit, [value], goal))
        sys.stderr.write(f"{self._store}: {name}: {value:,.2f} {unit} {goal}\n")

    def spent(self, name: str, before: Mapping[str, float], seconds: float, goal: str) -> None:
        found = shares(before, self._system.processor_time(), seconds)
        whose = ", ".join(
            f"{part} {figure(round(share, 1))}" for part, share in found.items() if part != "all"
        )
        self.add(f"{name} ({whose})", "% of a core", found["all"], goal)

    async def idle(self, rest: float, seconds: float) -> None:
        await asyncio.sleep(rest)
        before = self._system.processor_time()
        await asyncio.sleep(seconds)
        self.spent(f"idle, after {rest:g} s at rest", before, seconds, "≤ 6")

    async def captured(self, number: int) -> None:
        """Leads to send signals of."""
        prefix, told = token_hex(3), 0
        while told < number:
            found = await load(self._system, "leads", [f"{prefix}-{told}"], clients=16, seconds=5)
            self._leads += [f"{prefix}-{told}-{each}" for each in range(found["done"])]
            told += found["done"]
        self._leads = self._leads[:number]
        await self._system.caught_up()

    async def signals_at(self, rate: float) -> None:
        seconds = min(self._seconds, len(self._leads) / rate)
        async with watching(self._system) as (heat, page):
            before, began = self._system.processor_time(), monotonic()
            told = await load(self._system, "signal", self._leads, rate=rate, seconds=seconds)
            took = monotonic() - began
            self.spent(f"{rate:g} single signals/s", before, took, "≤ 40")
            await self._system.caught_up()
            await seen_all(told["scheduled"], page)
            for name, seen, goal in (("heat", heat, "≤ 50"), ("open page", page, "≤ 150")):
                found = latencies(told["scheduled"], seen)
                self.add(f"{rate:g} signals/s, event to {name}, p50", "ms", 1000 * quantile(found, 0.5))
                self.add(
                    f"{rate:g} signals/s, event to {name}, p99", "ms", 1000 * quantile(found, 0.99), goal
                )
        self.refused(told)

    async def captures_at(self, rate: float) -> None:
        before, began = self._system.processor_time(), monotonic()
        told = await load(self._system, "capture", [token_hex(3)], rate=rate, seconds=self._seconds)
        self.spent(f"{rate:g} captures/s with a signal each", before, monotonic() - began, "≤ 25")
        await self._system.caught_up()
        self.refused(told)

    async def through(self, what: str, unit: str, goal: str) -> None:
        """As many as go through with 64 clients, beside the bare handler in the same run."""
        leads = self._leads if what == "signals" else [token_hex(3)]
        async with bare(self._system) as url:
            least = await load(self._system, what, [f"{each}b" for each in leads], clients=CLIENTS,
                               seconds=min(20.0, self._seconds), url=url)  # fmt: skip
        before, began = self._system.processor_time(), monotonic()
        told = await load(self._system, what, leads, clients=CLIENTS, seconds=self._seconds)
        late = await self._system.caught_up(600)
        self.spent(f"{what}, {CLIENTS} clients", before, monotonic() - began, "")
        rate, ours = least["done"] / least["seconds"], told["done"] / told["seconds"]
        self.add(f"{what}, {CLIENTS} clients, p50", "ms", 1000 * told["p50"])
        self.add(f"{what}, {CLIENTS} clients, bare handler", f"{unit}/s", rate)
        self.add(f"{what}, {CLIENTS} clients", f"{unit}/s", ours, "≥ 100" if what == "leads" else "")
        self.add(f"{what}, {CLIENTS} clients, of the bare handler", "ratio", ours / rate, goal)
        self.add(f"{what}, {CLIENTS} clients, caught up after", "s", late, f"≤ {CAUGHT_UP:g}")
        self.refused(told)

    async def bulk(self) -> None:
        began = monotonic()
        told = await load(self._system, "ndjson", self._leads, clients=4, seconds=min(20.0, self._seconds))
        await self._system.caught_up(600)
        count = 1000 * told["done"]
        self.add("NDJSON by 1,000, taken", "signals/s", count / told["seconds"], "≥ 20,000")
        self.add(
            "NDJSON by 1,000, through heat, ledger and views",
            "signals/s",
            count / (monotonic() - began),
            "≥ 10,000",
        )
        self.refused(told)

    def refused(self, told: Mapping[str, Any]) -> None:
        if told["refused"]:
            self.add("refused requests in the row above", "requests", told["refused"], "0")


@asynccontextmanager
async def bare(system: Installation) -> AsyncIterator[str]:
    """The bare handlers on the same broker and store, on topics of their own."""
    topics, port = Topics(system.addresses.kafka, f"bare{token_hex(2)}"), free_port()
    await Cluster(topics).apply()
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bench.path.bare", topics.prefix, str(port),
        cwd=ROOT, env={**os.environ, **system.addresses.settings()},
    )  # fmt: skip
    try:
        async with asyncio.timeout(20):
            while True:
                try:
                    _, writer = await asyncio.open_connection("127.0.0.1", port)
                except OSError:
                    await asyncio.sleep(0.1)
                else:
                    writer.close()
                    break
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        await process.wait()


async def measure(store: Path, parts: Sequence[str], seconds: float) -> list[Row]:
    async with installation(store) as system:
        bench = Bench(system, store.name, seconds)
        if "start" in parts:
            bench.add("start of `ascua run all` to ready, installed", "s", system.seconds, "≤ 5")
        if "idle" in parts:
            await bench.idle(seconds, min(20.0, seconds))
        if {"signals", "through", "bulk"} & set(parts):
            await bench.captured(int(50 * seconds))
        if "signals" in parts:
            await bench.signals_at(50)
        if "captures" in parts:
            await bench.captures_at(10)
        if "through" in parts:
            await bench.through("signals", "signals", "≥ 0.6")
            await bench.through("leads", "leads", "≥ 0.35")
        if "bulk" in parts:
            await bench.bulk()
    return bench.rows


PARTS = ("start", "idle", "signals", "captures", "through", "bulk")


def main(arguments: Sequence[str] = ()) -> None:
    parser = argparse.ArgumentParser(prog="python -m bench path", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}; all, if absent")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="how long each load lasts")
    parser.add_argument("--store", help="only the store of this name")
    asked = parser.parse_args(arguments)
    if unknown := set(asked.parts) - set(PARTS):
        parser.error(f"there is no part {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    stores = [each for each in imports.found() if asked.store in (None, each.name)]
    parts = asked.parts or PARTS
    rows = [each for store in stores for each in asyncio.run(measure(store, parts, asked.seconds))]
    if asked.parts or asked.seconds != SECONDS:
        return  # a look; what is kept was measured whole
    notes = [
        "Broker, store, services, load and watchers on the same cores; processor time of the system's processes only",
        f"Stores: {', '.join(each.name for each in stores)}",
        f"Loads of {asked.seconds:g} s; a latency counts from the instant for which a request was scheduled",
    ]
    keep("path", rows, notes)
