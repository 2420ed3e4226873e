"""What a consumer hands over, and what it asks of whoever handles it. Pure."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from shared.errors import AscuaError
from shared.events.base import Event, Recorded, Trace


@dataclass(frozen=True, slots=True)
class Received:
    """An event and where it stood in the log. `topic` is the short name."""

    event: Recorded[Event]
    topic: str
    partition: int
    offset: int

    @property
    def trace(self) -> Trace:
        """The trace for what this event causes."""
        trace = self.event.trace
        return Trace(trace.traceparent, trace.correlation_id, causation_id=self.event.id)


Handle = Callable[[Sequence[Received]], Awaitable[Sequence[AscuaError | None]]]
"""Write the effects of a batch; say for each event, in order, why it could not be handled. An `Unavailable` or a
`Conflict` that is raised instead means that nothing is decided and the whole batch is to be tried again. After any
other `AscuaError` each event is handled by itself, and those that raise it again become dead letters."""
