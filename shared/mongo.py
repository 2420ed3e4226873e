"""The document store. The only module that imports motor, so that another driver is a change of this file."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from bson.errors import InvalidBSON, InvalidDocument, InvalidStringData
from motor.motor_asyncio import AsyncIOMotorClient, AsyncIOMotorCollection
from pymongo import WriteConcern
from pymongo.errors import (
    AutoReconnect,
    BulkWriteError,
    DocumentTooLarge,
    DuplicateKeyError,
    ExecutionTimeout,
    OperationFailure,
    PyMongoError,
    WriteError,
)

from shared.errors import Misused, Refused, Unavailable

Collection = AsyncIOMotorCollection
Document = dict[str, Any]

__all__ = [
    "DUPLICATE",
    "BulkWriteError",
    "Collection",
    "Document",
    "DuplicateKeyError",
    "Index",
    "Mongo",
    "content_refused",
    "keep_new",
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


DUPLICATE = 11000


async def keep_new(collection: Collection[Document], documents: Sequence[Document]) -> None:
    """Insert documents that never change; one whose `_id` is kept already stays as it is. Raises as `reaching`."""
    try:
        with reaching():
            await collection.insert_many(documents, ordered=False)
    except BulkWriteError as error:
        for failure in error.details["writeErrors"]:
            if (refused := content_refused(failure["code"])) is not None:
                raise refused from None
            if failure["code"] != DUPLICATE:
                raise


_TOO_LARGE = frozenset({10334, 17419, 17420})
_NOT_LET_IN = frozenset({13, 18, 8000})
_UNFIT = frozenset({22, 52, 55, 56, 57, 121, 17280})
"""The server's codes for keys that cannot be, bytes that are no BSON, and content that a collection does not take."""


def content_refused(code: int | None) -> Refused | None:
    """What a server's error code says about the content that was to be written, if that is its reason."""
    if code in _TOO_LARGE:
        return _too_large()
    return _unfit() if code in _UNFIT else None


def _too_large() -> Refused:
    return Refused(
        "too-large", "what would be kept together is larger than the document store takes; send less at once"
    )


def _unfit() -> Refused:
    return Refused("not-storable", "the document store does not take such names or values")


@contextmanager
def reaching() -> Iterator[None]:
    """Turn whatever keeps the store from working into `Unavailable`, in the one place for it.

    What is refused for its content is `Refused("too-large")` or `Refused("not-storable")`, and says nothing of it.
    `DuplicateKeyError` passes, and a `BulkWriteError` that speaks of content and duplicates alone: whose document it
    was is for the writer to say.
    """
    try:
        yield
    except DocumentTooLarge:
        raise _too_large() from None
    except (InvalidDocument, InvalidStringData, InvalidBSON, OverflowError, UnicodeEncodeError):
        raise _unfit() from None
    except (AutoReconnect, ExecutionTimeout, TimeoutError, OSError) as error:
        raise Unavailable("store-unreachable", "the document store does not answer; try again") from error
    except PyMongoError as error:
        if isinstance(error, DuplicateKeyError) or _is_of_content(error):
            raise
        if isinstance(error, OperationFailure) and error.code in _NOT_LET_IN:
            raise Unavailable(
                "store-refuses",
                "the document store does not let us in: look at name and password in ASCUA_MONGO_URL",
            ) from error
        if isinstance(error, WriteError) and (refused := content_refused(error.code)) is not None:
            raise refused from None
        raise Unavailable(
            "store-failing", "the document store answers and does not work; `ascua doctor` may know why"
        ) from error


def _is_of_content(error: PyMongoError) -> bool:
    """Whether a bulk write failed for what some of its documents hold, and nothing else."""
    failures = error.details.get("writeErrors", []) if isinstance(error, BulkWriteError) else []
    return bool(failures) and all(
        each["code"] == DUPLICATE or content_refused(each["code"]) is not None for each in failures
    )
