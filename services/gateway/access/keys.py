"""Keys of those who come through the door. Only a digest is kept; the key itself is shown once."""

from __future__ import annotations

import re
import secrets
import time
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from services.gateway.access.roles import PERSON, SCOPES, Holder, Role, Scope
from services.gateway.access.sessions import Sessions, digest
from shared.clock import Clock, utc_now
from shared.errors import Forbidden, NotFound, Refused, Unavailable, Unknown
from shared.mongo import Collection, Document, Mongo, reaching

TRUSTED_SECONDS = 0.4
"""How long a key that was good is trusted without another look, and so how long a revoked one may still open."""
USED_EVERY = timedelta(minutes=1)
"""How exactly a key's last use is known."""
ID_LENGTH = 16


@dataclass(frozen=True, slots=True)
class Key:
    """A key, without what opens. `id` names it to whoever revokes it; `used_at` is right to a minute."""

    id: str
    name: str
    role: Role
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    used_at: datetime | None

    def is_good(self, now: datetime) -> bool:
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)


class KeyRing:
    """The keys there are, and the sessions that were made of them."""

    def __init__(self, mongo: Mongo, clock: Clock = utc_now) -> None:
        self._clock = clock
        self._collection: Collection[Document] = mongo.collection("keys")
        self._trusted: dict[str, tuple[Key, float]] = {}
        self.sessions = Sessions(mongo, clock)

    async def create(self, name: str, role: Role, expires_at: datetime | None = None) -> str:
        """Make a key and return it: the only time it can be seen. Raises `Refused`: `bad-name`, `key-expired`."""
        if not re.fullmatch(PERSON, name):
            raise Refused(
                "bad-name",
                "a key is named with up to 64 letters of English, digits, - and _, such as website or marta",
            )
        now = self._clock()
        if expires_at is not None and expires_at <= now:
            raise Refused("key-expired", "this key would end before it begins: give a later time")
        key = f"ascua_{role}_{secrets.token_urlsafe(24)}"
        times = {"created_at": now, "expires_at": expires_at, "revoked_at": None, "used_at": None}
        with reaching():
            await self._collection.insert_one({"_id": digest(key), "name": name, "role": role, **times})
        return key

    async def all(self) -> list[Key]:
        """Good ones and others, the oldest first."""
        with reaching():
            found = [_key(each) async for each in self._collection.find({})]
        return sorted(found, key=lambda key: (key.created_at, key.id))

    async def revoke(self, which: str) -> list[Key]:
        """Let the key of this id, or those of this name, open nothing from `TRUSTED_SECONDS` on. Returns them.

        Raises `NotFound` when there is none that opens anything.
        """
        now = self._clock()
        ended = [key for key in await self.all() if which in (key.id, key.name) and key.is_good(now)]
        if not ended:
            raise _no_key(which)
        for key in ended:
            with reaching():
                await self._collection.update_many(
                    {"_id": {"$gte": key.id, "$lt": f"{key.id}g"}, "revoked_at": None},
                    {"$set": {"revoked_at": now}},
                )
        self._trusted.clear()
        return [replace(key, revoked_at=now) for key in ended]

    async def link(self, key: str, lasts: timedelta) -> str:
        """A code that opens one session of this key. Raises as `admit`."""
        await self.admit(key, Scope.READ)
        return await self.sessions.code(digest(key), lasts)

    async def link_to(self, which: str, lasts: timedelta) -> str:
        """A code that opens one session of the key of this id, or the newest one of this name.

        Raises `NotFound("key-not-found")`, and `Forbidden` for the key of a channel.
        """
        now = self._clock()
        with reaching():
            found = [each async for each in self._collection.find({})]
        good = [each for each in found if which in ((key := _key(each)).id, key.name) and key.is_good(now)]
        if not good:
            raise _no_key(which)
        newest = max(good, key=lambda each: each["created_at"])
        await self._admit(newest["_id"], Scope.READ)
        return await self.sessions.code(newest["_id"], lasts)

    async def admit(self, key: str | None, scope: Scope) -> Holder:
        """Who has this key. Raises `Unknown`: `key-missing`, `-unknown`, `-revoked`, `-expired`; or `Forbidden`."""
        if not key:
            raise Unknown(
                "key-missing", "send your key as `Authorization: Bearer KEY`; `ascua keys create` makes one"
            )
        return await self._admit(digest(key), scope)

    async def admit_session(self, token: str, scope: Scope) -> Holder:
        """Who is in this session. Raises as `admit`, and `Unknown("session-over")`."""
        return await self._admit(await self.sessions.key_of(token), scope)

    async def _admit(self, key_digest: str, scope: Scope) -> Holder:
        key = await self._look(key_digest)
        if key is None:
            raise Unknown("key-unknown", "this key is not known here; `ascua keys create` makes one")
        if key.revoked_at is not None:
            raise Unknown("key-revoked", "this key was revoked; `ascua keys create` makes another")
        if not key.is_good(self._clock()):
            raise Unknown("key-expired", "this key's time is over; `ascua keys create` makes another")
        if scope not in SCOPES[key.role]:
            raise Forbidden("key-may-not", f"a {key.role} key may not {scope}")
        return Holder(key.name, key.role, key.id)

    async def _look(self, key_digest: str) -> Key | None:
        known, until = self._trusted.get(key_digest, (None, 0.0))
        if time.monotonic() < until:
            return known
        with reaching():
            found = await self._collection.find_one({"_id": key_digest})
        if found is None:
            self._trusted.pop(key_digest, None)
            return None
        key = _key(found)
        self._trusted[key_digest] = key, time.monotonic() + TRUSTED_SECONDS
        now = self._clock()
        if key.is_good(now) and (key.used_at is None or now - key.used_at > USED_EVERY):
            with suppress(Unavailable, Refused), reaching():  # nobody is kept out by a full disk
                await self._collection.update_one({"_id": key_digest}, {"$set": {"used_at": now}})
        return key


def _no_key(which: str) -> NotFound:
    return NotFound(
        "key-not-found", f"there is no key in use with the name or id {which}; see `ascua keys list`"
    )


def _key(found: Document) -> Key:
    times = (found.get(name) for name in ("expires_at", "revoked_at", "used_at"))
    return Key(found["_id"][:ID_LENGTH], found["name"], Role(found["role"]), found["created_at"], *times)
