"""A fact about a lead, as scorecards count it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec


class Fact(msgspec.Struct, frozen=True, gc=False):
    """Something that happened to a lead. Service events carry aggregate and sequence; signals carry neither."""

    id: str
    kind: str
    at_ms: int
    aggregate: str | None = None
    sequence: int | None = None
    attributes: Mapping[str, Any] | None = None
    """What else the event says, for rules with conditions. None where no one asks."""
