"""The document store. The only module that imports motor, so that another driver is a change of this file."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from motor.motor_asyncio import AsyncIOMotorClient, AsyncIOMotorCollection
from pymongo import WriteConcern
from pymongo.errors import (
    AutoReconnect,
    BulkWriteError,
    DuplicateKeyError,
    ExecutionTimeout,
    OperationFailure,
    PyMongoError,
)

from shared.errors import Misused, Unavailable

Collection = AsyncIOMotorCollection
Document = dict[str, Any]

__all__ = [
    "BulkWriteError",
    "Collection",
    "Document",
    "DuplicateKeyError",
    "Index",
    "Mongo",
    "named",
    "reaching",
]


NAMED_AT_ONCE = 50
"""Ids in one `$in`: the embedded store from PyPI compares each document that it finds with all of them."""


def named(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    """The ids in portions for one `$in` each."""
    return (ids[at : at + NAMED_AT_ONCE] for at in range(0, len(ids), NAMED_AT_ONCE))


@dataclass(frozen=True, slots=True)
class Index:
    """An index a store wants: (field, 1 or -1) pairs."""

    keys: tuple[tuple[str, int], ...]
    unique: bool = False


class Mongo:
    """One service's database. Every write is acknowledged after it is in the journal.

    Raises `Misused` for what is no address.
    """

    def __init__(self, url: str, database: str) -> None:
        try:
            self._client: AsyncIOMotorClient[Document] = AsyncIOMotorClient(
                url,
                tz_aware=True,
                serverSelectionTimeoutMS=3_000,
                connectTimeoutMS=3_000,
                socketTimeoutMS=30_000,
            )
        except (PyMongoError, ValueError) as error:
            # Its words may hold the password that stands in the address.
            raise Misused(
                "bad-mongo-url", "ASCUA_MONGO_URL is no address of a MongoDB, as mongodb://host:port/"
            ) from error
        self._database = self._client.get_database(database, write_concern=WriteConcern(w=1, j=True))
        self._indexes: dict[str, tuple[Index, ...]] = {}

    def collection(self, name: str, indexes: tuple[Index, ...] = ()) -> Collection[Document]:
        """The collection `name`; its indexes are made when the service starts, while it is still empty."""
        self._indexes[name] = indexes
        return self._database[name]

    async def start(self) -> None:
        for name, indexes in self._indexes.items():
            for index in indexes:
                with reaching():
                    await self._database[name].create_index(list(index.keys), unique=index.unique)

    async def stop(self) -> None:
        self._client.close()

    async def check(self) -> None:
        """Write, and wait until it is in the journal: a store that cannot write may well answer a ping."""
        with reaching():
            writing = self._database["probe"].update_one(
                {"_id": "probe"}, {"$set": {"at": datetime.now(UTC)}}, upsert=True
            )
            await asyncio.wait_for(writing, 2)

    def status(self) -> dict[str, object]:
        return {}


_DUPLICATE = 11000
_OF_CONTENT = frozenset({2, 9, 14, 10334, 17280, 17419, 17420})
"""Codes of a server that refuses a document for what it holds, most of them for its size."""


@contextmanager
def reaching() -> Iterator[None]:
    """Turn whatever keeps the store from working into `Unavailable`, in the one place for it.

    What is the fault of what was to be written passes: `DuplicateKeyError`, a `BulkWriteError` of such, and what the
    store refuses for its content.
    """
    try:
        yield
    except (AutoReconnect, ExecutionTimeout, TimeoutError, OSError) as error:
        raise Unavailable("store-unreachable", "the document store does not answer; try again") from error
    except PyMongoError as error:
        if _is_of_content(error):
            raise
        raise Unavailable(
            "store-failing", "the document store answers and does not work; `ascua doctor` may know why"
        ) from error


def _is_of_content(error: PyMongoError) -> bool:
    if isinstance(error, BulkWriteError):
        codes = {failure["code"] for failure in error.details.get("writeErrors", [])}
        return bool(codes) and codes <= _OF_CONTENT | {_DUPLICATE}
    return isinstance(error, OperationFailure) and error.code in _OF_CONTENT | {_DUPLICATE}
