"""Documents that change as a whole, and tell what changed them in the same write.

One document is one aggregate: its state, the facts it has told and not yet published (the outbox), the last sequence
it gave out, and what it has already applied (`seen`). Everything that changes it, a command, an event or a row of an
import, is a `Step`: a pure decision on the state, guarded against being applied twice. `apply` takes many steps,
loads what they touch in one read, decides in order, and saves in one bulk write by compare-and-set on the version;
those that lost a race go round again.

A document is bounded: what is old of its histories and marks goes to its archive and leaves it with the next change
(`shared.archive`), and it tells nothing more while the log has not taken a thousand of its facts.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import Any, Generic, Literal, TypeVar

from pydantic import TypeAdapter
from pymongo import InsertOne, UpdateOne

from shared import metrics
from shared.answers import Answers
from shared.applied_once import Guard, Key, Mark, Marks, mark_name
from shared.archive import Archive, Entry
from shared.clock import Clock, new_id, utc_now
from shared.errors import AscuaError, Refused, Unavailable
from shared.events.base import Event, JsonObject, Recorded, Trace, to_cloudevent
from shared.group_commit import GroupCommit
from shared.logs import current_trace, logger
from shared.mongo import DUPLICATE, BulkWriteError, Collection, Document, content_refused, named, reaching
from shared.tasks import Pace

T = TypeVar("T")

WAITING_MOST = 1_000
ROUNDS = 20
ON_CONFLICT = 0.004

Decision = tuple[T, Sequence[Event]]
"""What a decision leaves: the new state and the facts to tell."""


@dataclass(frozen=True, slots=True)
class Step(Generic[T]):
    """A decision on the document `id`: it gets None where there is none yet, and raises `AscuaError` to refuse."""

    id: str
    decide: Callable[[T | None], Decision[T]]
    guard: Guard | None = None
    trace: Trace | None = None


Look = Callable[[], Awaitable[None]]
"""Reads what decisions lean on beside their documents: after those, in every round, so that it is never older."""


@dataclass(frozen=True, slots=True)
class Outcome(Generic[T]):
    """What became of a step: `applied`, `known` (a duplicate) or `refused` with the error."""

    kind: Literal["applied", "known", "refused"]
    state: T | None = None
    facts: tuple[Event, ...] = ()
    error: AscuaError | None = None


Pack = Callable[[T], tuple[T, Sequence[Entry]]]
"""The state without what is old in it, and that; what decisions need of it stays in the state, in sum."""


@dataclass(frozen=True, slots=True)
class _Held(Generic[T]):
    """A document in memory, what has been added to it since it was loaded, and what leaves it if it is changed."""

    id: str
    state: T | None = None
    version: int = 0
    sequence: int = 0
    marks: Marks = field(default_factory=Marks)
    waiting: tuple[JsonObject, ...] = ()
    told: tuple[JsonObject, ...] = ()
    changed: bool = False
    leaving: tuple[Entry, ...] = ()
    leaving_marks: Mapping[str, Mark] = field(default_factory=dict)


class Documents(Generic[T]):
    """The documents of one collection, with states of one type (a frozen dataclass), and perhaps an archive."""

    def __init__(
        self,
        collection: Collection[Document],
        type_: type[T],
        clock: Clock = utc_now,
        archive: Archive | None = None,
        pack: Pack[T] = lambda state: (state, ()),
        answers: Answers[T] | None = None,
    ) -> None:
        self.collection = collection
        self.archive = archive
        self._answers = answers
        self._adapter: TypeAdapter[T] = TypeAdapter(type_)
        self._clock = clock
        self.pack = pack
        self._together: GroupCommit[Step[T], Outcome[T]] = GroupCommit(self.apply)
        self._again = asyncio.Lock()  # those who lost go again one by one, or they would lose to each other
        self.on_told: Callable[[Mapping[str, Sequence[JsonObject]]], None] = lambda _: None
        """Called after a save with the whole outbox of each document, so that a relay need not read it back."""

    async def get(self, id: str) -> T | None:
        return (await self.get_many([id])).get(id)

    async def get_many(self, ids: Sequence[str]) -> dict[str, T]:
        found = {doc["_id"]: doc["state"] for doc in await self._read(ids)}
        return {id: self._adapter.validate_python(found[id]) for id in dict.fromkeys(ids) if id in found}

    async def find(
        self, query: Document, sort: Sequence[tuple[str, int]] = (), limit: int = 0, skip: int = 0
    ) -> list[tuple[str, T]]:
        """States that match, with their ids. Fields are named `state.…`; bound the sorted field."""
        cursor = self.collection.find(query, {"state": 1}).limit(limit).skip(skip)
        if sort:
            cursor = cursor.sort(list(sort))
        found, pace = [], Pace()
        with reaching():
            docs = await cursor.batch_size(limit).to_list(None)
        for doc in docs:
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
            finds = (
                self.collection.find({"_id": {"$in": some}}, {"state": 1}).to_list(None)
                for some in named(portion)
            )
            with reaching():
                found = await asyncio.gather(*finds)
            yield await asyncio.to_thread(self._states, list(chain.from_iterable(found)))

    def _states(self, docs: Sequence[Document]) -> list[T]:
        return [self._adapter.validate_python(doc["state"]) for doc in docs]

    async def change(self, step: Step[T], look: Look | None = None) -> Outcome[T]:
        """Apply one step, with those that others ask for at the same time; raise its error when it is refused."""
        if look is None:
            outcome = await self._together(replace(step, trace=step.trace or current_trace()))
        else:
            (outcome,) = await self.apply([step], look)
        if outcome.error is not None:
            raise outcome.error
        return outcome

    async def left_by(self, step: Step[T], look: Look | None = None) -> T:
        """The state as it is once a step was taken, now or before; raises its error when it is refused."""
        outcome = await self.change(step, look)
        assert outcome.state is not None
        return outcome.state

    async def state_after(self, step: Step[T], look: Look | None = None) -> T:
        """What a command is answered: the state that its step leaves, or the one it has left the first time."""
        return await self.answer(step, await self.left_by(step, look))

    async def answer(self, step: Step[T], state: T) -> T:
        """This state, unless the same command was answered with another."""
        if self._answers is None or not isinstance(step.guard, Key):
            return state
        return await self._answers.first(step.id, step.guard.key, state)

    async def apply(self, steps: Sequence[Step[T]], look: Look | None = None) -> list[Outcome[T]]:
        """Apply steps, those of one document in order; say what became of each.

        Raises `Unavailable` when the store is away: then some may be saved, and doing it again is safe for guarded
        steps. A decision that fails by a bug is refused as `failed`, one whose content the store does not take as
        `too-large` or `not-storable`, so that the others go on. A step that can be taken a little later (others keep
        changing the same document, or the log has not taken what was told before) is refused as `Unavailable`.
        """
        outcomes: dict[int, Outcome[T]] = {}
        waiting, pace = list(range(len(steps))), Pace()
        for attempt in range(ROUNDS):
            async with self._again if attempt else nullcontext():
                held = await self._load([steps[i] for i in waiting])
                if look is not None:
                    await look()
                decided: dict[str, list[int]] = {}
                for i in waiting:
                    await pace()
                    document = held.get(steps[i].id) or _Held(steps[i].id)
                    held[steps[i].id], outcomes[i] = self._decide(document, steps[i])
                    decided.setdefault(steps[i].id, []).append(i)
                changed = [document for document in held.values() if document.changed]
                await self._archive(changed)
                lost, refused = await self._save(changed)
            for id, error in refused.items():
                if len(decided[id]) == 1:
                    outcomes[decided[id][0]] = Outcome("refused", error=error)
                    continue
                for i in decided[id]:  # each by itself, so that one does not keep the others
                    (outcomes[i],) = await self.apply([steps[i]], look)
            if not lost:
                break
            metrics.CONFLICTS.labels(self.collection.name).inc(len(lost))
            waiting = [i for id in decided if id in lost for i in decided[id]]
            await asyncio.sleep(random.uniform(0, ON_CONFLICT * attempt))  # noqa: S311
        else:
            busy = Unavailable("too-much-at-once", "others keep changing the same thing; try again")
            outcomes |= {i: Outcome("refused", error=busy) for i in waiting}
        return [outcomes[i] for i in range(len(steps))]

    def _decide(self, held: _Held[T], step: Step[T]) -> tuple[_Held[T], Outcome[T]]:
        try:
            if held.marks.know(step.guard):
                return held, Outcome("known", held.state)
            state, facts = step.decide(held.state)
            if facts and len(held.waiting) >= WAITING_MOST:
                raise Unavailable("log-behind", "the log has not taken what was told before; try again")
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
        return replace(
            held,
            state=state,
            sequence=held.sequence + len(facts),
            marks=held.marks.applied(step.guard, is_archived=self.archive is not None),
            told=held.told + told,
            changed=True,
        )

    async def _load(self, steps: Sequence[Step[T]]) -> dict[str, _Held[T]]:
        """Those that are there, in the order of the steps: what is told of many comes out in the order it was asked."""
        found, pace = {}, Pace()
        for doc in await self._read([step.id for step in steps]):
            found[doc["_id"]] = self._held(doc)
            await pace()
        if self.archive is not None:
            guards: dict[str, set[str]] = {}
            for step in steps:
                guards.setdefault(step.id, set()).add(mark_name(step.guard))
            found = {id: self._packed(held, guards[id]) for id, held in found.items()}
            await self._recall(self.archive, found, steps)
        return {step.id: found[step.id] for step in steps if step.id in found}

    def _packed(self, held: _Held[T], guards: set[str]) -> _Held[T]:
        """The document as it is without what is old in it, and without the marks that these guards do not ask for."""
        assert held.state is not None
        state, old = self.pack(held.state)
        marks, leaving = held.marks.thinned(guards)
        return replace(
            held,
            state=state,
            marks=marks,
            leaving=tuple(old),
            leaving_marks={f"{held.id}/{name}": mark for name, mark in leaving.items()},
        )

    async def _recall(self, archive: Archive, found: dict[str, _Held[T]], steps: Sequence[Step[T]]) -> None:
        """Bring back the marks that steps ask for and that have left their documents."""
        missing = {}
        for step in steps:
            held = found.get(step.id)
            if held is not None and held.marks.may_lack(step.guard):
                missing[f"{step.id}/{mark_name(step.guard)}"] = step
        for id, mark in (await archive.marks(list(missing))).items():
            step = missing[id]
            held = found[step.id]
            found[step.id] = replace(held, marks=held.marks.recalled(step.guard, mark))

    async def _archive(self, documents: Sequence[_Held[T]]) -> None:
        """Write what leaves these documents with the save that follows."""
        entries = [entry for document in documents for entry in document.leaving]
        marks = {id: mark for document in documents for id, mark in document.leaving_marks.items()}
        if self.archive is not None and (entries or marks):
            await self.archive.keep(entries, marks)

    async def _read(self, ids: Sequence[str]) -> list[Document]:
        finds = (self.collection.find({"_id": {"$in": some}}) for some in named(list(dict.fromkeys(ids))))
        with reaching():
            return [doc for found in finds for doc in await found.to_list(None)]

    def _held(self, doc: Document) -> _Held[T]:
        return _Held(
            doc["_id"],
            self._adapter.validate_python(doc["state"]),
            doc["version"],
            doc["sequence"],
            Marks(
                doc["seen"],
                dict(doc["answers"]),
                {import_id: tuple(rows) for import_id, rows in doc.get("rows", {}).items()},
                doc.get("is_thinned", False),
            ),
            tuple(doc["outbox"]),
        )

    async def _save(self, documents: Sequence[_Held[T]]) -> tuple[set[str], dict[str, Refused]]:
        """Write all; return the ids of those that somebody else changed first, and why the store refuses others."""
        if not documents:
            return set(), {}
        stamp = new_id()
        refused: dict[str, Refused] = {}
        try:
            won, refused = await self._write_all(documents, stamp)
        except Refused:  # by the driver, which has sent some of them, or none
            won = 0
            for document in documents:
                try:
                    refused |= (await self._write_all([document], stamp))[1]
                except Refused as error:
                    refused[document.id] = error
        written = [document for document in documents if document.id not in refused]
        lost = set() if won == len(documents) else await self._lost(written, stamp)
        # What waited before goes along: an outbox is published from its first fact, whoever wrote it.
        self.on_told({d.id: d.waiting + d.told for d in written if d.told and d.id not in lost})
        return lost, refused

    async def _write_all(self, documents: Sequence[_Held[T]], stamp: str) -> tuple[int, dict[str, Refused]]:
        """Write in bulk; return how many were, and why the server refuses others for their content."""
        refused = {}
        try:
            with reaching():
                result = await self.collection.bulk_write(
                    [self._write(d, stamp) for d in documents], ordered=False
                )
            return result.inserted_count + result.matched_count, {}
        except BulkWriteError as error:
            for failure in error.details["writeErrors"]:
                if (reason := content_refused(failure["code"])) is not None:
                    refused[documents[failure["index"]].id] = reason
                elif failure["code"] != DUPLICATE:
                    raise
            return error.details["nInserted"] + error.details["nMatched"], refused

    async def _lost(self, documents: Sequence[_Held[T]], stamp: str) -> set[str]:
        won = set()
        with reaching():
            for some in named([d.id for d in documents]):
                mine = self.collection.find({"_id": {"$in": some}}, {"stamps": 1})
                won |= {doc["_id"] async for doc in mine if stamp in doc["stamps"]}
        return {d.id for d in documents} - won

    def _write(self, held: _Held[T], stamp: str) -> InsertOne[Document] | UpdateOne:
        assert held.state is not None
        marks = held.marks
        fields: Document = {
            "state": self._adapter.dump_python(held.state),
            "version": held.version + 1,
            "sequence": held.sequence,
            "seen": dict(marks.seen),
            "answers": list(marks.answers.items()),
        }
        if marks.is_thinned:
            fields["is_thinned"] = True
        if marks.rows:
            fields["rows"] = {import_id: list(rows) for import_id, rows in marks.rows.items()}
        if held.version == 0:
            return InsertOne({"_id": held.id, **fields, "outbox": list(held.told), "stamps": [stamp]})
        # The stamps tell, after a bulk write that was only partly ours, which documents we did write.
        push: dict[str, Any] = {"stamps": {"$each": [stamp], "$slice": -8}}
        if held.told:
            push["outbox"] = {"$each": list(held.told)}
        return UpdateOne({"_id": held.id, "version": held.version}, {"$set": fields, "$push": push})


def settled(outcomes: Sequence[Outcome[T]]) -> Sequence[Outcome[T]]:
    """The outcomes of guarded steps, when all are final; raises the first `Unavailable`: take the steps again."""
    for outcome in outcomes:
        if isinstance(outcome.error, Unavailable):
            raise outcome.error
    return outcomes
