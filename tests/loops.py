"""How often the event loops of a running system were held."""

from __future__ import annotations

import httpx
from prometheus_client.parser import text_string_to_metric_families

from cli.addresses import Addresses
from shared.installation import SERVICES
from shared.watchdog import LONGEST

HELD = "ascua_event_loop_held_seconds"


def turns(scraped: str) -> tuple[int, int]:
    """How many turns a loop made, and in how many of them it was held for longer than allowed."""
    counts = {
        sample.labels["le"]: sample.value
        for family in text_string_to_metric_families(scraped)
        if family.name == HELD
        for sample in family.samples
        if sample.name == f"{HELD}_bucket"
    }
    return int(counts["+Inf"]), int(counts["+Inf"] - counts[str(LONGEST)])


async def held(addresses: Addresses, key: str) -> dict[str, int]:
    """Service → turns in which its loop was held, of those that answer."""
    found = {}
    async with httpx.AsyncClient(timeout=10) as client:
        for service in SERVICES:
            answer = await client.get(
                f"{addresses.url(service)}/metrics", headers={"Authorization": f"Bearer {key}"}
            )
            turned, found[service] = turns(answer.text)
            assert turned, service
    return found
