"""The play on a real system."""

from __future__ import annotations

from dataclasses import replace

import httpx

from cli.demo.performance import make_keys
from shared.commands.leads import (
    CaptureLead,
)
from tests.cli.demo.conftest import Run
from tests.conftest import System


async def test_a_short_run_loses_and_doubles_nothing(run: Run) -> None:
    document = run.account.document()

    assert (document["lost"], document["doubled"]) == (0, 0), run.account.verdict.findings
    assert run.troubles == []
    assert document["leads"] == sum(isinstance(beat.what, CaptureLead) for beat in run.beats) >= 48
    assert document["events"] > len(run.beats)
    assert document["hot_leads"] >= 5
    assert 0 < document["event_to_heat_seconds"]["p50"] <= document["event_to_heat_seconds"]["p99"]


async def test_the_page_says_that_the_leads_are_simulated(system: System, run: Run) -> None:
    keys = await make_keys(system.home, system.addresses)
    async with httpx.AsyncClient(base_url=system.gateway, follow_redirects=True) as browser:
        page = (await browser.get("/enter", params={"key": keys.code})).text

    assert "simulated" in page
    assert any(beat.lead_id in page for beat in run.beats)


async def test_keys_are_kept_from_one_run_to_the_next(system: System, run: Run) -> None:
    first = await make_keys(system.home, system.addresses)
    again = await make_keys(system.home, system.addresses)
    assert replace(again, code=first.code) == first
    assert again.code != first.code  # it opens the pages once
    assert (system.home / "keys" / "desk-1").stat().st_mode & 0o077 == 0
