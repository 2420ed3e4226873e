"""What the processor is to whoever carries it: records in, records out, and a memory between them. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import NamedTuple, Protocol

FIRED_AT_ONCE = 50
"""How many leads are looked at in one go when time alone changes them."""


class Record(Protocol):
    """A record as it comes out of a batch; whose it is the batch says."""

    @property
    def offset(self) -> int: ...
    @property
    def key(self) -> bytes | None: ...
    @property
    def value(self) -> bytes | None: ...
    @property
    def headers(self) -> Sequence[tuple[str, bytes | None]]: ...
    @property
    def timestamp(self) -> int:
        """When it was written (ms)."""


class Output(NamedTuple):
    """A record to send. `topic` is the full name.

    `partition` is a number, or the key of whose records it joins; none means the number of the partition that sends it.
    """

    topic: str
    key: bytes
    value: bytes | None
    partition: int | bytes | None = None
    headers: tuple[tuple[str, bytes], ...] = ()


class Fold(Protocol):
    """The memory of one partition number. It does no I/O and never waits."""

    def __len__(self) -> int:
        """How many leads it knows."""

    def restore(self, key: bytes, value: bytes | None) -> None:
        """Take back a state record; the last one of a key counts."""

    def fold(self, topic: str, records: Sequence[Record], now: datetime) -> None:
        """Add records that follow each other in one topic."""

    def fire_timers(self, until: datetime, now: datetime) -> int:
        """Let happen what is due up to an instant without any record, at most `FIRED_AT_ONCE` of it; say how
        much it was."""

    def take(self, now: datetime) -> Sequence[Output]:
        """What is to be sent since the last take, state records included."""

    def due(self, now: datetime) -> Promotion | None:
        """What has to be done to the whole memory before it goes on; None, mostly."""


class Promotion(Protocol):
    """A change of a whole memory, and the facts that it needs."""

    @property
    def needs_facts(self) -> bool: ...

    def fold(self, topic: str, records: Sequence[Record]) -> None:
        """Add facts, from the first one to where the partition stands."""

    def remind(self, record: Record) -> None:
        """Hear again what was sent before."""

    def apply(self) -> Iterator[int]:
        """Change the memory, a step at a time; after each, what there is to send can be taken."""
