"""`ascua import` as a person or a script meets it."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import uvicorn
from click.testing import Result
from typer.testing import CliRunner

from cli import program
from shared.embedded.home import free_port
from shared.errors import Refused
from tests.cli.imports.gate import KEY, Gate

MAPPING = """
columns: {lead: lead, time: time, activity: step}
map: {Form: {captured: web}, Call: contacted}
"""
ROWS = "lead,time,step\n" + "".join(f"{lead},2024-05-01T08:00:00Z,Form\n" for lead in range(5_000))


@pytest.fixture
async def gate() -> AsyncIterator[Gate]:
    """A gateway over real HTTP."""
    gate = Gate()
    server = uvicorn.Server(uvicorn.Config(gate.app, port=free_port(), log_level="error"))
    gate.url = f"http://127.0.0.1:{server.config.port}"
    serving = asyncio.ensure_future(server.serve())
    while not server.started:  # noqa: ASYNC110
        await asyncio.sleep(0.01)
    yield gate
    server.should_exit = True
    await serving


@pytest.fixture
def deals(tmp_path: Path) -> Path:
    (tmp_path / "deals.csv").write_text(ROWS)
    (tmp_path / "deals.yaml").write_text(MAPPING)
    return tmp_path / "deals.csv"


def arguments(file: Path, *options: str) -> list[str]:
    return ["import", str(file), "--mapping", str(file.with_suffix(".yaml")), *options]


def environment(url: str, file: Path) -> dict[str, str]:
    return {"ASCUA_GATEWAY_URL": url, "ASCUA_KEY": KEY, "ASCUA_HOME": str(file.parent)}


async def here(url: str, file: Path, *options: str) -> Result:
    """The command in a thread of this process."""
    return await asyncio.to_thread(
        CliRunner().invoke, program(), arguments(file, *options), env=environment(url, file)
    )


async def start(url: str, file: Path, *options: str) -> asyncio.subprocess.Process:
    """The command in a process of its own."""
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "cli", *arguments(file, *options)),
        env={**os.environ, **environment(url, file)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


async def test_the_account_is_one_json_document_on_stdout(gate: Gate, deals: Path) -> None:
    ended = await here(gate.url, deals, "--json")

    account = json.loads(ended.stdout)
    assert ended.exit_code == 0
    assert account.pop("seconds") > 0
    assert account == {
        "rows_read": 5_000,
        "events_published": 5_000,
        "events_already_known": 0,
        "rows_rejected": 0,
        "rows_ignored": 0,
        "rejects_file": None,
        "leads": 5_000,
        "warnings": [],
    }


async def test_refusals_end_it_with_1_and_name_their_file(gate: Gate, deals: Path) -> None:
    rewrite(deals, ROWS + "1,soon,Call\n")
    ended = await here(gate.url, deals)

    assert ended.exit_code == 1
    assert "5,001 rows of 5,000 leads" in ended.stdout
    assert f"Why rows were rejected: {deals}.rejects.csv" in ended.stdout


async def test_interrupted_it_says_how_to_go_on_and_goes_on(gate: Gate, deals: Path) -> None:
    reached = asyncio.Event()

    def hold_the_second() -> None:
        if gate.pieces == 2:
            gate.is_open.clear()
            reached.set()

    gate.before_piece = hold_the_second
    process = await start(gate.url, deals, "--json")
    await asyncio.wait_for(reached.wait(), 60)
    process.send_signal(signal.SIGINT)
    out, err = await process.communicate()

    assert process.returncode == 1
    assert b"run the same command again to go on" in err
    assert json.loads(out)["rows_read"] == 2_000

    gate.is_open.set()
    again = json.loads((await here(gate.url, deals, "--json")).stdout)
    assert (again["rows_read"], again["events_already_known"] + again["events_published"]) == (5_000, 5_000)
    assert len(gate.remembered) == len(gate.order) == 5_000


async def test_a_gateway_that_is_not_there_ends_it_with_69_and_a_sentence(deals: Path) -> None:
    process = await start(f"http://127.0.0.1:{free_port()}", deals, "--patience", "0")
    out, err = await process.communicate()

    assert process.returncode == 69
    assert b"cannot be reached" in err
    assert b"Traceback" not in err
    assert out == b""


async def test_a_file_that_is_not_what_the_mapping_says_is_refused_before_anything_is_sent(
    gate: Gate, deals: Path
) -> None:
    rewrite(deals, ROWS.replace("lead,", "customer,", 1))
    ended = await here(gate.url, deals, "--json")

    assert isinstance(ended.exception, Refused)  # which the program tells in a sentence, with 1
    assert "there is no column lead" in ended.exception.sentence
    assert (ended.stdout, gate.pieces) == ("", 0)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["nowhere.csv", "--mapping", "{folder}/deals.yaml"], "does not exist"),
        (["{folder}/deals.csv"], "--mapping"),
        (["{folder}/deals.csv", "--mapping", "nowhere.yaml"], "nowhere.yaml cannot be read"),
        (["{folder}/deals.csv", "--mapping", "{folder}/deals.csv"], "line 1"),
        (
            ["{folder}/deals.csv", "--mapping", "bpi12", "--rejects", "{folder}/deals.csv"],
            "would overwrite the file itself",
        ),
        (["{folder}/deals.csv", "--mapping", "bpi12", "--patience", "-1"], "--patience"),
    ],
)
def test_wrong_usage_ends_it_with_2(deals: Path, words: list[str], says: str) -> None:
    result = CliRunner().invoke(program(), ["import", *(a.format(folder=deals.parent) for a in words)])

    assert result.exit_code == 2
    assert says in " ".join(result.output.replace("│", " ").split())


def rewrite(file: Path, content: str) -> None:
    file.write_text(content)
