"""Keys, links and the audit log over HTTP, for operators."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, ConfigDict, Field

from services.gateway.access.admission import KeyFirst, admit
from services.gateway.access.audit import Audit, AuditEntry
from services.gateway.access.keys import (
    Key,
    KeyRing,
)
from services.gateway.access.roles import (
    PERSON,
    Role,
    Scope,
)
from services.gateway.access.sessions import CODE_LASTS
from shared.clock import Clock
from shared.events.base import Instant

Named = Annotated[str, Field(pattern=f"^{PERSON}$", description="Whose key it is, such as website or marta.")]
Which = Annotated[
    str, Path(pattern=f"^{PERSON}$", description="The id of a key, or the name of one or several.")
]


class CreateKey(BaseModel):
    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"name": "website", "role": "channel", "days": 90}]}
    )

    name: Named
    role: Role
    days: Annotated[int, Field(strict=True, ge=1, le=3_660)] | None = Field(
        None, description="After so many days it opens nothing; never, if absent."
    )


class KeyTold(BaseModel):
    """A key, without what opens."""

    id: str
    name: str
    role: Role
    created_at: Instant
    expires_at: Instant | None
    revoked_at: Instant | None
    used_at: Instant | None = Field(description="The last use, to a minute.")


class KeyCreated(BaseModel):
    name: str
    role: Role
    expires_at: Instant | None
    key: str = Field(description="It is not shown again.")


class Link(BaseModel):
    url: str = Field(description="Opens the pages once, as the holder of the key.")
    expires_at: Instant


class Entries(BaseModel):
    items: list[AuditEntry]
    next_cursor: str | None = None


def router(keys: KeyRing, audit: Audit, public_url: str, clock: Clock) -> APIRouter:
    operate = [admit(keys, Scope.OPERATE)]
    api = APIRouter(prefix="/v1", tags=["access"], dependencies=operate, route_class=KeyFirst)

    @api.get("/keys", summary="The keys there are, without what opens")
    async def listed() -> list[KeyTold]:
        return [described(key) for key in await keys.all()]

    @api.post("/keys", status_code=201, summary="Make a key")
    async def create(body: CreateKey) -> KeyCreated:
        expires_at = None if body.days is None else clock() + timedelta(days=body.days)
        key = await keys.create(body.name, body.role, expires_at)
        return KeyCreated(name=body.name, role=body.role, expires_at=expires_at, key=key)

    @api.delete("/keys/{which}", summary="Revoke a key, its sessions and its streams, within a second")
    async def revoke(which: Which) -> list[KeyTold]:
        return [described(key) for key in await keys.revoke(which)]

    @api.post("/keys/{which}/link", status_code=201, summary="Make a link that opens the pages once")
    async def link(which: Which) -> Link:
        code = await keys.link_to(which, CODE_LASTS)
        return Link(url=f"{public_url}enter?key={code}", expires_at=clock() + CODE_LASTS)

    @api.get("/audit", summary="Who asked to change what, and what was answered; the newest first")
    async def entries(
        cursor: Annotated[str | None, Query(max_length=64)] = None,
        limit: Annotated[int, Query(ge=1, le=1_000)] = 100,
    ) -> Entries:
        """Refused and admitted requests, without their content. The last 200,000 entries or so are kept."""
        items = await audit.read(limit, cursor)
        return Entries(items=items, next_cursor=items[-1].id if len(items) == limit else None)

    return api


def described(key: Key) -> KeyTold:
    return KeyTold(
        id=key.id,
        name=key.name,
        role=key.role,
        created_at=key.created_at,
        expires_at=key.expires_at,
        revoked_at=key.revoked_at,
        used_at=key.used_at,
    )
