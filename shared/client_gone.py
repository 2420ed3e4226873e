"""Work that nobody waits for any more is not done: who asks and leaves ends the asking, all the way down."""

from __future__ import annotations

import asyncio
from http import HTTPMethod
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.tasks import ended

_READING: Final = frozenset({HTTPMethod.GET, HTTPMethod.HEAD})
"""What only asks. A command goes on to its end: whoever sent it may not have heard that it was done."""


class Abandoned:
    """Cancels the answer to a question when its client is gone."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] not in _READING:
            await self._app(scope, receive, send)
            return
        messages: asyncio.Queue[Message] = asyncio.Queue()

        async def listen() -> None:
            while True:
                message = await receive()
                messages.put_nowait(message)
                if message["type"] == "http.disconnect":
                    return

        answering = asyncio.ensure_future(self._app(scope, messages.get, send))
        listening = asyncio.ensure_future(listen())
        try:
            await asyncio.wait([answering, listening], return_when=asyncio.FIRST_COMPLETED)
        finally:
            is_answered = answering.done()
            await ended(listening, *(() if is_answered else (answering,)))
        if is_answered or not answering.cancelled():
            answering.result()
