"""Amounts as people write them. `12.500` may be twelve and a half or twelve thousand: it is never guessed which."""

from __future__ import annotations

import re
from collections.abc import Iterable
from decimal import Decimal
from functools import lru_cache
from typing import Final, Literal

from cli.imports.text import clean

Sign = Literal[".", ","]

_APOSTROPHE: Final = "\N{RIGHT SINGLE QUOTATION MARK}"
_MARKED: Final = re.compile(
    r"(?P<before>[^\d\s.,+-]{1,3})?\s*(?P<body>-?\s?[0-9][0-9.,' ]*?)\s*(?P<after>[^\d\s.,+-]{1,3})?"
)
_SIGNS: Final = {"€": "EUR", "£": "GBP", "¥": "JPY", "US$": "USD", "R$": "BRL"}
_DOLLARS: Final = frozenset(("USD", "MXN", "ARS", "CLP", "COP", "CAD", "AUD", "NZD", "SGD", "HKD", "UYU"))


def amount(text: str, decimal: Sign | None, currency: str | None = None) -> Decimal:
    """The number a cell says. Raises ValueError with a sentence, which names both readings where two fit."""
    body = _body(text, currency)
    readings = _readings(body)
    if decimal is not None:
        if decimal not in readings:
            other = "".join(f"; with {sign!r} it would be {_plain(each)}" for sign, each in readings.items())
            raise ValueError(f"{text[:40]!r} is not an amount with the decimal sign {decimal!r}{other}")
        return readings[decimal]
    found = set(readings.values())
    if not found:
        raise ValueError(f"{text[:40]!r} is not an amount; write it as 1234.50")
    if len(found) > 1:
        raise ValueError(
            f"{text[:40]!r} may be {_plain(readings['.'])} or {_plain(readings[','])}; "
            'say which with decimal: "." or decimal: "," in the mapping'
        )
    return found.pop()


def told_sign(amounts: Iterable[str]) -> set[Sign]:
    """The decimal signs that amounts show which can be read in one way only."""
    seen: set[Sign] = set()
    for text in amounts:
        try:
            readings = _readings(_body(text, None))
        except ValueError:
            continue
        if len(readings) == 1:
            seen.update(readings)
    return seen


def _body(text: str, currency: str | None) -> str:
    found = _MARKED.fullmatch(clean(text).replace(_APOSTROPHE, "'"))
    if found is None or (found["before"] and found["after"]):
        raise ValueError(f"{text[:40]!r} is not an amount; write it as 1234.50")
    mark = (found["before"] or found["after"] or "").upper()
    if mark and currency is not None:
        is_ours = mark == currency or _SIGNS.get(mark) == currency or (mark == "$" and currency in _DOLLARS)
        if not is_ours:
            raise ValueError(
                f"{text[:40]!r} is in {mark}, and the mapping says currency: {currency}; correct one"
            )
    return found["body"].replace("- ", "-")


@lru_cache(maxsize=4_096)
def _readings(body: str) -> dict[Sign, Decimal]:
    """What it says by each decimal sign by which it says something."""
    signs: tuple[tuple[Sign, Sign], ...] = ((".", ","), (",", "."))
    found: dict[Sign, Decimal] = {}
    for decimal, thousands in signs:
        grouped = "|".join(rf"[1-9]\d{{0,2}}(?:{re.escape(mark)}\d{{3}})+" for mark in (thousands, " ", "'"))
        shape = rf"(-?)({grouped}|\d{{1,15}})(?:{re.escape(decimal)}(\d{{1,9}}))?"
        if match := re.fullmatch(shape, body, re.ASCII):
            minus, whole, part = match.groups()
            digits = re.sub(r"\D", "", whole)
            if len(digits) <= 15:
                found[decimal] = Decimal(f"{minus}{digits}.{part or 0}")
    return found


def _plain(number: Decimal) -> str:
    return f"{number.normalize():f}" if number != int(number) else f"{int(number)}"
