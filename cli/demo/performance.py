"""One run of the demo on a system that is up: keys, the play, and the account of it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from statistics import quantiles
from typing import Any, Final

from cli.addresses import Addresses
from cli.demo.audit import HeatWatch, Verdict, caught_up, judge, look, read_log
from cli.demo.player import Door, Keys, Player
from cli.demo.script import REPS, script
from cli.operator_key import kept_key
from services.gateway.access.keys import (
    KeyRing,
)
from services.gateway.access.roles import (
    Role,
    Scope,
)
from shared.clock import utc_now
from shared.mongo import Mongo

SETTLING: Final = 30.0
INVITED_FOR: Final = timedelta(days=1)
"""How long the link that the demo prints opens the pages, once."""


@dataclass(frozen=True, slots=True)
class DemoAccount:
    """What became of a run. `seconds` are from the recording of a signal to its heat, as `HeatWatch` says."""

    leads: int
    hot_leads: int
    verdict: Verdict
    seconds: list[float]

    def document(self) -> dict[str, Any]:
        cuts = (
            quantiles(self.seconds, n=100, method="inclusive") if len(self.seconds) > 1 else self.seconds * 99
        )
        return {
            "leads": self.leads,
            "events": self.verdict.events,
            "hot_leads": self.hot_leads,
            "lost": self.verdict.lost,
            "doubled": self.verdict.doubled,
            "event_to_heat_seconds": {
                "p50": round(cuts[49], 4) if cuts else None,
                "p99": round(cuts[98], 4) if cuts else None,
            },
        }


class Performance:
    """A run with its own leads: `run` sets them apart from those of other runs with the same seed."""

    def __init__(
        self,
        system: Addresses,
        keys: Keys,
        seed: int,
        run: str,
        *,
        operator: str | None = None,
        on_trouble: Callable[[str], None] = lambda _: None,
    ) -> None:
        """With the operator's key the run can be audited."""
        self._system, self._keys, self._operator = system, keys, operator
        self._prefix = f"sim-{seed}-{run}-"
        self._open = AsyncExitStack()
        self._watch = HeatWatch(system.topics, self._prefix) if operator is not None else None
        self.door = Door(system.gateway, on_failure=lambda why: on_trouble(f"{why}; it is sent again"))
        self.player = Player(self.door, keys, script(seed, run, utc_now()), on_trouble)

    async def __aenter__(self) -> Performance:
        await self._open.enter_async_context(self.door)
        if self._watch is not None:
            await self._open.enter_async_context(self._watch)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._open.aclose()

    async def account(self) -> DemoAccount:
        """Wait until all has been heard everywhere, and compare.

        What differs is looked at again until it has not changed for `SETTLING` seconds: a service that was killed
        may still be on its way back. Raises `Unavailable` when the comparison cannot be made.
        """
        assert self._watch is not None
        assert self._operator is not None
        before, changed = list[str](), time.monotonic()
        while True:
            await caught_up(self.door, self._operator)
            log = await read_log(self._system.topics, self._prefix)
            shown = await look(self.door, self._keys, sorted({each.lead_id for each in log}))
            verdict = judge(self.player.played, log, shown)
            if verdict.findings != before:
                before, changed = verdict.findings, time.monotonic()
            if not verdict.findings or time.monotonic() - changed > SETTLING:
                break
            await asyncio.sleep(1)
        hot = [
            view for each in shown.values()
            if (view := each.view)["status"] == "open" and view["heat"] and view["heat"]["band"] == "hot"
        ]  # fmt: skip
        return DemoAccount(self.player.leads, len(hot), verdict, self._watch.seconds(log))


async def make_keys(home: Path, system: Addresses) -> Keys:
    """A channel's and a rep's key, kept in `<home>/keys/` from one run to the next."""
    mongo = Mongo(system.mongo_url, f"{system.database_prefix}_gateway")
    try:
        ring = KeyRing(mongo)
        reps = {name: await kept_key(ring, home / "keys" / name, Role.REP, Scope.READ) for name in REPS}
        rep = reps[REPS[0]]
        return Keys(
            channel=await kept_key(ring, home / "keys" / "demo-channel", Role.CHANNEL, Scope.CAPTURE),
            rep=rep,
            code=await ring.link(rep, INVITED_FOR),
            reps=reps,
        )
    finally:
        await mongo.stop()
