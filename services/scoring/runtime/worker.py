"""The Faust app: it joins the group, shares out the partitions and carries the batches to the fold."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import faust
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError
from faust.app.base import BootStrategy
from faust.tables.manager import TableManager

from services.scoring.processor.protocols import Fold
from services.scoring.runtime.log import Log
from services.scoring.runtime.owned_partitions import OwnedPartitions
from services.scoring.runtime.partition import GRACE, Partition
from services.scoring.runtime.transport import BatchConsumer, BatchTransport
from shared.clock import Clock, utc_now
from shared.errors import Refused, Unavailable
from shared.events.base import rfc3339
from shared.logs import logger
from shared.tasks import ended

TIMER_SECONDS = 0.2
"""So often what time alone brings about is looked for."""

STAND_SECONDS = 0.2
"""How late the group hears where the state stands."""

WATCH_SECONDS = 5.0

STOPPING = 2 * GRACE
"""How long the app may take to stop. Faust waits for a broker that is away, and the supervisor would wait with it."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long the group waits for a silent worker, in seconds."""

    session: float = 6.0
    rebalance: float = 6.0
    heartbeat: float = 1.0
    stall: float = 60.0
    """Facts waiting while no position moves for so long end the worker."""


class Worker:
    """A worker of the group, as a part of a process.

    It works until its first failure. What only a person can mend (`Refused`) leaves it standing still, and `check`
    says why; anything else ends its `task`, and so the process, and its supervisor starts another one.
    """

    def __init__(
        self,
        log: Log,
        new_fold: Callable[[int], Fold],
        clock: Clock = utc_now,
        patience: Patience = Patience(),
    ) -> None:
        self._log = log
        self._patience = patience
        self.state = OwnedPartitions(log, new_fold, self._fail, clock)
        self.stopped: str | None = None
        self.task: asyncio.Task[None] | None = None
        self._failed = asyncio.Event()
        self._error: BaseException | None = None
        self._app: App | None = None

    async def start(self) -> None:
        """Begin to join the group; `is_ready` tells when the records flow."""
        self._app = new_app(self._log, self.state, self._patience)
        self.task = asyncio.create_task(self._work(self._app), name="scoring stream")

    async def stop(self) -> None:
        """Commit what was folded, leave the group."""
        if self.task is not None:
            self.task.cancel()
            await asyncio.wait([self.task])

    async def check(self) -> None:
        if self.stopped is not None:
            raise Refused("stream-stopped", f"scoring stopped: {self.stopped}")
        if self.task is None or self.task.done():
            raise Unavailable("stream-down", "scoring is not running")
        if not self.is_ready:
            raise Unavailable("stream-recovering", "scoring is reading its state back; try again in a moment")

    def status(self) -> dict[str, object]:
        owned = self.state.partitions.values()
        commits = [each.committed_at for each in owned if each.committed_at is not None]
        return {
            "group": self._log.topics.short(self._log.group),
            "ready": self.is_ready,
            "stopped": self.stopped,
            "leads": sum(len(each.memory) for each in owned),
            "memory_bytes": _resident(),
            "last_commit": rfc3339(max(commits)) if commits else None,
            "partitions": {
                str(number): {
                    "commits": owned.commits,
                    "committed_at": rfc3339(owned.committed_at) if owned.committed_at else None,
                    "leads": len(owned.memory),
                    "positions": {f"{tp.topic}": offset for tp, offset in owned.committed.items()},
                }
                for number, owned in self.state.partitions.items()
            },
        }

    @property
    def is_ready(self) -> bool:
        """Whether the state of every assigned partition has been read back and its records flow."""
        consumer = self._consumer
        return consumer is not None and consumer.is_ready

    @property
    def _consumer(self) -> BatchConsumer | None:
        consumer = self._app._consumer if self._app is not None else None
        return consumer if isinstance(consumer, BatchConsumer) else None

    def _fail(self, error: BaseException) -> None:
        if self._error is None:
            logger().error("scoring_failed", error=repr(error))
            self._error = error
            self._failed.set()

    async def _work(self, app: App) -> None:
        tasks = [
            asyncio.create_task(self._guarded(work))
            for work in (
                app.start(),
                self._fire_timers(),
                self._promote(),
                self._stand(),
                self._watch(),
                _crash_of(app),
            )
        ]
        try:
            await self._failed.wait()
        finally:
            await ended(*tasks)
            # Left behind after that: the process ends, and whoever starts next fences this worker.
            await asyncio.wait([asyncio.create_task(app.stop())], timeout=STOPPING)
        error = self._error
        logger().error("scoring_stopped", error=repr(error))
        if isinstance(error, Refused):
            self.stopped = str(error)
            await asyncio.Event().wait()
        elif error is not None:
            raise error

    async def _guarded(self, work: Coroutine[Any, Any, object]) -> None:
        try:
            await work
        except Exception as error:
            self._fail(error)

    async def _fire_timers(self) -> None:
        while True:
            await asyncio.sleep(TIMER_SECONDS)
            await self.state.fire_timers()

    async def _promote(self) -> None:
        while True:
            await asyncio.sleep(TIMER_SECONDS)
            await self.state.promote()

    async def _stand(self) -> None:
        while True:
            await asyncio.sleep(STAND_SECONDS)
            if (consumer := self._consumer) is not None:
                await consumer.stand(self.state.stands)

    async def _watch(self) -> None:
        """Raise `Unavailable` when a partition does nothing and has to; a broker that is away does not count."""
        idle: dict[Partition, tuple[int, int]] = {}
        async with AIOKafkaConsumer(**self._log.topics.brokers.client) as onlooker:
            while True:
                await asyncio.sleep(WATCH_SECONDS)
                owned = list(self.state.partitions.values())
                try:
                    ends = await onlooker.end_offsets([tp for each in owned for tp in each.committed])
                except KafkaError:
                    continue
                looks = {each: look(each, ends, *idle.get(each, (0, -1))) for each in owned}
                idle = looks
                for each, (times, _) in looks.items():
                    if times * WATCH_SECONDS > self._patience.stall:
                        raise Unavailable(
                            "stream-stalled",
                            f"partition {each.number} has something to commit and has not for "
                            f"{self._patience.stall:.0f} seconds; the worker ends to be started anew",
                        )


def _resident() -> int | None:
    """What the worker's process takes of the memory, most of it for states; None where the system does not tell."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except OSError:
        return None
    return pages * os.sysconf("SC_PAGE_SIZE")


def look(owned: Partition, ends: Mapping[TopicPartition, int], times: int, commits: int) -> tuple[int, int]:
    """How many looks in a row a partition did nothing although it had to, and its commits by now."""
    waits = owned.is_committing or any(
        ends[tp] > offset for tp, offset in owned.committed.items() if tp in ends
    )
    return (times + 1 if waits and owned.commits == commits else 0), owned.commits


async def _crash_of(app: App) -> None:
    await app._crashed.wait()
    raise app.crash_reason or RuntimeError("the Faust app crashed")


class Boot(BootStrategy):
    """A consumer and its membership; no producer, no web server."""

    enable_kafka_producer = False
    enable_web = False


class Tables(TableManager):
    async def on_start(self) -> None:
        # Faust waits a second here for agents to bring their tables; there are none.
        await self._update_channels()
        await self.recovery.start()


class App(faust.App):
    BootStrategy = Boot

    def _create_directories(self) -> None:
        """Nothing is kept on disk."""


def new_app(log: Log, state: OwnedPartitions, patience: Patience) -> App:
    app = App(
        log.group,
        broker=f"kafka://{log.topics.brokers.bootstrap}",
        autodiscover=False,
        web_enabled=False,
        topic_allow_declare=False,
        topic_disable_leader=True,
        stream_wait_empty=False,
        TableManager=Tables,
        broker_client_id=log.group,
        broker_session_timeout=patience.session,
        broker_rebalance_timeout=patience.rebalance,
        broker_heartbeat_interval=patience.heartbeat,
        broker_request_timeout=max(15.0, patience.session),
    )
    app.transport = BatchTransport(app.conf.broker_consumer, app, state, log.topics.brokers)
    for topic in log.facts:
        app.topics.add(app.topic(topic, key_type=bytes, value_type=bytes))
    return app
