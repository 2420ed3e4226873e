"""`ascua` as a person or a script runs it: a process of its own."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).parents[2]
ASCUA = [sys.executable, "-m", "cli"]


@dataclass(frozen=True, slots=True)
class Done:
    """What a command printed, and how it ended."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """The one JSON document on stdout."""
        return json.loads(self.out)


def told(home: Path, **settings: str) -> dict[str, str]:
    """An environment that names this home and nothing else of Ascua's but `settings`."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("ASCUA_")}
    if binary := os.environ.get("ASCUA_STORE_BINARY"):
        clean["ASCUA_STORE_BINARY"] = binary
    return {**clean, "ASCUA_HOME": str(home), **settings}


async def ascua(*arguments: str, env: dict[str, str]) -> Done:
    process = await asyncio.create_subprocess_exec(
        *ASCUA,
        *arguments,
        cwd=REPOSITORY,
        env=env,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(60):
            out, err = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
    assert process.returncode is not None
    return Done(process.returncode, out.decode(), err.decode())


@dataclass(frozen=True, slots=True)
class Running:
    """An `ascua run all --json` in the background; what it tells goes to a file."""

    process: asyncio.subprocess.Process
    ready: Any
    home: Path
    env: dict[str, str]
    status: Path

    @classmethod
    async def start(cls, home: Path, port: int, **settings: str) -> Running:
        """Returns once it is ready; fails with what it told when it ends before."""
        env, status = told(home, **settings), home.with_name("status")
        with status.open("wb") as stderr:
            process = await asyncio.create_subprocess_exec(
                *ASCUA, "run", "all", "--json", "--port", str(port), cwd=REPOSITORY, env=env,
                stdout=asyncio.subprocess.PIPE, stderr=stderr,
            )  # fmt: skip
        assert process.stdout is not None
        document = b""
        try:
            async with asyncio.timeout(100):
                while not document.endswith(b"}\n"):
                    line = await process.stdout.readline()
                    assert line, status.read_text()
                    document += line
        except BaseException:
            process.kill()
            await process.wait()
            raise
        return cls(process, json.loads(document), home, env, status)

    async def stop(self) -> int:
        """SIGTERM; the exit code."""
        if self.process.returncode is None:
            self.process.terminate()
        async with asyncio.timeout(15):
            return await self.process.wait()

    def addresses(self) -> Any:
        return json.loads((self.home / "addresses.json").read_bytes())

    def family(self) -> set[int]:
        """The process and all below it."""
        found = {self.process.pid}
        parents = {}
        for stat in Path("/proc").glob("[0-9]*/stat"):
            try:
                fields = stat.read_text().rpartition(")")[2].split()
            except OSError:
                continue
            parents[int(stat.parent.name)] = int(fields[1])
        while more := {pid for pid, parent in parents.items() if parent in found} - found:
            found |= more
        return found
