"""Every board and page over many leads and over few, alone and while facts come in, on `secantusd-rs`.

The store is filled as the services would have filled it (see `bench.stored`), behind a running system. Then one client
asks for each address again and again, of leads and reps drawn anew. Facts come in as signals to leads of their own.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from statistics import quantiles
from typing import Any

import httpx

from bench.imports import found
from bench.stored import FACTS, REPS, Stored
from bench.tables import Row, keep, row
from cli.environment import Environment
from cli.operator_key import operator_key
from cli.system import started
from shared.clock import utc_now
from shared.embedded.home import free_port

STORE = "secantusd-rs"
A_SECOND = 200
"""Facts while facts come in."""
AT_ONCE = 20
LISTENERS = 500
"""Leads that these facts are about."""
GOAL = "≤ 150"

PAGES = {
    "heat board, page": "/",
    "heat board, page, warm": "/?band=warm",
    "heat board, page, cold, next": "/?band=cold&cursor={cold}",
    "heat board, API, hot": "/v1/boards/heat",
    "heat board, API, warm, next": "/v1/boards/heat?band=warm&cursor={warm}",
    "day": "/day?rep={rep}",
    "day, refreshed": "/day/now?rep={rep}",
    "lead, page": "/leads/{lead}",
    "lead, refreshed": "/leads/{lead}/now",
    "lead, curve": "/leads/{lead}/curve",
    "lead, API": "/v1/leads/{lead}",
    "lead, timeline": "/v1/leads/{lead}/timeline",
    "lead, heat explained": "/v1/leads/{lead}/heat/explain",
    "discipline, page": "/discipline",
    "discipline, page, behind a figure": "/discipline/overdue",
    "discipline, API": "/v1/boards/discipline",
}

Times = dict[tuple[str, str, int], list[float]]
"""Milliseconds of every answer, by page, `alone` or `busy`, and leads."""


class Visitor:
    """Asks for pages, one after the other, and keeps how long each took."""

    def __init__(self, client: httpx.AsyncClient, leads: int, requests: int, seconds: float) -> None:
        self._client, self._leads, self._requests, self._seconds = client, leads, requests, seconds
        self._random = Random(5)
        self._cursors: dict[str, str] = {}

    async def begin(self) -> None:
        for band in ("warm", "cold"):
            board = (await self._client.get("/v1/boards/heat", params={"band": band})).json()
            self._cursors[band] = board["next_cursor"] or ""
        for page in PAGES.values():
            await self._ask(page)

    async def see(self, page: str) -> list[float]:
        """Milliseconds of so many answers, or of as many as there is time for."""
        took: list[float] = []
        until = time.perf_counter() + self._seconds
        while len(took) < self._requests and (len(took) < 2 or time.perf_counter() < until):
            took.append(await self._ask(page))
        return took

    async def _ask(self, page: str) -> float:
        lead, rep = f"lead-{self._random.randrange(self._leads)}", self._random.choice(REPS)
        path = page.format(lead=lead, rep=rep, **self._cursors)
        headers = {
            "accept": "application/json" if path.startswith("/v1") or path.endswith("/curve") else "text/html"
        }
        began = time.perf_counter()
        answer = await self._client.get(path, headers=headers)
        took = (time.perf_counter() - began) * 1_000
        assert answer.status_code == 200, f"{path}: {answer.status_code} {answer.text[:300]}"
        return took


@asynccontextmanager
async def facts(client: httpx.AsyncClient) -> AsyncIterator[None]:
    """`A_SECOND` signals a second come in meanwhile."""

    async def send() -> None:
        random, due = Random(9), time.perf_counter()
        while True:
            signals = [
                {"lead_id": f"heard-{random.randrange(LISTENERS)}", "kind": "page_viewed"}
                for _ in range(AT_ONCE)
            ]
            (await client.post("/v1/signals", json=signals)).raise_for_status()
            due += AT_ONCE / A_SECOND
            await asyncio.sleep(max(0.0, due - time.perf_counter()))

    for number in range(LISTENERS):
        command = {"lead_id": f"heard-{number}", "channel": "web", "profile": {"name": f"Heard {number}"}}
        answer = await client.post("/v1/leads", json=command)
        assert answer.status_code in (201, 409), answer.text
    task = asyncio.create_task(send())
    try:
        yield
        assert not task.done(), "facts could not be sent"
    finally:
        task.cancel()
        await asyncio.wait([task])


async def measure(store: Path, leads: int, given: argparse.Namespace) -> Times:
    times: Times = {}
    with tempfile.TemporaryDirectory() as directory:
        home = Path(directory)
        settings: dict[str, Any] = {
            "home": home, "kafka_bootstrap": None, "mongo_url": None, "gateway_url": None, "store_binary": store,
        }  # fmt: skip
        environment = Environment(**settings)
        async with started(home, environment, free_port()) as own:
            stored = Stored(own.addresses.mongo_url, environment.database_prefix)
            began = time.perf_counter()
            told = await stored.fill(leads, utc_now())
            await stored.stop()
            say(f"{leads:,} leads with {told:,} facts are stored after {time.perf_counter() - began:.0f} s")
            headers = {"authorization": f"Bearer {operator_key(home)}"}
            async with httpx.AsyncClient(
                base_url=own.addresses.gateway, headers=headers, timeout=300
            ) as client:
                visitor = Visitor(client, leads, given.requests, given.seconds)
                await visitor.begin()
                for page, path in PAGES.items():
                    times[page, "alone", leads] = await visitor.see(path)
                    say(f"{page}: {_cuts(times[page, 'alone', leads])}")
                async with facts(client):
                    for page, path in PAGES.items():
                        times[page, "busy", leads] = await visitor.see(path)
                        say(f"{page}, {A_SECOND} facts/s: {_cuts(times[page, 'busy', leads])}")
    return times


def rows(times: Times, sizes: Sequence[int]) -> list[Row]:
    found = []
    for page in PAGES:
        for load, words in (("alone", "alone"), ("busy", f"{A_SECOND} facts/s")):
            for cut, name in enumerate(("p50", "p99")):
                for leads in sizes:
                    value = _cuts(times[page, load, leads])[cut]
                    goal = GOAL if cut else ""
                    found.append(
                        row("boards", f"{page}, {words}, {leads:,} leads, {name}", "ms", [value], goal)
                    )
    return found


def _cuts(took: list[float]) -> tuple[float, float]:
    cuts = quantiles(took, n=100, method="inclusive")
    return round(cuts[49], 1), round(cuts[98], 1)


def say(words: str) -> None:
    sys.stderr.write(words + "\n")


def main(arguments: Sequence[str] = ()) -> None:
    parser = argparse.ArgumentParser("python -m bench boards", description=__doc__)
    parser.add_argument(
        "--leads", type=int, nargs="+", default=[10_000, 100_000], help="sizes to set side by side"
    )
    parser.add_argument("--requests", type=int, default=300, help="of each page, at most")
    parser.add_argument("--seconds", type=float, default=15.0, help="for each page, about")
    given = parser.parse_args(arguments)
    store = next((path for path in found() if path.name == STORE), None)
    if store is None:
        sys.exit(f"{STORE} is not here: name it in ASCUA_STORE_BINARY")
    times: Times = {}
    for leads in given.leads:
        times |= asyncio.run(measure(store, leads, given))
    fewest = {
        load: min(len(took) for (_, each, _), took in times.items() if each == load)
        for load in ("alone", "busy")
    }
    keep(
        "boards",
        rows(times, given.leads),
        [
            f"{FACTS} facts a lead; {given.requests} requests of each page by one client, or as many as fit in "
            f"{given.seconds:g} s (the fewest: {min(fewest.values())})",
            "Broker, store, services and the client on the same cores",
        ],
    )
