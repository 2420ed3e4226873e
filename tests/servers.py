"""The Kafka and the store that tests run on: embedded, as everybody gets them, or in containers, as in production."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from cli.answer import tell_events
from shared.bus.brokers import Brokers
from shared.embedded import Servers
from shared.embedded.home import free_port


class Addresses(NamedTuple):
    kafka: Brokers
    mongo_url: str

    def settings(self) -> dict[str, str]:
        """What a process is told that uses them, by the names of its settings."""
        kafka = {f"kafka_{name}": value for name, value in asdict(self.kafka).items() if value is not None}
        return {**kafka, "mongo_url": self.mongo_url}


@asynccontextmanager
async def embedded(home: Path) -> AsyncIterator[Addresses]:
    """Both as children of this process, with their data in `home`; the store that ASCUA_STORE_BINARY names, if any."""
    binary = os.environ.get("ASCUA_STORE_BINARY")
    async with Servers(home, store_binary=Path(binary) if binary else None) as servers:
        yield Addresses(servers.kafka, servers.mongo_url)


@asynccontextmanager
async def containers() -> AsyncIterator[Addresses]:
    """Both from their official images, through Testcontainers; gone afterwards, with their data."""
    with ExitStack() as stack:
        yield await asyncio.to_thread(stack.enter_context, _started())


@contextmanager
def _started() -> Iterator[Addresses]:
    from testcontainers.core.container import DockerContainer
    from testcontainers.core.wait_strategies import ExecWaitStrategy

    kafka_port, mongo_port = free_port(), free_port()
    # A broker tells its clients where it is: its port is the same inside and outside.
    bootstrap = f"127.0.0.1:{kafka_port}"
    kafka = DockerContainer("apache/kafka:4.3.0").with_envs(
        KAFKA_PROCESS_ROLES="broker,controller",
        KAFKA_NODE_ID="1",
        KAFKA_CONTROLLER_QUORUM_VOTERS="1@localhost:9093",
        KAFKA_CONTROLLER_LISTENER_NAMES="CONTROLLER",
        KAFKA_LISTENERS=f"PLAINTEXT://:{kafka_port},CONTROLLER://localhost:9093",
        KAFKA_ADVERTISED_LISTENERS=f"PLAINTEXT://{bootstrap}",
        KAFKA_LISTENER_SECURITY_PROTOCOL_MAP="PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        KAFKA_AUTO_CREATE_TOPICS_ENABLE="false",
        KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR="1",
        KAFKA_OFFSETS_TOPIC_NUM_PARTITIONS="4",
        KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR="1",
        KAFKA_TRANSACTION_STATE_LOG_MIN_ISR="1",
        KAFKA_TRANSACTION_STATE_LOG_NUM_PARTITIONS="4",
        KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS="0",
        KAFKA_GROUP_MIN_SESSION_TIMEOUT_MS="1000",
    )
    kafka.ports = {str(kafka_port): ("127.0.0.1", kafka_port)}  # type: ignore[dict-item]  # loopback only
    kafka.waiting_for(
        ExecWaitStrategy(["/opt/kafka/bin/kafka-broker-api-versions.sh", "--bootstrap-server", bootstrap])
    )
    mongo = DockerContainer("mongo:8")
    mongo.ports = {"27017": ("127.0.0.1", mongo_port)}  # type: ignore[dict-item]
    mongo.waiting_for(ExecWaitStrategy(["mongosh", "--quiet", "--eval", "db.adminCommand('ping').ok"]))
    with kafka, mongo:
        yield Addresses(Brokers(bootstrap), f"mongodb://127.0.0.1:{mongo_port}/?directConnection=true")


class Shared:
    """Both in a process of their own, for several that run tests at once."""

    def __init__(self, kind: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.servers", kind],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=Path(__file__).parents[1],
        )
        assert self._process.stdout is not None
        self.addresses = json.loads(self._process.stdout.readline())

    def stop(self) -> None:
        self._process.communicate(timeout=30)


async def main(kind: str) -> None:
    """Start them, say where they are, and stop them when stdin ends."""
    tell_events()
    with TemporaryDirectory() as home:
        async with containers() if kind == "containers" else embedded(Path(home)) as addresses:
            sys.stdout.write(f"{json.dumps([asdict(addresses.kafka), addresses.mongo_url])}\n")
            sys.stdout.flush()
            await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
