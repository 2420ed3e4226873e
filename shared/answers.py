"""What was answered to commands with an Idempotency-Key, so that the same command is answered the same.

An answer is kept before it is given. A process that dies in between has answered nobody: then what the repeat finds is
the first answer, and is kept as it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

from pydantic import TypeAdapter

from shared.mongo import Collection, Document, DuplicateKeyError, Mongo, reaching

T = TypeVar("T")


class Answers(Generic[T]):
    """The answers about documents in the collection `name`, each a state of one type (a frozen dataclass).

    `now` gives a kept answer what is kept in no second place, because it can be forgotten: what concerns a person, as
    it is in the state of today.
    """

    def __init__(
        self, mongo: Mongo, name: str, type_: type[T], now: Callable[[T, T | None], T] = lambda kept, _: kept
    ) -> None:
        self._collection: Collection[Document] = mongo.collection(f"{name}_answers")
        self._adapter: TypeAdapter[T] = TypeAdapter(type_)
        self._now = now

    async def first(self, id: str, key: str, state: T) -> T:
        """The answer to the command `key` on the document `id`: this state, unless it was answered before."""
        answer = self._adapter.dump_python(self._now(state, None), mode="json")
        try:
            with reaching():
                await self._collection.insert_one({"_id": f"{id}/{key}", "answer": answer})
        except DuplicateKeyError:
            with reaching():
                found = await self._collection.find_one({"_id": f"{id}/{key}"})
            assert found is not None
            return self._now(self._adapter.validate_python(found["answer"]), state)
        return state
