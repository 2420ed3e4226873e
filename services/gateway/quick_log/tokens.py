"""A line cut into tokens that know where they stand in it."""

from __future__ import annotations

import re
import unicodedata
from enum import StrEnum
from typing import Final, NamedTuple


class Shape(StrEnum):
    WORD = "word"
    NUMBER = "number"
    """`15`"""
    DECIMAL = "decimal"
    """`12.500`, `17.30`, `2,5`: an amount, or a time where one is expected."""
    ORDINAL = "ordinal"
    """`3rd`, `1º`"""
    CLOCK = "clock"
    """`9:30`"""
    HOURS = "hours"
    """`1h30`: a time or a while."""
    DATE = "date"
    """`3/12`, `2026-12-03`, `3.12.2026`"""
    HALF = "half"
    """`am`, `p. m.`"""
    SIGN = "sign"
    """`%`, `€`, a hyphen between numbers"""
    BREAK = "break"
    """What divides a line: a comma, a full stop, a dash"""


class Token(NamedTuple):
    """`text` is in small letters and without accents, `accented` with them; `start` and `end` count in the line."""

    shape: Shape
    text: str
    accented: str
    start: int
    end: int
    is_capital: bool


_HALF = r"[ap]\. ?m\.?|[ap]m|(?<=\d )[ap] m"
_WORD = r"[^\W\d_]+(?:'[^\W\d_]+)*"
_TOKEN: Final = re.compile(
    rf"(?P<half>(?:{_HALF})(?!\w))"
    rf"|(?P<word>{_WORD})"
    r"|(?=\d)(?:"
    r"(?P<date>\d{4}(?P<y>[-/.])\d{1,2}(?P=y)\d{1,2}(?!\d)"
    r"|\d{1,2}(?P<d>[-/.])\d{1,2}(?P=d)(?:\d{4}|\d{2})(?!\d)|\d{1,2}/\d{1,2}(?![\d/]))"
    r"|(?P<clock>\d{1,2}:\d{2}(?::\d{2})?(?!\d))"
    r"|(?P<hours>\d{1,2}h\d{2}(?!\d))"
    r"|(?P<decimal>\d+(?:[.,]\d+)+)"
    r"|(?P<ordinal>\d{1,2}\.?(?:[º°ª]|(?:st|nd|rd|th|er|ro|do|ra|da)(?!\w)))"
    r"|(?P<number>\d+))"
    r"|(?P<break>[,;.:!?¿¡()\[\]\"\n…]+|(?<=\s)[-\u2013\u2014]+(?=\s)|(?<=\w)--+(?=\w))"
    r"|(?P<sign>(?<=\d)[-\u2013](?=\d)|[%€$£@&+~'])"
)
_SHAPES: Final = {shape.value: shape for shape in Shape}


def tokenise(line: str) -> tuple[Token, ...]:
    """The tokens of a line in NFC, in order; what is between them says nothing by itself. Never fails."""
    folded, accented, places = [], [], []
    for place, letter in enumerate(line):
        if letter.isascii() and letter.isprintable():
            folded.append(letter.lower())
            accented.append(letter.lower())
            places.append(place)
            continue
        if unicodedata.category(letter) in ("Cf", "Mn") or (letter < " " and letter not in "\n\t"):
            continue  # signs that show nothing
        small = _PLAIN.get(letter) or letter.lower()[:1]
        folded.append(unicodedata.normalize("NFD", small)[:1])
        accented.append(small)
        places.append(place)
    text, spoken = "".join(folded), "".join(accented)
    tokens = []
    for match in _TOKEN.finditer(text):
        start, end = match.span()
        first, last = places[start], places[end - 1] + 1
        shape = _SHAPES[match.lastgroup or ""]
        tokens.append(Token(shape, match[0], spoken[start:end], first, last, line[first].isupper()))
    return tuple(tokens)


_PLAIN: Final = {"\u2019": "'", "\u00b4": "'", "`": "'", "\u00a0": " ", "\u202f": " ", "\u2011": "-"}
