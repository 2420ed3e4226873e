"""What has left its document: old entries of its history, and old marks of what it has already applied.

A document is bounded, its history is not. What leaves is written here first and then leaves the document in the same
compare-and-set as the next change (`shared.documents`). So an entry may be in both places for a while, and is in one
at least: who reads history takes the document and the archive together, by id.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from pymongo import UpdateOne

from shared.applied_once import Mark
from shared.mongo import Collection, Document, Index, Mongo, keep_new, named, reaching

BY_KEY = Index((("key", 1),))
AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry of the history of the document `owner`: a frozen dataclass that never changes again.

    `id` is its own among all entries of all documents; by `key`, which several may share, it is looked up.
    """

    owner: str
    id: str
    key: str
    content: Any


class Archive:
    """The archive of the documents in the collection `name`."""

    def __init__(self, mongo: Mongo, name: str) -> None:
        self._collection: Collection[Document] = mongo.collection(f"{name}_archive", (BY_KEY,))

    async def keep(self, entries: Sequence[Entry], marks: Mapping[str, Mark]) -> None:
        """Write what is about to leave its document; again without effect, and a mark never goes back."""
        for some in (entries[at : at + AT_ONCE] for at in range(0, len(entries), AT_ONCE)):
            old = [{"_id": e.id, "owner": e.owner, "key": e.key, "content": asdict(e.content)} for e in some]
            await keep_new(self._collection, old)
        if marks:
            upserts = [
                UpdateOne({"_id": id}, {"$max": {"mark": mark}}, upsert=True) for id, mark in marks.items()
            ]
            with reaching():
                await self._collection.bulk_write(upserts, ordered=False)

    async def marks(self, ids: Sequence[str]) -> dict[str, Mark]:
        found: dict[str, Mark] = {}
        with reaching():
            for some in named(ids):
                async for document in self._collection.find({"_id": {"$in": some}}):
                    found[document["_id"]] = document["mark"]
        return found

    async def find(self, keys: Sequence[str]) -> AsyncIterator[tuple[str, str, Document]]:
        """Owner, id and content of the entries under these keys, in no order."""
        with reaching():
            for some in named(keys):
                async for document in self._collection.find({"key": {"$in": some}}):
                    yield document["owner"], document["_id"], document["content"]

    async def entries(self, ids: Sequence[str]) -> AsyncIterator[tuple[str, Document]]:
        """Id and content of the entries with these ids, in no order."""
        with reaching():
            for some in named(ids):
                async for document in self._collection.find({"_id": {"$in": some}}):
                    yield document["_id"], document["content"]
