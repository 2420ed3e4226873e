"""Work that time brings: what is due stands in documents, and a part looks for it again and again."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime
from time import monotonic
from typing import Final, Generic, NamedTuple, TypeVar

from shared import metrics
from shared.clock import Clock
from shared.documents import Decision, Documents, Look, Step
from shared.errors import AscuaError, Unavailable
from shared.logs import logger
from shared.mongo import reaching

T = TypeVar("T")

LOOK_SECONDS = 0.5
LONGEST_REST = 600.0
FIRED_AT_ONCE = 100  # the first of a portion waits for its last
_BEGINNING: Final = datetime(1970, 1, 1)  # noqa: DTZ001  (as the store keeps instants: UTC, unsaid)


class Timers:
    """Calls `look` every so many seconds; it does what is due, and returns how much that was.

    Several processes may look at once: what they do is guarded in the documents. `first` is called once before.
    """

    def __init__(
        self,
        look: Callable[[], Awaitable[int]],
        clock: Clock,
        every_seconds: float,
        first: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self._look, self._clock, self._every, self._first = look, clock, every_seconds, first
        self._task: asyncio.Task[None] | None = None
        self._stopping = asyncio.Event()
        self._looked: datetime | None = None
        self._fired = 0

    async def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="timers")

    async def stop(self) -> None:
        self._stopping.set()
        if self._task is not None:
            await asyncio.wait([self._task], timeout=3)
            self._task.cancel()

    async def check(self) -> None:
        if self._task is None or self._task.done():
            raise Unavailable("timers-down", "the timers are not running")

    @property
    def task(self) -> asyncio.Task[None] | None:
        """The loop; when it ends by an error, the process must end too."""
        return self._task

    def status(self) -> dict[str, object]:
        return {"fired": self._fired, "looked_at": self._looked.isoformat() if self._looked else None}

    async def _run(self) -> None:
        while not self._stopping.is_set():
            next_look = monotonic() + self._every
            try:
                if self._first is not None:
                    await self._first()
                    self._first = None
                self._fired += await self._look()
                self._looked = self._clock()
            except AscuaError as error:
                logger().warning("timers_wait", because=error.slug)
            try:
                await asyncio.wait_for(self._stopping.wait(), max(0.0, next_look - monotonic()))
            except TimeoutError:
                continue


class _Rest(NamedTuple):
    """How long a refused timer is left alone, and until when by the monotonic clock."""

    seconds: float
    until: float


class DocumentTimers(Timers, Generic[T]):
    """Documents with a due field, and what is decided of each when its time has come, the oldest first.

    What is due stands in the documents, so a timer outlives any process, and several processes may look at once: what
    it brings is part of its document, changed by compare-and-set, and goes out through the outbox. One that is refused
    is tried again after a second, and then after twice as long each time, up to ten minutes.
    """

    def __init__(
        self,
        documents: Documents[T],
        due_field: str,
        decide: Callable[[datetime], Callable[[T | None], Decision[T]]],
        clock: Clock,
        look: Look | None = None,
        every_seconds: float = LOOK_SECONDS,
    ) -> None:
        super().__init__(self.fire, clock, every_seconds)
        self._documents, self._decide = documents, decide
        self._name, self._due_field = due_field, f"state.{due_field}"
        self._beside = look
        self._refused: dict[str, _Rest] = {}

    def status(self) -> dict[str, object]:
        return {**super().status(), "refused": len(self._refused)}

    async def fire(self) -> int:
        """Fire what has come due; return of how many something was told."""
        resting = {id: rest for id, rest in self._refused.items() if monotonic() < rest.until}
        due = [id for id in await self._due(self._clock()) if id not in resting]
        count = 0
        for some in (due[at : at + FIRED_AT_ONCE] for at in range(0, len(due), FIRED_AT_ONCE)):
            decide = self._decide(self._clock())
            outcomes = await self._documents.apply([Step(id, decide) for id in some], self._beside)
            count += sum(bool(outcome.facts) and outcome.kind == "applied" for outcome in outcomes)
            for id, outcome in zip(some, outcomes, strict=True):
                if outcome.error is not None and not isinstance(outcome.error, Unavailable):
                    resting[id] = self._longer(id, outcome.error)
        self._refused = resting
        metrics.TIMERS_REFUSED.set(len(resting))
        return count

    async def _due(self, now: datetime) -> list[str]:
        """Documents whose time has come by now, the oldest first."""
        query = {self._due_field: {"$gt": _BEGINNING, "$lte": now}}
        with reaching():
            cursor = self._documents.collection.find(query, {self._due_field: 1})
            found = [(document["state"][self._name], document["_id"]) async for document in cursor]
        return [id for _, id in sorted(found)]

    def _longer(self, id: str, error: AscuaError) -> _Rest:
        seconds = min(2 * self._refused[id].seconds if id in self._refused else 1.0, LONGEST_REST)
        logger().warning("timer_refused", lead=id, because=error.slug, again_in_seconds=seconds)
        return _Rest(seconds, monotonic() + seconds)
