"""Who asked to change what is kept: refused and admitted, without content, of bounded length."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest

from services.gateway.access import audit as audits
from services.gateway.access.audit import Audit
from services.gateway.access.limits import Limits, Tally, Visit
from services.gateway.access.roles import (
    Holder,
    Role,
)
from shared.mongo import Mongo
from tests.conftest import System
from tests.names import drawn
from tests.waiting import until


async def test_refused_and_admitted_requests_are_in_the_log_without_their_content(system: System) -> None:
    lead, secret = drawn("lead-"), drawn("secret")
    async with system.client() as operator, httpx.AsyncClient(base_url=system.gateway) as nobody:
        captured = {"lead_id": lead, "channel": "web", "profile": {"name": secret}}
        await operator.post("/v1/leads", json=captured)
        made = await operator.post(f"/v1/leads/{lead}/activities", json={"kind": "call", "note": secret})
        await operator.post(f"/v1/leads/{lead}/stage", json={"stage": secret, "wrong": 1})
        await nobody.post(f"/v1/leads/{lead}/lost", json={"reason": secret})
        await nobody.request("BREW", f"/{secret}")
        await operator.get(f"/v1/leads/{lead}")

        async def told() -> list[dict[str, Any]]:
            items = (await operator.get("/v1/audit")).json()["items"]
            return [each for each in items if each.get("lead_id") == lead]

        async def all_told() -> bool:
            return len(await told()) == 3

        await until(all_told)
        lost, stage, logged = await told()
        log = (await operator.get("/v1/audit")).text
    assert [(each["status"], each.get("name"), each["method"]) for each in (logged, stage, lost)] == [
        (201, "operator", "POST"),
        (422, "operator", "POST"),
        (401, None, "POST"),
    ]
    assert logged["route"] == "/v1/leads/{lead_id}/activities"
    assert logged["request_id"] == made.headers["x-request-id"]
    assert secret not in log


def entry(audit: Audit, lead: str | None, name: str = "ana") -> None:
    visit = Visit(Tally(Limits(1, 1, 1, 1)), "192.0.2.1")
    visit.holder = Holder(name, Role.REP, name)
    params = {} if lead is None else {"lead_id": lead}
    audit.note(visit, {"type": "http", "method": "POST", "path_params": params}, 200)


async def test_the_log_is_read_newest_first_in_pages_also_of_several_gateways(mongo: Mongo) -> None:
    one, other = Audit(mongo), Audit(mongo)
    for number in range(30):
        entry((one, other)[number % 2], f"lead-{number}")
        if number % 7 == 0:
            await one._keep()
            await other._keep()
    await one.stop()
    await other.stop()
    seen, cursor = list[str | None](), None
    while page := await one.read(7, cursor):
        seen += [each.lead_id for each in page]
        cursor = page[-1].id
    assert seen == [f"lead-{number}" for number in reversed(range(30))]


async def test_the_log_has_a_bounded_length_and_what_is_alike_is_one_entry(
    mongo: Mongo, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audits, "PAGE", 5)
    monkeypatch.setattr(audits, "PAGES", 3)
    audit = Audit(mongo)
    for number in range(60):
        entry(audit, f"lead-{number}")
        await audit._keep()
    kept = [each.lead_id for each in await audit.read(1_000)]
    assert kept[:15] == [f"lead-{number}" for number in range(59, 44, -1)]
    assert len(kept) <= 20
    for _ in range(50):
        entry(audit, None)
    assert len(audit._waiting) == 1
    await audit.stop()
    assert (await audit.read(1))[0].count == 50


async def test_the_log_waits_for_a_store_that_is_away(mongo: Mongo) -> None:
    away = Mongo("mongodb://127.0.0.1:9/?serverSelectionTimeoutMS=50", "nowhere")
    audit = Audit(away)
    await audit.start()
    entry(audit, "ana")
    await asyncio.sleep(0)
    await audit.check()
    assert audit.status() == {"waiting": 1, "lost": 0}
    await audit.stop()
    await away.stop()
