"""Where the next page of a list goes on: behind a measure, and of equals behind an id. Pure."""

from __future__ import annotations

import math

from shared.errors import Refused


def write_cursor(measure: float, id: str) -> str:
    return f"{measure!r}~{id}"


def read_cursor(cursor: str) -> tuple[float, str]:
    """Raises `Refused("bad-cursor")`."""
    measure, _, id = cursor.partition("~")
    try:
        after = float(measure), id
    except ValueError:
        after = math.nan, id
    if not math.isfinite(after[0]) or not id:
        raise Refused("bad-cursor", "this is not a cursor of this list; begin without one")
    return after
