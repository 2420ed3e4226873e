"""Leads as they are packed: of each its state record, the second for which its timer is set, and little else. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from struct import Struct
from typing import Final
from uuid import UUID

from services.scoring.processor.lead import timer_in

_WAKE: Final = Struct(">I")
_UUID: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}").fullmatch

Key = int | str
"""A lead's id in memory: of a UUID its number, which takes half the room."""


def key_of(lead_id: str) -> Key:
    return int(lead_id.replace("-", ""), 16) if len(lead_id) == 36 and _UUID(lead_id) else lead_id


def id_of(key: Key) -> str:
    return str(UUID(int=key)) if isinstance(key, int) else key


class PackedLeads:
    def __init__(self) -> None:
        self._kept: dict[Key, bytes] = {}

    def __len__(self) -> int:
        return len(self._kept)

    def __iter__(self) -> Iterator[str]:
        return map(id_of, self._kept)

    def put(self, key: Key, record: bytes, wakes: int) -> None:
        self._kept[key] = _WAKE.pack(wakes) + record

    def pop(self, key: Key) -> tuple[bytes, int] | None:
        """The record of a lead that is to be worked on, and its second; None when it is not here."""
        kept = self._kept.pop(key, None)
        return None if kept is None else (kept[_WAKE.size :], *_WAKE.unpack_from(kept))

    def timer(self, key: Key) -> tuple[int, int] | None:
        """A lead's timer (ms), and the second for which it is set."""
        kept = self._kept.get(key)
        return None if kept is None else (timer_in(kept, _WAKE.size)[0], *_WAKE.unpack_from(kept))

    def set_timer(self, key: Key, wakes: int) -> None:
        self._kept[key] = _WAKE.pack(wakes) + self._kept[key][_WAKE.size :]

    def rules(self) -> set[int]:
        """The codes of the rules that the records were made under."""
        return {timer_in(kept, _WAKE.size)[1] for kept in self._kept.values()}
