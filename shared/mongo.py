"""The document store. The only module that imports motor, so that another driver is a change of this file."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from motor.motor_asyncio import AsyncIOMotorClient, AsyncIOMotorCollection
from pymongo import WriteConcern
from pymongo.errors import (
    AutoReconnect,
    BulkWriteError,
    ConnectionFailure,
    DuplicateKeyError,
    ExecutionTimeout,
    ServerSelectionTimeoutError,
)

from shared.errors import Unavailable

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
    """One service's database. Every write is acknowledged after it is in the journal."""

    def __init__(self, url: str, database: str) -> None:
        self._client: AsyncIOMotorClient[Document] = AsyncIOMotorClient(
            url, tz_aware=True, serverSelectionTimeoutMS=3_000, connectTimeoutMS=3_000, socketTimeoutMS=30_000
        )
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
        with reaching():
            await asyncio.wait_for(self._client.admin.command("ping"), 2)

    def status(self) -> dict[str, object]:
        return {}


@contextmanager
def reaching() -> Iterator[None]:
    """Turn the driver's ways of saying that the server is away into `Unavailable`."""
    try:
        yield
    except (
        AutoReconnect,
        ConnectionFailure,
        ServerSelectionTimeoutError,
        ExecutionTimeout,
        TimeoutError,
    ) as error:
        raise Unavailable("store-unreachable", "the document store does not answer; try again") from error
