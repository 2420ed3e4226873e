"""A process of Ascua: an API and the parts behind it, in one lifespan.

Parts start in order and stop in reverse, so that what others lean on stands first and falls last. SIGTERM stops
accepting, drains, commits and flushes within ten seconds. A part whose task ends by an error ends the process: a
supervisor starts it again, and what it left undone is found again.
"""

from __future__ import annotations

import asyncio
import gc
import os
import signal
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from importlib.metadata import version
from typing import Any, Protocol, runtime_checkable

import stamina
import uvicorn
from fastapi import APIRouter, FastAPI

from shared import logs
from shared.errors import Unavailable
from shared.settings import ServiceSettings
from shared.watchdog import Watchdog
from shared.web import web_app


class Part(Protocol):
    """Something a process needs: a client, a consumer, a relay."""

    async def start(self) -> None: ...
    async def stop(self) -> None: ...
    async def check(self) -> None:
        """Raise, with a sentence, while it cannot do its work."""

    def status(self) -> Mapping[str, object]: ...


@runtime_checkable
class HasTask(Protocol):
    @property
    def task(self) -> asyncio.Task[None] | None: ...


def service_app(
    name: str, parts: Mapping[str, Part], routers: Sequence[APIRouter], description: str = ""
) -> FastAPI:
    """The ASGI application of a service; its lifespan starts and stops the parts."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            for part in (Watchdog(), *parts.values()):
                stack.push_async_callback(part.stop)
                await _started(part)
            watch = asyncio.create_task(_end_with(parts), name="watch")
            stack.callback(watch.cancel)
            # What is there now stays: looked through with every full collection, it would hold the loop for 100 ms.
            gc.collect()
            gc.freeze()
            logs.logger().info("started")
            yield
            logs.logger().info("stopping")

    def status() -> dict[str, Any]:
        return {part: dict(each.status()) for part, each in parts.items()}

    checks = {part: each.check for part, each in parts.items()}
    return web_app(
        name,
        routers,
        checks=checks,
        status=status,
        lifespan=lifespan,
        version=version("ascua"),
        description=description,
    )


async def _started(part: Part) -> None:
    """Start a part, waiting up to half a minute for the server it needs."""
    async for attempt in stamina.retry_context(
        on=Unavailable, attempts=None, timeout=30.0, wait_initial=0.1, wait_max=1.0, wait_jitter=0.1
    ):
        with attempt:
            await part.start()


async def _end_with(parts: Mapping[str, Part]) -> None:
    """End the process, loudly, when the task of a part ends by an error."""
    while True:
        for name, part in parts.items():
            task = part.task if isinstance(part, HasTask) else None
            if (
                task is not None
                and task.done()
                and not task.cancelled()
                and (error := task.exception()) is not None
            ):
                logs.logger().error("part_failed", part=name, exc_info=error)
                os.kill(os.getpid(), signal.SIGTERM)
                await asyncio.sleep(15)
                os._exit(1)
        await asyncio.sleep(0.2)


def serve(name: str, app: FastAPI, settings: ServiceSettings) -> None:
    """Run until SIGTERM or SIGINT."""
    logs.configure(name, settings.log_level)
    uvicorn.run(
        app,
        host=settings.host,
        port=settings.port,
        loop="uvloop",
        access_log=False,
        log_config=None,
        timeout_graceful_shutdown=2,
        # Longer than clients keep an idle connection (httpx: 5 s), or one is closed just as they ask again.
        timeout_keep_alive=30,
        server_header=False,
    )
