"""The README's commands are run as they stand, on the system of this run."""

from __future__ import annotations

import asyncio
import re
import sys
from pathlib import Path

from tests.conftest import System
from tests.waiting import until

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()


def commands() -> list[str]:
    """The commands of the README's `sh` blocks, in order, without their comments."""
    blocks = re.findall(r"^```sh\n(.*?)^```", README, flags=re.MULTILINE | re.DOTALL)
    lines = "".join(blocks).replace("\\\n", " ").splitlines()
    return [line.partition("  #")[0].strip() for line in lines if line.strip()]


async def shell(system: System, command: str, key: str) -> str:
    """Run a command against the system; the addresses and the program are this run's own."""
    command = command.replace("http://127.0.0.1:8000", system.gateway).replace(
        "curl ", "curl --fail-with-body -sS "
    )
    command = command.replace(".venv/bin/ascua", f"{sys.executable} -m cli")
    process = await asyncio.create_subprocess_shell(
        command,
        cwd=ROOT,
        env={**system.environment(), "KEY": key},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    output, problem = await process.communicate()
    assert process.returncode == 0, f"{command}\n{output.decode()}{problem.decode()}"
    return output.decode()


async def test_the_first_lead_of_the_readme_becomes_hot_and_is_explained(system: System) -> None:
    key = ""
    for command in commands():
        if command.startswith("make ") or command.endswith("ascua run all"):
            continue
        said = await shell(system, command, key)
        if found := re.search(r"ascua_channel_\S+", said):
            key = found[0]
        if "signals" in command:
            await _until_hot(system)
        if "heat explain" in command:
            assert "demo_requested" in said
        if "heat show" in command:
            assert "ana" in said
        if "ascua import" in command and "--guess" not in command:
            assert "5 of 5 leads would come in" in said or "5 rows of 5 leads" in said
    assert key


async def _until_hot(system: System) -> None:
    async with system.client() as client:

        async def is_hot() -> bool:
            return bool((await client.get("/v1/leads/ana/heat")).json().get("heat", 0) >= 60)

        await until(is_hot)


def test_every_make_target_of_the_readme_exists() -> None:
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE)
    named = re.findall(r"(?:`|^)make ([a-z-]+)", README, flags=re.MULTILINE)
    assert named
    assert set(named) <= set(targets)


def test_every_command_of_the_readme_exists() -> None:
    from cli import program

    known = {
        command.name or command.callback.__name__
        for command in program().registered_commands
        if command.callback
    }
    known |= {group.name for group in program().registered_groups}
    named = set(re.findall(r"ascua (run|demo|import|heat|dlq|topics|keys|doctor|verify)\b", README))
    assert named <= known
