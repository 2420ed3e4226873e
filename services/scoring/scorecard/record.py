"""The byte form of state records: a version byte, a body of fixed big-endian fields, a CRC-32.

Every value has exactly one form, so equal states have equal bytes.
"""

from __future__ import annotations

from struct import Struct
from typing import Any, Final
from zlib import crc32

from shared.errors import Undecodable

_CRC_BYTES: Final = 4


class UnreadableRecord(Undecodable):
    """A record is truncated, damaged, or in a format this program does not know. Nothing of it was used."""

    def __init__(self, what: str) -> None:
        super().__init__("state-unreadable", f"{what}; rebuild the state from the facts")


def seal(body: bytearray) -> bytes:
    """The record: `body`, which begins with the version byte, and its checksum."""
    body += crc32(body).to_bytes(_CRC_BYTES, "big")
    return bytes(body)


def is_whole(record: bytes, version: int) -> bool:
    """Whether `unseal` would take a record."""
    end = len(record) - _CRC_BYTES
    return (
        end > 0
        and record[0] == version
        and crc32(memoryview(record)[:end]) == int.from_bytes(record[end:], "big")
    )


def unseal(record: bytes, version: int) -> Reader:
    """A reader of the body of `record`; raises UnreadableRecord for another version or a wrong checksum."""
    end = len(record) - _CRC_BYTES
    if end < 1:
        raise UnreadableRecord(f"a record of {len(record)} bytes is too short")
    if record[0] != version:
        raise UnreadableRecord(
            f"the record is in format {record[0]} and this program reads format {version}; "
            "run the version that wrote it"
        )
    if not is_whole(record, version):
        raise UnreadableRecord("the record is damaged (wrong checksum)")
    return Reader(record, 1, end)


class Reader:
    """Takes values off a body in the order they were put there; raises UnreadableRecord at its end."""

    __slots__ = ("_at", "_end", "_record")

    def __init__(self, record: bytes, at: int, end: int) -> None:
        self._record = record
        self._at = at
        self._end = end

    def take(self, form: Struct) -> tuple[Any, ...]:
        at = self._at
        self._at = at + form.size
        if self._at > self._end:
            raise UnreadableRecord("the record ends in the middle of a value")
        return form.unpack_from(self._record, at)

    def piece(self, length: int) -> bytes:
        at = self._at
        self._at = at + length
        if self._at > self._end:
            raise UnreadableRecord("the record ends in the middle of a value")
        return self._record[at : self._at]

    def rest(self) -> bytes:
        """All that is left."""
        return self.piece(self._end - self._at)
