"""Calendar feeds: secret links through which a rep's calendar reads their steps. Only a digest of a link is kept."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime

from services.gateway.quick_log import Language
from shared.clock import Clock, utc_now
from shared.mongo import Collection, Document, Mongo, reaching


@dataclass(frozen=True, slots=True)
class Feed:
    """Whose steps a link shows and how. `id` names it to whoever revokes it and opens nothing."""

    id: str
    rep: str
    zone: str
    language: Language
    names: bool
    created_at: datetime


class Feeds:
    def __init__(self, mongo: Mongo, clock: Clock = utc_now) -> None:
        self._clock = clock
        self._collection: Collection[Document] = mongo.collection("feeds")

    async def open(self, rep: str, zone: str, language: Language, names: bool) -> tuple[str, Feed]:
        """Make a feed and return its token: the only time it can be seen."""
        token = secrets.token_urlsafe(32)
        feed = Feed(_digest(token), rep, zone, language, names, self._clock())
        fields = {
            "rep": rep,
            "zone": zone,
            "language": language,
            "names": names,
            "created_at": feed.created_at,
        }
        with reaching():
            await self._collection.insert_one({"_id": feed.id, **fields})
        return token, feed

    async def by_token(self, token: str) -> Feed | None:
        return await self.get(_digest(token))

    async def get(self, id: str) -> Feed | None:
        with reaching():
            found = await self._collection.find_one({"_id": id})
        return _feed(found) if found is not None else None

    async def all(self) -> list[Feed]:
        with reaching():
            return sorted(
                [_feed(each) async for each in self._collection.find({})],
                key=lambda feed: (feed.created_at, feed.id),
            )

    async def close(self, id: str) -> None:
        """From now on the link opens nothing."""
        with reaching():
            await self._collection.delete_one({"_id": id})


def _feed(found: Document) -> Feed:
    return Feed(
        found["_id"],
        found["rep"],
        found["zone"],
        Language(found["language"]),
        found["names"],
        found["created_at"],
    )


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
