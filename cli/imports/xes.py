"""Event logs as XES (IEEE 1849) writes them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO, Final
from xml.parsers import expat

from cli.imports.mapping import XES_COLUMNS, Columns
from cli.imports.people_mapping import Names
from cli.imports.raw import FIELDS, FileWrong, Raw
from cli.imports.text import clean

_CHUNK: Final = 256 * 1024


def xes_rows(content: BinaryIO, columns: Columns | None) -> Iterator[Raw]:
    """The events of a log. Columns that the mapping names are needed, of the standard's only the first three."""
    log = _XesLog(columns)
    parser = expat.ParserCreate()
    parser.StartElementHandler = lambda name, attributes: log.start(
        name, attributes, parser.CurrentLineNumber
    )
    parser.EndElementHandler = log.end
    parser.StartDoctypeDeclHandler = lambda *_: _refuse_doctype(parser.CurrentLineNumber)
    try:
        while chunk := content.read(_CHUNK):
            parser.Parse(chunk)
            yield from log.take()
        parser.Parse(b"", True)
    except expat.ExpatError as error:
        raise FileWrong(
            f"line {error.lineno}: this is not whole XML ({expat.ErrorString(error.code)}); fetch it again"
        ) from None
    log.check()


def _refuse_doctype(line: int) -> None:
    raise FileWrong(
        f"line {line}: a DOCTYPE may expand without end and is refused; XES has none, take it out"
    )


class _XesLog:
    """Gathers events (IEEE 1849) from elements. Of an event's attributes only its own count, not nested ones."""

    def __init__(self, columns: Columns | None) -> None:
        self._needed = FIELDS if columns is not None else FIELDS[:3]
        self._wanted: list[Names] = [getattr(columns or XES_COLUMNS, field) or () for field in FIELDS]
        self._seen: set[str] = set()
        self._open: list[str] = []
        self._trace: dict[str, str] = {}
        self._event: dict[str, str] = {}
        self._has_events = False
        self._line = self._row = 0
        self._rows: list[Raw] = []

    def start(self, name: str, attributes: dict[str, str], line: int) -> None:
        name = name.rpartition(":")[2]
        parent = self._open[-1] if self._open else ""
        self._open.append(name)
        if not parent and name != "log":
            raise FileWrong(f"line {line}: this is XML, but not XES: it begins with <{name}>, not <log>")
        if name == "trace":
            self._trace, self._has_events = {}, False
        elif name == "event":
            self._event, self._line, self._has_events = {}, line, True
        elif parent == "event":
            self._event[attributes.get("key", "")] = attributes.get("value", "")
        elif parent == "trace":
            if self._has_events:
                raise FileWrong(
                    f"line {line}: a trace tells about itself after its events; XES tells it before"
                )
            self._trace["case:" + attributes.get("key", "")] = attributes.get("value", "")

    def end(self, name: str) -> None:
        name = name.rpartition(":")[2]
        self._open.pop()
        if name == "trace":
            self._trace = {}
        elif name == "event":
            self._row += 1
            words = {**self._trace, **self._event}
            self._seen.update(words)
            told = [next((words[name] for name in names if words.get(name)), "") for names in self._wanted]
            lead, time, activity, lifecycle, person, value = map(clean, told)
            self._rows.append(Raw(self._row, self._line, lead, time, activity, lifecycle, person, value))

    def take(self) -> list[Raw]:
        rows, self._rows = self._rows, []
        return rows

    def check(self) -> None:
        """Raises `FileWrong` when no event has what the mapping looks for."""
        for field, names in zip(FIELDS, self._wanted, strict=True):
            if field in self._needed and names and self._row and not self._seen.intersection(names):
                raise FileWrong(
                    f"no event has {' or '.join(names)}, where the mapping looks for the {field}; "
                    f"they have {', '.join(sorted(self._seen))[:300]}"
                )
