"""Nobody acts as another, or in a year that is over, by saying so."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest

from services.gateway.access.keys import (
    KeyRing,
)
from services.gateway.access.roles import (
    Role,
)
from shared.clock import utc_now
from shared.events.base import rfc3339
from shared.inner_secret import ACTOR_HEADER
from shared.mongo import Mongo
from tests.conftest import System
from tests.names import drawn
from tests.waiting import until

MARTA = "marta"
LONG_AGO = "2019-05-01T10:00:00Z"
CALL = {"kind": "call", "result": "no_answer"}


def lately() -> str:
    return rfc3339(utc_now() - timedelta(days=30))


@asynccontextmanager
async def with_key(system: System, name: str, role: Role) -> AsyncIterator[httpx.AsyncClient]:
    """Whoever has a new key, and says to be somebody else to those who would believe a header."""
    mongo = Mongo(system.addresses.mongo_url, f"{system.addresses.database_prefix}_gateway")
    key = await KeyRing(mongo).create(name, role)
    await mongo.stop()
    headers = {"authorization": f"Bearer {key}", ACTOR_HEADER: "somebody-else"}
    async with httpx.AsyncClient(base_url=system.gateway, headers=headers, timeout=30) as client:
        yield client


@pytest.fixture
async def marta(system: System) -> AsyncIterator[httpx.AsyncClient]:
    async with with_key(system, MARTA, Role.REP) as client:
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


async def test_in_bulk_what_may_not_be_told_is_refused_by_itself(marta: httpx.AsyncClient, lead: str) -> None:
    sent = [CALL, {**CALL, "rep": "bob"}, {**CALL, "at": LONG_AGO}, {**CALL, "rep": MARTA}]
    ours = [{"lead_id": lead, **each} for each in sent]
    body = {"activities": [{"lead_id": drawn("nobody-"), **CALL}, *ours]}
    answer = await marta.post("/v1/activities", json=body, headers={"idempotency-key": "a-day"})
    assert answer.status_code == 200
    outcomes = answer.json()["outcomes"]
    assert [(each["outcome"], each["error"]) for each in outcomes] == [
        ("refused", "lead-not-found"),
        ("logged", None),
        ("refused", "rep-not-yours"),
        ("refused", "too-long-ago"),
        ("logged", None),
    ]
    again = (await marta.post("/v1/activities", json=body, headers={"idempotency-key": "a-day"})).json()
    assert [each["outcome"] for each in again["outcomes"]] == [
        "refused",
        "known",
        "refused",
        "refused",
        "known",
    ]
    assert [each["activity_id"] for each in again["outcomes"]] == [each["activity_id"] for each in outcomes]


@pytest.mark.parametrize("role", [Role.CHANNEL, Role.REP])
async def test_channels_and_reps_capture_and_signal_nothing_of_long_ago(
    system: System, lead: str, role: Role
) -> None:
    new, signal = {"lead_id": drawn("lead-"), "channel": "web"}, {"lead_id": lead, "kind": "page_viewed"}
    seconds = int(datetime.fromisoformat(LONG_AGO).timestamp())
    async with with_key(system, drawn("teller-"), role) as teller:
        for at in (LONG_AGO, seconds, str(seconds)):
            refused = await teller.post("/v1/leads", json={**new, "at": at})
            assert problem(refused) == (422, "too-long-ago"), at
        many = [signal, {**signal, "at": LONG_AGO}]
        for told in (many[1], many):
            assert problem(await teller.post("/v1/signals", json=told)) == (422, "too-long-ago")
        assert (await teller.post("/v1/signals", json={**signal, "at": lately()})).status_code == 202
        assert (await teller.post("/v1/leads", json={**new, "at": lately()})).status_code == 201
    async with system.client() as operator:
        new = {**new, "lead_id": drawn("lead-"), "at": LONG_AGO}
        assert (await operator.post("/v1/leads", json=new)).status_code == 201
        assert (await operator.post("/v1/signals", json={**signal, "at": LONG_AGO})).status_code == 202


async def test_who_did_it_is_kept_by_its_owner_and_told(
    system: System, marta: httpx.AsyncClient, lead: str
) -> None:
    """Of every service's facts, whatever a header says; what a service does of itself has no actor."""
    await marta.post(f"/v1/leads/{lead}/stage", json={"stage": "qualified"})
    await marta.post(f"/v1/leads/{lead}/activities", json=CALL)
    await marta.post("/v1/tickets", json={"lead_id": lead, "subject": "late", "category": "complaint"})
    async with (
        with_key(system, "website", Role.CHANNEL) as website,
        system.client() as operator,
    ):
        await website.post("/v1/signals", json={"lead_id": lead, "kind": "page_viewed"})
        await operator.post(f"/v1/leads/{lead}/activities", json={**CALL, "kind": "visit", "rep": "bob"})
        wanted = {
            ("lead.captured", MARTA, None),
            ("lead.stage_changed", MARTA, None),
            ("activity.logged", MARTA, MARTA),
            ("ticket.opened", MARTA, None),
            ("signal.received", "website", None),
            ("activity.logged", "operator", "bob"),
            ("next_step.scheduled", None, None),
        }

        async def told() -> set[tuple[str, str | None, str | None]]:
            items = (await operator.get(f"/v1/leads/{lead}/timeline")).json()["items"]
            return {(each["type"][6:-3], each["actor"], each["data"].get("rep")) for each in items}

        async def all_are_told() -> bool:
            return wanted <= await told()

        await until(all_are_told)
        page = (await operator.get(f"/leads/{lead}/now")).text
    assert "<span>by operator</span><span>for bob</span>" in page
    assert f"<span>by {MARTA}</span>" in page
    assert "somebody-else" not in page


async def test_a_reps_key_tells_nothing_of_long_ago(marta: httpx.AsyncClient, lead: str) -> None:
    for path, body in (
        (f"/v1/leads/{lead}/activities", CALL),
        (f"/v1/leads/{lead}/offers", {"value": {"minor": 100}}),
        (f"/v1/leads/{lead}/won", {}),
    ):
        assert problem(await marta.post(path, json={**body, "at": LONG_AGO})) == (422, "too-long-ago")
    logged = await marta.post(f"/v1/leads/{lead}/activities", json={**CALL, "at": lately()})
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
