"""Every request, from outside in: how much is asked, whether another site asks, and what is told of it afterwards."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from typing import Final, TypeVar

from starlette.datastructures import Headers
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.gateway.access import csrf
from services.gateway.access.audit import Audit
from services.gateway.access.keys import (
    KeyRing,
)
from services.gateway.access.limits import Tally, Visit, network
from services.gateway.access.roles import (
    Holder,
)
from services.gateway.access.roles import (
    Scope as KeyScope,
)
from shared.errors import AscuaError, Forbidden, Unavailable
from shared.tasks import ended
from shared.web import told

T = TypeVar("T")
COOKIE: Final = "ascua_session"
LOOKS_EVERY: Final = 0.4
"""Seconds between two looks whether who listens to a stream may still; and at each change."""
HEALTH = frozenset({"/healthz", "/readyz"})
"""What a monitor asks: always answered."""

_VISIT: ContextVar[Visit | None] = ContextVar("visit", default=None)


def current_visit() -> Visit | None:
    """The request that is answered here, or None where none is."""
    return _VISIT.get()


def current_actor() -> str | None:
    """Who asks, as facts name them, where somebody was let in."""
    visit = _VISIT.get()
    return visit.holder.name if visit is not None and visit.holder is not None else None


class Visits:
    """ASGI middleware, inside of what measures and outside of all routes."""

    def __init__(self, app: ASGIApp, tally: Tally, audit: Audit, public_url: str) -> None:
        self._app = app
        self._tally = tally
        self._audit = audit
        self._public_url = public_url

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in HEALTH:
            await self._app(scope, receive, send)
            return
        visit, status = Visit(self._tally, network((scope.get("client") or ("unknown",))[0])), 0

        async def noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            try:
                self._tally.arrive(visit)
                headers = Headers(scope=scope)
                if bearer(headers) is None and (
                    COOKIE in headers.get("cookie", "") or scope["path"] == "/enter"
                ):
                    csrf.refuse_others(scope["method"], headers, self._public_url)
            except AscuaError as error:
                await told(error)(scope, receive, noted)
            else:
                with _visiting(visit):
                    await self._app(scope, receive, noted)
        finally:
            self._tally.leave(visit, is_stranger=status == 401)
            if scope["method"] not in csrf.SAFE:
                self._audit.note(visit, scope, status)


@contextmanager
def _visiting(visit: Visit) -> Iterator[None]:
    token = _VISIT.set(visit)
    try:
        yield
    finally:
        _VISIT.reset(token)


def bearer(headers: Headers) -> str | None:
    """The key that a program sends, if it sends one: then the cookie does not count."""
    scheme, _, token = headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None


async def holder_of(request: HTTPConnection, keys: KeyRing, scope: KeyScope) -> Holder:
    """Who asks: by a key, or by the session of a page. Raises as `KeyRing.admit`."""
    key, session = bearer(request.headers), request.cookies.get(COOKIE)
    if key is None and session is not None:
        return await keys.admit_session(session, scope)
    return await keys.admit(key, scope)


async def while_admitted(
    changes: AsyncGenerator[T], still: Callable[[], Awaitable[object]]
) -> AsyncGenerator[T]:
    """What comes, until `still` raises that who listens is not let in any more."""
    coming = asyncio.ensure_future(anext(changes))
    try:
        while True:
            await asyncio.wait([coming], timeout=LOOKS_EVERY)
            with suppress(Unavailable):  # nobody can be put out while the store is away
                await still()
            if coming.done():
                yield coming.result()
                coming = asyncio.ensure_future(anext(changes))
    except (Forbidden, StopAsyncIteration):
        return
    finally:
        await ended(coming)
        await changes.aclose()
