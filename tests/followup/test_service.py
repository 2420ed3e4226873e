"""Followup as others meet it: through the gateway of a running system."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from services.followup.domain.playbook_parser import default_text
from tests.conftest import System
from tests.followup.books import TEXT
from tests.names import drawn
from tests.waiting import until


@pytest.fixture
async def client(system: System) -> AsyncIterator[httpx.AsyncClient]:
    """A client while the tests' playbooks are in force; afterwards the default ones are again."""
    async with system.client() as client:
        published = await client.post("/v1/playbooks", json={"text": TEXT})
        assert published.status_code == 200, published.text
        yield client
        assert (await client.post("/v1/playbooks", json={"text": default_text()})).status_code == 200


async def ask(client: httpx.AsyncClient, path: str, status: int = 200, **body: Any) -> Any:
    response = await client.post(f"/v1/{path}", json=body)
    assert response.status_code == status, response.text
    return response.json()


async def step(client: httpx.AsyncClient, lead: str) -> dict[str, Any]:
    return (await client.get(f"/v1/leads/{lead}")).json()["lead"]["next_step"] or {}


async def becomes(client: httpx.AsyncClient, lead: str, because: str | None) -> None:
    async def it_is() -> bool:
        return (await step(client, lead)).get("because") == because

    await until(it_is)


async def captured(client: httpx.AsyncClient, **more: Any) -> str:
    lead = (await ask(client, "leads", 201, channel="web", **more))["id"]
    await becomes(client, lead, "new_lead")
    return str(lead)


async def test_what_stops_or_pauses_a_cadence_does_so(client: httpx.AsyncClient) -> None:
    lead, other, third = await captured(client), await captured(client), await captured(client)
    for each in (lead, other, third):
        await ask(client, f"leads/{each}/activities", 201, kind="call", result="no_answer", rep="marta")
        await becomes(client, each, "after_no_answer")

    ticket = await ask(client, "tickets", 201, lead_id=lead, category="complaint", subject="It smokes")
    await becomes(client, lead, "complaint")
    await ask(client, f"tickets/{ticket['id']}/resolution")
    await becomes(client, lead, "after_no_answer")
    await ask(client, "signals", 202, lead_id=lead, kind="chat_message")
    await becomes(client, lead, "replied")
    await ask(client, "signals", 202, lead_id=other, kind="unsubscribed")
    await becomes(client, other, "unsubscribed")
    await ask(client, f"leads/{other}/won")
    await becomes(client, other, None)
    await ask(client, f"leads/{third}/won")

    async def is_on_board() -> bool:  # the welcome mail is automatic and due at once: it brings the handover
        found = await step(client, third)
        return found.get("because") == "after_automatic"

    await until(is_on_board)


async def test_many_calls_are_logged_each_with_its_outcome_and_once(client: httpx.AsyncClient) -> None:
    lead = await captured(client)
    first = await step(client, lead)
    calls = [
        {"lead_id": lead, "key": f"{lead}-1", "kind": "call", "step_id": first["id"], "rep": "marta",
         "result": "objection", "objection": "price"},
        {"lead_id": "nobody", "key": "x", "kind": "call"},
        {"lead_id": lead, "key": f"{lead}-2", "kind": "call", "step_id": first["id"], "rep": "marta"},
    ]  # fmt: skip
    (done, unknown, twice) = (await ask(client, "activities", activities=calls))["outcomes"]

    assert (done["outcome"], unknown["error"], twice["error"]) == ("logged", "lead-not-found", "step-done")
    again = (await ask(client, "activities", activities=calls))["outcomes"]
    assert [each["outcome"] for each in again] == ["known", "refused", "refused"]
    assert again[0]["activity_id"] == done["activity_id"]
    keyed = {"idempotency-key": drawn()}
    unkeyed = {"activities": [{"lead_id": lead, "kind": "note", "note": "asks again in spring"}]}
    for outcome in ("logged", "known"):
        answer = await client.post("/v1/activities", json=unkeyed, headers=keyed)
        assert answer.json()["outcomes"][0]["outcome"] == outcome


async def test_a_person_plans_and_hands_over(client: httpx.AsyncClient) -> None:
    lead = await captured(client, tier="key")
    due = datetime.now(UTC) + timedelta(days=2)
    planned = {"action": "visit", "due": due.isoformat()}
    refused = await ask(client, f"leads/{lead}/next-step", 422, **planned, rep="marta")
    assert refused["type"].endswith("not-your-step")
    await ask(client, f"leads/{lead}/next-step", **planned, rep="pedro")
    await becomes(client, lead, "agreed")
    await ask(client, f"leads/{lead}/owner", rep="marta")

    async def is_martas() -> bool:
        return (await step(client, lead)).get("owner") == "marta"

    await until(is_martas)


async def test_publishing_says_what_happens_and_does_exactly_that(client: httpx.AsyncClient) -> None:
    lead = await captured(client)
    bad = await client.post("/v1/playbooks/preview", json={"text": TEXT.replace("do: visit", "do: fax")})
    assert bad.status_code == 422
    assert "no channel fax" in bad.json()["detail"]
    assert "line" in bad.json()["detail"]

    changed = TEXT.replace("first_call: {do: call, after: 5m", "first_call: {do: call, after: 6m")
    said = await ask(client, "playbooks/preview", text=changed)
    assert said["move"] >= 1
    differs = {what: said[what] for what in ("stay", "move", "end")} | {"end": said["end"] + 1}
    assert (await ask(client, "playbooks", 409, text=changed, expect=differs))["type"].endswith("differ")
    done = await ask(client, "playbooks", text=changed, expect=said)
    assert done == said
    after = await ask(client, "playbooks/preview", text=changed)
    assert (after["stay"], after["move"], after["end"]) == (said["stay"] + said["move"], 0, 0)
    assert (await step(client, lead))["because"] == "new_lead"
    assert (await client.get("/v1/playbooks")).json()["text"] == changed
    trial = (await client.get("/v1/playbooks/web/trial")).json()
    assert {each["verdict"] for each in trial["comparisons"]["replied"]} == {"not enough"}
    assert (await client.get("/v1/playbooks/store/trial")).status_code == 404
