"""A port of its own for those who run a process: health, readiness with its reasons, metrics, status."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import uvicorn
from fastapi import FastAPI

from shared.errors import Unavailable
from shared.tasks import ended

GRACE: Final = 2.0


class OpsPort:
    """Serves an application beside the one that the process is for."""

    def __init__(self, app: FastAPI, host: str, port: int) -> None:
        self._place = f"{host}:{port}"
        self._server = _Beside(
            uvicorn.Config(
                app,
                host=host,
                port=port,
                access_log=False,
                log_config=None,
                lifespan="off",
                server_header=False,
                timeout_graceful_shutdown=1,
            )
        )
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Raises `Unavailable` when the port is taken."""
        self._task = asyncio.create_task(self._serve(), name="ops port")
        up = asyncio.create_task(self._server.up.wait())
        await asyncio.wait([self._task, up], return_when=asyncio.FIRST_COMPLETED)
        up.cancel()
        if self._task.done():
            raise Unavailable("port-taken", f"the ops port {self._place} cannot be listened on")

    async def stop(self) -> None:
        if self._task is not None:
            self._server.should_exit = True
            await asyncio.wait([self._task], timeout=GRACE)
            await ended(self._task)

    async def _serve(self) -> None:
        try:
            await self._server.serve()
        except SystemExit:  # so uvicorn says that it cannot listen
            return


class _Beside(uvicorn.Server):
    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.up = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.up.set()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals are for the server that the process is for."""
        yield
