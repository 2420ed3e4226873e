"""Many callers, one write: what is asked for while a write is under way goes together with the next one."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

Asked = TypeVar("Asked")
Answer = TypeVar("Answer")

MOST = 500
"""What goes into one write."""


class GroupCommit(Generic[Asked, Answer]):
    """`write` answers each of those that it is given, in order; what it raises is raised to all of them."""

    def __init__(self, write: Callable[[Sequence[Asked]], Awaitable[Sequence[Answer]]]) -> None:
        self._write = write
        self._waiting: list[tuple[Asked, asyncio.Future[Answer]]] = []
        self._writing: asyncio.Task[None] | None = None

    async def __call__(self, asked: Asked) -> Answer:
        """Return the answer once it is written. Who is cancelled meanwhile may find it written all the same."""
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting.append((asked, answer))
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._run(), name="group commit")
        return await answer

    async def _run(self) -> None:
        while self._waiting:
            group, self._waiting = self._waiting[:MOST], self._waiting[MOST:]
            try:
                answers = await self._write([asked for asked, _ in group])
            except asyncio.CancelledError:
                for _, waiting in (*group, *self._waiting):
                    waiting.cancel()
                self._waiting = []
                raise
            except Exception as error:
                for _, waiting in group:
                    if not waiting.done():
                        waiting.set_exception(error)
            else:
                for (_, waiting), answer in zip(group, answers, strict=True):
                    if not waiting.done():
                        waiting.set_result(answer)
