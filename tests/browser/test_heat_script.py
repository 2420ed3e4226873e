"""The script of the pages lets heat fade as scoring does."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

import pytest
from hypothesis import HealthCheck, given, settings
from playwright.async_api import Browser, Page

from services.gateway.pages.rendering import STATIC, as_json
from services.gateway.views.view import LeadView, follow
from tests.scoring.heat_events import SentHeat, any_sent_heat, later


@pytest.fixture
async def script(browser: Browser) -> AsyncIterator[Page]:
    """A page with nothing but the pages' own `heatAt`."""
    page = await browser.new_page()
    source = (STATIC / "heat.js").read_text("utf-8")
    await page.add_script_tag(type="module", content=f"{source}\nwindow.heatAt = heatAt;")
    await page.wait_for_function("window.heatAt !== undefined")
    yield page
    await page.close()


@settings(
    derandomize=True,
    deadline=None,
    max_examples=300,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(any_sent_heat(), later)
async def test_the_page_shows_the_heat_that_scoring_has(script: Page, told: SentHeat, later: int) -> None:
    heat = follow(LeadView("ana"), told.event).heat

    shown = await script.evaluate(
        "([heat, later]) => heatAt(heat, Date.parse(heat.at) + later)", [json.loads(as_json(heat)), later]
    )

    assert shown == pytest.approx(told.score(later), rel=0, abs=1e-6)
