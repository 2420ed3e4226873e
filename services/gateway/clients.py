"""The other services, over HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

import httpx
from pydantic import BaseModel, TypeAdapter

from services.gateway.access.acting import acting
from services.gateway.access.visits import current_visit
from shared.clock import utc_now
from shared.commands import HistoryRows, Profile, RowOutcomes, Worked, WorkedSpans
from shared.errors import AscuaError, NotFound, TooMany, Unavailable, Unknown
from shared.inner import inner_header
from shared.logs import current_trace
from shared.web import STATUS

KNOWN_KEPT = 100_000
AT_ONCE = 1_000
_PROFILES: TypeAdapter[dict[str, Profile]] = TypeAdapter(dict[str, Profile])
_ERRORS: Mapping[int, type[AscuaError]] = {
    int(status): kind for kind, status in STATUS if kind not in (Unknown, TooMany)
}
"""What concerns the gateway itself is nothing that its client could mend."""


class Backends:
    """Clients of leads, followup, tickets and scoring. Their problems are raised here as the errors they were there."""

    def __init__(
        self, urls: Mapping[str, str], secret: str | None = None, back: timedelta = timedelta.max
    ) -> None:
        """`back` is how long ago a rep may say to have done something."""
        self._urls = dict(urls)
        self._back = back
        self._client = httpx.AsyncClient(timeout=httpx.Timeout(30, connect=2), headers=inner_header(secret))
        self._known: dict[str, None] = {}

    async def start(self) -> None:
        """Nothing to wait for: a service that is away is told to whoever asks for it."""

    async def stop(self) -> None:
        await self._client.aclose()

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
        **params: Any,
    ) -> Any:
        """Ask a service and return its JSON. Raises its problem, or `Unavailable` when it does not answer."""
        trace, visit = current_trace(), current_visit()
        if visit is not None and body is not None:
            body = acting(body, visit, utc_now(), self._back)
        headers = {
            "x-ascua-actor": visit.holder.name if visit is not None and visit.holder is not None else None,
            "x-request-id": trace.correlation_id,
            "traceparent": trace.traceparent,
            "idempotency-key": key,
        }
        try:
            response = await self._client.request(
                method,
                self._urls[service] + path,
                content=body.model_dump_json(exclude_none=True) if body is not None else None,
                headers={"content-type": "application/json", **{k: v for k, v in headers.items() if v}},
                params={name: value for name, value in params.items() if value is not None},
            )
        except httpx.TransportError as error:
            raise Unavailable(
                f"{service}-unreachable", f"the {service} service does not answer; try again"
            ) from error
        if response.is_success:
            return response.json()
        raise _error(service, response)

    async def unknown(self, lead_ids: Sequence[str]) -> set[str]:
        """Those of the leads that leads has never heard of."""
        asked = list({lead_id for lead_id in lead_ids if lead_id not in self._known})
        for some in (asked[at : at + AT_ONCE] for at in range(0, len(asked), AT_ONCE)):
            for lead_id in await self.call("leads", "POST", "/known", _Ids(ids=some)):
                self._known[lead_id] = None
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


class _Ids(BaseModel):
    ids: list[str]


def _error(service: str, response: httpx.Response) -> AscuaError:
    try:
        problem = response.json()
        slug, sentence = str(problem["type"]).rpartition(":")[2], str(problem["detail"])
    except (ValueError, KeyError, TypeError):
        return Unavailable(
            f"{service}-failed", f"the {service} service failed ({response.status_code}); try again"
        )
    return _ERRORS.get(response.status_code, Unavailable)(slug, sentence)
