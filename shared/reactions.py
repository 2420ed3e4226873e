"""How a document follows events: a pure reaction, applied once and in order.

    await Reactions(FollowUp, react).handle(documents, batch)

The document is the one of the event's lead. Every event of a topic moves the document's `seen` on, also those that
change nothing, so that a hole in a sequence is noticed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar

from shared.applied_once import Seen
from shared.bus.received import Received
from shared.bus.topics import compacted
from shared.documents import Decision, Documents, Look, Step, settled
from shared.errors import AscuaError
from shared.events.base import Recorded

T = TypeVar("T")
React = Callable[[T, Recorded[Any]], Decision[T]]


class Reactions(Generic[T]):
    """Reactions of one kind of document: `begin` makes the empty one of a lead, `react` takes every event."""

    def __init__(self, begin: Callable[[str], T], react: React[T]) -> None:
        self._begin, self._react = begin, react

    def step(self, received: Received) -> Step[T]:
        """The guarded step that an event takes on its lead's document."""
        recorded = received.event

        def decide(state: T | None) -> Decision[T]:
            return self._react(self._begin(recorded.lead_id) if state is None else state, recorded)

        guard = None
        if recorded.aggregate is not None and recorded.sequence is not None:
            guard = Seen(recorded.aggregate, recorded.sequence, gapless=not compacted(received.topic))
        return Step(recorded.lead_id, decide, guard, received.trace)

    async def handle(
        self, documents: Documents[T], batch: Sequence[Received], look: Look | None = None
    ) -> list[AscuaError | None]:
        """Apply a batch; say for each event why it could not be, or None. Raises `Unavailable`: apply it again."""
        outcomes = await documents.apply([self.step(received) for received in batch], look)
        return [outcome.error for outcome in settled(outcomes)]
