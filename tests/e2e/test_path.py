"""One path through everything: a lead comes in, warms up, and is seen."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest

from shared.clock import new_id
from tests.conftest import System
from tests.waiting import until


@pytest.fixture
async def gateway(system: System) -> AsyncIterator[httpx.AsyncClient]:
    async with system.client() as client:
        yield client


async def capture(gateway: httpx.AsyncClient, **fields: object) -> str:
    answer = await gateway.post(
        "/v1/leads", json={"channel": "web", "profile": {"name": "Ana Torres"}, **fields}
    )
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


async def test_a_captured_lead_is_on_the_board_and_warms_with_its_signals(
    gateway: httpx.AsyncClient,
) -> None:
    lead = await capture(gateway)

    async def on_the_board(band: str, at_least: float) -> bool:
        lines = (await gateway.get("/v1/boards/heat", params={"band": band})).json()["items"]
        return any(line["lead"]["lead_id"] == lead and line["heat"] >= at_least for line in lines)

    await until(lambda: on_the_board("warm", 25))
    sent = await gateway.post("/v1/signals", json={"lead_id": lead, "kind": "demo_requested"})
    assert sent.status_code == 202
    await until(lambda: on_the_board("hot", 60))

    async def explained() -> dict[str, Any]:
        return dict((await gateway.get(f"/v1/leads/{lead}/heat/explain")).json())

    async def kinds() -> set[str]:
        return {term["kind"] for term in (await explained()).get("terms", ())}

    async def both_count() -> bool:
        return await kinds() == {"lead.captured", "signal.demo_requested"}

    await until(both_count)
    told = await explained()
    assert sum(term["points"] for term in told["terms"]) == pytest.approx(told["heat"], abs=1e-9)


async def test_an_open_lead_has_one_next_step_until_it_is_won(gateway: httpx.AsyncClient) -> None:
    lead = await capture(gateway, channel="store")

    async def step() -> object:
        return (await gateway.get(f"/v1/leads/{lead}")).json()["lead"]["next_step"]

    async def because(reason: str) -> bool:
        found = await step()
        return isinstance(found, dict) and found["because"] == reason

    await until(lambda: because("new_lead"))
    logged = await gateway.post(
        f"/v1/leads/{lead}/activities",
        json={"kind": "call", "result": "interested", "note": "wants a proposal"},
    )
    assert logged.status_code == 201
    await until(lambda: because("after_interested"))
    assert (await gateway.post(f"/v1/leads/{lead}/won", json={})).status_code == 200

    async def closed() -> bool:
        view = (await gateway.get(f"/v1/leads/{lead}")).json()["lead"]
        return view["status"] == "won" and view["next_step"] is None

    await until(closed)

    async def timeline() -> list[Any]:
        return list((await gateway.get(f"/v1/leads/{lead}/timeline")).json()["items"])

    async def all_is_told() -> bool:
        told = [entry["type"] for entry in await timeline()]
        return told.count("ascua.next_step.scheduled.v1") == 2 and "ascua.lead.won.v1" in told

    await until(all_is_told)
    entries = await timeline()
    assert entries[-1]["type"] == "ascua.lead.captured.v1"
    assert [entry["text"] for entry in entries if "text" in entry] == ["wants a proposal"]


async def test_the_same_command_with_the_same_key_takes_effect_once(gateway: httpx.AsyncClient) -> None:
    key = {"Idempotency-Key": new_id()}
    body = {"channel": "phone", "profile": {"name": "Luis Vega"}}
    first = await gateway.post("/v1/leads", json=body, headers=key)
    again = await gateway.post("/v1/leads", json=body, headers=key)
    other = await gateway.post("/v1/leads", json={**body, "channel": "web"}, headers=key)

    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json()["id"] == again.json()["id"]
    assert (other.status_code, other.json()["type"]) == (422, "urn:ascua:problem:idempotency-key-reused")


async def test_a_signal_sent_twice_counts_once(gateway: httpx.AsyncClient) -> None:
    lead = await capture(gateway)
    signal = {"id": new_id(), "lead_id": lead, "kind": "demo_requested"}
    for _ in range(3):
        assert (await gateway.post("/v1/signals", json=signal)).status_code == 202
    marker = {"lead_id": lead, "kind": "chat_message"}
    assert (await gateway.post("/v1/signals", json=marker)).status_code == 202

    async def settled() -> bool:
        terms = (await gateway.get(f"/v1/leads/{lead}/heat/explain")).json().get("terms", [])
        return {"signal.chat_message", "lead.captured"} <= {term["kind"] for term in terms}

    await until(settled)
    terms = (await gateway.get(f"/v1/leads/{lead}/heat/explain")).json()["terms"]
    assert [term["kind"] for term in terms].count("signal.demo_requested") == 1

    async def projected() -> bool:
        heat = (await gateway.get(f"/v1/leads/{lead}")).json()["heat"]
        return heat is not None and heat > 70

    await until(projected)
    told = (await gateway.get(f"/v1/leads/{lead}")).json()
    explained = (await gateway.get(f"/v1/leads/{lead}/heat", params={"at": told["at"]})).json()
    assert told["heat"] == pytest.approx(explained["heat"], abs=1e-9)


async def test_the_stream_resumes_where_a_client_left(gateway: httpx.AsyncClient) -> None:
    position = (await gateway.get("/v1/boards/heat")).json()["position"]
    lead = await capture(gateway)
    both = {"ascua.lead.captured.v1", "ascua.heat.changed.v1"}  # which one comes first is not said
    first = await _changes_of(
        gateway, lead, {"from": position}, {}, lambda found: {type for _, type in found} >= both
    )
    resumed = await _changes_of(
        gateway, lead, {}, {"Last-Event-ID": first[0][0]}, lambda found: first[-1] in found
    )

    assert [change for change in first[1:] if change in resumed] == first[1:]
    stale = await _changes_of(gateway, lead, {"from": "leads:0"}, {}, lambda found: bool(found))
    assert [type for _, type in stale] == ["reset"]


async def _changes_of(
    gateway: httpx.AsyncClient,
    lead: str,
    params: dict[str, str],
    headers: dict[str, str],
    enough: Callable[[list[tuple[str, str]]], bool],
) -> list[tuple[str, str]]:
    """(position, type) of the lead's changes, and of a reset, until they are enough."""
    found: list[tuple[str, str]] = []
    fields: dict[str, str] = {}
    async with gateway.stream("GET", "/v1/stream", params=params, headers=headers) as answer:
        assert answer.status_code == 200
        async for line in answer.aiter_lines():
            name, _, value = line.partition(": ")
            if line:
                fields[name] = value
                continue
            if "event" in fields:
                data = httpx.Response(200, content=fields["data"]).json()
                if data["lead_id"] in (lead, None):
                    found.append((fields["id"], data["type"]))
                    if enough(found):
                        return found
            fields = {}
    raise AssertionError("the stream ended")
