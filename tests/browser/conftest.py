"""A real browser: the Chromium on the PATH, or else Playwright's own."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser, Page, async_playwright

from tests.conftest import System

QUIET = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@pytest.fixture(scope="session")
async def browser() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        names = ("chromium", "chromium-browser", "google-chrome", playwright.chromium.executable_path)
        found = next(filter(None, map(shutil.which, names)), None)
        if found is None:
            pytest.skip("no Chromium here: install your system's, or run `playwright install chromium`")
        chromium = await playwright.chromium.launch(executable_path=found, args=QUIET)
        yield chromium
        await chromium.close()


@pytest.fixture
def complaints() -> list[str]:
    """What the browser complained about, such as the content policy. What a test leaves here fails it."""
    return []


@pytest.fixture
async def page(browser: Browser, system: System, complaints: list[str]) -> AsyncIterator[Page]:
    """An empty page on the gateway."""
    context = await browser.new_context(base_url=system.gateway, viewport={"width": 1280, "height": 800})
    page = await context.new_page()
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on(
        "console",
        lambda said: complaints.append(said.text) if said.type in ("error", "warning") else None,
    )
    yield page
    await context.close()
    assert complaints == []
