"""What is wrong in a setting is said in a sentence that names it, with the exit code for it, before anything starts."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from pathlib import Path

import pytest

from shared.embedded.home import free_port

REPOSITORY = Path(__file__).parents[2]
RIGHT = {"ASCUA_KAFKA_BOOTSTRAP": "127.0.0.1:9", "ASCUA_MONGO_URL": "mongodb://127.0.0.1:9"}


async def started(service: str, **settings: str) -> tuple[int, str]:
    """The exit code and the words of a service that cannot start."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", f"services.{service}", cwd=REPOSITORY,
        env={"PATH": os.environ["PATH"], "ASCUA_PORT": str(free_port()), **RIGHT, **settings},
        stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    _, err = await process.communicate()
    assert process.returncode is not None
    return process.returncode, err.decode()


@pytest.mark.parametrize(
    ("service", "setting", "value"),
    [
        ("leads", "ASCUA_LOG_LEVEL", "LOUD"),
        ("leads", "ASCUA_PORT", "99999"),
        ("followup", "ASCUA_PORT", "web"),
        ("tickets", "ASCUA_HOST", "no.such.host.invalid"),
        ("leads", "ASCUA_HOST", "192.0.2.1"),
        ("leads", "ASCUA_MONGO_URL", "mongodb://"),
        ("leads", "ASCUA_MONGO_URL", "http://127.0.0.1:1"),
        ("leads", "ASCUA_KAFKA_BOOTSTRAP", "kafka://127.0.0.1:9"),
        ("leads", "ASCUA_TOPIC_PREFIX", "No Prefix"),
        ("leads", "ASCUA_DATABASE_PREFIX", "a.b"),
        ("leads", "ASCUA_DEAD_LETTER_LIMIT", "-1"),
        ("scoring", "ASCUA_SESSION_SECONDS", "0"),
        ("gateway", "ASCUA_LEADS_URL", "leads:8001"),
    ],
)
async def test_a_wrong_setting_is_named_in_a_line_with_exit_code_2(
    service: str, setting: str, value: str
) -> None:
    code, err = await started(service, **{setting: value})

    assert code == 2, err
    assert len(err.splitlines()) == 1
    assert setting in err


async def test_a_port_that_is_taken_is_named_with_exit_code_69() -> None:
    with socket.create_server(("127.0.0.1", free_port())) as listener:
        port = listener.getsockname()[1]
        code, err = await started("leads", ASCUA_PORT=str(port))

    assert code == 69
    assert f"port {port} of 127.0.0.1 is taken" in err
