"""The secret that the services behind the gateway share: who does not send it is told nothing and changes nothing."""

from __future__ import annotations

import hmac
from typing import Final

from starlette.types import ASGIApp, Receive, Scope, Send

from shared.errors import Unknown
from shared.web import told

HEADER: Final = "x-ascua-inner"
OPEN: Final = frozenset({"/healthz", "/readyz", "/metrics"})
"""What monitors ask; it tells of no lead."""


def inner_header(secret: str | None) -> dict[str, str]:
    """What a request to an inner service bears."""
    return {} if secret is None else {HEADER: secret}


class Inner:
    """ASGI middleware of an inner service."""

    def __init__(self, app: ASGIApp, secret: str) -> None:
        self._app = app
        self._secret = secret.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] not in OPEN:
            given = next((value for name, value in scope["headers"] if name == HEADER.encode()), b"")
            if not hmac.compare_digest(given, self._secret):
                error = Unknown("inner-secret", "only the gateway asks here: this takes ASCUA_INNER_SECRET")
                await told(error)(scope, receive, send)
                return
        await self._app(scope, receive, send)
