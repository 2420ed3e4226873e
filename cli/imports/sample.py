"""The first rows of a table nobody has described yet."""

from __future__ import annotations

import csv
import gzip
import io
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cli.imports.text import clean
from shared.errors import Refused

_BYTES: Final = 4 * 1024 * 1024
_ROWS: Final = 2_000
_DELIMITERS: Final = (",", ";", "\t", "|")


@dataclass(frozen=True, slots=True)
class Sample:
    """`encoding` is None where it needs not be said; `doubts` about how the file was read."""

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    delimiter: str
    encoding: str | None
    doubts: tuple[str, ...]

    def column(self, place: int) -> list[str]:
        """What stands in a column, where something does."""
        return [row[place] for row in self.rows if row[place]]


def sample(path: Path) -> Sample:
    """Raises `Refused` when there is no table in the file."""
    try:
        head = _head(path)
    except (OSError, EOFError) as error:
        raise Refused("file-unreadable", f"{path} cannot be read: {error}") from None
    if not head:
        raise Refused("file-empty", f"{path} is empty")
    if head.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"<"):
        raise Refused(
            "not-a-table", f"{path} is XML; of an XES log say what its activities mean, as bpi12 does"
        )
    encoding, text, doubts = _decoded(head)
    delimiter = _delimiter(text)
    csv.field_size_limit(_BYTES)
    try:
        table = [
            [clean(cell) for cell in cells]
            for cells in csv.reader(io.StringIO(text), delimiter=delimiter)
            if cells
        ]
    except csv.Error as error:
        raise Refused("not-a-table", f"{path} is no table: {error}") from None
    if len(table) < 2 or len(table[0]) < 2:
        raise Refused("not-a-table", f"{path} has no header with two columns and a row below it")
    if len(head) == _BYTES:
        table = table[:-1]
    header, width = tuple(table[0]), len(table[0])
    rows = tuple(tuple([*cells, *[""] * width][:width]) for cells in table[1 : _ROWS + 1])
    return Sample(header, rows, delimiter, encoding, tuple(doubts))


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        packed = file.read(2) == b"\x1f\x8b"
        file.seek(0)
        return gzip.GzipFile(fileobj=file).read(_BYTES) if packed else file.read(_BYTES)


def _decoded(head: bytes) -> tuple[str | None, str, list[str]]:
    if head[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return None, head.decode("utf-16", "ignore"), []
    even, odd = head[0:4096:2].count(0), head[1:4096:2].count(0)
    if max(even, odd) > min(len(head), 4096) // 5:
        name = "utf-16-le" if odd > even else "utf-16-be"
        return name, head.decode(name, "ignore"), [f"the file looks like {name} without its mark"]
    try:
        return None, head.decode("utf-8-sig"), []
    except UnicodeDecodeError as error:
        if len(head) == _BYTES and error.start > len(head) - 4:
            return None, head[: error.start].decode("utf-8-sig"), []
    text = head.decode("windows-1252", "replace")
    shown = next((word for word in text.split() if not word.isascii()), "")
    return (
        "windows-1252",
        text,
        [f"the file is not UTF-8; as windows-1252 it reads {shown[:30]!r}: look whether that is right"],
    )


def _delimiter(text: str) -> str:
    """The sign that parts most lines into the same number of cells, of those the one with most cells."""
    lines = text.splitlines()[:50]

    def score(sign: str) -> tuple[float, int]:
        try:
            widths = Counter(len(cells) for cells in csv.reader(lines, delimiter=sign) if cells)
        except csv.Error:
            return 0.0, 0
        if not widths:
            return 0.0, 0
        width, count = widths.most_common(1)[0]
        return (count / widths.total() if width > 1 else 0.0), width

    return max(_DELIMITERS, key=score)
