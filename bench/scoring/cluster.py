"""The broker on a core of its own, topics filled beforehand, and the processes under test on the other core."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import tempfile
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from time import monotonic
from typing import Any, Self

from aiokafka import AIOKafkaProducer

from bench.scoring.traffic import Drawn
from cli.environment import environment as told
from shared.bus.brokers import Brokers
from shared.bus.cluster import Cluster as OnBroker
from shared.bus.cluster import admin
from shared.bus.topics import Topics
from shared.clock import milliseconds, utc_now
from shared.embedded import Servers

ROOT = Path(__file__).parents[2]
COMPILED = ROOT / ".venv" / "compiled"
"""Where `make compiled` puts what the image runs."""
BROKER, TESTED = 0, 1
"""The cores: the broker shares its own with what loads and watches it."""
_TICKS = os.sysconf("SC_CLK_TCK")

Ends = dict[str, int]
"""The end of each `topic/partition`."""


def named_brokers() -> Brokers:
    """The broker that a program is told of by its environment."""
    brokers = told().brokers
    assert brokers is not None
    return brokers


@dataclass
class Cluster:
    """A running broker, and new topics as often as they are asked for."""

    brokers: Brokers
    _numbers: count[int] = field(default_factory=count)

    @asynccontextmanager
    async def topics(self) -> AsyncIterator[Topics]:
        """All topics of an installation, deleted afterwards."""
        topics = Topics(self.brokers, f"b{next(self._numbers)}")
        names = await OnBroker(topics).apply()
        try:
            yield topics
        finally:
            async with admin(self.brokers) as client:
                await client.delete_topics(names)


@asynccontextmanager
async def cluster(cores: Sequence[int] = (BROKER,)) -> AsyncIterator[Cluster]:
    """The broker, and this process, on some cores."""
    os.sched_setaffinity(0, cores)
    with tempfile.TemporaryDirectory() as home:
        async with Servers(Path(home), mongo_url="none") as servers:
            os.environ.update(servers.kafka.environment())  # for the programs that are measured
            yield Cluster(servers.kafka)


async def fill(topics: Topics, records: Iterable[tuple[str, int, bytes, bytes]]) -> Ends:
    """Write records (short topic, partition, key, value) in big batches; return where the topics end."""
    ends: Ends = {}
    batches: dict[tuple[str, int], Any] = {}
    sent: list[asyncio.Future[Any]] = []
    producer = AIOKafkaProducer(**topics.brokers.client, acks="all", max_batch_size=512 * 1024)
    await producer.start()
    try:
        for topic, partition, key, value in records:
            place = topics.name(topic), partition
            batch = batches.get(place)
            while batch is None or not batch.append(key=key, value=value, timestamp=None):
                if batch is not None:
                    sent.append(await producer.send_batch(batch, place[0], partition=partition))
                batch = batches[place] = producer.create_batch()
            ends[f"{place[0]}/{partition}"] = ends.get(f"{place[0]}/{partition}", 0) + 1
        for (topic, partition), batch in batches.items():
            sent.append(await producer.send_batch(batch, topic, partition=partition))
        await asyncio.gather(*sent)
    finally:
        await producer.stop()
    return ends


def as_records(drawn: Iterable[Drawn], topic: str | None = None) -> Iterable[tuple[str, int, bytes, bytes]]:
    """Facts for `fill`, on their own topics or all on one."""
    return ((topic or each.topic, each.partition, each.lead.encode(), each.value) for each in drawn)


def now_ms() -> int:
    return milliseconds(utc_now())


def environment(plain: bool = False) -> dict[str, str]:
    """The environment of a program that finds scoring compiled, or as plain Python, and the rest here."""
    places = [ROOT] if plain else [COMPILED, ROOT]
    return {**os.environ, "PYTHONSAFEPATH": "1", "PYTHONPATH": os.pathsep.join(map(str, places))}


class Process:
    """A program under test; both sides speak lines of JSON."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    @classmethod
    async def start(
        cls,
        module: str,
        *arguments: object,
        core: int = TESTED,
        python: str = sys.executable,
        plain: bool = False,
    ) -> Self:
        """Run a module on a core, with scoring compiled unless it is to be plain Python."""
        process = await asyncio.create_subprocess_exec(
            "taskset", "-c", str(core), python, "-m", module, *map(str, arguments),
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
            cwd=ROOT, env=environment(plain) | {"PYTHONWARNINGS": "ignore"},
            limit=2**20,
        )  # fmt: skip
        return cls(process)

    def say(self, **words: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(words).encode() + b"\n")

    async def hear(self, within: float = 600.0) -> dict[str, Any]:
        """The next thing it says, past what a JVM remarks. Raises when it ended, or says nothing for so long."""
        assert self._process.stdout is not None
        while line := await asyncio.wait_for(self._process.stdout.readline(), within):
            if line.startswith(b"{"):
                said: dict[str, Any] = json.loads(line)
                return said
            progress(line.decode(errors="replace").rstrip())
        raise RuntimeError(f"the process under test ended with {await self._process.wait()}")

    def cpu(self) -> float:
        """Seconds of processor time up to now."""
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS

    def rss(self) -> int:
        """Bytes of memory in use now."""
        pages = Path(f"/proc/{self._process.pid}/statm").read_text().split()[1]
        return int(pages) * os.sysconf("SC_PAGE_SIZE")

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._process.returncode is None:
            self._process.terminate()
            assert self._process.stdin is not None
            self._process.stdin.close()
            try:
                await asyncio.wait_for(self._process.wait(), 20)
            except TimeoutError:
                self._process.kill()
                await self._process.wait()


def progress(text: str) -> None:
    sys.stderr.write(f"{monotonic():10.1f}  {text}\n")
