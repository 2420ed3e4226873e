"""The byte form of state records: a version byte, a body of integers and texts, a CRC-32.

Every value has exactly one form, so equal states have equal bytes. An integer from 0 to 191 is one byte; any
other is 192 + its length, then its shortest big-endian two's complement. A text is its length and its UTF-8.
"""

from typing import Final
from zlib import crc32

from shared.errors import Undecodable

_SMALL: Final = 0xC0
_CRC_BYTES: Final = 4


class UnreadableRecord(Undecodable):
    """A record is truncated, damaged, or in a format this program does not know. Nothing of it was used."""

    def __init__(self, what: str) -> None:
        super().__init__("state-unreadable", f"{what}; rebuild the state from the facts")


def seal(version: int, body: bytes | bytearray) -> bytes:
    """The record: `version`, `body` and the checksum of both."""
    record = bytes((version,)) + body
    return record + crc32(record).to_bytes(_CRC_BYTES, "big")


def unseal(record: bytes, version: int) -> "Reader":
    """A reader of the body of `record`; raises UnreadableRecord for another version or a wrong checksum."""
    if len(record) <= _CRC_BYTES:
        raise UnreadableRecord(f"a record of {len(record)} bytes is too short")
    if record[0] != version:
        raise UnreadableRecord(
            f"the record is in format {record[0]} and this program reads format {version}; "
            "run the version that wrote it"
        )
    if crc32(record[:-_CRC_BYTES]) != int.from_bytes(record[-_CRC_BYTES:], "big"):
        raise UnreadableRecord("the record is damaged (wrong checksum)")
    return Reader(record[1:-_CRC_BYTES])


def put(out: bytearray, number: int) -> None:
    """Append an integer of at most 63 bytes."""
    if 0 <= number < _SMALL:
        out.append(number)
        return
    length = (number if number >= 0 else ~number).bit_length() // 8 + 1
    out.append(_SMALL + length)
    out += number.to_bytes(length, "big", signed=True)


def put_bytes(out: bytearray, data: bytes) -> None:
    """Append the length of `data` and `data`."""
    put(out, len(data))
    out += data


class Reader:
    """Takes values off a body in the order they were put there; raises UnreadableRecord at its end."""

    __slots__ = ("_at", "_body")

    def __init__(self, body: bytes) -> None:
        self._body = body
        self._at = 0

    def take(self, length: int) -> bytes:
        end = self._at + length
        if length < 0 or end > len(self._body):
            raise UnreadableRecord("the record ends in the middle of a value")
        piece = self._body[self._at : end]
        self._at = end
        return piece

    def number(self) -> int:
        first = self.take(1)[0]
        return first if first < _SMALL else int.from_bytes(self.take(first - _SMALL), "big", signed=True)

    def bytes(self) -> bytes:
        return self.take(self.number())

    def text(self) -> str:
        try:
            return self.bytes().decode()
        except UnicodeDecodeError:
            raise UnreadableRecord("a name in the record is not UTF-8") from None

    def end(self) -> None:
        """Raises UnreadableRecord when something is left."""
        if self._at != len(self._body):
            raise UnreadableRecord("the record goes on after its end")
