"""Every process is killed in turn while the demo runs: nothing is lost or doubled, and all recovers by itself.

The short form kills each once. ASCUA_FAULTS=long goes round several times, in random order and at random moments.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import httpx
import pytest
import stamina.instrumentation

from cli.demo.performance import Performance, make_keys
from cli.environment import Environment
from cli.operator_key import (
    operator_key,
)
from cli.system import (
    Started,
    started,
)
from shared.embedded.home import free_port
from shared.installation import SERVICES
from tests.names import drawn
from tests.waiting import HANG

IS_LONG = os.environ.get("ASCUA_FAULTS") == "long"
pytestmark = [pytest.mark.faults, pytest.mark.timeout(1800 if IS_LONG else 600)]

SPEED = 10
ORDER = ("leads", "followup", "tickets", "scoring", "gateway", "kafka", "store")
SERVERS = ("kafka", "store")
ROUNDS = 5


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    """What is tried again is told in our own words."""
    hooks = stamina.instrumentation.get_on_retry_hooks()
    stamina.instrumentation.set_on_retry_hooks(())
    yield
    stamina.instrumentation.set_on_retry_hooks(hooks)


@pytest.fixture(scope="module")
async def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("faults")


@pytest.fixture(scope="module")
async def own(home: Path) -> AsyncIterator[Started]:
    """A system on servers of its own, to be hurt."""
    given = Environment(home=home, kafka_bootstrap=None, mongo_url=None, gateway_url=None)
    async with started(home, given, free_port()) as own:
        yield own


def pid(own: Started, name: str) -> int | None:
    keeper = own.servers if name in SERVERS else own.services[name]
    return keeper.pids().get(name)


@dataclass
class Visitor:
    """Somebody from outside, with the operator's key, who sees how the system answers meanwhile."""

    own: Started
    client: httpx.AsyncClient
    refusals: list[httpx.Response] = field(default_factory=list)
    """What the gateway answered when it could not do what was asked."""
    heard: set[str] = field(default_factory=set)
    """The leads of which the live stream told."""

    async def ask(self, method: str, path: str, **given: object) -> httpx.Response | None:
        """The answer, or None when it has to be asked again."""
        try:
            answer = await self.client.request(method, path, **given)  # type: ignore[arg-type]
        except httpx.TransportError:
            return None
        if answer.status_code >= 500:
            self.refusals.append(answer)
            return None
        if answer.status_code == 404:
            return None  # the views and scoring hear of a lead from the log
        assert answer.is_success, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer

    def reasons(self, since: int = 0) -> list[str]:
        return sorted({each.json()["type"].rpartition(":")[2] for each in self.refusals[since:]})

    async def listen(self) -> None:
        """Follow the live stream as a page does: when it ends, go on from the last event."""
        last: dict[str, str] = {}
        while True:
            with suppress(httpx.TransportError):
                async with self.client.stream("GET", "/v1/stream", headers=last, timeout=None) as lines:
                    async for line in lines.aiter_lines():
                        name, _, value = line.partition(":")
                        if name == "id":
                            last = {"last-event-id": value.strip()}
                        elif name == "data":
                            self.heard.add(json.loads(value)["lead_id"])
            await asyncio.sleep(0.2)

    async def ready(self) -> bool:
        async with httpx.AsyncClient(timeout=2, trust_env=False) as client:
            try:
                urls = [self.own.addresses.url(name) for name in SERVICES]
                answers = await asyncio.gather(*(client.get(f"{url}/readyz") for url in urls))
            except httpx.TransportError:
                return False
        return all(answer.is_success for answer in answers)

    async def walk(self, lead_id: str) -> dict[str, float]:
        """A fresh lead from the door to the board, warmed by a signal; the seconds after which each was so."""
        began = time.monotonic()
        steps: dict[str, float] = {}

        async def step(name: str, done: Callable[[], Awaitable[object]]) -> None:
            while not await done():
                assert time.monotonic() - began < HANG, f"{lead_id} is stuck before {name}: {steps}"
                await asyncio.sleep(0.1)
            steps[name] = round(time.monotonic() - began, 1)

        capture = {"lead_id": lead_id, "channel": "web", "profile": {"name": "Ember"}}
        warm = {"id": f"{lead_id}-demo", "lead_id": lead_id, "kind": "demo_requested"}
        key = {"Idempotency-Key": lead_id}

        async def told() -> bool:
            answer = await self.ask("GET", f"/v1/leads/{lead_id}/heat/explain")
            seen = await self.ask("GET", f"/v1/leads/{lead_id}")
            if answer is None or seen is None:
                return False
            heat, terms = seen.json()["lead"]["heat"], answer.json()["terms"]
            return heat is not None and warm["id"] in {term["event_id"] for term in terms}

        async def on_board() -> bool:
            for band in ("hot", "warm", "cold"):
                board = await self.ask("GET", "/v1/boards/heat", params={"band": band, "limit": 200})
                if board is not None and lead_id in {
                    line["lead"]["lead_id"] for line in board.json()["items"]
                }:
                    return True
            return False

        await step("acknowledged", lambda: self.ask("POST", "/v1/leads", json=capture, headers=key))
        await step("warmed", lambda: self.ask("POST", "/v1/signals", json=warm))
        await step("heat", told)
        await step("board", on_board)
        await step("ready", self.ready)
        return steps


async def killed(own: Started, name: str) -> None:
    """Kill a process, and wait until its successor has been started."""
    before = pid(own, name)
    assert before is not None
    os.kill(before, signal.SIGKILL)
    while (now := pid(own, name)) is None or now == before:  # noqa: ASYNC110
        await asyncio.sleep(0.02)


def order() -> list[str]:
    if not IS_LONG:
        return list(ORDER)
    chances = Random()
    return [name for _ in range(ROUNDS) for name in chances.sample(ORDER, len(ORDER))]


async def test_whatever_is_killed_while_the_demo_runs_comes_back_and_nothing_is_lost_or_doubled(
    own: Started, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    operator, keys = operator_key(home), await make_keys(home, own.addresses)
    ended, chances = asyncio.Event(), Random()
    client = httpx.AsyncClient(
        base_url=own.addresses.gateway,
        headers={"authorization": f"Bearer {operator}"},
        timeout=httpx.Timeout(12, connect=2),
        trust_env=False,
    )
    performance = Performance(own.addresses, keys, 7, drawn(), operator=operator)
    async with client, performance, asyncio.TaskGroup() as tasks:
        visitor = Visitor(own, client)
        fresh: list[str] = []
        await performance.player.prologue()
        playing = tasks.create_task(performance.player.go_on(SPEED, ended))
        listening = tasks.create_task(visitor.listen())
        for number, name in enumerate(order()):
            await asyncio.sleep(chances.uniform(0, 5) if IS_LONG else 0.5)
            refused, began = len(visitor.refusals), time.monotonic()
            await killed(own, name)
            fresh.append(f"fresh-{number}-after-{name}")
            steps = await visitor.walk(fresh[-1])
            seconds = time.monotonic() - began
            with capsys.disabled():
                met = ", ".join(visitor.reasons(refused)) or "no refusal"
                sys.stdout.write(f"\n{name} killed: all is well after {seconds:.1f} s: {steps}; {met}")
        ended.set()
        await playing
        account = await performance.account()
        listening.cancel()

    assert (account.verdict.lost, account.verdict.doubled) == (0, 0), account.verdict.findings
    assert set(fresh) <= visitor.heard
    assert "leads-unreachable" in visitor.reasons()
    for answer in visitor.refusals:
        assert answer.status_code == 503
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.headers["retry-after"]
