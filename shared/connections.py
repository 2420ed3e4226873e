"""How many connections one address may have open to a process, whether it asks for anything or not."""

from __future__ import annotations

from collections import Counter
from http import HTTPStatus
from typing import Any

from shared.request_limits import Prompt


class Connections:
    """Those that are open, by address."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.open: Counter[str] = Counter()


class Counted(Prompt):
    """HTTP/1.1 that answers 429 to a connection too many, and closes it."""

    _address: str | None = None

    def __init__(self, *args: Any, connections: Connections, **given: Any) -> None:
        super().__init__(*args, **given)
        self._connections = connections

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._address = str((transport.get_extra_info("peername") or ("unknown",))[0])
        self._connections.open[self._address] += 1
        if self._connections.open[self._address] > self._connections.most:
            self.refuse_connection()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._address is not None:
            self._connections.open[self._address] -= 1
            if self._connections.open[self._address] <= 0:
                del self._connections.open[self._address]
        super().connection_lost(exc)

    def refuse_connection(self) -> None:
        self._refuse(HTTPStatus.TOO_MANY_REQUESTS, "this address has too many connections open; close some")
