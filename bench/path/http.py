"""A lean HTTP/1.1 client on one kept connection: what loads a system should cost little beside it."""

from __future__ import annotations

import asyncio
import json
from typing import Any, Self
from urllib.parse import urlsplit


class Connection:
    """One connection; a request at a time."""

    def __init__(self, url: str, key: str = "") -> None:
        parts = urlsplit(url)
        self._host, self._port = parts.hostname or "127.0.0.1", parts.port or 80
        self._head = f"Host: {self._host}:{self._port}\r\nAuthorization: Bearer {key}\r\n"
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._writer is not None:
            self._writer.close()

    async def post(self, path: str, body: bytes, kind: str = "application/json") -> int:
        """Send a body; return the status. Connects again after a failure."""
        head = (
            f"POST {path} HTTP/1.1\r\n{self._head}Content-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        status, _ = await self._asked(head.encode() + body)
        return status

    async def get(self, path: str) -> Any:
        """The JSON at a path."""
        status, body = await self._asked(f"GET {path} HTTP/1.1\r\n{self._head}\r\n".encode())
        if status != 200:
            raise RuntimeError(f"{path} answered {status}: {body[:200]!r}")
        return json.loads(body)

    async def events(self, path: str) -> asyncio.StreamReader:
        """The reader of a stream of server-sent events, behind its head."""
        reader, writer = await self._connected()
        writer.write(f"GET {path} HTTP/1.1\r\n{self._head}Accept: text/event-stream\r\n\r\n".encode())
        await reader.readuntil(b"\r\n\r\n")
        return reader

    async def _asked(self, request: bytes) -> tuple[int, bytes]:
        try:
            reader, writer = await self._connected()
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
            return int(head[9:12]), await reader.readexactly(int(length or b"0"))
        except (OSError, asyncio.IncompleteReadError):
            self._writer = None
            raise

    async def _connected(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._reader is None or self._writer is None:
            self._reader, self._writer = await asyncio.open_connection(self._host, self._port)
        return self._reader, self._writer
