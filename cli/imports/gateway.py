"""The gateway, as an import sees it: it takes pieces of history, and tells whether all have caught up."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any, Final

import httpx
import stamina
from pydantic import ValidationError

from cli.imports.log_rows import Ready
from shared.commands.import_rows import (
    RowOutcomes,
)
from shared.errors import Forbidden, Refused, Unavailable

_TIMEOUT: Final = httpx.Timeout(60, connect=5)
_SOON: Final = 0.1
_LATER: Final = 2.0
"""Seconds between two looks at whether all have caught up, from the first to the last: looking costs them time."""


class Gateway:
    """Everything it is asked is safe to ask again, so it is, for `patience` seconds, while servers are away."""

    def __init__(
        self,
        url: str,
        key: str,
        *,
        patience: float,
        on_wait: Callable[[str], None],
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._url = url
        self._patience = patience
        self._on_wait = on_wait
        self._client = httpx.AsyncClient(
            base_url=url,
            headers={"Authorization": f"Bearer {key}"},
            timeout=_TIMEOUT,
            transport=transport,
            trust_env=False,  # a proxy of the outside world does not lead to it
        )

    async def __aenter__(self) -> Gateway:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._client.aclose()

    async def take(self, import_id: str, piece: Sequence[Ready]) -> RowOutcomes:
        """Send a piece (`HistoryRows`) and return what became of each row.

        Raises `Unavailable` when patience has run out, `Forbidden` for the key and `Refused` for all else.
        """
        body = b'{"import_id":"%s","rows":[%s]}' % (import_id.encode(), b",".join(row.body for row in piece))
        answer = await self._ask("POST", "/v1/history", body)
        try:
            return RowOutcomes.model_validate_json(answer.content)
        except ValidationError:
            raise Refused("answer-wrong", f"{self._url} does not answer as a gateway does") from None

    async def caught_up(self, on_lag: Callable[[str], None]) -> None:
        """Return once every fact has reached heat and read models.

        Raises `Unavailable` when the gateway is away, or nothing moves for as long as patience lasts.
        """
        last: Any = None
        moved = time.monotonic()
        pause = _SOON
        while True:
            try:
                status = (await self._ask("GET", "/v1/status")).json()
                done = bool(status["caught_up"])
            except (ValueError, KeyError, TypeError):
                raise Refused("answer-wrong", f"{self._url} does not tell a gateway's status") from None
            if done:
                return
            if status != last:
                last, moved = status, time.monotonic()
            elif time.monotonic() - moved > self._patience:
                raise Unavailable(
                    "not-caught-up",
                    "all rows were taken, but heat and read models do not catch up; "
                    "see `ascua doctor`, and run this again to wait for them",
                )
            on_lag(_lag(status))
            await asyncio.sleep(pause)
            pause = min(1.5 * pause, _LATER)

    async def _ask(self, method: str, path: str, body: bytes | None = None) -> httpx.Response:
        attempts = stamina.retry_context(
            on=self._is_passing,
            attempts=None if self._patience > 0 else 1,
            timeout=self._patience or None,
            wait_max=2.0,
            wait_jitter=0.5,
        )
        try:
            async for attempt in attempts:
                with attempt:
                    answer = await self._client.request(
                        method, path, content=body, headers={"Content-Type": "application/json"}
                    )
                    if _is_passing(answer.status_code):
                        raise _Passing(f"it answered {answer.status_code}: {_detail(answer)}")
        except (httpx.HTTPError, httpx.InvalidURL, _Passing) as error:
            raise Unavailable(
                "gateway-away",
                f"the gateway at {self._url} cannot be reached ({_why(error)}); "
                "when it is back, run this again: rows it has are not told twice",
            ) from None
        if answer.status_code in (401, 403):
            raise Forbidden("key-refused", f"the gateway refuses the key: {_detail(answer)}")
        if not answer.is_success:
            raise Refused(
                "piece-refused", f"the gateway answers {answer.status_code} to {path}: {_detail(answer)}"
            )
        return answer

    def _is_passing(self, error: Exception) -> bool:
        if isinstance(error, httpx.TransportError | _Passing):
            self._on_wait(_why(error))
            return True
        return False


class _Passing(Exception):
    """An answer that will be another one later."""


def _is_passing(status: int) -> bool:
    return status in (408, 429) or status >= 500


def _lag(status: Any) -> str:
    """How far each consumer group is behind, of those that are."""
    try:
        groups = {
            name: sum(place["lag"] for place in places.values()) for name, places in status["lag"].items()
        }
    except (KeyError, TypeError, AttributeError):
        return ""
    return ", ".join(f"{name} {behind:,} behind" for name, behind in groups.items() if behind)


def _why(error: Exception) -> str:
    return str(error) or type(error).__name__


def _detail(answer: httpx.Response) -> str:
    """What RFC 9457 problem details say, if that is what came."""
    try:
        return str(answer.json()["detail"])
    except (ValueError, KeyError, TypeError):
        return answer.reason_phrase
