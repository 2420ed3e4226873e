"""A row as it stands in a file."""

from __future__ import annotations

from typing import Final, NamedTuple

FIELDS: Final = ("lead", "time", "activity", "lifecycle", "person", "value")
"""What a row of an event log may say."""


class Raw(NamedTuple):
    """A row as it stands in the file: its number and line, from 1, and its words; "" for what it does not say."""

    row: int
    line: int
    lead: str = ""
    time: str = ""
    activity: str = ""
    lifecycle: str = ""
    person: str = ""
    value: str = ""
    wrong: str | None = None
    """Why the row cannot be read."""
    cells: tuple[str, ...] = ()
    """Of a table of people: what stands in each column that the mapping wants, in its order."""


class FileWrong(Exception):
    """Where and why a file is not what it should be."""
