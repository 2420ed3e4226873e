"""A whole system under load, as `ascua run all` starts it, in a home of its own."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any

from bench.path.http import Connection
from bench.path.processes import processor_time
from cli.addresses import Addresses, running
from cli.environment import Environment
from cli.operator_key import kept_key
from services.gateway.access.keys import (
    KeyRing,
)
from services.gateway.access.roles import (
    Role,
    Scope,
)
from shared.bus.lag import lag
from shared.embedded.home import free_port
from shared.installation import CONSUMERS
from shared.mongo import Mongo

ROOT = Path(__file__).parents[2]
UNLIMITED = {"ASCUA_KEY_RATE": "1000000", "ASCUA_ADDRESS_RATE": "1000000", "ASCUA_KEY_OPEN": "10000"}
"""One key loads the system as many would."""


@dataclass(frozen=True, slots=True)
class Installation:
    """A running system: where it is, who supervises it, and the keys of a channel and of its operator."""

    home: Path
    addresses: Addresses
    pid: int
    seconds: float
    """From the command to ready."""
    channel: str
    operator: str

    def processor_time(self) -> dict[str, float]:
        return processor_time(self.pid)

    async def behind(self) -> int:
        """How many records all consumers together have not handled yet."""
        topics = self.addresses.topics
        found = await lag(topics, [group.name for group in CONSUMERS])
        # Behind a topic written in transactions an idle group shows the marker: 1.
        return sum(max(0, each["lag"] - 1) for partitions in found.values() for each in partitions.values())

    async def caught_up(self, within: float = 120.0) -> float:
        """Seconds until every consumer has handled what is in the log. Raises `TimeoutError`."""
        began = monotonic()
        async with asyncio.timeout(within):
            while await self.behind():  # noqa: ASYNC110  (a broker tells only when it is asked)
                await asyncio.sleep(0.1)
        return monotonic() - began

    async def get(self, path: str) -> Any:
        async with Connection(self.addresses.gateway, self.operator) as connection:
            return await connection.get(path)


@asynccontextmanager
async def installation(store: Path | None) -> AsyncIterator[Installation]:
    """A system on embedded servers, with a store of one kind; gone afterwards, with its data."""
    with tempfile.TemporaryDirectory() as directory:
        home, port = Path(directory), free_port()
        environment = {**os.environ, **UNLIMITED, "ASCUA_HOME": str(home)}
        if store is not None:
            environment["ASCUA_STORE_BINARY"] = str(store)
        log = (home / "run.log").open("wb")
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "cli", "run", "all", "--port", str(port), "--json",
            stdout=asyncio.subprocess.PIPE, stderr=log, cwd=ROOT, env=environment,
        )  # fmt: skip
        assert process.stdout is not None
        try:
            ready = json.loads(await asyncio.wait_for(process.stdout.readuntil(b"\n}\n"), 60))
            given: dict[str, Any] = {
                "home": home,
                "kafka_bootstrap": None,
                "mongo_url": None,
                "gateway_url": None,
            }
            addresses = await running(home, Environment(**given))
            assert addresses is not None
            mongo = Mongo(addresses.mongo_url, f"{addresses.database_prefix}_gateway")
            channel = await kept_key(KeyRing(mongo), home / "keys" / "bench", Role.CHANNEL, Scope.CAPTURE)
            await mongo.stop()
            operator = (home / "keys" / "operator").read_text().strip()
            yield Installation(home, addresses, process.pid, ready["seconds"], channel, operator)
        finally:
            process.terminate()
            await process.wait()
            log.close()
