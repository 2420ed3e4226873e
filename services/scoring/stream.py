"""The Faust app: it joins the group, shares out the partitions and carries the batches to the fold."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic
from typing import Any

import faust
from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaError
from faust.app.base import BootStrategy

from services.scoring.state import Fold, Log, State
from services.scoring.transport import BatchConsumer, BatchTransport
from shared.clock import Clock, utc_now
from shared.errors import AscuaError
from shared.logs import logger

RING_SECONDS = 0.2
"""How late, at most, a crossing is told that time alone brings about."""

WATCH_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Patience:
    """How long the group waits for a silent worker, in seconds."""

    session: float = 6.0
    rebalance: float = 6.0
    heartbeat: float = 1.0
    stall: float = 60.0
    """Facts waiting while no position moves for so long end the worker."""


class Stalled(AscuaError):
    pass


class Stream:
    """A worker of the group. It stops for good at the first failure: `failed` tells why, the process ends, and its
    supervisor starts another one."""

    def __init__(
        self,
        log: Log,
        new_fold: Callable[[int], Fold],
        clock: Clock = utc_now,
        patience: Patience = Patience(),
    ) -> None:
        self._log = log
        self._patience = patience
        self.state = State(log, new_fold, self._fail, clock)
        self.failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._app: App | None = None
        self._tasks: list[asyncio.Task[Any]] = []

    async def start(self) -> None:
        """Begin to join the group; `is_ready` tells when the records flow."""
        self._app = app = new_app(self._log, self.state, self._patience)
        self._tasks = [
            asyncio.create_task(self._guard(work)) for work in (app.start(), self._ring(), self._watch())
        ]
        self._tasks.append(asyncio.create_task(self._guard(self._crash_of(app))))

    async def stop(self) -> None:
        """Commit what was folded, leave the group."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._app is not None:
            await self._app.stop()

    @property
    def is_ready(self) -> bool:
        """Whether the state of every assigned partition has been read back and its records flow."""
        consumer = self._app._consumer if self._app is not None else None
        return isinstance(consumer, BatchConsumer) and consumer.is_ready

    def _fail(self, error: BaseException) -> None:
        if not self.failed.done():
            logger().error("scoring stops", error=repr(error))
            self.failed.set_exception(error)

    async def _guard(self, work: Any) -> None:
        try:
            await work
        except Exception as error:
            self._fail(error)

    async def _crash_of(self, app: App) -> None:
        await app._crashed.wait()
        self._fail(app.crash_reason or RuntimeError("the Faust app crashed"))

    async def _ring(self) -> None:
        while True:
            await asyncio.sleep(RING_SECONDS)
            self.state.ring()

    async def _watch(self) -> None:
        """Raise `Stalled` when facts wait and no position moves; a broker that is away does not count."""
        seen: dict[int, tuple[int, float]] = {}
        async with AIOKafkaConsumer(bootstrap_servers=self._log.bootstrap) as onlooker:
            while True:
                await asyncio.sleep(WATCH_SECONDS)
                for number, owned in list(self.state.partitions.items()):
                    positions = dict(owned.committed)
                    try:
                        ends = await onlooker.end_offsets(list(positions)) if positions else {}
                    except KafkaError:
                        seen.clear()
                        break
                    waiting = sum(max(0, ends[tp] - offset) for tp, offset in positions.items())
                    position = sum(positions.values())
                    before, since = seen.get(number, (-1, 0.0))
                    if not waiting or position != before:
                        seen[number] = position, monotonic()
                    elif monotonic() - since > self._patience.stall:
                        raise Stalled(
                            "scoring-stalled",
                            f"{waiting} facts of partition {number} wait and none has been folded for "
                            f"{self._patience.stall:.0f} seconds; the worker ends to be started anew",
                        )


class Boot(BootStrategy):
    """A consumer and its membership; no producer, no web server."""

    enable_kafka_producer = False
    enable_web = False


class App(faust.App):
    BootStrategy = Boot

    def _create_directories(self) -> None:
        """Nothing is kept on disk."""


def new_app(log: Log, state: State, patience: Patience) -> App:
    app = App(
        log.group,
        broker=f"kafka://{log.bootstrap}",
        autodiscover=False,
        web_enabled=False,
        topic_allow_declare=False,
        topic_disable_leader=True,
        stream_wait_empty=False,
        broker_client_id=log.group,
        broker_session_timeout=patience.session,
        broker_rebalance_timeout=patience.rebalance,
        broker_heartbeat_interval=patience.heartbeat,
        broker_request_timeout=max(15.0, patience.session),
        broker_max_poll_records=500,
        broker_check_crcs=True,
    )
    app.transport = BatchTransport(app.conf.broker_consumer, app, state)
    for topic in log.facts:
        app.topics.add(app.topic(topic, key_type=bytes, value_type=bytes))
    return app
