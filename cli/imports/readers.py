"""Files as they lie on disk: CSV and XES, plain or gzip, one row at a time.

A file is read twice: to learn what it is, and that it is whole; then to tell it. It must not change between.
"""

from __future__ import annotations

import codecs
import gzip
import hashlib
import io
import os
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Final

from cli.imports.mapping import Mapping
from cli.imports.raw import FileWrong, Raw
from cli.imports.tables import csv_rows
from cli.imports.xes import xes_rows
from shared.errors import Refused

_CHUNK: Final = 256 * 1024
_HEAD: Final = 4096
_MARKS: Final = {codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}


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
        self.format = ""
        self.header: tuple[str, ...] = ()
        """The columns of a table, once its first row was read."""

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
            head = content.peek(_HEAD)[:_HEAD]
            self.format = self._format(head, mapping)
            if self.format == "xes":
                yield from xes_rows(content, mapping.columns)
            else:
                text = io.TextIOWrapper(content, encoding=self._encoding(head, mapping), newline="")
                yield from csv_rows(text, mapping, self._take_header)
            self.digest = digest.hexdigest()
        self.check()

    def _take_header(self, names: tuple[str, ...]) -> None:
        self.header = names

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
        if found == "xes" and mapping.table is not None:
            name = "leads" if mapping.leads is not None else "tickets"
            raise Refused("wrong-format", f"{self.path} is XES, and the mapping has {name}:, for a table")
        if found == "csv" and mapping.columns is None and mapping.table is None:
            raise Refused("no-columns", "the mapping has no columns:, and a CSV file needs them")
        return found

    def _encoding(self, head: bytes, mapping: Mapping) -> str:
        """What the mapping says or the file's first bytes do. Raises `Refused` for what only looks like something."""
        if mapping.encoding is not None:
            return "utf-8-sig" if mapping.encoding == "utf-8" else mapping.encoding
        if (marked := _MARKS.get(head[:2])) is not None:
            return marked
        even, odd = head[0::2].count(0), head[1::2].count(0)
        if max(even, odd) > len(head) // 5:
            name = "utf-16-le" if odd > even else "utf-16-be"
            raise Refused(
                "not-utf8",
                f"{self.path}, line 1 has NUL bytes as UTF-16 without its mark has them: "
                f"say encoding: {name} in the mapping, or export the file as UTF-8",
            )
        return "utf-8-sig"

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
        except UnicodeDecodeError as error:
            raise Refused("not-utf8", self._not_text(error)) from None
        except FileWrong as error:
            self.check()
            raise Refused("file-wrong", f"{self.path}, {error}") from None
        except OSError as error:
            raise Refused(
                "file-unreadable", f"{self.path} cannot be read: {error.strerror or error}"
            ) from None

    def _not_text(self, error: UnicodeDecodeError) -> str:
        if error.encoding != "utf-8":
            return f"{self.path} is not {error.encoding}; correct encoding: in the mapping, or export it as UTF-8"
        number, line = 0, b""
        for line in self._plain():
            number += 1
            try:
                line.decode()
            except UnicodeDecodeError:
                break
        return (
            f"{self.path}, line {number} is not UTF-8; export the file as UTF-8, or say its encoding: in the mapping"
            f"{_windows(line)}"
        )


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


def _windows(line: bytes) -> str:
    """How a line reads in the encoding that spreadsheets of Western Europe write, if it does."""
    try:
        shown = line.decode("windows-1252")
    except UnicodeDecodeError:
        return ""
    if any(sign.isalpha() and not sign.isascii() for sign in shown):
        words = next((word for word in shown.split() if not word.isascii()), "")
        return f"; as windows-1252 it would read {words[:30]!r}"
    return ""
