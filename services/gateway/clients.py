"""The other services, over HTTP."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, TypeVar

from aiohttp import ClientError, ClientSession, ClientTimeout, TCPConnector
from pydantic import BaseModel, TypeAdapter

from services.gateway.access.acting import acting
from services.gateway.access.visits import current_actor, current_visit
from shared.clock import in_utc, utc_now
from shared.commands.followup import (
    Worked,
    WorkedSpans,
)
from shared.commands.import_rows import (
    HistoryRows,
    RowOutcomes,
)
from shared.commands.leads import (
    Profile,
)
from shared.errors import AscuaError, NotFound, Refused, TooMany, Unavailable, Unknown
from shared.events.base import rfc3339
from shared.inner_secret import ACTOR_HEADER, inner_header
from shared.logs import current_trace
from shared.web import STATUS

CONNECTIONS = 200
"""To all services together; they are kept open for the next request."""
WITHIN = 30.0
"""Seconds that an answer may take."""
KNOWN_KEPT = 100_000
AT_ONCE = 1_000
B = TypeVar("B", bound=BaseModel)
_PROFILES: TypeAdapter[dict[str, Profile]] = TypeAdapter(dict[str, Profile])
_ERRORS: Mapping[int, type[AscuaError]] = {
    int(status): kind for kind, status in STATUS if kind not in (Unknown, TooMany)
}
"""What concerns the gateway itself is nothing that its client could mend."""


class Upstreams:
    """Clients of leads, followup, tickets and scoring. Their problems are raised here as the errors they were there."""

    def __init__(
        self, urls: Mapping[str, str], secret: str | None = None, back: timedelta = timedelta.max
    ) -> None:
        """`back` is how long ago a rep may say to have done something."""
        self._urls = dict(urls)
        self._back = back
        self._headers = inner_header(secret)
        self._client: ClientSession | None = None
        self._known: dict[str, None] = {}

    async def start(self) -> None:
        """Nothing to wait for: a service that is away is told to whoever asks for it."""
        self._client = ClientSession(
            connector=TCPConnector(limit=CONNECTIONS),
            headers={"content-type": "application/json", **self._headers},
        )

    async def stop(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            await client.close()

    async def check(self) -> None:
        """The gateway does its own work without the others; each says of itself whether it is ready."""

    def status(self) -> dict[str, object]:
        return {**self._urls}

    async def call(
        self,
        service: str,
        method: str,
        path: str,
        body: BaseModel | None = None,
        key: str | None = None,
        within: float = WITHIN,
        **params: Any,
    ) -> Any:
        """Ask a service and return its JSON. Raises its problem, or `Unavailable` when it does not answer `within` so
        many seconds.
        """
        trace = current_trace()
        if body is not None:
            body = self.as_holder(body)
        headers = {
            ACTOR_HEADER: current_actor(),
            "x-request-id": trace.correlation_id,
            "traceparent": trace.traceparent,
            "idempotency-key": key,
        }
        if self._client is None:
            raise Unavailable("gateway-stopped", "the gateway is stopping; try again")
        try:
            async with self._client.request(
                method,
                self._urls[service] + path,
                data=body.model_dump_json(exclude_none=True).encode() if body is not None else None,
                headers={name: value for name, value in headers.items() if value},
                params={name: str(value) for name, value in params.items() if value is not None},
                timeout=ClientTimeout(total=within, sock_connect=2),
            ) as response:
                content = await response.read()
        except (ClientError, TimeoutError, OSError) as error:
            raise Unavailable(
                f"{service}-unreachable", f"the {service} service does not answer; try again"
            ) from error
        if response.ok:
            return json.loads(content)
        raise _error(service, response.status, content)

    def as_holder(self, body: B) -> B:
        """What is sent, by the right of whoever has sent it. Raises as `acting`."""
        visit = current_visit()
        return body if visit is None else acting(body, visit, utc_now(), self._back)

    def remember(self, lead_id: str) -> None:
        """That leads knows a lead: what is sent of it next needs no question."""
        self._known[lead_id] = None

    async def unknown(self, lead_ids: Sequence[str]) -> set[str]:
        """Those of the leads that leads has never heard of."""
        asked = list({lead_id for lead_id in lead_ids if lead_id not in self._known})
        for some in (asked[at : at + AT_ONCE] for at in range(0, len(asked), AT_ONCE)):
            for lead_id in await self.call("leads", "POST", "/known", _Ids(ids=some)):
                self.remember(lead_id)
        while len(self._known) > KNOWN_KEPT:
            self._known.pop(next(iter(self._known)))
        return {lead_id for lead_id in asked if lead_id not in self._known}

    async def must_exist(self, lead_id: str) -> None:
        if await self.unknown([lead_id]):
            raise NotFound(
                "lead-not-found", f"there is no lead {lead_id}; capture it first with POST /v1/leads"
            )

    async def profiles(self, lead_ids: Sequence[str]) -> dict[str, Profile]:
        """What leads holds about these people."""
        found: dict[str, Profile] = {}
        for some in (lead_ids[at : at + AT_ONCE] for at in range(0, len(lead_ids), AT_ONCE)):
            found |= _PROFILES.validate_python(
                await self.call("leads", "POST", "/profiles", _Ids(ids=list(some)))
            )
        return found

    async def worked(self, asked: WorkedSpans) -> Worked:
        """Business time, by the hours of each rep."""
        return Worked.model_validate(await self.call("followup", "POST", "/worked", asked))

    async def history(self, service: str, piece: HistoryRows) -> RowOutcomes:
        return RowOutcomes.model_validate(await self.call(service, "POST", "/history", piece))

    async def statuses(self) -> dict[str, Any]:
        """What every service says of its parts, or why it does not answer."""
        names = list(self._urls)
        answers = await asyncio.gather(*(self._status(name) for name in names))
        return dict(zip(names, answers, strict=True))

    async def _status(self, service: str) -> dict[str, Any]:
        try:
            answer: dict[str, Any] = await self.call(service, "GET", "/status")
        except AscuaError as error:
            return {"error": error.sentence}
        return answer


def instant(at: datetime | None) -> str | None:
    """An instant as a service is asked for it. Raises `Refused("time-out-of-range")`."""
    try:
        return None if at is None else rfc3339(in_utc(at))
    except ValueError as error:
        raise Refused("time-out-of-range", str(error)) from None


class _Ids(BaseModel):
    ids: list[str]


def _error(service: str, status: int, content: bytes) -> AscuaError:
    try:
        problem = json.loads(content)
        slug, sentence = str(problem["type"]).rpartition(":")[2], str(problem["detail"])
    except (ValueError, KeyError, TypeError):
        return Unavailable(f"{service}-failed", f"the {service} service failed ({status}); try again")
    return _ERRORS.get(status, Unavailable)(slug, sentence)
