"""Answers from a process of their own: what is computed for one lead never holds up the fold of all.

The worker starts it, speaks HTTP to it through a socket in a directory of its own, and starts another one when it ends.
It ends with the worker, however that ends: the worker holds the other end of its standard input.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import httpx
import uvicorn
import uvloop
from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.routing import APIRoute

from shared.errors import Unavailable
from shared.logs import current_trace, logger
from shared.tasks import ended

AGAIN: Final = 1.0
"""So many seconds after a process ended, another one is started."""

GRACE: Final = 3.0
PATIENCE: Final = 30.0

_PASSED_ON: Final = ("content-type", "retry-after")


class QueryProcess:
    """The process that answers, as a part of the worker's. `argv` is told the path of the socket to listen on."""

    def __init__(self, argv: Callable[[Path], Sequence[str]], env: Mapping[str, str]) -> None:
        self._argv = argv
        self._env = {**os.environ, **env}
        self._home: TemporaryDirectory[str] | None = None
        self._client: httpx.AsyncClient | None = None
        self._process: asyncio.subprocess.Process | None = None
        self._starts = 0
        self.task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin to start it; `check` tells when it answers."""
        self._home = TemporaryDirectory(prefix="ascua-")
        socket = Path(self._home.name) / "queries"
        transport = httpx.AsyncHTTPTransport(uds=str(socket))
        self._client = httpx.AsyncClient(
            transport=transport, base_url="http://queries", timeout=httpx.Timeout(PATIENCE, connect=2)
        )
        self.task = asyncio.create_task(self._keep(socket), name="queries")

    async def stop(self) -> None:
        if self.task is not None:
            await ended(self.task)
        if self._client is not None:
            await self._client.aclose()
        if self._home is not None:
            self._home.cleanup()

    async def check(self) -> None:
        await self._ask("GET", "/healthz", {}, b"")

    def status(self) -> Mapping[str, object]:
        return {"process": self._process.pid if self._process is not None else None, "starts": self._starts}

    async def answer(self, request: Request) -> Response:
        """What it answers to a request. Whoever stops waiting here, lets it stop working there."""
        trace = current_trace()
        headers = {"x-request-id": trace.correlation_id, "traceparent": trace.traceparent}
        answer = await self._ask(
            request.method,
            request.url.path,
            {name: value for name, value in headers.items() if value},
            request.url.query.encode(),
        )
        return Response(
            answer.content,
            answer.status_code,
            {name: value for name, value in answer.headers.items() if name in _PASSED_ON},
        )

    async def _ask(self, method: str, path: str, headers: Mapping[str, str], query: bytes) -> httpx.Response:
        assert self._client is not None, "it was not started"
        url = httpx.URL("http://queries").copy_with(path=path, query=query or None)
        try:
            return await self._client.request(method, url, headers=headers)
        except httpx.TransportError as error:
            raise Unavailable(
                "queries-unreachable", "scoring's answers are on their way up; try again in a moment"
            ) from error

    async def _keep(self, socket: Path) -> None:
        """Keep one running."""
        while True:
            process = await asyncio.create_subprocess_exec(
                *self._argv(socket), env=self._env, stdin=asyncio.subprocess.PIPE
            )
            self._process, self._starts = process, self._starts + 1
            try:
                code = await process.wait()
            finally:
                await _end(process)
            logger().error("queries_ended", code=code)
            await asyncio.sleep(AGAIN)


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is not None:
        return
    with suppress(ProcessLookupError):
        process.terminate()
        try:
            await asyncio.wait_for(process.wait(), GRACE)
        except TimeoutError:
            process.kill()


def forwarding(queries: QueryProcess, routes: APIRouter) -> APIRouter:
    """The same routes as the other process has, answered there."""
    api = APIRouter()

    async def forward(request: Request) -> Response:
        return await queries.answer(request)

    for route in routes.routes:
        assert isinstance(route, APIRoute)
        api.add_api_route(route.path, forward, methods=list(route.methods or ()), summary=route.summary)
    return api


def serve_queries(app: FastAPI, socket: Path) -> None:
    """Answer until SIGTERM, or until the parent is gone."""
    server = uvicorn.Server(
        uvicorn.Config(
            app, uds=str(socket), loop="uvloop", access_log=False, log_config=None, server_header=False,
            timeout_graceful_shutdown=1, timeout_keep_alive=2 * int(PATIENCE),
        )
    )  # fmt: skip

    async def serve() -> None:
        loop, parent = asyncio.get_running_loop(), sys.stdin.fileno()

        def end() -> None:
            loop.remove_reader(parent)
            loop.call_later(GRACE, os._exit, 1)
            server.should_exit = True

        loop.add_reader(parent, end)
        await server.serve()

    uvloop.run(serve())
