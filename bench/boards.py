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
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from pathlib import Path
from random import Random
from statistics import quantiles
from typing import Any

import httpx

from bench.imports import found
from bench.stored import FACTS, REPS, Stored
from bench.tables import Row, keep, kept, row
from cli.environment import Environment
from cli.operator_key import operator_key
from cli.system import started
from services.gateway.boards.cursors import write_cursor
from shared.clock import milliseconds, utc_now
from shared.embedded.home import free_port

STORE = "secantusd-rs"
A_SECOND = 200
"""Facts while facts come in."""
SIZES = (10_000, 100_000)
AT_ONCE = 20
SETTLED = 5.0
"""Seconds after which the gateway has summed what it is asked for."""
LISTENERS = 500
"""Leads that these facts are about."""
GOAL, TIMES_GOAL = "≤ 150", "≤ 1.5"
LOADS = {"alone": "alone", "busy": f"{A_SECOND} facts/s"}

PAGES = {
    "heat board, page": "/",
    "heat board, page, warm": "/?band=warm",
    "heat board, page, cold, next": "/?band=cold&cursor={cold}",
    "heat board, API, hot": "/v1/boards/heat",
    "heat board, API, warm, next": "/v1/boards/heat?band=warm&cursor={warm}",
    "day": "/day?rep={rep}",
    "day, refreshed": "/day/now?rep={rep}",
    "day, next part": "/day?rep={rep}&cursor={day}",
    "lead, page": "/leads/{lead}",
    "lead, refreshed": "/leads/{lead}/now",
    "lead, curve": "/leads/{lead}/curve",
    "lead, API": "/v1/leads/{lead}",
    "lead, timeline": "/v1/leads/{lead}/timeline",
    "lead, heat explained": "/v1/leads/{lead}/heat/explain",
    "discipline, page": "/discipline",
    "discipline, page, by campaign, 7 days": "/discipline?by=campaign&days=7",
    "discipline, page, of a rep": "/discipline?rep={rep}",
    "discipline, page, behind a figure": "/discipline/overdue",
    "discipline, page, behind a rep's figure": "/discipline/follow_through?rep={rep}",
    "discipline, API": "/v1/boards/discipline",
}


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
        now = milliseconds(utc_now() - timedelta(days=3))
        self._cursors["day"] = write_cursor(now, f"2~100~lead-{self._leads // 2}")
        for page in PAGES.values():
            for _ in range(3):
                await self._ask(page)
        await asyncio.sleep(SETTLED)

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


async def measure(store: Path, leads: int, given: argparse.Namespace) -> list[Row]:
    async with AsyncExitStack() as stack:
        if given.homes is None:
            home = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        else:
            home = given.homes / f"{leads}-leads"
        is_filled = home.exists() and any(home.iterdir())
        home.mkdir(parents=True, exist_ok=True)
        settings: dict[str, Any] = {
            "home": home, "kafka_bootstrap": None, "mongo_url": None, "gateway_url": None, "store_binary": store,
        }  # fmt: skip
        environment = Environment(**settings)
        if not is_filled:
            async with started(home, environment, free_port()) as own:
                await _fill(own.addresses.mongo_url, environment.database_prefix, leads)
        own = await stack.enter_async_context(started(home, environment, free_port()))
        headers = {"authorization": f"Bearer {operator_key(home)}"}
        client = await stack.enter_async_context(
            httpx.AsyncClient(base_url=own.addresses.gateway, headers=headers, timeout=300)
        )
        seconds = await _kept(client, leads)
        say(f"kept after {seconds:.1f} s")
        found = [row("boards", _kept_name(leads), "s", [seconds])]
        visitor = Visitor(client, leads, given.requests, given.seconds)
        await visitor.begin()
        for load in given.loads:
            async with facts(client) if load == "busy" else AsyncExitStack():
                for page, path in PAGES.items():
                    p50, p99 = _cuts(await visitor.see(path))
                    say(f"{page}, {LOADS[load]}: {p50} {p99}")
                    found += [
                        row("boards", _name(page, load, leads, "p50"), "ms", [p50]),
                        row("boards", _name(page, load, leads, "p99"), "ms", [p99], GOAL),
                    ]
    return found


async def _fill(mongo_url: str, prefix: str, leads: int) -> None:
    stored, began = Stored(mongo_url, prefix), time.perf_counter()
    told = await stored.fill(leads, utc_now())
    await stored.stop()
    say(f"{leads:,} leads with {told:,} facts are stored after {time.perf_counter() - began:.0f} s")


async def _kept(client: httpx.AsyncClient, leads: int) -> float:
    """Seconds from when the gateway is ready until the discipline board is kept."""
    began = time.perf_counter()
    while True:
        keeper = (await client.get("/status")).json()["keeper"]
        if keeper["kept"] and keeper["leads"] >= leads:
            return time.perf_counter() - began
        await asyncio.sleep(0.1)


def _name(page: str, load: str, leads: int, cut: str) -> str:
    return f"{page}, {LOADS[load]}, {leads:,} leads, {cut}"


def _kept_name(leads: int) -> str:
    return f"gateway ready until the discipline board is kept, {leads:,} leads"


def arranged(found: Mapping[str, Row]) -> list[Row]:
    """All rows side by side, with how many times the p99 of the fewest leads those of the most have."""
    sizes = [size for size in SIZES if _kept_name(size) in found]
    rows = [found[_kept_name(size)] for size in sizes]
    for page in PAGES:
        for load in LOADS:
            names = {cut: [_name(page, load, size, cut) for size in sizes] for cut in ("p50", "p99")}
            rows += [found[name] for cut in names.values() for name in cut if name in found]
            cuts = [found[name].value for name in names["p99"] if name in found]
            if len(cuts) == len(sizes) > 1:
                times = f"{page}, {LOADS[load]}, {sizes[-1]:,} leads, p99 over that of {sizes[0]:,}"
                rows.append(row("boards", times, "times", [round(cuts[-1] / cuts[0], 2)], TIMES_GOAL))
    return rows


def _cuts(took: list[float]) -> tuple[float, float]:
    cuts = quantiles(took, n=100, method="inclusive")
    return round(cuts[49], 1), round(cuts[98], 1)


def say(words: str) -> None:
    sys.stderr.write(words + "\n")


def main(arguments: Sequence[str] = ()) -> None:
    parser = argparse.ArgumentParser("python -m bench boards", description=__doc__)
    parser.add_argument("--leads", type=int, nargs="+", default=SIZES, help="sizes to set side by side")
    parser.add_argument("--loads", nargs="+", choices=LOADS, default=list(LOADS))
    parser.add_argument("--requests", type=int, default=200, help="of each page, at most")
    parser.add_argument("--seconds", type=float, default=15.0, help="for each page, about")
    parser.add_argument(
        "--homes",
        type=Path,
        help="where the filled stores are kept, and used again: then it can be run in parts",
    )
    given = parser.parse_args(arguments)
    store = next((path for path in found() if path.name == STORE), None)
    if store is None:
        sys.exit(f"{STORE} is not here: name it in ASCUA_STORE_BINARY")
    known = {} if given.homes is None else {each.row: each for each in kept("boards")}
    for leads in given.leads:
        known |= {each.row: each for each in asyncio.run(measure(store, leads, given))}
    keep(
        "boards",
        arranged(known),
        [
            f"{FACTS} facts a lead, written into the stores by the services' own folds and stores, not sent through "
            f"the log; {given.requests} requests of each page by one client, or as many as fit in {given.seconds:g} s",
            "Broker, store, services and the client on the same cores",
        ],
    )
