"""What keeps a step from being taken twice, and what a document remembers for that. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TypeVar

from shared.errors import Refused
from shared.fields import Body

ROWS_KEPT = 5_000
"""Rows of an import that a document remembers: as many as can be on their way to it at once, which is one piece."""
IMPORTS_KEPT = 4
MARKS_KEPT = 32
"""Marks of a kind that stay in a document once it has more than twice as many."""

M = TypeVar("M", int, str)
Mark = int | str
"""The last sequence applied of an aggregate, or the fingerprint of a request under its key."""


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
class Row:
    """Guard by the row of an import: what was applied of it is not applied again, what was refused may be tried again.

    Only the last `ROWS_KEPT` are remembered: who sends the pieces of an import remembers those that are done.
    """

    import_id: str
    row: int


Guard = Seen | Key | Row


def idempotency(key: str | None, command: Body) -> Key | None:
    """The guard for a command that came with an Idempotency-Key."""
    if key is None:
        return None
    request = f"{command.guarded_as or type(command).__name__}\n{command.model_dump_json()}"
    return Key(key, hashlib.sha256(request.encode()).hexdigest()[:32])


def mark_name(guard: Guard | None) -> str:
    """What a guard's mark is called in the archive, behind its document; those of rows stay in it."""
    if isinstance(guard, Seen):
        return f"seen/{guard.aggregate}"
    return f"answer/{guard.key}" if isinstance(guard, Key) else ""


@dataclass(frozen=True, slots=True)
class Marks:
    """What a document has applied: the last sequence by aggregate, fingerprints by key, rows by import; and whether
    some of the former have left it for its archive.
    """

    seen: Mapping[str, int] = field(default_factory=dict)
    answers: Mapping[str, str] = field(default_factory=dict)
    rows: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    is_thinned: bool = False

    def know(self, guard: Guard | None) -> bool:
        """Whether what this guards was applied before. Raises `Refused` (`sequence-gap`, `idempotency-key-reused`)."""
        if isinstance(guard, Seen):
            last = self.seen.get(guard.aggregate, 0)
            if guard.gapless and guard.sequence > last + 1:
                raise Refused(
                    "sequence-gap",
                    f"{guard.aggregate} has come to {last} here; {guard.sequence} waits for the next",
                )
            return guard.sequence <= last
        if isinstance(guard, Row):
            return guard.row in self.rows.get(guard.import_id, ())
        if isinstance(guard, Key) and guard.key in self.answers:
            if self.answers[guard.key] != guard.fingerprint:
                raise Refused(
                    "idempotency-key-reused", "this Idempotency-Key was used before with another request"
                )
            return True
        return False

    def may_lack(self, guard: Guard | None) -> bool:
        """Whether the mark of a guard may have left for the archive; those of rows stay here."""
        if not self.is_thinned:
            return False
        if isinstance(guard, Seen):
            return guard.aggregate not in self.seen
        return isinstance(guard, Key) and guard.key not in self.answers

    def recalled(self, guard: Guard | None, mark: Mark) -> Marks:
        """With the mark of a guard that had left."""
        if isinstance(guard, Seen):
            return replace(self, seen={**self.seen, guard.aggregate: int(mark)})
        if isinstance(guard, Key):
            return replace(self, answers={**self.answers, guard.key: str(mark)})
        return self

    def applied(self, guard: Guard | None, is_archived: bool) -> Marks:
        """With what this guards; without an archive only the last keys are known again."""
        if isinstance(guard, Seen):
            seen = dict(self.seen)
            seen.pop(guard.aggregate, None)  # the last one used stands last
            return replace(self, seen={**seen, guard.aggregate: guard.sequence})
        if isinstance(guard, Key):
            answers = {**self.answers, guard.key: guard.fingerprint}
            return replace(
                self, answers=answers if is_archived else dict(list(answers.items())[-MARKS_KEPT:])
            )
        if isinstance(guard, Row):
            others = [(id, rows) for id, rows in self.rows.items() if id != guard.import_id]
            rows = (*self.rows.get(guard.import_id, ()), guard.row)[-ROWS_KEPT:]
            return replace(self, rows=dict([*others, (guard.import_id, rows)][-IMPORTS_KEPT:]))
        return self

    def thinned(self, asked: set[str]) -> tuple[Marks, dict[str, Mark]]:
        """Without the old marks that nobody asks for, and those, by their names in the archive."""
        seen, old_seen = _thinned(self.seen, asked, "seen")
        answers, old_answers = _thinned(self.answers, asked, "answer")
        leaving: dict[str, Mark] = {**old_seen, **old_answers}
        return replace(self, seen=seen, answers=answers, is_thinned=self.is_thinned or bool(leaving)), leaving


def _thinned(marks: Mapping[str, M], asked: set[str], kind: str) -> tuple[Mapping[str, M], dict[str, M]]:
    """The marks that stay in a document, and those that leave it, as `kind/name`: the oldest that nobody asks for."""
    if len(marks) <= 2 * MARKS_KEPT:
        return marks, {}
    oldest = list(marks)[:-MARKS_KEPT]
    old = {f"{kind}/{name}": marks[name] for name in oldest if f"{kind}/{name}" not in asked}
    return {name: mark for name, mark in marks.items() if f"{kind}/{name}" not in old}, old
