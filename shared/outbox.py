"""From a document's outbox to the log: in order, at least once, by as many relays as there are.

A relay publishes what its own process has just written without reading it back, takes out of the documents together
what has arrived since the last time, and every second or two looks for what others left behind. Several may publish
the same fact at once: the sequence makes the repeats harmless, so no lease is needed.
"""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from pymongo import UpdateMany

from shared import metrics
from shared.bus.outgoing import Outgoing
from shared.bus.publisher import Publisher
from shared.clock import Clock, utc_now
from shared.documents import Documents
from shared.errors import AscuaError, Unavailable
from shared.events.base import JsonObject, rfc3339
from shared.logs import logger
from shared.mongo import Index, named, reaching

OUTBOX_INDEX = Index((("outbox.recordedtime", 1),))
LEFT_BEHIND = timedelta(seconds=2)
"""What is still in an outbox after this long was left behind by whoever wrote it."""
LOOK_SECONDS = 1.0
REST_SECONDS = 2.0
"""Between two looks while nothing is pending."""
TIDY_SECONDS = 0.05
"""What arrives within this time is taken out together, while the next is published."""
BULK = 500
REMEMBERED = 1_000
"""Documents whose last published sequence is kept in memory, to publish fewer facts twice."""


class Relay:
    """Publishes the outboxes of one collection to `topic`."""

    def __init__(
        self,
        service: str,
        documents: Documents[Any],
        publisher: Publisher,
        topic: str,
        clock: Clock = utc_now,
    ) -> None:
        self._service = service
        self._collection = documents.collection
        self._publisher = publisher
        self._topic = topic
        self._clock = clock
        self._fresh: dict[str, list[JsonObject]] = {}
        self._done: dict[str, int] = {}
        self._arrived: dict[str, int] = {}
        self._wake = asyncio.Event()
        self._tidy = asyncio.Event()
        self._pending = 0
        self._under_way: set[str] = set()
        self._task: asyncio.Task[None] | None = None
        self._sweep: asyncio.Task[None] | None = None
        self._tidying: asyncio.Task[None] | None = None
        self._stopping = False
        documents.on_told = self._told

    async def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name=f"relay {self._topic}")
        self._sweep = asyncio.create_task(self._run_sweep(), name=f"relay sweep {self._topic}")
        self._tidying = asyncio.create_task(self._run_tidy(), name=f"relay tidy {self._topic}")

    async def stop(self) -> None:
        """Publish what was just written, for at most three seconds; the rest stays in the documents."""
        self._stopping = True
        self._wake.set()
        if self._sweep is not None:
            self._sweep.cancel()
        if self._task is not None:
            await asyncio.wait([self._task], timeout=2)
            self._task.cancel()
        if self._tidying is not None:
            self._tidy.set()
            await asyncio.wait([self._tidying], timeout=1)
            self._tidying.cancel()

    async def check(self) -> None:
        if self.task is None or self.task.done():
            raise Unavailable("relay-down", f"the relay of {self._topic} is not running")

    @property
    def task(self) -> asyncio.Task[None] | None:
        """The one that has ended, if one has: when it does by an error, the process must end too."""
        beside = (task for task in (self._sweep, self._tidying) if task is not None and task.done())
        return next(beside, self._task)

    def status(self) -> dict[str, object]:
        return {"outbox_pending": self._pending + len(self._fresh) + len(self._under_way)}

    def _told(self, told: Mapping[str, Sequence[JsonObject]]) -> None:
        for id, facts in told.items():
            done = self._done.get(id, 0)
            self._fresh[id] = [fact for fact in facts if fact["sequence"] > done]
        self._wake.set()

    async def _run(self) -> None:
        while not (self._stopping and not self._fresh):
            await self._wake.wait()
            self._wake.clear()
            while self._fresh:
                ids = list(self._fresh)[:BULK]
                outboxes = {id: self._fresh.pop(id) for id in ids}
                self._under_way = set(ids)
                try:
                    self._pending += await self._publish(outboxes)
                except AscuaError as error:
                    # Nothing is lost: the sweep finds these facts in their documents.
                    logger().warning("relay_paused", topic=self._topic, because=error.slug)
                    self._pending += len(ids)
                    await asyncio.sleep(0.2)
                self._under_way = set()

    async def _run_sweep(self) -> None:
        while not self._stopping:
            try:
                await self._find_left_behind()
            except AscuaError as error:
                logger().warning("relay_paused", topic=self._topic, because=error.slug)
            metrics.OUTBOX_PENDING.labels(self._service).set(self._pending)
            await asyncio.sleep(LOOK_SECONDS if self._pending else REST_SECONDS)

    async def _run_tidy(self) -> None:
        while not (self._stopping and self._tidy.is_set() and not self._arrived):
            await self._tidy.wait()
            if not self._stopping:
                self._tidy.clear()
                await asyncio.sleep(TIDY_SECONDS)
            arrived, self._arrived = self._arrived, {}
            try:
                await self._take_out(arrived)
            except AscuaError as error:
                logger().warning("relay_paused", topic=self._topic, because=error.slug)
                self._pending += len(arrived)

    async def _find_left_behind(self) -> None:
        """Line up what is in an outbox for long and not on its way here: another process wrote it, or it failed."""
        before = rfc3339(self._clock() - LEFT_BEHIND)
        # Only while something is pending are the young ones worth a read, for their number.
        # Without the lower bound every empty outbox would be looked at.
        looked_at = {"$gt": ""} if self._pending else {"$gt": "", "$lt": before}
        with reaching():
            found = self._collection.find({"outbox.recordedtime": looked_at}, {"outbox": 1}).limit(BULK)
            outboxes = {doc["_id"]: doc["outbox"] async for doc in found}
        others = {
            id: facts
            for id, facts in outboxes.items()
            if facts and id not in self._fresh and id not in self._under_way
        }
        left = {id: facts for id, facts in others.items() if facts[0]["recordedtime"] < before}
        # Some were published while they were read.
        young = others.keys() - left.keys()
        self._pending = sum(others[id][-1]["sequence"] > self._done.get(id, 0) for id in young)
        by_age = sorted(left, key=lambda told: str(left[told][0]["id"]))
        self._fresh.update({id: left[id] for id in by_age})
        if left:
            self._wake.set()

    async def _publish(self, outboxes: Mapping[str, Sequence[JsonObject]]) -> int:
        """Publish each outbox from its first fact; stop that one at its first failure; take out what arrived.

        Returns the number of outboxes that were stopped.
        All first facts go together, then all second ones, so that an outbox never runs ahead of a failure.
        """
        arrived: dict[str, int] = {}
        stopped = 0
        going = {id: list(facts) for id, facts in outboxes.items() if facts}
        while going:
            records = [
                Outgoing(self._topic, facts[0]["subject"], _json(facts[0])) for facts in going.values()
            ]
            results = await self._publisher.publish_all(records)
            for id, result in zip(list(going), results, strict=True):
                if isinstance(result, Exception):
                    logger().warning("relay_failed", topic=self._topic, because=result.slug)
                    del going[id]
                    stopped += 1
                else:
                    arrived[id] = going[id].pop(0)["sequence"]
                    metrics.RELAYED.labels(self._service).inc()
            going = {id: facts for id, facts in going.items() if facts}
        self._done = {**dict(list(self._done.items())[-REMEMBERED:]), **arrived}
        self._arrived |= arrived
        if arrived:
            self._tidy.set()
        return stopped

    async def _take_out(self, arrived: Mapping[str, int]) -> None:
        """Remove what is in the log. Documents that have told as much share a statement, which is what costs."""
        by_sequence: dict[int, list[str]] = defaultdict(list)
        for id, sequence in arrived.items():
            by_sequence[sequence].append(id)
        if not arrived:
            return
        removals = [
            UpdateMany({"_id": {"$in": some}}, {"$pull": {"outbox": {"sequence": {"$lte": sequence}}}})
            for sequence, ids in by_sequence.items()
            for some in named(ids)
        ]
        with reaching():
            await self._collection.bulk_write(removals, ordered=False)


def _json(fact: JsonObject) -> bytes:
    return json.dumps(fact, separators=(",", ":"), ensure_ascii=False).encode()
