"""Who gets to see a page, and what a browser is told otherwise."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime

import httpx
import pytest

from tests.conftest import System
from tests.names import drawn
from tests.waiting import until

BROWSER = {"accept": "text/html,application/xhtml+xml"}


@pytest.fixture
async def stranger(system: System) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=system.gateway, headers=BROWSER, timeout=30) as client:
        yield client


async def test_a_stranger_is_led_to_the_door_and_back(stranger: httpx.AsyncClient) -> None:
    answer = await stranger.get("/leads/ana?from=mail")

    assert answer.status_code == 303
    assert answer.headers["location"] == "/enter?next=/leads/ana%3Ffrom%3Dmail"


async def test_a_program_without_a_key_gets_problem_details(stranger: httpx.AsyncClient) -> None:
    answer = await stranger.get("/", headers={"accept": "application/json"})

    assert answer.status_code == 401
    assert answer.json()["type"] == "urn:ascua:problem:key-missing"


async def test_a_page_whose_key_is_gone_is_sent_to_the_door(stranger: httpx.AsyncClient) -> None:
    answer = await stranger.get("/board", headers={"hx-request": "true", "accept": "*/*"})

    assert answer.status_code == 401
    assert answer.headers["hx-redirect"] == "/enter"


@pytest.mark.parametrize(
    "elsewhere", ["//evil.example", "/\\evil.example", "javascript:alert(1)", "/a\nb", ""]
)
async def test_the_door_leads_nowhere_else(
    stranger: httpx.AsyncClient, system: System, elsewhere: str
) -> None:
    answer = await stranger.get("/enter", params={"key": await system.code(), "next": elsewhere})

    assert answer.status_code == 303
    assert answer.headers["location"] == "/"


async def test_the_key_is_kept_where_no_script_and_no_other_site_gets_it(
    stranger: httpx.AsyncClient, system: System
) -> None:
    entered = await stranger.get("/enter", params={"key": await system.code(), "next": "/?band=cold"})
    cookie = entered.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert entered.headers["location"] == "/?band=cold"
    assert (await stranger.get("/")).status_code == 200

    await stranger.post("/leave")
    assert (await stranger.get("/")).status_code == 303


async def test_a_page_allows_only_what_this_server_sends(stranger: httpx.AsyncClient) -> None:
    answer = await stranger.get("/enter")

    assert "default-src 'self'" in answer.headers["content-security-policy"]
    assert "unsafe" not in answer.headers["content-security-policy"]


async def test_a_lead_nobody_knows_is_a_page_that_says_so(
    stranger: httpx.AsyncClient, system: System
) -> None:
    await stranger.get("/enter", params={"key": await system.code()})
    answer = await stranger.get(f"/leads/{drawn()}")

    assert answer.status_code == 404
    assert "there is no lead" in answer.text
    assert answer.headers["content-type"].startswith("text/html")


async def test_every_point_of_a_curve_is_the_heat_of_its_instant(system: System) -> None:
    async with system.client() as gateway:
        lead = drawn("lead-")
        await gateway.post("/v1/leads", json={"lead_id": lead, "channel": "chat"})
        kinds = [
            "demo_requested",
            "page_viewed",
            "page_viewed",
        ]  # so few that nobody takes them for a machine's
        sent = [{"lead_id": lead, "kind": kind, "id": str(each)} for each, kind in enumerate(kinds)]
        await gateway.post("/v1/signals", json=sent)
        await until(lambda: _told(gateway, lead, len(sent)))
        curve = (await gateway.get(f"/leads/{lead}/curve")).json()
        now = datetime.fromisoformat(curve["now"])
        some = [point for point in curve["points"] if datetime.fromisoformat(point["at"]) <= now][::-3][:12]
        assert max(point["heat"] for point in some) > 40
        for point in some:
            heat = await gateway.get(f"/v1/leads/{lead}/heat", params={"at": point["at"]})
            assert point["heat"] == pytest.approx(heat.json()["heat"], abs=1e-9)


async def _told(gateway: httpx.AsyncClient, lead: str, facts: int) -> bool:
    items = (await gateway.get(f"/v1/leads/{lead}/timeline", params={"limit": 100})).json()["items"]
    types = [item["type"] for item in items]
    return types.count("ascua.signal.received.v1") == facts and "ascua.lead.captured.v1" in types
