"""Whatever is sent to the door: the designed answer, and the rest flows on."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest

from services.gateway.access.keys import (
    KeyRing,
)
from services.gateway.access.roles import (
    Role,
)
from shared.clock import new_id, utc_now
from shared.events.base import rfc3339
from shared.mongo import Mongo
from tests.conftest import System
from tests.names import drawn
from tests.shared.kit import log
from tests.waiting import until

LEAD = {"channel": "web", "profile": {"name": "Ana Torres"}}


@pytest.fixture
async def gateway(system: System) -> AsyncIterator[httpx.AsyncClient]:
    async with system.client() as client:
        yield client


@pytest.fixture
async def lead(gateway: httpx.AsyncClient) -> str:
    answer = await gateway.post("/v1/leads", json=LEAD)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def problem(answer: httpx.Response, status: int, slug: str) -> dict[str, Any]:
    """The problem an answer is, after a look at its form."""
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json"), (
        answer.text
    )
    body: dict[str, Any] = answer.json()
    assert (body["type"], body["status"]) == (f"urn:ascua:problem:{slug}", status)
    assert body["title"]
    assert body["detail"]
    assert body["instance"] == answer.headers["x-request-id"]
    return body


def pointers(body: dict[str, Any]) -> list[str]:
    return [each["pointer"] for each in body["errors"]]


async def of_topic(system: System, topic: str) -> list[dict[str, Any]]:
    return [json.loads(record.value) for record in await log(system.addresses.topics, topic)]


@pytest.mark.parametrize(
    ("path", "body", "status", "slug"),
    [
        ("/v1/leads", b'{"channel": "web",', 422, "invalid-request"),
        ("/v1/leads", b'{"channel": "\xff"}', 400, "bad-request"),
        ("/v1/leads", b"[" * 100_000, 400, "bad-request"),
        ("/v1/signals", b'{"lead_id": "ana",', 422, "not-json"),
        ("/v1/signals", b'{"lead_id": "\xff"}', 422, "not-utf8"),
        ("/v1/signals", b"[" * 100_000, 422, "not-json"),
        ("/v1/signals", b"[]", 422, "invalid-request"),
        ("/v1/signals", b"7", 422, "invalid-request"),
    ],
)
async def test_what_is_not_json_is_a_problem(
    gateway: httpx.AsyncClient, path: str, body: bytes, status: int, slug: str
) -> None:
    answer = await gateway.post(path, content=body, headers={"content-type": "application/json"})
    problem(answer, status, slug)


@pytest.mark.parametrize("path", ["/v1/leads", "/v1/signals"])
@pytest.mark.parametrize("announced", [True, False])
async def test_a_body_of_ten_megabytes_is_refused(
    gateway: httpx.AsyncClient, path: str, announced: bool
) -> None:
    async def body() -> AsyncIterator[bytes]:
        for _ in range(160):
            yield b"[" * 65_536

    headers = {"content-type": "application/json", **({"content-length": "10485760"} if announced else {})}
    answer = await gateway.post(path, content=body(), headers=headers)
    assert "in parts" in problem(answer, 413, "body-too-large")["detail"]
    assert (await gateway.get("/v1/boards/heat")).status_code == 200


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"chanel": "web"}, "/chanel"),
        ({"channel": "carrier pigeon"}, "/channel"),
        ({"profile": {"fax": "600 100 200"}}, "/profile/fax"),
        ({"profile": ["Ana Torres"]}, "/profile"),
        ({"lead_id": "ana@example.com"}, "/lead_id"),
    ],
)
async def test_a_lead_that_is_wrong_is_refused_at_the_place_where_it_is(
    gateway: httpx.AsyncClient, change: dict[str, Any], pointer: str
) -> None:
    content = json.dumps({**LEAD, **change})
    answer = await gateway.post("/v1/leads", content=content, headers={"content-type": "application/json"})
    assert pointers(problem(answer, 422, "invalid-request")) == [pointer]


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"attributes": {"price": float("nan")}}, "/0/attributes/price"),
        ({"attributes": {"text": "Please call me, I am Ana!"}}, "/0/attributes/text"),
        ({"attributes": {"phone": "x600123456"}}, "/0/attributes/phone"),
        ({"kinds": "page_viewed"}, "/0/kinds"),
        ({"kind": "Page Viewed"}, "/0/kind"),
        ({"id": "x" * 65}, "/0/id"),
    ],
)
async def test_a_signal_that_is_wrong_is_refused_at_the_place_where_it_is(
    gateway: httpx.AsyncClient, lead: str, change: dict[str, Any], pointer: str
) -> None:
    content = json.dumps({"lead_id": lead, "kind": "page_viewed", **change})
    answer = await gateway.post("/v1/signals", content=content)
    found = pointers(problem(answer, 422, "invalid-request"))
    assert all(each.startswith(pointer) for each in found)
    assert found


async def test_of_an_array_with_one_bad_signal_none_is_taken(
    system: System, gateway: httpx.AsyncClient, lead: str
) -> None:
    ids = [new_id() for _ in range(4)]
    signals: list[dict[str, Any]] = [{"id": id, "lead_id": lead, "kind": "page_viewed"} for id in ids]
    signals[2]["kind"] = 7
    answer = await gateway.post("/v1/signals", json=signals)
    assert pointers(problem(answer, 422, "invalid-request")) == ["/2/kind"]

    signals[2] = {"id": ids[2], "lead_id": "nobody-at-all", "kind": "page_viewed"}
    unknown = problem(await gateway.post("/v1/signals", json=signals), 404, "lead-not-found")
    assert "nobody-at-all" in unknown["detail"]
    assert not {event["id"] for event in await of_topic(system, "signals")} & set(ids)

    signals[2]["lead_id"] = lead
    taken = await gateway.post("/v1/signals", json=signals)
    assert (taken.status_code, taken.json()) == (202, {"accepted": 4, "ids": ids})
    assert {event["id"] for event in await of_topic(system, "signals")} >= set(ids)


async def test_signals_come_one_a_line_too_and_a_bad_line_is_named(
    system: System, gateway: httpx.AsyncClient, lead: str
) -> None:
    headers = {"content-type": "application/x-ndjson; charset=utf-8"}
    ids = [new_id() for _ in range(3)]
    lines = [json.dumps({"id": id, "lead_id": lead, "kind": "mail_opened"}) for id in ids]
    taken = await gateway.post("/v1/signals", content="\n".join(lines) + "\n\n", headers=headers)
    assert (taken.status_code, taken.json()["ids"]) == (202, ids)

    bad = await gateway.post("/v1/signals", content="\n".join([*lines, '{"lead_id":']), headers=headers)
    problem(bad, 422, "not-json")
    odd = await gateway.post("/v1/signals", content="\n".join([*lines, '"mail"']), headers=headers)
    assert pointers(problem(odd, 422, "invalid-request")) == ["/3"]


async def test_a_time_in_the_future_is_set_back_to_five_minutes_from_now(
    system: System, gateway: httpx.AsyncClient, lead: str
) -> None:
    future = "2090-01-01T00:00:00Z"
    latest = datetime.now(UTC) + timedelta(minutes=4, seconds=30)
    captured = (await gateway.post("/v1/leads", json={**LEAD, "at": future})).json()["captured_at"]
    signal = {"id": new_id(), "lead_id": lead, "kind": "page_viewed", "at": future}
    assert (await gateway.post("/v1/signals", json=signal)).status_code == 202
    (told,) = [event for event in await of_topic(system, "signals") if event["id"] == signal["id"]]

    for at in (captured, told["time"]):
        assert latest < datetime.fromisoformat(at) < latest + timedelta(minutes=1, seconds=30)


@pytest.mark.parametrize(
    "time", ["9999-12-31T23:59:59-12:00", "0001-01-01T00:00:00+12:00", "0001-06-01T00:00:00Z"]
)
async def test_a_time_outside_the_calendar_is_a_problem(
    gateway: httpx.AsyncClient, lead: str, time: str
) -> None:
    signal = {"lead_id": lead, "kind": "page_viewed", "at": time}
    problem(await gateway.post("/v1/signals", json=signal), 422, "time-out-of-range")
    captured = await gateway.post("/v1/leads", json={**LEAD, "at": time})
    assert [each["field"] for each in captured.json()["warnings"]] == ["at"]
    heat = await gateway.get(f"/v1/leads/{lead}/heat", params={"at": time})
    problem(heat, 422, "time-out-of-range")


async def test_a_lead_that_does_not_exist_is_not_found_wherever_it_is_named(
    gateway: httpx.AsyncClient,
) -> None:
    nobody = drawn("nobody-")
    asked = [
        await gateway.post(f"/v1/leads/{nobody}/activities", json={"kind": "call"}),
        await gateway.post(f"/v1/leads/{nobody}/stage", json={"stage": "qualified"}),
        await gateway.post(f"/v1/leads/{nobody}/won", json={}),
        await gateway.post(
            "/v1/tickets", json={"lead_id": nobody, "category": "question", "subject": "where is it"}
        ),
        await gateway.post("/v1/signals", json={"lead_id": nobody, "kind": "page_viewed"}),
        *[await gateway.get(f"/v1/leads/{nobody}{what}") for what in ("", "/timeline", "/heat")],
        await gateway.get(f"/v1/leads/{nobody}/heat/explain"),
    ]
    for answer in asked:
        assert "capture it first" in problem(answer, 404, "lead-not-found")["detail"]


async def test_a_key_opens_what_its_role_may_and_nothing_else(system: System, lead: str) -> None:
    mongo = Mongo(system.addresses.mongo_url, f"{system.addresses.database_prefix}_gateway")
    ring = KeyRing(mongo)
    channel, rep = [await ring.create("test", role) for role in (Role.CHANNEL, Role.REP)]
    await mongo.stop()

    def bearer(key: str) -> dict[str, str]:
        return {"authorization": f"Bearer {key}"}

    signal = {"lead_id": lead, "kind": "page_viewed"}
    async with httpx.AsyncClient(base_url=system.gateway, timeout=30) as client:
        for headers, slug in (({}, "key-missing"), (bearer("ascua_wrong"), "key-unknown")):
            for answer in (
                await client.post("/v1/leads", json=LEAD, headers=headers),
                await client.post("/v1/signals", json=signal, headers=headers),
                await client.get(f"/v1/leads/{lead}", headers=headers),
                await client.get("/v1/stream", headers=headers),
            ):
                problem(answer, 401, slug)
                assert answer.headers["www-authenticate"] == "Bearer"

        assert (await client.post("/v1/signals", json=signal, headers=bearer(channel))).status_code == 202
        assert (await client.post("/v1/leads", json=LEAD, headers=bearer(channel))).status_code == 201
        for answer in (
            await client.get(f"/v1/leads/{lead}", headers=bearer(channel)),
            await client.get("/v1/boards/heat", headers=bearer(channel)),
            await client.post(f"/v1/leads/{lead}/won", json={}, headers=bearer(channel)),
        ):
            assert "a channel key may not" in problem(answer, 403, "key-may-not")["detail"]
        assert (await client.get("/v1/boards/heat", headers=bearer(rep))).status_code == 200
        problem(await client.get("/v1/status", headers=bearer(rep)), 403, "key-may-not")


@pytest.mark.parametrize(
    ("path", "slug"),
    [
        ("/v1/leads/a%20b", "invalid-request"),
        ("/v1/boards/heat?limit=0", "invalid-request"),
        ("/v1/boards/heat?band=boiling", "invalid-request"),
        ("/v1/boards/heat?cursor=next", "bad-cursor"),
        ("/v1/boards/heat?cursor=nan", "bad-cursor"),
        ("/v1/stream?from=the-beginning", "bad-position"),
    ],
)
async def test_a_question_that_is_wrong_is_a_problem(
    gateway: httpx.AsyncClient, path: str, slug: str
) -> None:
    problem(await gateway.get(path), 422, slug)


async def test_what_a_lead_refuses_comes_through_with_its_reason(
    gateway: httpx.AsyncClient, lead: str
) -> None:
    again = await gateway.post("/v1/leads", json={**LEAD, "lead_id": lead})
    problem(again, 409, "lead-exists")
    same = await gateway.post(f"/v1/leads/{lead}/stage", json={"stage": "new"})
    assert "at stage new already" in problem(same, 422, "stage-unchanged")["detail"]
    assert (await gateway.post(f"/v1/leads/{lead}/lost", json={"reason": "silent"})).status_code == 200
    problem(await gateway.post(f"/v1/leads/{lead}/won", json={}), 422, "lead-closed")


async def test_one_key_does_not_stand_for_two_commands(gateway: httpx.AsyncClient, lead: str) -> None:
    key = {"Idempotency-Key": new_id()}
    assert (await gateway.post(f"/v1/leads/{lead}/offers", json={}, headers=key)).status_code == 200
    won = await gateway.post(f"/v1/leads/{lead}/won", json={}, headers=key)
    problem(won, 422, "idempotency-key-reused")
    for unfit in ("x" * 129, "two words"):
        answer = await gateway.post(f"/v1/leads/{lead}/offers", json={}, headers={"Idempotency-Key": unfit})
        problem(answer, 422, "invalid-request")


async def test_what_is_sent_again_is_answered_as_the_first_time(
    gateway: httpx.AsyncClient, lead: str
) -> None:
    """Whatever became of it since, and as often as it comes; what was forgotten of a person stays forgotten."""
    other = (await gateway.post("/v1/leads", json=LEAD)).json()["id"]
    ticket = {"lead_id": lead, "subject": "late", "category": "complaint"}
    ticket_id = (await gateway.post("/v1/tickets", json=ticket)).json()["id"]
    due = [rfc3339(utc_now() + timedelta(days=days)) for days in (1, 2)]
    sent: list[tuple[str, dict[str, object]]] = [
        (f"/v1/leads/{lead}/stage", {"stage": "qualified"}),
        (f"/v1/leads/{lead}/owner", {"rep": "marta"}),
        (f"/v1/leads/{lead}/next-step", {"action": "call", "due": due[0]}),
        (f"/v1/leads/{lead}/activities", {"kind": "call", "result": "no_answer"}),
        (f"/v1/leads/{lead}/merge", {"absorb": other}),
        (f"/v1/leads/{lead}/split", {"member": other}),
        (f"/v1/tickets/{ticket_id}/replies", {"text": "on its way", "author": "agent"}),
        (f"/v1/leads/{lead}/offers", {"value": {"minor": 100}}),
        (f"/v1/leads/{lead}/won", {}),
        (f"/v1/tickets/{ticket_id}/resolution", {"resolution": "replaced"}),
    ]

    async def is_heard_of() -> bool:
        answer = await gateway.get(f"/v1/leads/{lead}")
        return answer.is_success and answer.json()["lead"]["next_step"] is not None

    await until(is_heard_of)
    keyed = [(path, body, {"Idempotency-Key": new_id()}) for path, body in sent]
    first = [await gateway.post(path, json=body, headers=key) for path, body, key in keyed]
    assert not [(answer.url.path, answer.text) for answer in first if not answer.is_success]
    for _ in range(2):
        again = [await gateway.post(path, json=body, headers=key) for path, body, key in keyed]
        assert [answer.status_code for answer in again] == [answer.status_code for answer in first]
        assert [answer.json() for answer in again] == [answer.json() for answer in first]


async def test_what_is_sent_again_does_not_bring_back_what_was_forgotten(gateway: httpx.AsyncClient) -> None:
    lead = (await gateway.post("/v1/leads", json=LEAD)).json()["id"]
    path, key = f"/v1/leads/{lead}/qualification", {"Idempotency-Key": new_id()}
    body = {"person": {"authority": "decides"}, "consent": "legitimate_interest"}
    assert (await gateway.post(path, json=body, headers=key)).json()["person"] == body["person"]
    assert (await gateway.post(f"/v1/leads/{lead}/consent-withdrawal", json={})).status_code == 200
    again = await gateway.post(path, json=body, headers=key)
    assert (again.status_code, again.json()["person"], again.json()["consent"]) == (200, {}, None)


async def test_a_request_can_be_followed_into_the_log(system: System, gateway: httpx.AsyncClient) -> None:
    request, parent = drawn("r-"), f"00-{uuid4().hex}-{'b' * 16}-01"
    headers = {"x-request-id": request, "traceparent": parent}
    answer = await gateway.post("/v1/leads", json=LEAD, headers=headers)
    lead = answer.json()["id"]
    signal = {"lead_id": lead, "kind": "page_viewed"}
    await gateway.post("/v1/signals", json=signal, headers=headers)

    assert answer.headers["x-request-id"] == request
    traced = [
        event
        for topic in ("leads", "signals")
        for event in await of_topic(system, topic)
        if event["subject"] == lead
    ]
    assert [(event["correlationid"], event["traceparent"]) for event in traced] == [(request, parent)] * 2
