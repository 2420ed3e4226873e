"""Can a process do its work, and if not, what is missing? Asked all at once, answered within a second."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass

from shared.errors import Refused

WITHIN = 0.8
"""Seconds after which a check that has not ended counts as failed."""

Check = Callable[[], Awaitable[None]]
"""Raises, with a sentence, what keeps a part from its work: `Refused` when only a person can mend it."""


@dataclass(frozen=True, slots=True)
class Missing:
    """Name of a part → why it cannot do its work; and whether another process in this one's place might."""

    parts: Mapping[str, str]
    restart_helps: bool


class Readiness:
    """A check that still runs is not begun again: however many ask, one of each is under way."""

    def __init__(self, checks: Mapping[str, Check]) -> None:
        self._checks = checks
        self._asked: dict[str, asyncio.Future[None]] = {}

    async def look(self) -> Missing:
        asked = {name: self._ask(name) for name in self._checks}
        if asked:
            await asyncio.wait(asked.values(), timeout=WITHIN)
        parts: dict[str, str] = {}
        restart_helps = False
        for name, each in asked.items():
            error = _error(each)
            if error is not None:
                parts[name] = str(error) or type(error).__name__
                restart_helps = restart_helps or not isinstance(error, Refused)
        return Missing(parts, restart_helps)

    def _ask(self, name: str) -> asyncio.Future[None]:
        asked = self._asked.get(name)
        if asked is None or asked.done():
            asked = self._asked[name] = asyncio.ensure_future(self._checks[name]())
            asked.add_done_callback(_heard)
        return asked


def _error(asked: asyncio.Future[None]) -> BaseException | None:
    if not asked.done():
        return TimeoutError(f"it did not answer within {WITHIN:g} s")
    return asyncio.CancelledError("cancelled") if asked.cancelled() else asked.exception()


def _heard(asked: asyncio.Future[None]) -> None:
    """Nobody may be left to hear how a late one ended."""
    with suppress(asyncio.CancelledError):
        asked.exception()
