"""The pages as a person meets them, in Chromium, on the running system."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from playwright.async_api import Page, expect

from shared.clock import utc_now
from shared.events.base import rfc3339
from tests.conftest import System
from tests.names import drawn
from tests.waiting import HANG


@pytest.fixture
async def gateway(system: System) -> AsyncIterator[httpx.AsyncClient]:
    async with system.client() as client:
        yield client


@pytest.fixture
async def board(page: Page, system: System) -> Page:
    """The live board, entered with the key."""
    await page.goto("/")
    await page.get_by_label("Key").fill(system.key)
    await page.get_by_role("button", name="Enter").click()
    await expect(page.get_by_role("status")).to_have_text("live")
    return page


async def capture(gateway: httpx.AsyncClient, name: str, **fields: object) -> str:
    lead = drawn("lead-")
    command = {"lead_id": lead, "channel": "web", "profile": {"name": name}, **fields}
    answer = await gateway.post("/v1/leads", json=command)
    assert answer.status_code == 201, answer.text
    return lead


async def send(gateway: httpx.AsyncClient, lead: str, *kinds: str) -> None:
    answer = await gateway.post("/v1/signals", json=[{"lead_id": lead, "kind": kind} for kind in kinds])
    assert answer.status_code == 202, answer.text


async def seen(page: Page, selector: str) -> None:
    """Wait until it is on the page."""
    await page.wait_for_selector(selector, timeout=HANG * 1_000)


async def points(page: Page, within: str) -> float:
    return float(await page.locator(f"{within} .points").inner_text())


async def test_leads_appear_without_reload_and_their_heat_rises(
    board: Page, gateway: httpx.AsyncClient, tmp_path: Path
) -> None:
    await board.evaluate("window.neverReloaded = true")
    for name in ("Ana Torres", "Bruno Díaz", "Elif Kaya"):
        lead = await capture(gateway, name, campaign="autumn")
        await seen(board, f"#band-now #line-{lead}[data-band=warm]")
        before = await points(board, f"#line-{lead}")

        await send(gateway, lead, "pricing_viewed", "demo_requested")
        await seen(board, f"#band-now #line-{lead}[data-band=hot]")
        assert await points(board, f"#line-{lead}") == pytest.approx(before + 45, abs=0.2)

    await board.screenshot(path=tmp_path / "board.png")
    assert await board.evaluate("window.neverReloaded")


async def test_a_leads_page_tells_its_story_and_goes_on_telling_it(
    board: Page, gateway: httpx.AsyncClient, tmp_path: Path
) -> None:
    lead = await capture(gateway, "Elif Kaya")
    await send(gateway, lead, "demo_requested")
    await board.locator(f"#to-{lead}").click()

    await expect(board.get_by_role("heading", level=1)).to_contain_text("Elif Kaya")
    await expect(board.locator("#timeline")).to_contain_text("Demo requested")
    await expect(board.locator("#timeline")).to_contain_text("Captured")
    await expect(board.locator("#reasons")).to_contain_text(
        re.compile(r"Demo requested, just now\s*\+3[45]\.\d")
    )
    await expect(board.locator(".next")).to_contain_text("Call")
    await expect(board.locator("#curve canvas")).to_be_visible()

    logged = await gateway.post(
        f"/v1/leads/{lead}/activities",
        json={"kind": "call", "result": "interested", "note": "wants <b>two</b>"},
    )
    assert logged.status_code == 201
    await expect(board.locator("#timeline blockquote")).to_have_text("wants <b>two</b>")
    await expect(board.locator("#reasons")).to_contain_text("Interested")
    await expect(board.locator(".next .step")).to_contain_text(re.compile(r"Call in 2[34] h"))
    await board.screenshot(path=tmp_path / "lead.png", full_page=True)


async def test_an_overdue_step_and_an_open_ticket_are_seen_on_the_board(
    board: Page, gateway: httpx.AsyncClient
) -> None:
    this_morning = rfc3339(utc_now() - timedelta(hours=10))
    lead = await capture(gateway, "Grace Okafor", campaign="sim_autumn", at=this_morning)
    opened = {"lead_id": lead, "category": "question", "subject": "Nobody called"}
    assert (await gateway.post("/v1/tickets", json=opened)).status_code == 201
    await send(gateway, lead, "demo_requested")

    line = board.locator(f"#line-{lead}")
    await expect(line.locator(".late")).to_contain_text("Call 10 h late")
    await expect(line).to_contain_text("1 open")
    await expect(board.locator("#simulated")).to_contain_text("made up")


async def test_the_page_says_when_it_is_cut_off_and_finds_back(
    board: Page, gateway: httpx.AsyncClient, complaints: list[str]
) -> None:
    await board.route("**/v1/stream*", lambda route: route.abort())
    await board.reload()
    await expect(board.get_by_role("status")).to_have_text("reconnecting…")
    lead = await capture(gateway, "Inés Marín")

    await board.unroute("**/v1/stream*")
    await expect(board.get_by_role("status")).to_have_text("live")
    await expect(board.locator(f"#line-{lead}")).to_be_visible()
    assert all("ERR_FAILED" in complaint for complaint in complaints)
    complaints.clear()


async def test_a_wrong_key_does_not_open_the_board(page: Page, complaints: list[str]) -> None:
    await page.goto("/leads/ana?x=1")
    await page.get_by_label("Key").fill("ascua_operator_wrong")
    async with page.expect_response("**/enter") as answer:
        await page.get_by_role("button", name="Enter").click()

    assert (await answer.value).status == 401
    await expect(page.get_by_role("alert")).to_contain_text("this key is not known here")
    assert await page.context.cookies() == []
    assert "401" in complaints.pop()
