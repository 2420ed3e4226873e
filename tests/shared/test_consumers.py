"""What is caught up is asked of all consumers that there are."""

from __future__ import annotations

from shared.bus.cluster import admin
from shared.bus.topics import Topics
from shared.installation import CONSUMERS
from tests.conftest import System
from tests.waiting import until


async def groups(topics: Topics) -> set[str]:
    """The consumer groups of this installation that the broker knows, without the prefix."""
    async with admin(topics.brokers) as client:
        known = [name for name, *_ in await client.list_consumer_groups()]
    return {topics.short(name) for name in known if name.startswith(f"{topics.prefix}.")}


async def test_no_consumer_is_forgotten_where_it_is_told_that_all_have_caught_up(system: System) -> None:
    async with system.client() as gateway:
        assert (await gateway.post("/v1/leads", json={"channel": "web"})).status_code == 201

        async def all_are_told() -> bool:
            told = (await gateway.get("/v1/status")).json()["lag"]
            known = await groups(system.addresses.topics)
            return known == set(told) == {group.name for group in CONSUMERS}

        await until(all_are_told, within=30)
