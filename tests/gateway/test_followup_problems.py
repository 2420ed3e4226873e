"""What is asked wrongly of follow-up's surfaces gets the designed answer, and a line that is read leaves no trace."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from services.gateway.access.keys import (
    KeyRing,
)
from services.gateway.access.roles import (
    Role,
)
from shared.mongo import Mongo
from tests.conftest import System
from tests.names import drawn
from tests.waiting import until

BOARD = "/v1/boards/discipline"


@pytest.fixture
async def gateway(system: System) -> AsyncIterator[httpx.AsyncClient]:
    async with system.client() as client:
        yield client


def slug(answer: httpx.Response) -> str:
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    return str(answer.json()["type"]).rpartition(":")[2]


@pytest.mark.parametrize(
    ("path", "params", "answered"),
    [
        (BOARD, {"from": "2026-11-02T00:00:00Z", "to": "2026-11-01T00:00:00Z"}, "bad-period"),
        (BOARD, {"from": "1900-01-01T00:00:00Z"}, "bad-period"),
        (BOARD, {"from": "2026-11-02T00:00:00"}, "invalid-request"),
        (BOARD, {"at": "0001-01-01T00:00:00+23:00"}, "time-out-of-range"),
        (BOARD, {"by": "moon"}, "invalid-request"),
        (BOARD, {"rep": "ana torres"}, "invalid-request"),
        (f"{BOARD}/speed", {"cursor": "x"}, "bad-cursor"),
        (f"{BOARD}/speed", {"cursor": "nan~x"}, "bad-cursor"),
        (f"{BOARD}/sped", {}, "invalid-request"),
        (f"{BOARD}/speed", {"limit": "0"}, "invalid-request"),
    ],
)
async def test_a_board_that_is_asked_for_wrongly_says_how(
    gateway: httpx.AsyncClient, path: str, params: dict[str, str], answered: str
) -> None:
    assert slug(await gateway.get(path, params=params)) == answered


@pytest.mark.parametrize(
    "body",
    [
        {"line": "x" * 501},
        {"line": "x", "zone": "Mars/North"},
        {"line": "x", "language": "fr"},
        {"line": "x", "at": "0001-01-01T00:00:00Z"},
        {"words": "x"},
        {},
    ],
)
async def test_a_line_that_cannot_be_read_is_refused(
    gateway: httpx.AsyncClient, body: dict[str, Any]
) -> None:
    assert slug(await gateway.post("/v1/activities/proposals", json=body)) == "invalid-request"


async def test_a_line_is_read_and_nothing_is_logged(gateway: httpx.AsyncClient) -> None:
    lead = drawn("lead-")
    await gateway.post("/v1/leads", json={"lead_id": lead, "channel": "web"})
    body = {"line": "llamé, no contesta, mañana 10am", "zone": "Europe/Madrid", "at": "2026-01-12T09:00:00Z"}
    read = (await gateway.post("/v1/activities/proposals", json=body)).raise_for_status().json()

    assert (read["kind"], read["result"], read["language"]) == ("call", "no_answer", "es")
    assert read["next_step"] == {"action": "call", "due": "2026-01-13T09:00:00.000Z"}

    async def seen() -> bool:
        answer = await gateway.get(f"{BOARD}/leads", params={"limit": 500})
        return lead in {each["lead_id"] for each in answer.json()["items"]}

    await until(seen)
    tries = (await gateway.get(f"{BOARD}/attempts", params={"limit": 500})).json()["items"]
    assert [each["count"] for each in tries if each["lead_id"] == lead] == [0]


async def test_a_channel_sees_neither_board_nor_calendar(system: System) -> None:
    mongo = Mongo(system.addresses.mongo_url, f"{system.addresses.database_prefix}_gateway")
    key = await KeyRing(mongo).create("website", Role.CHANNEL)
    await mongo.stop()
    headers = {"authorization": f"Bearer {key}"}
    async with httpx.AsyncClient(base_url=system.gateway, headers=headers, timeout=30) as channel:
        for answer in (
            await channel.get(BOARD),
            await channel.get(f"{BOARD}/speed"),
            await channel.post("/v1/activities/proposals", json={"line": "x"}),
            await channel.post("/v1/calendars", json={"rep": "ana"}),
        ):
            assert slug(answer) == "key-may-not"
