"""What is caught up is asked of all consumers that there are."""

from __future__ import annotations

import httpx

from shared.bus.lag import groups
from tests.conftest import System
from tests.waiting import until


async def test_no_consumer_is_forgotten_where_it_is_told_that_all_have_caught_up(system: System) -> None:
    async with system.client() as gateway:
        assert (await gateway.post("/v1/leads", json={"channel": "web"})).status_code == 201

        async def all_are_told() -> bool:
            return set(await told(gateway)) == set(await groups(system.addresses.topics))

        await until(all_are_told, within=30)


async def told(gateway: httpx.AsyncClient) -> list[str]:
    lag: dict[str, object] = (await gateway.get("/v1/status")).json()["lag"]
    return list(lag)
