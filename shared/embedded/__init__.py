"""Real servers as children of this process: Apache Kafka and a MongoDB-protocol store, on loopback.

    async with Servers(home) as servers:
        servers.kafka, servers.mongo_url

A home keeps `kafka/` and `store/` (their data), `keys/` (what they ask for, made at the first start), `logs/`, and
`servers.json` (who runs on it, and the addresses).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from shared.bus.brokers import Brokers
from shared.embedded.home import Lock, Running, free_port, port_taken, running, taken
from shared.embedded.kafka import Broker
from shared.embedded.process import UTF_8, Child, Supervisor
from shared.embedded.store import Program, Store, find
from shared.errors import Unavailable

__all__ = ["Child", "Running", "Servers", "Supervisor", "running"]


class Servers:
    """Kafka and the store of one home, kept alive until `stop`, and never longer than this process.

    What is given by address (`kafka`, `mongo_url`) is used and not started. A port that is not given is
    a free one, the same for as long as this runs. Starting raises Refused when a directory is not ours to write
    to, and Unavailable when something is lacking; both say what to do.
    """

    def __init__(
        self,
        home: Path,
        *,
        kafka: Brokers | None = None,
        mongo_url: str | None = None,
        store_binary: Path | None = None,
        kafka_port: int | None = None,
        store_port: int | None = None,
        java: Path | None = None,
    ) -> None:
        self.home = home.absolute()
        self.kafka = kafka or Brokers("")
        self.mongo_url = mongo_url or ""
        self.store_name = "given"
        """The kind of store: `mongod`, `secantusd-rs`, `secantusd-py`, or `given`."""
        self._starts: list[Callable[[], Awaitable[None]]] = []
        if kafka is None:
            self._starts.append(lambda: _on_a_port(kafka_port, "Kafka", self._start_kafka))
        if not mongo_url:
            self._starts.append(lambda: _on_a_port(store_port, "the store", self._start_store))
        self._store_binary = store_binary
        self._java = java
        self._lock: Lock | None = None
        self._supervisor: Supervisor | None = None

    async def start(self) -> None:
        """Start both side by side; returns when both answer."""
        if not self._starts:
            return
        self._lock = await Lock.take(self.home)
        self._supervisor = Supervisor(self.home / "logs", keep=[self._lock.fileno()])
        starting = [asyncio.ensure_future(start()) for start in self._starts]
        try:
            await asyncio.gather(*starting)
        except BaseException:
            for start in starting:
                start.cancel()
            await asyncio.wait(starting)
            await self.stop()
            raise
        self._lock.tell(self.kafka, self.mongo_url)

    async def stop(self, within: float = 10.0) -> None:
        """Stop what was started, within `within` seconds."""
        if self._supervisor is not None:
            await self._supervisor.stop(within)
        if self._lock is not None:
            self._lock.release()
            self._lock = None

    async def wait(self) -> None:
        """Wait until one of them cannot be kept alive, and raise why. Never returns otherwise."""
        if self._supervisor is None:
            await asyncio.Event().wait()
        else:
            await self._supervisor.wait()

    def pids(self) -> dict[str, int]:
        """`kafka` and `store`, as far as they are children and alive now."""
        return self._supervisor.pids() if self._supervisor else {}

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def _start_kafka(self, port: int) -> None:
        assert self._supervisor is not None
        broker = Broker(self.home, port, java=self._java)
        await broker.prepare(self.home / "logs" / "kafka.log")
        await self._supervisor.start(
            "kafka",
            broker.argv,
            UTF_8,
            broker.ready,
            works=broker.works,
            cwd=broker.directory,
            diagnose=broker.diagnose,
        )
        self.kafka = broker.brokers

    async def _start_store(self, port: int) -> None:
        assert self._supervisor is not None
        program: Program = find(self.home, self._store_binary)
        store = Store(self.home, port, program)
        await store.prepare(self.home / "logs" / "store.log")
        await self._supervisor.start(
            "store",
            store.argv,
            UTF_8,
            store.ready,
            works=store.works,
            cwd=store.directory,
            diagnose=store.diagnose,
        )
        self.mongo_url, self.store_name = store.url, program.kind


async def _on_a_port(port: int | None, what: str, start: Callable[[int], Awaitable[None]]) -> None:
    """Start on `port`; when it is None on a free one, and on another when somebody was faster to take that."""
    if port is not None:
        if taken(port):
            raise port_taken(port, what)
        return await start(port)
    for _ in range(3):
        try:
            return await start(free_port())
        except Unavailable as error:
            if error.slug != "port-taken":
                raise
            last = error
    raise last
