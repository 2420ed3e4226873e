"""A disk that fills up, and processes that have no file handles left: when there is room again, all works again."""

from __future__ import annotations

import asyncio
import os
import resource
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from pathlib import Path

import httpx
import pytest

from cli.environment import Environment
from cli.operator_key import (
    operator_key,
)
from cli.system import (
    Started,
    started,
)
from shared.bus.topics import Topics
from shared.embedded.home import free_port
from shared.installation import SERVICES
from tests.names import drawn
from tests.servers import Addresses
from tests.waiting import until

REPOSITORY = Path(__file__).parents[2]
MEGABYTES = 300
HANDLES = 80

pytestmark = [pytest.mark.faults, pytest.mark.timeout(600)]


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A small disk of our own."""
    place = tmp_path / "disk"
    place.mkdir()
    options = f"size={MEGABYTES}m,mode=0755"
    mount = shutil.which("mount")
    if (
        not mount
        or subprocess.run([mount, "-t", "tmpfs", "-o", options, "tmpfs", place], check=False).returncode
    ):
        pytest.skip("a file system of one's own cannot be mounted here")
    yield place
    subprocess.run(["umount", "-l", place], check=True)


@pytest.fixture
async def own(disk: Path) -> AsyncIterator[Started]:
    given = Environment(home=disk / "home", kafka_bootstrap=None, mongo_url=None, gateway_url=None)
    async with started(disk / "home", given, free_port()) as own:
        yield own


def fill(disk: Path) -> Path:
    file = disk / "filling"
    with suppress(OSError), file.open("wb", buffering=0) as filling:
        while True:
            filling.write(bytes(4_096))
    return file


@pytest.mark.skipif(
    os.environ.get("ASCUA_FAULTS") != "long", reason="takes minutes; runs under make test-faults"
)
async def test_after_room_is_made_all_works_again_and_nothing_acknowledged_is_lost(
    own: Started, disk: Path
) -> None:
    acknowledged: list[str] = []
    failed: list[httpx.Response] = []
    key = {"authorization": f"Bearer {operator_key(disk / 'home')}"}
    async with httpx.AsyncClient(base_url=own.addresses.gateway, headers=key, timeout=20) as gateway:

        async def capture() -> bool:
            lead = drawn("lead-")
            with suppress(httpx.TransportError):
                body = {"lead_id": lead, "channel": "web", "profile": {"name": "Ana Torres"}}
                answer = await gateway.post("/v1/leads", json=body)
                if answer.status_code == 201:
                    acknowledged.append(lead)
                    return True
                failed.append(answer)
            return False

        async def is_refused() -> bool:
            fill(disk)
            return not await capture()

        assert await capture()
        await until(is_refused)
        for _ in range(5):
            await capture()
            failed.append(await gateway.get("/v1/boards/heat"))
        fill(disk).unlink()

        await until(lambda: all_ready(own), within=400)
        await until(capture)

        async def all_are_seen() -> bool:
            views = [await gateway.get(f"/v1/leads/{lead}") for lead in acknowledged]
            told = [view.json()["lead"] for view in views if view.is_success]
            return len(told) == len(acknowledged) and all(lead["heat"] and lead["next_step"] for lead in told)

        await until(all_are_seen)
    wrong = [answer for answer in failed if answer.status_code >= 500]
    assert {answer.headers["content-type"] for answer in wrong} <= {"application/problem+json"}
    assert {answer.status_code for answer in wrong} <= {503}


async def all_ready(own: Started) -> bool:
    async with httpx.AsyncClient(timeout=5) as client:
        try:
            answers = [await client.get(f"{own.addresses.url(name)}/readyz") for name in SERVICES]
        except httpx.TransportError:
            return False
    return all(answer.is_success for answer in answers)


@pytest.mark.parametrize("service", ["leads", "scoring"])
async def test_a_service_without_file_handles_works_again_once_it_has_some(
    servers: Addresses, topics: Topics, service: str
) -> None:
    port = free_port()
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", f"services.{service}", cwd=REPOSITORY,
        env={
            **servers.kafka.environment(),
            "ASCUA_MONGO_URL": servers.mongo_url,
            "ASCUA_TOPIC_PREFIX": topics.prefix,
            "ASCUA_DATABASE_PREFIX": topics.prefix,
            "ASCUA_PORT": str(port),
        },
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (HANDLES, HANDLES)),
        stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip

    async def is_ready() -> bool:
        assert process.returncode is None
        with suppress(httpx.TransportError):
            async with httpx.AsyncClient(timeout=2) as client:
                return (await client.get(f"http://127.0.0.1:{port}/readyz")).is_success
        return False

    async def is_not() -> bool:
        return not await is_ready()

    try:
        await until(is_ready)
        idle = [await asyncio.open_connection("127.0.0.1", port) for _ in range(HANDLES)]
        await until(is_not)
        for _, writer in idle:
            writer.close()
        await until(is_ready)
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()
