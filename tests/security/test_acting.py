"""Nobody acts as another, or in a year that is over, by saying so."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import httpx
import pytest

from services.gateway.access.keys import KeyRing, Role
from shared.clock import utc_now
from shared.events.base import rfc3339
from shared.mongo import Mongo
from tests.conftest import System
from tests.names import drawn
from tests.waiting import until

MARTA = "marta"
CALL = {"kind": "call", "result": "no_answer"}


@pytest.fixture
async def marta(system: System) -> AsyncIterator[httpx.AsyncClient]:
    mongo = Mongo(system.addresses.mongo_url, f"{system.addresses.database_prefix}_gateway")
    key = await KeyRing(mongo).create(MARTA, Role.REP)
    await mongo.stop()
    headers = {"authorization": f"Bearer {key}"}
    async with httpx.AsyncClient(base_url=system.gateway, headers=headers, timeout=30) as client:
        yield client


@pytest.fixture
async def lead(marta: httpx.AsyncClient) -> str:
    lead = drawn("lead-")
    assert (await marta.post("/v1/leads", json={"lead_id": lead, "channel": "web"})).status_code == 201
    return lead


def problem(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, str(answer.json()["type"]).rpartition(":")[2]


async def test_a_reps_key_acts_as_that_rep_alone(marta: httpx.AsyncClient, lead: str) -> None:
    theirs, due = {**CALL, "rep": "bob"}, rfc3339(utc_now() + timedelta(days=1))
    for path, body in (
        (f"/v1/leads/{lead}/activities", theirs),
        ("/v1/activities", {"activities": [{"lead_id": lead, **theirs}]}),
        (f"/v1/leads/{lead}/next-step", {"action": "call", "due": due, "rep": "bob"}),
    ):
        assert problem(await marta.post(path, json=body)) == (403, "rep-not-yours")
    for body in (CALL, {**CALL, "rep": MARTA}):
        assert (await marta.post(f"/v1/leads/{lead}/activities", json=body)).status_code == 201

    async def both_are_hers() -> bool:
        items = (await marta.get(f"/v1/leads/{lead}/timeline")).json()["items"]
        reps = [each["data"].get("rep") for each in items if each["type"] == "ascua.activity.logged.v1"]
        return reps == [MARTA, MARTA]

    await until(both_are_hers)


async def test_a_reps_key_tells_nothing_of_long_ago(marta: httpx.AsyncClient, lead: str) -> None:
    long_ago, lately = "2019-05-01T10:00:00Z", rfc3339(utc_now() - timedelta(days=30))
    for path, body in (
        (f"/v1/leads/{lead}/activities", CALL),
        (f"/v1/leads/{lead}/offers", {"value": {"minor": 100}}),
        (f"/v1/leads/{lead}/won", {}),
    ):
        assert problem(await marta.post(path, json={**body, "at": long_ago})) == (422, "too-long-ago")
    logged = await marta.post(f"/v1/leads/{lead}/activities", json={**CALL, "at": lately})
    assert logged.status_code == 201


async def test_an_operator_acts_for_others_and_that_is_told(system: System, lead: str) -> None:
    async with system.client() as operator:
        body = {**CALL, "rep": "bob", "at": "2019-05-01T10:00:00Z"}
        assert (await operator.post(f"/v1/leads/{lead}/activities", json=body)).status_code == 201

        async def entries() -> list[dict[str, Any]]:
            items = (await operator.get("/v1/audit")).json()["items"]
            return [each for each in items if each.get("lead_id") == lead]

        async def is_told() -> bool:
            return [(each["name"], each.get("on_behalf_of")) for each in await entries()] == [
                ("operator", "bob")
            ]

        await until(is_told)
