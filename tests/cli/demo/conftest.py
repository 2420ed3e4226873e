"""One short run of the demo, which several tests look at."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest

from cli.demo.performance import DemoAccount, Performance, make_keys
from cli.demo.script import Beat
from tests.conftest import System
from tests.names import drawn


@dataclass(frozen=True, slots=True)
class Run:
    account: DemoAccount
    beats: list[Beat]
    troubles: list[str]


@pytest.fixture(scope="session")
async def run(system: System) -> AsyncIterator[Run]:
    """Eight seconds after the prologue, many times faster than usual."""
    troubles: list[str] = []
    keys = await make_keys(system.home, system.addresses)
    async with Performance(
        system.addresses, keys, 7, drawn(), operator=system.key, on_trouble=troubles.append
    ) as performance:
        await performance.player.prologue()
        ended = asyncio.Event()
        asyncio.get_running_loop().call_later(8, ended.set)
        await performance.player.go_on(20, ended)
        account = await performance.account()
        yield Run(account, [each.beat for each in performance.player.played], troubles)
