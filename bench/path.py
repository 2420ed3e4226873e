"""From a signal's recording to its heat, as a consumer of `ascua.heat` sees it, while the demo plays at speed 10."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path
from secrets import token_hex
from typing import Any

from bench.tables import keep, row
from cli.demo.performance import Account, Performance, make_keys
from cli.environment import Environment
from cli.operator_key import operator_key
from cli.system import started
from shared.embedded.home import free_port

SECONDS = 30.0
RUNS = 3


async def measure(home: Path) -> list[Account]:
    given: dict[str, Any] = {"home": home, "kafka_bootstrap": None, "mongo_url": None, "gateway_url": None}
    accounts = []
    async with started(home, Environment(**given), free_port()) as own:
        keys = await make_keys(home, own.addresses)
        for _ in range(RUNS):
            play = Performance(own.addresses, keys, 7, token_hex(4), operator=operator_key(home))
            async with play:
                ended = asyncio.Event()
                await play.player.prologue()
                asyncio.get_running_loop().call_later(SECONDS, ended.set)
                await play.player.go_on(10, ended)
                accounts.append(await play.account())
    return accounts


def main() -> None:
    with tempfile.TemporaryDirectory() as directory:
        documents = [account.document() for account in asyncio.run(measure(Path(directory)))]
    latencies = [document["event_to_heat_seconds"] for document in documents]
    rows = [
        row("path", f"event to heat, {cut}", "seconds", [each[cut] for each in latencies])
        for cut in ("p50", "p99")
    ]
    rows += [
        row("path", name, "facts", [document[name] for document in documents]) for name in ("lost", "doubled")
    ]
    keep("path", rows, [f"{RUNS} runs of {SECONDS:g} s, {documents[0]['events']:,} facts in the first"])
