"""Who has an account on the machine, and nothing else, is no operator."""

from __future__ import annotations

import stat
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from pymongo import AsyncMongoClient
from pymongo.errors import OperationFailure

from cli.system import INNER
from shared.bus.brokers import Brokers
from shared.bus.cluster import admin
from shared.embedded.home import Lock
from shared.errors import Unavailable
from shared.inner_secret import inner_header
from shared.mongo import Mongo
from tests.conftest import System


def readable(path: Path) -> bool:
    try:
        return bool(path.read_bytes())
    except OSError:  # it ended
        return False


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


async def test_kafka_lets_nobody_in_without_the_secret(system: System) -> None:
    ours = system.addresses.kafka
    if ours.user is None:
        pytest.skip("these servers were given, and ask for nothing")
    strangers = [
        Brokers(ours.bootstrap),
        replace(ours, password="a guess"),
        replace(ours, user="admin"),
        replace(ours, sasl_mechanism="SCRAM-SHA-256"),
    ]
    for stranger in strangers:
        with pytest.raises(Unavailable) as refused:
            async with admin(stranger):
                pass
        assert str(ours.password) not in refused.value.sentence
    async with admin(ours) as client:
        assert await client.list_topics()


async def test_the_store_lets_nobody_in_without_the_secret(system: System) -> None:
    ours = system.addresses.mongo_url
    login, at, _ = ours.removeprefix("mongodb://").rpartition("@")
    if not login:
        pytest.skip("these servers were given, and ask for nothing")
    user, _, password = login.partition(":")
    without = ours.replace(login + at, "")
    database = f"{system.addresses.database_prefix}_gateway"
    for stranger in (without, ours.replace(password, "guess"), ours.replace(f"//{user}:", "//root:")):
        mongo = Mongo(stranger, database)
        with pytest.raises(Unavailable, match="does not let us in"):
            await mongo.check()
        await mongo.stop()
    async with AsyncMongoClient[dict[str, Any]](without) as client:
        for command in ("listDatabases", "usersInfo", "serverStatus"):
            with pytest.raises(OperationFailure, match="auth"):
                await client.admin.command(command)
        with pytest.raises(OperationFailure, match="auth"):
            await client.admin.command("createUser", "eve", pwd="eve", roles=["root"])
        with pytest.raises(OperationFailure, match="auth"):
            await client[database]["keys"].find_one()


def test_no_secret_is_on_a_command_line_that_everybody_can_read(system: System) -> None:
    secrets = {path.read_text().strip() for path in (system.home / "keys").iterdir()}
    secrets |= {str(system.addresses.kafka.password), str(httpx.URL(system.addresses.mongo_url).password)}
    lines = [each.read_bytes().decode() for each in Path("/proc").glob("[0-9]*/cmdline") if readable(each)]
    assert any("services.gateway" in line for line in lines)
    assert not [line for line in lines if any(secret in line for secret in secrets if secret)]


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
