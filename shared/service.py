"""A process of Ascua: an API and the parts behind it, in one lifespan.

Parts start in order and stop in reverse, so that what others lean on stands first and falls last. SIGTERM stops
accepting, drains, commits and flushes within ten seconds, and ends the process then, whatever is away or hangs. A part
whose task ends, however it does, ends the process: a supervisor starts it again, and finds what it left undone.
"""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from errno import EADDRINUSE
from functools import partial
from importlib.metadata import version
from typing import Any, Protocol, TypeVar, runtime_checkable

import stamina
import uvicorn
import uvloop
from fastapi import APIRouter, FastAPI
from starlette.middleware import Middleware

from shared import logs
from shared.connections import Connections, Counted
from shared.errors import AscuaError, Misused, Unavailable, exit_code
from shared.inner_secret import Inner
from shared.ops import OpsPort
from shared.settings import ServiceSettings, load
from shared.tasks import end_within
from shared.watchdog import Watchdog
from shared.web import Admission, operations, web_app

ENDS_WITHIN = 8.0
"""Seconds after which a process that was asked to end is cut off; its supervisor may want two for itself."""


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
    name: str,
    parts: Mapping[str, Part],
    routers: Sequence[APIRouter],
    description: str = "",
    guard: Admission | None = None,
    ops: tuple[str, int] | None = None,
) -> FastAPI:
    """The ASGI application of a service; its lifespan starts and stops the parts.

    `guard` says who may see details, metrics and status; on the host and port of `ops` everybody may.
    """

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            if ops is not None:
                beside = FastAPI(openapi_url=None)
                beside.include_router(operations(checks, status))
                port = OpsPort(beside, *ops)
                stack.push_async_callback(port.stop)
                await port.start()
            for part in (Watchdog(), *parts.values()):
                stack.push_async_callback(part.stop)
                await _started(part)
            watch = asyncio.create_task(_first_end(parts), name="watch")
            watch.add_done_callback(partial(_end, app))
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
        guard=guard,
    )


async def _started(part: Part) -> None:
    """Start a part, waiting up to half a minute for the server it needs."""
    async for attempt in stamina.retry_context(
        on=Unavailable, attempts=None, timeout=30.0, wait_initial=0.1, wait_max=1.0, wait_jitter=0.1
    ):
        with attempt:
            await part.start()


async def _first_end(parts: Mapping[str, Part]) -> None:
    """Return when the task of a part has ended, by an error or without one: none of them ever should."""
    with_task = {name: part for name, part in parts.items() if isinstance(part, HasTask)}
    while True:
        for name, part in with_task.items():
            task = part.task
            if task is not None and task.done():
                error = None if task.cancelled() else task.exception()
                logs.logger().error("part_ended", part=name, exc_info=error)
                return
        await asyncio.sleep(0.2)


def _end(app: FastAPI, watch: asyncio.Task[None]) -> None:
    """End the process, also when it could not be told why."""
    if not watch.cancelled():
        app.state.failed = True
        end_within(ENDS_WITHIN)
        os.kill(os.getpid(), signal.SIGTERM)


_S = TypeVar("_S", bound=ServiceSettings)


def serve(name: str, app: Callable[[_S], FastAPI], settings: type[_S]) -> None:
    """Run until SIGTERM or SIGINT. Exits with 1 when a part failed, 2 for wrong settings, 69 without a server."""
    try:
        given = load(settings)
        logs.configure(name, given.log_level)
        listener = _listener(given.host, given.port)
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            served = app(given)
            if given.is_inner:
                secret = given.inner_secret.get_secret_value() if given.inner_secret else None
                served.user_middleware.append(Middleware(Inner, secret=secret))
            failed = runner.run(_serve(served, listener, Connections(given.connections)))
    except AscuaError as error:
        sys.stderr.write(f"ascua {name}: {error.sentence}\n")
        sys.exit(exit_code(error))
    sys.exit(1 if failed else 0)


async def _serve(app: FastAPI, listener: socket.socket, connections: Connections) -> bool:
    """Start the parts, serve until a signal, stop them; whether one of them failed."""
    server = _Server(
        uvicorn.Config(
            app,
            http=partial(Counted, connections=connections),  # type: ignore[arg-type]
            lifespan="off",
            access_log=False,
            log_config=None,
            timeout_graceful_shutdown=2,
            # Longer than clients keep an idle connection (httpx: 5 s), or one is closed just as they ask again.
            timeout_keep_alive=30,
            server_header=False,
        )
    )

    async def work() -> None:
        async with app.router.lifespan_context(app):
            await server.serve([listener])

    working = asyncio.create_task(work(), name="serve")

    def end() -> None:
        end_within(ENDS_WITHIN)
        server.should_exit = True
        if not server.started:
            working.cancel()

    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, end)
    await asyncio.wait([working])
    if not working.cancelled():
        working.result()
    return bool(getattr(app.state, "failed", False))


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals are heard by the process as a whole, from before its parts start until they have stopped."""
        yield


def _listener(host: str, port: int) -> socket.socket:
    """A socket at the address, bound before anything starts; it listens once there is somebody to answer."""
    try:
        family, *_, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except (OSError, UnicodeError) as error:
        raise Misused("bad-host", f"ASCUA_HOST: {host} is no address of this machine ({error})") from error
    listener = socket.socket(family)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(address)
    except OSError as error:
        listener.close()
        if error.errno == EADDRINUSE:
            raise Unavailable(
                "port-taken",
                f"port {port} of {host} is taken by another program: stop that one, or choose another with ASCUA_PORT",
            ) from error
        raise Misused(
            "bad-address", f"ASCUA_HOST, ASCUA_PORT: cannot listen on {host}:{port} ({error.strerror})"
        ) from error
    return listener
