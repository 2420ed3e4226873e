"""The pages of follow-up, walked with the keyboard alone in Chromium, on a phone's screen and a desk's."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, Page, expect

from services.gateway.access.keys import (
    KeyRing,
)
from services.gateway.access.roles import (
    Role,
)
from shared.clock import utc_now
from shared.events.base import rfc3339
from shared.mongo import Mongo
from tests.conftest import System
from tests.names import drawn
from tests.waiting import until

SIZES = {"phone": (390, 844), "desk": (1280, 800)}
ZONES = ("Europe/Madrid", "America/Mexico_City")


def zone_far_from_midnight() -> str:
    """Where a step that is due within the hour is due today, whenever the test runs."""
    return next(zone for zone in ZONES if 1 <= utc_now().astimezone(ZoneInfo(zone)).hour < 21)


@dataclass(frozen=True, slots=True)
class Shop:
    """A rep with a morning of leads, of which `names` has the ids."""

    rep: str
    key: str
    names: dict[str, str]


@pytest.fixture(scope="module")
async def shop(system: System) -> Shop:
    rep = drawn("marta-")
    mongo = Mongo(system.addresses.mongo_url, f"{system.addresses.database_prefix}_gateway")
    key = await KeyRing(mongo).create(rep, Role.REP)
    await mongo.stop()
    names = {}
    people = (
        ("Ana Torres", "web", 3.0, ("demo_requested", "pricing_viewed"), 12_500),
        ("Bruno Díaz", "store", 20.0, ("page_viewed",), None),
        ("Carla Núñez", "chat", 1.0, (), 480),
        ("Diego Hoguera", "phone", 50.0, (), None),
        ("Elena Prat", "web", 2.0, (), None),
        ("Fermín Sanz", "web", 2.0, (), None),
    )
    async with system.client() as gateway:
        for name, channel, hours, signals, offer in people:
            lead = names[name] = drawn("lead-")
            at = rfc3339(utc_now() - timedelta(hours=hours))
            captured = {
                "lead_id": lead, "channel": channel, "at": at, "campaign": "autumn", "origin": "search",
                "acquisition_cost": {"minor": 1_450}, "profile": {"name": name, "phone": "+34 600 000 000"},
            }  # fmt: skip
            await said(gateway, "/v1/leads", captured)
            if signals:
                await said(gateway, "/v1/signals", [{"lead_id": lead, "kind": each} for each in signals])
            if offer is not None:
                await said(gateway, f"/v1/leads/{lead}/offers", {"value": {"minor": offer * 100}})
        called = {
            "kind": "call",
            "result": "interested",
            "rep": rep,
            "at": rfc3339(utc_now() - timedelta(hours=49)),
        }
        await said(gateway, f"/v1/leads/{names['Diego Hoguera']}/activities", called)

        async def all_known() -> bool:
            return bool((await gateway.get("/v1/status")).json()["caught_up"])

        await until(all_known)
    return Shop(rep, key, names)


async def said(gateway: httpx.AsyncClient, path: str, body: Any) -> Any:
    answer = await gateway.post(path, json=body)
    assert answer.is_success, answer.text
    return answer.json()


@pytest.fixture(params=SIZES)
async def desk(
    request: pytest.FixtureRequest, browser: Browser, system: System, shop: Shop, complaints: list[str]
) -> AsyncIterator[Page]:
    """A page of the rep's, in its own zone, at one of the sizes."""
    width, height = SIZES[request.param]
    context = await browser.new_context(
        base_url=system.gateway,
        viewport={"width": width, "height": height},
        timezone_id=zone_far_from_midnight(),
        locale="en-GB",
        has_touch=request.param == "phone",
    )
    page = await context.new_page()
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on(
        "console", lambda told: complaints.append(told.text) if told.type in ("error", "warning") else None
    )
    await page.goto(f"/enter?key={await system.code(shop.rep)}&next=/day")
    yield page
    await context.close()
    assert complaints == []


async def accessible(page: Page) -> None:
    """Axe finds nothing serious or critical, and nothing sticks out sideways."""
    found = await Axe().run(page)
    grave = [
        (each["id"], each["help"], [node["html"][:160] for node in each["nodes"]])
        for each in found.response["violations"]
        if each["impact"] in ("serious", "critical")
    ]
    assert grave == []
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")


async def at_line(page: Page, lead: str) -> None:
    """Move down with j until the line of the lead is the one at hand."""
    for _ in range(200):
        if await page.evaluate("document.activeElement.closest('.todo')?.dataset.lead") == lead:
            return
        await page.keyboard.press("j")
    raise AssertionError(f"j never comes to {lead}")


async def test_a_day_is_worked_through_with_one_key_after_the_other(
    desk: Page, shop: Shop, system: System, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    size = request.node.callspec.params["desk"]
    name = {"phone": "Ana Torres", "desk": "Carla Núñez"}[size]
    lead = shop.names[name]
    await expect(desk.locator("#state")).to_have_text("live")
    await expect(desk.locator(f"#line-{lead} .why")).to_contain_text(re.compile(r"late|heat"))
    await accessible(desk)
    await desk.screenshot(path=tmp_path / f"day-{size}.png")

    await at_line(desk, lead)
    await desk.keyboard.press("Enter")
    await expect(desk.locator("#log-line")).to_be_focused()
    await desk.keyboard.type("call 12 min, interested, met Zoe, send offer tomorrow 9:30")
    await expect(desk.locator("#log-result")).to_have_value("interested")
    await expect(desk.locator("#log-minutes")).to_have_value("12")
    await expect(desk.locator("#log-next_action")).to_have_value("email")
    await expect(desk.locator("#log-due")).to_have_value(re.compile("T09:30$"))
    await expect(desk.locator("#log-reading")).to_contain_text("Zoe")
    await accessible(desk)
    await desk.screenshot(path=tmp_path / f"log-{size}.png")
    await desk.keyboard.press("Enter")

    await expect(desk.locator("#log")).to_be_hidden()
    await expect(desk.locator("#logged")).to_have_text(f"Logged for {name}")
    await expect(desk.locator(f"#line-{lead}")).to_have_count(0)
    assert await desk.evaluate("document.activeElement.classList.contains('do')")
    async with system.client() as gateway:
        facts = await logged(gateway, lead)
    assert facts["data"].items() >= {
        "kind": "call", "result": "interested", "rep": shop.rep, "duration_seconds": 720
    }.items()  # fmt: skip
    assert facts["text"].startswith("call 12 min")


async def logged(gateway: httpx.AsyncClient, lead: str) -> dict[str, Any]:
    """The last activity on the lead's timeline, once there is one."""
    found: list[dict[str, Any]] = []

    async def there() -> bool:
        items = (await gateway.get(f"/v1/leads/{lead}/timeline")).json()["items"]
        found[:] = [each for each in items if each["type"] == "ascua.activity.logged.v1"]
        return bool(found)

    await until(there)
    return found[0]


async def test_a_line_that_was_not_shown_yet_is_shown_before_it_is_logged(desk: Page, shop: Shop) -> None:
    await at_line(desk, shop.names["Bruno Díaz"])
    await desk.keyboard.press("l")
    await desk.evaluate("document.querySelector('#log-line').value = 'llamé, no contesta, mañana 10am'")
    await desk.keyboard.press("Enter")

    await expect(desk.locator("#log-result")).to_have_value("no_answer")
    await expect(desk.locator("#log")).to_be_visible()
    await desk.keyboard.press("Escape")
    await expect(desk.locator("#log")).to_be_hidden()
    await expect(desk.locator(f"#line-{shop.names['Bruno Díaz']}")).to_be_visible()


async def test_what_a_line_says_besides_a_move_is_shown_and_kept_as_a_note(
    desk: Page, shop: Shop, system: System, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    size = request.node.callspec.params["desk"]
    lead = shop.names[{"phone": "Elena Prat", "desk": "Fermín Sanz"}[size]]
    await at_line(desk, lead)
    await desk.keyboard.press("l")
    await desk.keyboard.type("quiere 24 unidades, mañana a las 10")
    await expect(desk.locator("#log-reading")).to_contain_text("quiere 24 unidades")
    await expect(desk.locator("#log-kind")).to_have_value("note")
    await expect(desk.locator("#log-due")).to_have_value(re.compile("T10:00$"))
    await desk.screenshot(path=tmp_path / f"move-{size}.png")
    await desk.locator("#log-kind").select_option("")
    await expect(desk.locator("#log-reading")).to_contain_text("lost")
    await desk.locator("#log-kind").select_option("note")
    await desk.locator("#log-line").press("Enter")
    await expect(desk.locator("#log")).to_be_hidden()

    async with system.client() as gateway:
        facts = await logged(gateway, lead)

        async def is_moved() -> bool:
            step = (await gateway.get(f"/v1/leads/{lead}")).json()["lead"].get("next_step") or {}
            return step.get("because") == "agreed"

        await until(is_moved)
    assert (facts["data"]["kind"], facts["text"]) == ("note", "quiere 24 unidades, mañana a las 10")


async def test_a_past_time_that_was_read_is_shown_and_can_be_mended(
    desk: Page, shop: Shop, system: System, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    size = request.node.callspec.params["desk"]
    await at_line(desk, shop.names["Diego Hoguera"])
    await desk.keyboard.press("l")
    await desk.keyboard.type("called yesterday at 3, no answer, next friday")
    await expect(desk.locator("#log-at")).to_have_value(re.compile("T15:00$"))
    await expect(desk.locator("#log-reading")).to_contain_text("the nearest day of that name")
    await accessible(desk)
    await desk.screenshot(path=tmp_path / f"past-{size}.png")
    await desk.locator("#log-at").fill("")
    await desk.locator("#log-line").focus()
    await desk.keyboard.press("End")
    await desk.keyboard.type(" 10am")
    await expect(desk.locator("#log-due")).to_have_value(re.compile("T10:00$"))
    await expect(desk.locator("#log-at")).to_have_value("")
    await desk.keyboard.press("Escape")


async def test_the_day_speaks_spanish(desk: Page, shop: Shop, tmp_path: Path) -> None:
    await desk.goto("/day?lang=es")

    await expect(desk.get_by_role("heading", level=1)).to_have_text("Mi día")
    await expect(desk.locator("#state")).to_have_text("en directo")
    assert await desk.evaluate("document.documentElement.lang") == "es"
    await at_line(desk, shop.names["Bruno Díaz"])
    await desk.keyboard.press("n")
    await expect(desk.locator("#log-line")).to_have_value("no contesta")
    await expect(desk.locator("#log-result")).to_have_value("no_answer")
    await accessible(desk)
    await desk.screenshot(path=tmp_path / "dia.png")
    await desk.keyboard.press("Escape")

    await desk.locator("#feed-make").focus()
    await desk.keyboard.press("Enter")
    link = desk.locator("#feed-link a")
    await expect(link).to_be_focused()
    feed = await desk.request.get(await link.inner_text())
    assert f"Próximos pasos de {shop.rep}" in await feed.text()


async def test_the_board_is_walked_with_the_keyboard_down_to_the_leads(
    desk: Page, shop: Shop, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    size = request.node.callspec.params["desk"]
    await desk.goto("/discipline?campaign=autumn&origin=search")
    await expect(desk.get_by_role("heading", level=1)).to_have_text("Is follow-up really done?")
    await accessible(desk)
    await desk.screenshot(path=tmp_path / f"discipline-{size}.png", full_page=True)

    counted = int(await desk.locator("#figure-leads .value").inner_text())
    assert counted >= len(shop.names)
    for _ in range(40):
        await desk.keyboard.press("Tab")
        if await desk.evaluate("document.activeElement.closest('#figure-leads') !== null"):
            break
    await desk.keyboard.press("Enter")
    await expect(desk.get_by_role("heading", level=1)).to_have_text("Leads")
    await expect(desk.locator("tbody tr")).to_have_count(counted)
    await accessible(desk)
    await desk.screenshot(path=tmp_path / f"behind-{size}.png")
    await desk.get_by_role("link", name="Ana Torres").first.focus()
    await desk.keyboard.press("Enter")
    await expect(desk.get_by_role("heading", level=1)).to_contain_text("Ana Torres")


async def test_a_step_that_was_not_done_is_moved_and_no_activity_is_told(
    desk: Page, shop: Shop, system: System, request: pytest.FixtureRequest
) -> None:
    name = {"phone": "Diego Hoguera", "desk": "Bruno Díaz"}[request.node.callspec.params["desk"]]
    lead = shop.names[name]
    async with system.client() as gateway:
        before = (await gateway.get(f"/v1/leads/{lead}")).json()["lead"]

        await at_line(desk, lead)
        await desk.keyboard.press("m")
        await expect(desk.locator("#log-line")).to_have_value("tomorrow")
        await expect(desk.locator("#log-kind")).to_have_value("")
        await expect(desk.locator("#log-result")).to_be_hidden()
        await expect(desk.locator("#log-due")).to_have_value(re.compile("T09:00$"))
        await accessible(desk)
        await desk.keyboard.press("Enter")
        await expect(desk.locator("#logged")).to_have_text(f"Moved for {name}")

        async def is_moved() -> bool:
            now = (await gateway.get(f"/v1/leads/{lead}")).json()["lead"]
            assert now["activities"] == before["activities"]
            return bool(now["next_step"]["due"] > before["next_step"]["due"])

        await until(is_moved)


async def test_who_is_no_rep_is_asked_whose_day_it_is(page: Page, system: System, shop: Shop) -> None:
    await page.goto(f"/enter?key={await system.code()}&next=/day")

    await expect(page.get_by_role("heading", level=1)).to_have_text("Whose day?")
    await page.keyboard.type(shop.rep)
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", level=1)).to_have_text(f"{shop.rep}'s day")
    await accessible(page)
