"""Forms as they come: nobody is lost for a poor field, and who sends one again learns nothing new."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
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


@pytest.fixture
async def channel(system: System) -> AsyncIterator[httpx.AsyncClient]:
    mongo = Mongo(system.addresses.mongo_url, f"{system.addresses.database_prefix}_gateway")
    key = await KeyRing(mongo).create("site", Role.CHANNEL)
    await mongo.stop()
    headers = {"authorization": f"Bearer {key}"}
    async with httpx.AsyncClient(base_url=system.gateway, headers=headers, timeout=30) as client:
        yield client


@pytest.mark.parametrize(
    ("form", "kept", "named"),
    [
        ({"profile": {"name": "Pat", "phone": ""}}, {"profile": {"name": "Pat"}}, []),
        ({"profile": {"email": " pat@example.com "}}, {"profile": {"email": "pat@example.com"}}, []),
        (
            {"profile": {"name": "Pat", "phone": "600 100 200 ext 12"}},
            {"profile": {"name": "Pat", "phone": "+34600100200", "extension": "12"}},
            [],
        ),
        ({"campaign": "Otoño 2026 | ES"}, {"campaign": "otono_2026_es"}, []),
        ({"profile": {"name": "\u200b"}}, {"profile": None}, []),
        ({"profile": {"name": "Pat", "email": "pat@@x"}}, {"profile": {"name": "Pat"}}, ["profile.email"]),
        ({"at": 1764345600000}, {"captured_at": "2025-11-28T16:00:00.000Z"}, []),
        ({"at": 20261128}, {}, ["at"]),
    ],
)
async def test_a_poor_form_is_a_lead_all_the_same(
    channel: httpx.AsyncClient, form: dict[str, Any], kept: dict[str, Any], named: list[str]
) -> None:
    answer = await channel.post("/v1/leads", json={"channel": "web", **form})
    assert answer.status_code == 201, answer.text
    lead = answer.json()
    profile = lead["profile"] and {name: value for name, value in lead["profile"].items() if value}
    assert {**lead, "profile": profile} == {**lead, **kept}
    assert [each["field"] for each in lead["warnings"]] == named
    assert datetime.fromisoformat(lead["captured_at"]) > datetime(2025, 11, 1, tzinfo=UTC)


async def test_a_refusal_speaks_to_people(channel: httpx.AsyncClient) -> None:
    answer = await channel.post("/v1/leads", json={"channel": "fax", "lead_id": "a b", "chanel": 1})
    said = {each["pointer"]: each["detail"] for each in answer.json()["errors"]}
    assert said == {
        "/channel": "write one of web, chat, social, store, phone",
        "/lead_id": "write an id: 1 to 64 letters, digits, - and _, and nobody's name or address",
        "/chanel": "there is no such field; it may be misspelt",
    }


async def test_a_channel_that_repeats_itself_is_answered_as_the_first_time(
    system: System, channel: httpx.AsyncClient
) -> None:
    lead, key = drawn("lead-"), {"idempotency-key": drawn("key-")}
    form = {"lead_id": lead, "channel": "web", "profile": {"name": "Ana Torres"}}
    first = await channel.post("/v1/leads", json=form, headers=key)
    ask = {"lead_id": lead, "category": "question", "subject": "Where is it?"}
    opened = await channel.post("/v1/tickets", json=ask, headers=key)
    async with system.client() as rep:
        said = {
            "attributes": {"budget": "confirmed"},
            "person": {"authority": "decides"},
            "consent": "consent",
        }
        for path, body in (
            (f"leads/{lead}/qualification", said),
            (f"leads/{lead}/won", {"value": {"minor": 900_000}}),
            (f"tickets/{opened.json()['id']}/replies", {"author": "agent", "text": "On its way."}),
        ):
            assert (await rep.post(f"/v1/{path}", json=body)).is_success

    again = await channel.post("/v1/leads", json=form, headers=key)
    assert (again.status_code, again.json()) == (201, first.json())
    reopened = await channel.post("/v1/tickets", json=ask, headers=key)
    assert (reopened.status_code, reopened.json()) == (201, opened.json())
