"""What answers are computed from: the ledger and the rules, and a lane for leads with very many facts."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Final

from services.scoring.ledger import Entry, Ledger
from services.scoring.processor.merged_replay import absorbed_in
from services.scoring.rules_log import RulesLog
from shared.clock import Clock
from shared.errors import NotFound, Unavailable

HEAVY: Final = 2_000
"""Reading more facts than these for one answer is heavy."""


class Heavy:
    """A lane for what takes long: reads of leads with very many facts go on one by one.

    So many of them wait at most, and so long; who comes then is told to come again (`Unavailable`). Others do not
    notice: they work in portions and make room after each.
    """

    def __init__(self, waiting: int = 8, patience: float = 5.0) -> None:
        self._lane = asyncio.Semaphore(1)
        self._room = waiting
        self._patience = patience

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        if self._lane.locked() and self._room == 0:
            raise _busy()
        self._room -= 1
        try:
            async with asyncio.timeout(self._patience):
                await self._lane.acquire()
        except TimeoutError:
            raise _busy() from None
        finally:
            self._room += 1
        try:
            yield
        finally:
            self._lane.release()


def _busy() -> Unavailable:
    return Unavailable(
        "scoring-busy", "other leads with very many facts are being read; try again in a moment"
    )


@dataclass(frozen=True, slots=True)
class Reads:
    """What answers are computed from."""

    ledger: Ledger
    rulebook: RulesLog
    clock: Clock
    heavy: Heavy = field(default_factory=Heavy)

    async def facts(self, lead_ids: Sequence[str], until_ms: int) -> AsyncGenerator[list[Entry], None]:
        """The facts of leads up to an instant, the oldest first, in portions; many of them in the lane for that."""
        read = 0
        async with AsyncExitStack() as stack:
            async for entries in self.ledger.upwards(lead_ids, until_ms):
                if read <= HEAVY < read + len(entries):
                    await stack.enter_async_context(self.heavy.turn())
                read += len(entries)
                yield entries
                await asyncio.sleep(0)

    async def whole(self, lead_id: str, until_ms: int) -> list[str]:
        """The lead and those that were ever merged into it up to an instant: the leads whose facts it may count."""
        return [lead_id, *absorbed_in(entry.fact for entry in await self.ledger.tying(lead_id, until_ms))]


def unknown(lead_id: str) -> NotFound:
    return NotFound("lead-unknown", f"no fact about a lead {lead_id} has reached scoring")
