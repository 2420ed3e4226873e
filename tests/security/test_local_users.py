"""Who has an account on the machine, and nothing else, is no operator."""

from __future__ import annotations

import stat
from pathlib import Path

import httpx
import pytest

from cli.system import INNER
from shared.embedded.home import Lock
from shared.inner import inner_header
from tests.conftest import System


def others_may(path: Path) -> bool:
    return bool(stat.S_IMODE(path.lstat().st_mode) & 0o077)


async def test_a_home_is_its_owners_alone(tmp_path: Path) -> None:
    new, old, foreign = tmp_path / "new", tmp_path / "old", tmp_path / "foreign"
    old.mkdir(mode=0o755)
    (old / "kafka").mkdir(mode=0o755)
    (old / "servers.json").touch(mode=0o644)
    foreign.mkdir(mode=0o755)
    foreign.chmod(0o755)
    (foreign / "thesis.tex").touch(mode=0o644)
    for home in (new, old, foreign):
        (await Lock.take(home)).release()
    assert not any(others_may(home) for home in (new, old))
    assert not any(others_may(each) for home in (new, old) for each in home.iterdir())
    assert (others_may(foreign), others_may(foreign / "servers.json")) == (True, False)


def test_what_a_running_system_writes_is_its_owners_alone(system: System) -> None:
    keys = sorted(each.name for each in (system.home / "keys").iterdir())
    assert {"inner", "operator"} <= set(keys)
    written = [*system.home.rglob("*")]
    assert len(written) > 8
    assert [str(path) for path in written if others_may(path)] == []


@pytest.mark.parametrize("service", INNER)
async def test_inner_services_answer_the_gateway_alone(system: System, service: str) -> None:
    url, secret = system.addresses.url(service), system.addresses.inner_secret
    assert secret is not None
    async with httpx.AsyncClient(base_url=url) as anyone:
        for path in ("/status", "/leads/ana", "/openapi.json", "/nothing"):
            for headers in ({}, inner_header("x" * 43), {"authorization": f"Bearer {system.key}"}):
                answer = await anyone.get(path, headers=headers)
                assert (answer.status_code, secret in answer.text) == (401, False)
        assert (await anyone.post("/leads", json={"lead_id": "a", "channel": "web"})).status_code == 401
        assert (await anyone.get("/healthz")).status_code == 200
        assert (await anyone.get("/status", headers=inner_header(secret))).status_code == 200
