"""History comes in whole and once, whatever dies meanwhile: the end is the same, to the digest.

ASCUA_FAULTS=long does it with the whole real log.
"""

from __future__ import annotations

import asyncio
import os
import random
import re
import signal
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from cli.digests import Digests, digests
from cli.environment import Environment
from cli.imports.account import Account
from cli.operator_key import (
    operator_key,
)
from cli.system import (
    Started,
    started,
)
from shared.embedded.home import free_port
from shared.installation import SERVICES
from tests.cli.commands import ascua, told
from tests.e2e import histories
from tests.names import drawn
from tests.servers import Addresses

PIECE = 50
VICTIMS = ("importer", *SERVICES)


@asynccontextmanager
async def a_system(servers: Addresses, home: Path) -> AsyncIterator[Started]:
    """A system with topics and databases of its own on this run's servers."""
    name = drawn()
    given: dict[str, Any] = {
        "home": home,
        **servers.settings(),
        "gateway_url": None,
        "topic_prefix": name,
        "database_prefix": name,
    }
    async with started(home, Environment(**given), free_port()) as own:
        yield own


@dataclass(frozen=True, slots=True)
class Fire:
    """Each of the victims is killed once a round, as the lot falls, `pause` (least, most) seconds after the last."""

    lot: random.Random
    pause: tuple[float, float]
    rounds: int = 1
    piece_rows: int = PIECE

    def victims(self) -> list[str]:
        return [each for _ in range(self.rounds) for each in self.lot.sample(VICTIMS, len(VICTIMS))]


async def importer(own: Started, home: Path, file: Path, piece_rows: int) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.e2e.importer",
        own.addresses.gateway, operator_key(home), str(file), str(piece_rows),
        cwd=histories.ROOT, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip


async def brought_in(own: Started, home: Path, file: Path, fire: Fire | None = None) -> Account:
    """Import a file, again until it ends by itself, which may not be before all victims were hit."""
    victims = fire.victims() if fire else []
    while True:
        process = await importer(own, home, file, fire.piece_rows if fire else 2_000)
        try:
            while fire is not None and victims and process.returncode is None:
                try:
                    await asyncio.wait_for(process.wait(), fire.lot.uniform(*fire.pause))
                except TimeoutError:
                    kill(own, process, victims.pop(0))
            out, err = await process.communicate()
        finally:
            if process.returncode is None:
                process.kill()
        if process.returncode == 0 and not victims:
            return Account.model_validate_json(out.splitlines()[-1])
        assert process.returncode in (0, -signal.SIGKILL), err.decode()


def kill(own: Started, process: asyncio.subprocess.Process, victim: str) -> None:
    """SIGKILL; one that is down already is left alone."""
    pid = process.pid if victim == "importer" else own.services[victim].pids().get(victim)
    if pid is not None:
        os.kill(pid, signal.SIGKILL)


def adds_up(account: Account, rows: int) -> bool:
    told = account.events_published + account.events_already_known + account.rows_rejected
    return account.rows_read == rows == told


@dataclass(frozen=True, slots=True)
class Quiet:
    """What came of importing some files into a system that was left in peace."""

    files: Sequence[Path]
    accounts: Sequence[Account]
    digests: Digests
    board: str
    """The board's page after the first file."""


async def in_peace(servers: Addresses, home: Path, files: Sequence[Path]) -> Quiet:
    async with a_system(servers, home) as own:
        accounts = [await brought_in(own, home, files[0])]
        board = await board_of(own, home)
        accounts += [await brought_in(own, home, file) for file in files[1:]]
        first = await digests(own.addresses)
        again = [await brought_in(own, home, file) for file in files]

        assert [account.events_published for account in again] == [0] * len(files)
        assert [account.rows_read for account in again] == [account.rows_read for account in accounts]
        assert await digests(own.addresses) == first
        verified = await ascua("verify", "--json", env=told(home))
        assert verified.document == {"leads": first.leads, "digests": first.digests}, verified.err
        return Quiet(files, accounts, first, board)


async def board_of(own: Started, home: Path) -> str:
    headers = {"authorization": f"Bearer {operator_key(home)}"}
    async with httpx.AsyncClient(base_url=own.addresses.gateway, headers=headers, timeout=30) as gateway:
        page = await gateway.get("/")
    assert page.status_code == 200, page.text
    return page.text


async def under_fire(servers: Addresses, home: Path, quiet: Quiet, fire: Fire) -> None:
    """Import the same, kill all the while, and compare."""
    async with a_system(servers, home) as own:
        for file, account in zip(quiet.files, quiet.accounts, strict=True):
            last = await brought_in(own, home, file, fire)
            assert adds_up(last, account.rows_read), last
            assert last.leads == account.leads
        assert await digests(own.addresses) == quiet.digests
        for file in quiet.files:
            assert (await brought_in(own, home, file)).events_published == 0
        assert await digests(own.addresses) == quiet.digests


@pytest.fixture(scope="module")
async def quiet(servers: Addresses, tmp_path_factory: pytest.TempPathFactory) -> Quiet:
    """The beginning of the real log where it is, and a drawn one elsewhere."""
    home = tmp_path_factory.mktemp("quiet")
    files = [histories.people(home / "people.csv", 120, seed=7)]
    if histories.REAL_LOG.exists():
        files.append(histories.real(home / "real.csv", 1_200))
    else:
        files.append(histories.drawn(home / "drawn.csv", 40, seed=12))
    return await in_peace(servers, home, files)


def test_an_import_accounts_for_every_row_and_a_second_one_publishes_nothing(quiet: Quiet) -> None:
    for file, account in zip(quiet.files, quiet.accounts, strict=True):
        rows = len(file.read_text().splitlines()) - 1
        assert adds_up(account, rows)
        assert (account.events_published, account.rows_rejected) == (rows, 0)
    assert quiet.digests.leads == sum(account.leads for account in quiet.accounts)
    assert len(set(quiet.digests.digests.values())) == 7


def test_people_who_were_brought_in_stand_on_the_board_by_name_though_all_of_them_are_cold(
    quiet: Quiet,
) -> None:
    assert re.search(r'href="/leads/people-\d+">Person \d+<', quiet.board), quiet.board


async def test_an_import_killed_at_random_moments_and_run_again_ends_in_the_same_state(
    quiet: Quiet, servers: Addresses, tmp_path: Path
) -> None:
    fire = Fire(random.Random(3), (0.2, 1.6))
    await under_fire(servers, tmp_path, quiet, fire)


@pytest.mark.faults
@pytest.mark.timeout(2_400)
@pytest.mark.skipif(
    os.environ.get("ASCUA_FAULTS") != "long", reason="the long form runs under make test-faults"
)
@pytest.mark.skipif(not histories.REAL_LOG.exists(), reason=histories.NO_REAL_LOG)
async def test_the_whole_real_log_killed_at_random_moments_ends_in_the_same_state(
    servers: Addresses, tmp_path: Path
) -> None:
    quiet = await in_peace(servers, tmp_path / "quiet", [histories.REAL_LOG])
    assert (quiet.accounts[0].leads, quiet.accounts[0].rows_read) == (6_543, 129_998)
    fire = Fire(random.Random(5), (2.0, 10.0), rounds=4, piece_rows=2_000)
    await under_fire(servers, tmp_path / "hurt", quiet, fire)
