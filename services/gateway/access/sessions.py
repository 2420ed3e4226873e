"""Sessions of the pages, and the one-time codes that open them. Only digests are kept of both.

A session is of a key: it ends with the key, when its time is over, or when its holder leaves. So the cookie that a
browser keeps opens nothing elsewhere, and an address that stays in a history or a log opens nothing twice.
"""

from __future__ import annotations

import hashlib
import secrets
import time
from datetime import timedelta
from typing import Final

from shared.clock import Clock, utc_now
from shared.errors import Unknown
from shared.mongo import Collection, Document, Index, Mongo, reaching

LASTS: Final = timedelta(days=7)
CODE_LASTS: Final = timedelta(minutes=15)
TRUSTED_SECONDS: Final = 0.4
"""How long a session is trusted without another look."""
TRUSTED_KEPT: Final = 10_000

_ENDS = (Index((("expires_at", 1),)),)


class Sessions:
    def __init__(self, mongo: Mongo, clock: Clock = utc_now) -> None:
        self._clock = clock
        self._sessions: Collection[Document] = mongo.collection("sessions", _ENDS)
        self._codes: Collection[Document] = mongo.collection("codes", _ENDS)
        self._trusted: dict[str, tuple[str, float]] = {}

    async def code(self, key: str, lasts: timedelta = CODE_LASTS) -> str:
        """A code that opens one session of the key with this digest."""
        return await self._keep(self._codes, f"once_{secrets.token_urlsafe(24)}", key, lasts)

    async def open(self, key: str) -> str:
        """Begin a session of the key with this digest; the token that is returned stands for it."""
        return await self._keep(self._sessions, secrets.token_urlsafe(32), key, LASTS)

    async def enter(self, code: str) -> str:
        """Use a code up for a session's token. Raises `Unknown("code-over")` when it was used, or its time is over."""
        with reaching():
            found = await self._codes.find_one({"_id": digest(code)})
            used = await self._codes.delete_one({"_id": digest(code)})
        # Of two who come with it at once, one has deleted it.
        if found is None or used.deleted_count != 1 or found["expires_at"] <= self._clock():
            raise Unknown(
                "code-over", "this link was used, or its time is over; `ascua keys link` makes another"
            )
        return await self.open(found["key"])

    async def key_of(self, token: str) -> str:
        """The digest of the key whose session this is. Raises `Unknown("session-over")`."""
        id = digest(token)
        key, until = self._trusted.get(id, ("", 0.0))
        if time.monotonic() < until:
            return key
        self._trusted.pop(id, None)
        with reaching():
            found = await self._sessions.find_one({"_id": id})
        if found is None or found["expires_at"] <= self._clock():
            raise Unknown("session-over", "this session is over; enter again with your key")
        self._trusted[id] = found["key"], time.monotonic() + TRUSTED_SECONDS
        while len(self._trusted) > TRUSTED_KEPT:
            self._trusted.pop(next(iter(self._trusted)))
        return str(found["key"])

    async def leave(self, token: str) -> None:
        """End a session, for everybody who has its token."""
        self._trusted.pop(digest(token), None)
        with reaching():
            await self._sessions.delete_one({"_id": digest(token)})

    async def _keep(self, where: Collection[Document], token: str, key: str, lasts: timedelta) -> str:
        now = self._clock()
        with reaching():
            await where.delete_many({"expires_at": {"$lte": now}})
            await where.insert_one(
                {"_id": digest(token), "key": key, "created_at": now, "expires_at": now + lasts}
            )
        return token


def digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
