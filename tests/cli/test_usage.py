"""What a person meets first: help, examples, wrong usage, servers that are away."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from cli import program
from cli.keys import RoleName
from cli.run import What
from services.gateway.access.roles import (
    Role,
)
from shared.embedded.home import free_port
from shared.installation import SERVICES
from tests.cli.commands import REPOSITORY, ascua, told


def commands(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, Any]]:
    """Every command and group, by the words that reach it."""
    yield " ".join(("ascua", *path)), command
    for name, each in getattr(command, "commands", {}).items():
        yield from commands(each, (*path, name))


ALL = dict(commands(typer.main.get_command(program())))


@pytest.mark.parametrize("words", ALL)
def test_every_command_says_what_it_does_and_gives_an_example(words: str) -> None:
    assert ALL[words].help
    assert (ALL[words].epilog or "").startswith(f"Example: {words}")


@pytest.mark.parametrize("words", [words for words, each in ALL.items() if not hasattr(each, "commands")])
def test_every_command_can_answer_in_json(words: str) -> None:
    assert "--json" in [option for each in ALL[words].params for option in each.opts]


def test_the_names_are_the_contract() -> None:
    assert {
        "ascua run", "ascua heat show", "ascua heat explain",
        "ascua rules check", "ascua rules show", "ascua rules publish", "ascua topics apply", "ascua keys create",
        "ascua dlq list", "ascua dlq show", "ascua dlq replay", "ascua doctor", "ascua import", "ascua verify",
    } <= set(ALL)  # fmt: skip
    assert [str(each) for each in What] == ["all", *SERVICES]
    assert [str(each) for each in RoleName] == [str(each) for each in Role]


def test_nothing_slow_is_imported_before_a_command_runs() -> None:
    script = "import json, sys, cli; cli.program(); print(json.dumps(list(sys.modules)))"
    imported = json.loads(subprocess.check_output([sys.executable, "-c", script], cwd=REPOSITORY))
    assert not set(imported) & {"aiokafka", "motor", "pymongo", "pydantic", "httpx", "fastapi", "structlog"}


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["heat", "show"], "Missing argument 'LEAD'"),
        (["heat", "show", "bad id!"], "a lead's id has"),
        (["heat", "show", "ana", "--at", "2026-11-21T09:30:00"], "a time with its offset"),
        (["run", "everything"], "'everything' is not one of"),
        (["run", "all", "--port", "0"], "--port"),
        (["dlq", "replay"], "one of the three"),
        (["dlq", "replay", "a/b/0/1", "--all"], "one of the three"),
        (["keys", "create", "web", "--role", "king"], "'king' is not one of"),
    ],
)
async def test_wrong_usage_ends_with_2_and_says_what_is_wrong(
    tmp_path: Path, arguments: list[str], sentence: str
) -> None:
    done = await ascua(*arguments, env=told(tmp_path, COLUMNS="200"))

    assert (done.code, done.out) == (2, "")
    assert sentence in " ".join(done.err.split())


async def test_a_wrong_setting_is_named(tmp_path: Path) -> None:
    done = await ascua("topics", "apply", env=told(tmp_path, ASCUA_TOPIC_PREFIX="Not a prefix"))

    assert done.code == 2
    assert "ASCUA_TOPIC_PREFIX" in done.err


@pytest.mark.parametrize(
    "arguments", [["topics", "apply"], ["dlq", "list"], ["dlq", "replay", "--all"], ["heat", "show", "ana"]]
)
async def test_a_server_that_is_away_ends_with_69_and_a_sentence(
    tmp_path: Path, arguments: list[str]
) -> None:
    away = f"127.0.0.1:{free_port()}"
    env = told(
        tmp_path,
        ASCUA_KAFKA_BOOTSTRAP=away,
        ASCUA_MONGO_URL=f"mongodb://{away}/?directConnection=true",
        ASCUA_GATEWAY_URL=f"http://{away}",
        ASCUA_KEY="a key",
    )

    done = await ascua(*arguments, "--json", env=env)

    assert (done.code, done.out) == (69, "")
    assert away in done.err.splitlines()[-1]
    assert "Traceback" not in done.err


async def test_a_service_without_servers_says_how_to_give_it_some(tmp_path: Path) -> None:
    done = await ascua("run", "leads", env=told(tmp_path))

    assert done.code == 69
    assert "ASCUA_KAFKA_BOOTSTRAP" in done.err
    assert "ascua run all" in done.err
