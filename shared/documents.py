"""Documents that change as a whole, and tell what changed them in the same write.

One document is one aggregate: its state, the facts it has told and not yet published (the outbox), the last sequence
it gave out, and what it has already applied (`seen`). Everything that changes it, a command, an event or a row of an
import, is a `Step`: a pure decision on the state, guarded against being applied twice. `apply` takes many steps,
loads what they touch in one read, decides in order, and saves in one bulk write by compare-and-set on the version;
those that lost a race go round again.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from typing import Any, Generic, Literal, TypeVar

from pydantic import TypeAdapter
from pymongo import InsertOne, UpdateOne

from shared import metrics
from shared.clock import Clock, new_id, utc_now
from shared.errors import AscuaError, Conflict, Refused
from shared.events.base import Event, JsonObject, Recorded, Trace, to_cloudevent
from shared.logs import current_trace, logger
from shared.mongo import BulkWriteError, Collection, Document, named, reaching
from shared.tasks import Pace

T = TypeVar("T")

ANSWERS_KEPT = 32
ROUNDS = 20
ON_CONFLICT = 0.004

Decision = tuple[T, Sequence[Event]]
"""What a decision leaves: the new state and the facts to tell."""


@dataclass(frozen=True, slots=True)
class Seen:
    """Guard by sequence: what is not above the last one applied of this aggregate is a duplicate.

    `gapless` sequences are 1, 2, 3…; one that comes too early waits as a dead letter behind its missing predecessor.
    """

    aggregate: str
    sequence: int
    gapless: bool = True


@dataclass(frozen=True, slots=True)
class Key:
    """Guard by idempotency key: the same key with the same request is answered as the first time."""

    key: str
    fingerprint: str


@dataclass(frozen=True, slots=True)
class Step(Generic[T]):
    """A decision on the document `id`: it gets None where there is none yet, and raises `AscuaError` to refuse."""

    id: str
    decide: Callable[[T | None], Decision[T]]
    guard: Seen | Key | None = None
    trace: Trace | None = None


@dataclass(frozen=True, slots=True)
class Outcome(Generic[T]):
    """What became of a step: `applied`, `known` (a duplicate) or `refused` with the error."""

    kind: Literal["applied", "known", "refused"]
    state: T | None = None
    facts: tuple[Event, ...] = ()
    error: AscuaError | None = None


@dataclass(frozen=True, slots=True)
class _Held(Generic[T]):
    """A document in memory, and what has been added to it since it was loaded."""

    id: str
    state: T | None = None
    version: int = 0
    sequence: int = 0
    seen: Mapping[str, int] = field(default_factory=dict)
    answers: Mapping[str, str] = field(default_factory=dict)
    waiting: tuple[JsonObject, ...] = ()
    told: tuple[JsonObject, ...] = ()
    changed: bool = False


class Documents(Generic[T]):
    """The documents of one collection, with states of one type (a frozen dataclass)."""

    def __init__(self, collection: Collection[Document], type_: type[T], clock: Clock = utc_now) -> None:
        self.collection = collection
        self._adapter: TypeAdapter[T] = TypeAdapter(type_)
        self._clock = clock
        self._again = asyncio.Lock()  # those who lost go again one by one, or they would lose to each other
        self.on_told: Callable[[Mapping[str, Sequence[JsonObject]]], None] = lambda _: None
        """Called after a save with the whole outbox of each document, so that a relay need not read it back."""

    async def get(self, id: str) -> T | None:
        return (await self.get_many([id])).get(id)

    async def get_many(self, ids: Sequence[str]) -> dict[str, T]:
        return {id: held.state for id, held in (await self._load(ids)).items() if held.state is not None}

    async def find(
        self, query: Document, sort: Sequence[tuple[str, int]] = (), limit: int = 0, skip: int = 0
    ) -> list[tuple[str, T]]:
        """States that match, with their ids. Fields are named `state.…`; bound the sorted field."""
        cursor = self.collection.find(query, {"state": 1}).limit(limit).skip(skip)
        if sort:
            cursor = cursor.sort(list(sort))
        found, pace = [], Pace()
        with reaching():
            async for doc in cursor:
                found.append((doc["_id"], self._adapter.validate_python(doc["state"])))
                await pace()
        return found

    async def stream(self, query: Document, size: int = 500) -> AsyncIterator[list[T]]:
        """States that match, in portions, each looked up by its ids and checked in a thread.

        The ids come first: the embedded stores find all that matches before they answer, and whole documents would
        take them too long.
        """
        pace, ids = Pace(), list[str]()
        with reaching():
            async for doc in self.collection.find(query, {"_id": 1}, batch_size=10_000):
                ids.append(doc["_id"])
                await pace()
        for portion in (ids[at : at + size] for at in range(0, len(ids), size)):
            docs: list[Document] = []
            with reaching():
                for some in named(portion):
                    docs += await self.collection.find({"_id": {"$in": some}}, {"state": 1}).to_list(None)
            yield await asyncio.to_thread(self._states, docs)

    def _states(self, docs: Sequence[Document]) -> list[T]:
        return [self._adapter.validate_python(doc["state"]) for doc in docs]

    async def change(self, step: Step[T]) -> Outcome[T]:
        """Apply one step; raise its error when it is refused."""
        (outcome,) = await self.apply([step])
        if outcome.error is not None:
            raise outcome.error
        return outcome

    async def apply(self, steps: Sequence[Step[T]]) -> list[Outcome[T]]:
        """Apply steps, those of one document in order; say what became of each.

        Raises `Unavailable` when the store is away: then some may be saved, and doing it again is safe for guarded
        steps. A decision that fails by a bug is refused as `failed`, so that the others go on.
        """
        outcomes: dict[int, Outcome[T]] = {}
        waiting, pace = list(range(len(steps))), Pace()
        for attempt in range(ROUNDS):
            async with self._again if attempt else nullcontext():
                held = await self._load([steps[i].id for i in waiting])
                decided: dict[str, list[int]] = {}
                for i in waiting:
                    await pace()
                    document = held.get(steps[i].id) or _Held(steps[i].id)
                    held[steps[i].id], outcomes[i] = self._decide(document, steps[i])
                    decided.setdefault(steps[i].id, []).append(i)
                lost = await self._save([document for document in held.values() if document.changed])
            if not lost:
                return [outcomes[i] for i in range(len(steps))]
            metrics.CONFLICTS.labels(self.collection.name).inc(len(lost))
            waiting = [i for id in decided if id in lost for i in decided[id]]
            await asyncio.sleep(random.uniform(0, ON_CONFLICT * attempt))  # noqa: S311
        raise Conflict("too-much-at-once", "others keep changing the same thing; try again")

    def _decide(self, held: _Held[T], step: Step[T]) -> tuple[_Held[T], Outcome[T]]:
        try:
            if _is_known(held, step.guard):
                return held, Outcome("known", held.state)
            state, facts = step.decide(held.state)
        except AscuaError as error:
            return held, Outcome("refused", held.state, error=error)
        except Exception as error:
            logger().exception("decision_failed", collection=self.collection.name)
            return held, Outcome(
                "refused", error=Refused("failed", f"the handler failed: {type(error).__name__}")
            )
        return self._added(held, step, state, tuple(facts)), Outcome("applied", state, tuple(facts))

    def _added(self, held: _Held[T], step: Step[T], state: T, facts: tuple[Event, ...]) -> _Held[T]:
        now, trace = self._clock(), step.trace or current_trace()
        told = tuple(
            to_cloudevent(Recorded(new_id(), fact, now, held.sequence + number, fact.aggregate, trace))
            for number, fact in enumerate(facts, 1)
        )
        seen, answers = dict(held.seen), dict(held.answers)
        if isinstance(step.guard, Seen):
            seen[step.guard.aggregate] = step.guard.sequence
        elif isinstance(step.guard, Key):
            answers[step.guard.key] = step.guard.fingerprint
            answers = dict(list(answers.items())[-ANSWERS_KEPT:])
        return replace(
            held,
            state=state,
            sequence=held.sequence + len(facts),
            seen=seen,
            answers=answers,
            told=held.told + told,
            changed=True,
        )

    async def _load(self, ids: Sequence[str]) -> dict[str, _Held[T]]:
        """Those that are there, in the order of `ids`: what is told of many comes out in the order it was asked."""
        wanted, pace = list(dict.fromkeys(ids)), Pace()
        found = {}
        with reaching():
            for some in named(wanted):
                async for doc in self.collection.find({"_id": {"$in": some}}):
                    found[doc["_id"]] = self._held(doc)
                    await pace()
        return {id: found[id] for id in wanted if id in found}

    def _held(self, doc: Document) -> _Held[T]:
        return _Held(
            doc["_id"],
            self._adapter.validate_python(doc["state"]),
            doc["version"],
            doc["sequence"],
            doc["seen"],
            dict(doc["answers"]),
            tuple(doc["outbox"]),
        )

    async def _save(self, documents: Sequence[_Held[T]]) -> set[str]:
        """Write all; return the ids of those that somebody else changed first."""
        if not documents:
            return set()
        stamp, writes, pace = new_id(), [], Pace()
        for document in documents:
            writes.append(self._write(document, stamp))
            await pace()
        try:
            with reaching():
                result = await self.collection.bulk_write(writes, ordered=False)
            won = result.inserted_count + result.matched_count
        except BulkWriteError as error:
            if any(failure["code"] != 11000 for failure in error.details["writeErrors"]):
                raise
            won = error.details["nInserted"] + error.details["nMatched"]
        lost = set() if won == len(documents) else await self._lost(documents, stamp)
        # What waited before goes along: an outbox is published from its first fact, whoever wrote it.
        self.on_told({d.id: d.waiting + d.told for d in documents if d.told and d.id not in lost})
        return lost

    async def _lost(self, documents: Sequence[_Held[T]], stamp: str) -> set[str]:
        won = set()
        with reaching():
            for some in named([d.id for d in documents]):
                mine = self.collection.find({"_id": {"$in": some}}, {"stamps": 1})
                won |= {doc["_id"] async for doc in mine if stamp in doc["stamps"]}
        return {d.id for d in documents} - won

    def _write(self, held: _Held[T], stamp: str) -> InsertOne[Document] | UpdateOne:
        assert held.state is not None
        fields: Document = {
            "state": self._adapter.dump_python(held.state),
            "version": held.version + 1,
            "sequence": held.sequence,
            "seen": dict(held.seen),
            "answers": list(held.answers.items()),
        }
        if held.version == 0:
            return InsertOne({"_id": held.id, **fields, "outbox": list(held.told), "stamps": [stamp]})
        # The stamps tell, after a bulk write that was only partly ours, which documents we did write.
        push: dict[str, Any] = {"stamps": {"$each": [stamp], "$slice": -8}}
        if held.told:
            push["outbox"] = {"$each": list(held.told)}
        return UpdateOne({"_id": held.id, "version": held.version}, {"$set": fields, "$push": push})


def _is_known(held: _Held[T], guard: Seen | Key | None) -> bool:
    if isinstance(guard, Seen):
        last = held.seen.get(guard.aggregate, 0)
        if guard.gapless and guard.sequence > last + 1:
            raise Refused(
                "sequence-gap",
                f"{guard.aggregate} has come to {last} here; {guard.sequence} waits for the next",
            )
        return guard.sequence <= last
    if isinstance(guard, Key) and guard.key in held.answers:
        if held.answers[guard.key] != guard.fingerprint:
            raise Refused(
                "idempotency-key-reused", "this Idempotency-Key was used before with another request"
            )
        return True
    return False
