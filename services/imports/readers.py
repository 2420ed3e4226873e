"""Logs as they lie on disk: CSV and XES, plain or gzip, one row at a time.

A log is read twice: to learn what it is, and that it is whole; then to tell it. It must not change between.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import os
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Final, NamedTuple
from xml.parsers import expat

from services.imports.mapping import XES_COLUMNS, Columns, Mapping, Names
from shared.errors import Refused

_CHUNK: Final = 256 * 1024
_REQUIRED: Final = ("lead", "time", "activity")


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


_FIELDS: Final = ("lead", "time", "activity", "lifecycle", "person", "value")


class Source:
    """A log held open, so that what is read twice is the same file even when another takes its name."""

    def __init__(self, path: Path) -> None:
        """Raises `Refused` when the file cannot be opened."""
        self.path = path
        try:
            self._file: BinaryIO = path.open("rb")
        except OSError as error:
            raise Refused("file-unreadable", f"{path} cannot be read: {error.strerror}") from None
        self._stamp = self._now()
        self.digest = ""

    def __enter__(self) -> Source:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    @property
    def changed_at(self) -> float:
        """When the file was written last, in seconds since 1970."""
        return self._stamp[1] / 1e9

    def check(self) -> None:
        """Raises `Refused` when the file has changed since it was opened."""
        if self._now() != self._stamp:
            raise Refused(
                "file-changed", f"{self.path} is being written; wait until it is whole and run this again"
            )

    def rows(self, mapping: Mapping) -> Iterator[Raw]:
        """The rows in the order of the file; `digest` is the content's SHA-256 afterwards.

        Raises `Refused` when the file is not what the mapping says, or not whole.
        """
        with self._explained():
            digest = hashlib.sha256()
            content = io.BufferedReader(_Tee(self._plain(), digest), _CHUNK)
            format_ = self._format(content.peek(64)[:64], mapping)
            if format_ == "xes":
                yield from _xes(content, mapping.columns or XES_COLUMNS)
            else:
                yield from _csv(content, mapping)
            self.digest = digest.hexdigest()
        self.check()

    def _now(self) -> tuple[int, int]:
        status = os.fstat(self._file.fileno())
        return status.st_size, status.st_mtime_ns

    def _plain(self) -> BinaryIO | gzip.GzipFile:
        """The content from its beginning, unpacked."""
        self._file.seek(0)
        is_gzip = self._file.read(2) == b"\x1f\x8b"
        self._file.seek(0)
        return gzip.GzipFile(fileobj=self._file) if is_gzip else self._file

    def _format(self, head: bytes, mapping: Mapping) -> str:
        if not head:
            raise Refused("file-empty", f"{self.path} is empty")
        is_xml = head.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"<")
        found = "xes" if is_xml else "csv"
        if mapping.format not in (None, found):
            raise Refused(
                "wrong-format",
                f"{self.path} is {found.upper()}, and the mapping says format: {mapping.format}; correct one",
            )
        if found == "csv" and mapping.columns is None:
            raise Refused("no-columns", "the mapping has no columns:, and a CSV file needs them")
        return found

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except EOFError:
            self.check()
            raise Refused(
                "gzip-truncated", f"{self.path} ends in the middle of its gzip data; fetch it again"
            ) from None
        except (gzip.BadGzipFile, zlib.error):
            self.check()
            raise Refused("gzip-broken", f"{self.path} has broken gzip data; fetch it again") from None
        except UnicodeDecodeError:
            raise Refused(
                "not-utf8", f"{self.path}, line {self._bad_line()} is not UTF-8; export the file as UTF-8"
            ) from None
        except _Wrong as error:
            self.check()
            raise Refused("file-wrong", f"{self.path}, {error}") from None
        except OSError as error:
            raise Refused(
                "file-unreadable", f"{self.path} cannot be read: {error.strerror or error}"
            ) from None

    def _bad_line(self) -> int:
        """The first line that is not UTF-8; looked for only when there is one."""
        number = 0
        for line in self._plain():
            number += 1
            try:
                line.decode()
            except UnicodeDecodeError:
                break
        return number


class _Wrong(Exception):
    """Where and why a file is not what it should be."""


class _Tee(io.RawIOBase):
    """Bytes on their way to a reader, digested."""

    def __init__(self, inner: BinaryIO | gzip.GzipFile, digest: hashlib._Hash) -> None:
        self._inner, self._digest = inner, digest

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        chunk = self._inner.read(len(buffer))
        buffer[: len(chunk)] = chunk
        self._digest.update(chunk)
        return len(chunk)


def _csv(content: io.BufferedReader[_Tee], mapping: Mapping) -> Iterator[Raw]:
    assert mapping.columns is not None
    text = io.TextIOWrapper(content, encoding="utf-8-sig", newline="")
    reader = csv.reader(text, delimiter=mapping.delimiter, strict=True)
    line = 1
    try:
        header = [name.strip() for name in next(reader, [])]
        places = _places(header, mapping.columns)
        row, width = 0, len(header)
        line = reader.line_num + 1
        for cells in reader:
            if cells:
                row += 1
                if len(cells) == width:
                    cells.append("")
                    yield Raw(row, line, *[cells[place].strip() for place in places])
                else:
                    wrong = f"it has {len(cells)} columns, and the header {width}"
                    told = [cells[place].strip() if -1 < place < len(cells) else "" for place in places]
                    yield Raw(row, line, *told)._replace(wrong=wrong)
            line = reader.line_num + 1
    except csv.Error as error:
        raise _Wrong(f"line {line}: a quote is wrong here or never closed ({error}); correct it") from None


def _places(header: list[str], columns: Columns) -> list[int]:
    """Where each of a row's words stands; -1, one past the row, for those the mapping does not name."""
    places = []
    for field in _FIELDS:
        names: Names | None = getattr(columns, field)
        if names is None:
            places.append(-1)
            continue
        found = [place for place, name in enumerate(header) if name in names]
        if len(found) != 1:
            how = "no column" if not found else "more than one column"
            raise _Wrong(
                f"line 1: there is {how} {' or '.join(names)}, where the mapping looks for the {field}; "
                f"the file has {', '.join(header)[:300] or 'none'}"
            )
        places.append(found[0])
    return places


def _xes(content: io.BufferedReader[_Tee], columns: Columns) -> Iterator[Raw]:
    log = _XesLog(columns)
    parser = expat.ParserCreate()
    parser.StartElementHandler = lambda name, attributes: log.start(
        name, attributes, parser.CurrentLineNumber
    )
    parser.EndElementHandler = log.end
    parser.StartDoctypeDeclHandler = lambda *_: _refuse_doctype(parser.CurrentLineNumber)
    try:
        while chunk := content.read1(_CHUNK):
            parser.Parse(chunk)
            yield from log.take()
        parser.Parse(b"", True)
    except expat.ExpatError as error:
        raise _Wrong(
            f"line {error.lineno}: this is not whole XML ({expat.ErrorString(error.code)}); fetch it again"
        ) from None
    log.check()


def _refuse_doctype(line: int) -> None:
    raise _Wrong(f"line {line}: a DOCTYPE may expand without end and is refused; XES has none, take it out")


class _XesLog:
    """Gathers events (IEEE 1849) from elements. Of an event's attributes only its own count, not nested ones."""

    def __init__(self, columns: Columns) -> None:
        self._wanted: list[Names] = [getattr(columns, field) or () for field in _FIELDS]
        self._seen: set[str] = set()
        self._open: list[str] = []
        self._trace: dict[str, str] = {}
        self._event: dict[str, str] = {}
        self._has_events = False
        self._line = self._row = 0
        self._rows: list[Raw] = []
        self._columns = columns

    def start(self, name: str, attributes: dict[str, str], line: int) -> None:
        name = name.rpartition(":")[2]
        parent = self._open[-1] if self._open else ""
        self._open.append(name)
        if not parent and name != "log":
            raise _Wrong(f"line {line}: this is XML, but not XES: it begins with <{name}>, not <log>")
        if name == "trace":
            self._trace, self._has_events = {}, False
        elif name == "event":
            self._event, self._line, self._has_events = {}, line, True
        elif parent == "event":
            self._event[attributes.get("key", "")] = attributes.get("value", "")
        elif parent == "trace":
            if self._has_events:
                raise _Wrong(f"line {line}: a trace tells about itself after its events; XES tells it before")
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
            self._rows.append(Raw(self._row, self._line, *[word.strip() for word in told]))

    def take(self) -> list[Raw]:
        rows, self._rows = self._rows, []
        return rows

    def check(self) -> None:
        """Raises `_Wrong` when no event has what the mapping looks for."""
        for field, names in zip(_FIELDS, self._wanted, strict=True):
            if names and self._row and not self._seen.intersection(names):
                raise _Wrong(
                    f"no event has {' or '.join(names)}, where the mapping looks for the {field}; "
                    f"they have {', '.join(sorted(self._seen))[:300]}"
                )
