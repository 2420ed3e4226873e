"""How long a client may take to say what it wants, and in how many bytes: none holds a connection for ever."""

from __future__ import annotations

import asyncio
import json
from http import HTTPStatus
from typing import Any, Final

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_SECONDS: Final = 10.0
"""From the connection, or the first byte of a further request, to the end of the request's head."""
HEAD_BYTES: Final = 64 * 1024
"""The most that a request's head may have; what comes with its end counts as well."""
BODY_SECONDS: Final = 60.0
"""For the whole body, from when it is first asked for."""


class Prompt(HttpToolsProtocol):
    """HTTP/1.1 whose request heads have to come in time and be short; what is no HTTP is answered by a problem."""

    head_seconds = HEAD_SECONDS
    _deadline: asyncio.TimerHandle | None = None
    _head_bytes = 0
    _has_more = False
    """Whether more of a request's body is to come, whether or not it was answered before."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._deadline = self.loop.call_later(self.head_seconds, self._late)

    def data_received(self, data: bytes) -> None:
        if self._is_between_requests():
            if not self._has_more:
                self._head_bytes += len(data)
            if self._deadline is None:
                self._deadline = self.loop.call_later(self.head_seconds, self._late)
        super().data_received(data)
        if not self._is_between_requests():
            self._forget()
        elif self._head_bytes > HEAD_BYTES and not self.transport.is_closing():
            self._refuse(
                HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
                f"the head of a request may have {HEAD_BYTES} bytes",
            )

    def on_headers_complete(self) -> None:
        self._has_more = True
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._has_more = False
        super().on_message_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        self._forget()
        super().connection_lost(exc)

    def send_400_response(self, msg: str) -> None:
        self._refuse(HTTPStatus.BAD_REQUEST, msg)

    def _is_between_requests(self) -> bool:
        """Whether nobody is being answered. What is left of a body answered before has as long as a head."""
        return self.cycle is None or self.cycle.response_complete

    def _forget(self) -> None:
        self._head_bytes = 0
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _late(self) -> None:
        self._deadline = None
        if self._is_between_requests() and not self.transport.is_closing():
            self._refuse(
                HTTPStatus.REQUEST_TIMEOUT,
                f"the head of a request has to come within {self.head_seconds:g} s",
            )

    def _refuse(self, status: HTTPStatus, detail: str) -> None:
        slug = status.phrase.lower().replace(" ", "-")
        problem: dict[str, Any] = {"type": f"urn:ascua:problem:{slug}", "title": status.phrase}
        body = json.dumps({**problem, "status": status, "detail": detail}).encode()
        head = (
            f"HTTP/1.1 {status.value} {status.phrase}\r\ncontent-type: application/problem+json\r\n"
            f"content-length: {len(body)}\r\nconnection: close\r\n\r\n"
        )
        self.transport.write(head.encode() + body)
        self.transport.close()


class BodyInTime:
    """Answers 408 to a body that takes longer than `seconds`."""

    def __init__(self, app: ASGIApp, seconds: float = BODY_SECONDS) -> None:
        self._app = app
        self._seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        ends: float | None = None
        is_read = False

        async def received() -> Message:
            nonlocal ends, is_read
            if is_read:  # what is waited for now is that the client leaves
                return await receive()
            ends = ends or asyncio.get_running_loop().time() + self._seconds
            try:
                async with asyncio.timeout_at(ends):
                    message = await receive()
            except TimeoutError:
                detail = f"the body did not come within {self._seconds:g} s; send it in parts"
                raise HTTPException(408, detail, {"Connection": "close"}) from None
            is_read = not message.get("more_body", False)
            return message

        await self._app(scope, received, send)
