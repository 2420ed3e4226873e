"""What people and programs leave in the cells of a table, made comparable."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import Final

_UNSEEN: Final = dict.fromkeys(
    [
        *(code for code in range(0x20) if code not in (0x09, 0x0A, 0x0B, 0x0C, 0x0D)),
        *range(0x7F, 0xA0),
        *(0x00AD, 0x061C, 0x180E, 0x200B, 0x200E, 0x200F),
        *range(0x202A, 0x202F),
        *range(0x2060, 0x2070),
        0xFEFF,
    ]
)
"""Control, zero-width and direction signs. The joiners U+200C and U+200D stay: Persian and emoji need them."""

_SPACES: Final = re.compile(r"\s+")


def clean(text: str) -> str:
    """A cell's words: NFC, without signs that show nothing, any kind of space as one plain space."""
    if text.isascii() and text.isprintable() and "  " not in text:
        return text.strip()
    return _SPACES.sub(" ", unicodedata.normalize("NFC", text).translate(_UNSEEN)).strip()


@lru_cache(maxsize=65_536)
def same(text: str) -> str:
    """What two words share that mean the same: cleaned, and in either case."""
    return unicodedata.normalize("NFC", clean(text).casefold())
