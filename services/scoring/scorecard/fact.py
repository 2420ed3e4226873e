"""A fact about a lead, as scorecards count it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class Fact:
    """Something that happened to a lead; nobody changes it. Service events carry aggregate and sequence; signals carry
    neither."""

    __slots__ = ("aggregate", "at_ms", "attributes", "id", "kind", "sequence")

    def __init__(
        self,
        id: str,
        kind: str,
        at_ms: int,
        aggregate: str | None = None,
        sequence: int | None = None,
        attributes: Mapping[str, Any] | None = None,
    ) -> None:
        self.id = id
        self.kind = kind
        self.at_ms = at_ms
        self.aggregate = aggregate
        self.sequence = sequence
        self.attributes = attributes
        """What else the event says, for rules with conditions. None where no one asks."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Fact) and self._values() == other._values()

    def __repr__(self) -> str:
        return f"{type(self).__name__}{self._values()!r}"

    def _values(self) -> tuple[object, ...]:
        return (self.id, self.kind, self.at_ms, self.aggregate, self.sequence, self.attributes)
