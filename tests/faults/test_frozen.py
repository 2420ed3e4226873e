"""Servers that are there and do not answer: every process says so at once, and ends in time."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from shared.bus.cluster import Cluster
from shared.bus.topics import Topics
from shared.embedded import Servers
from shared.embedded.home import free_port
from shared.installation import SERVICES
from tests.cli.commands import Running, told
from tests.waiting import HANG, until

REPOSITORY = Path(__file__).parents[2]
IN_TIME = 2 * 10.0
"""Ten seconds are promised to those who stop a process; twice as much on a machine that does other things as well."""

pytestmark = [pytest.mark.faults, pytest.mark.timeout(400)]


@pytest.fixture(scope="module")
async def servers(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Servers]:
    async with Servers(tmp_path_factory.mktemp("frozen")) as servers:
        await Cluster(Topics(servers.kafka)).apply()
        yield servers


@pytest.mark.parametrize("frozen", [("kafka",), ("store",), ("kafka", "store")])
async def test_every_service_says_so_within_a_second_and_ends_within_ten(
    servers: Servers, frozen: tuple[str, ...]
) -> None:
    ports = {name: free_port() for name in SERVICES}
    processes = {
        name: await asyncio.create_subprocess_exec(
            sys.executable, "-m", f"services.{name}", cwd=REPOSITORY,
            env=told(
                Path("nowhere"),
                **servers.kafka.environment(),
                ASCUA_MONGO_URL=servers.mongo_url,
                ASCUA_PORT=str(port),
            ),
            stderr=asyncio.subprocess.DEVNULL,
        )
        for name, port in ports.items()
    }  # fmt: skip
    pids = [servers.pids()[name] for name in frozen]
    try:
        async with httpx.AsyncClient(timeout=HANG) as client:

            async def all_ready() -> bool:
                try:
                    answers = [await client.get(f"http://127.0.0.1:{port}/readyz") for port in ports.values()]
                except httpx.TransportError:
                    return False
                return all(answer.is_success for answer in answers)

            await until(all_ready)
            for pid in pids:
                os.kill(pid, signal.SIGSTOP)
            for name, port in ports.items():
                began = time.monotonic()
                answer = await client.get(f"http://127.0.0.1:{port}/readyz")
                assert answer.status_code == 503, name
                assert time.monotonic() - began < 3, name  # 0.8 s on an idle machine
        began = time.monotonic()
        for process in processes.values():
            process.terminate()
        took = {}
        for name, process in processes.items():
            await asyncio.wait_for(process.wait(), HANG)
            took[name] = time.monotonic() - began
        assert {name: seconds for name, seconds in took.items() if seconds > IN_TIME} == {}
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)
        for process in processes.values():
            if process.returncode is None:
                process.kill()
                await process.wait()


async def test_the_whole_system_ends_in_time_and_starts_again_a_server_that_hangs(tmp_path: Path) -> None:
    running = await Running.start(tmp_path / "home", free_port())

    def pid(name: str) -> int:
        ups = [line for line in running.status.read_text().splitlines() if line.startswith(f"{name} is up")]
        return int(ups[-1].rpartition(" ")[2].rstrip(")"))

    try:
        hanging = pid("store")
        os.kill(hanging, signal.SIGSTOP)
        await until(lambda: pid("store") != hanging)
        async with httpx.AsyncClient(timeout=HANG) as client:

            async def is_ready() -> bool:
                return (await client.get(f"{running.ready['gateway']}/readyz")).is_success

            await until(is_ready)
        for name in ("kafka", "store"):
            os.kill(pid(name), signal.SIGSTOP)
    finally:
        began = time.monotonic()
        await running.stop()
    assert time.monotonic() - began < IN_TIME
