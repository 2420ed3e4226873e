"""Keys of those who come through the door. Only a digest is kept; the key itself is shown once."""

from __future__ import annotations

import hashlib
import re
import secrets
import time
from dataclasses import dataclass
from enum import StrEnum

from shared.clock import Clock, utc_now
from shared.errors import Forbidden
from shared.mongo import Collection, Document, Mongo, reaching

TRUSTED_SECONDS = 10.0
"""How long a key that was good is trusted without another look, and so how long a removed one may still open."""


PERSON = r"[A-Za-z0-9_-]{1,64}"
"""How people who work with leads are named in facts."""


class Role(StrEnum):
    CHANNEL = "channel"
    REP = "rep"
    OPERATOR = "operator"


class Scope(StrEnum):
    CAPTURE = "capture"
    WORK = "work"
    READ = "read"
    OPERATE = "operate"


SCOPES = {
    Role.CHANNEL: {Scope.CAPTURE},
    Role.REP: {Scope.CAPTURE, Scope.WORK, Scope.READ},
    Role.OPERATOR: set(Scope),
}


@dataclass(frozen=True, slots=True)
class Holder:
    """Who came through the door."""

    name: str
    role: Role

    @property
    def rep(self) -> str | None:
        """The rep a rep's key is named for: `ascua keys create marta --role rep`."""
        return self.name if self.role is Role.REP and re.fullmatch(PERSON, self.name) else None


class KeyRing:
    def __init__(self, mongo: Mongo, clock: Clock = utc_now) -> None:
        self._clock = clock
        self._collection: Collection[Document] = mongo.collection("keys")
        self._trusted: dict[str, tuple[Holder, float]] = {}

    async def create(self, name: str, role: Role) -> str:
        """Make a key and return it: the only time it can be seen."""
        key = f"ascua_{role}_{secrets.token_urlsafe(24)}"
        with reaching():
            await self._collection.insert_one(
                {"_id": _digest(key), "name": name, "role": role, "created_at": self._clock()}
            )
        return key

    async def admit(self, key: str | None, scope: Scope) -> Holder:
        """Who has this key. Raises `Forbidden`: `key-missing` or `key-unknown` (401), or `key-may-not` (403)."""
        if not key:
            raise Forbidden(
                "key-missing", "send your key as `Authorization: Bearer KEY`; `ascua keys create` makes one"
            )
        holder = await self._holder(_digest(key))
        if holder is None:
            raise Forbidden("key-unknown", "this key is not known here; `ascua keys create` makes one")
        if scope not in SCOPES[holder.role]:
            raise Forbidden("key-may-not", f"a {holder.role} key may not {scope}")
        return holder

    async def _holder(self, digest: str) -> Holder | None:
        holder, until = self._trusted.get(digest, (None, 0.0))
        if time.monotonic() < until:
            return holder
        with reaching():
            found = await self._collection.find_one({"_id": digest})
        if found is None:
            self._trusted.pop(digest, None)
            return None
        holder = Holder(found["name"], Role(found["role"]))
        self._trusted[digest] = (holder, time.monotonic() + TRUSTED_SECONDS)
        return holder


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()
