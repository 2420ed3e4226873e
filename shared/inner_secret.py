"""What the services behind the gateway know of each other: their secret, and who is at the door.

Who does not send the secret is told nothing and changes nothing.
"""

from __future__ import annotations

import hmac
import re
from dataclasses import replace
from typing import Final

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from shared.errors import Unknown
from shared.events.base import ACTOR
from shared.logs import current_trace, tracing
from shared.web import told

HEADER: Final = "x-ascua-inner"
ACTOR_HEADER: Final = "x-ascua-actor"
OPEN: Final = frozenset({"/healthz", "/readyz", "/metrics"})
"""What monitors ask; it tells of no lead."""


def inner_header(secret: str | None) -> dict[str, str]:
    """What a request to an inner service bears."""
    return {} if secret is None else {HEADER: secret}


class Inner:
    """ASGI middleware of an inner service: asks for the secret, if there is one, and believes who acts."""

    def __init__(self, app: ASGIApp, secret: str | None) -> None:
        self._app = app
        self._secret = secret.encode() if secret is not None else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        if self._secret is not None and scope["path"] not in OPEN:
            given = headers.get(HEADER, "").encode()
            if not hmac.compare_digest(given, self._secret):
                error = Unknown("inner-secret", "only the gateway asks here: this takes ASCUA_INNER_SECRET")
                await told(error)(scope, receive, send)
                return
        actor = headers.get(ACTOR_HEADER, "")
        with tracing(replace(current_trace(), actor=actor if re.fullmatch(ACTOR, actor) else None)):
            await self._app(scope, receive, send)
