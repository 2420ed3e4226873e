"""A row of a log on its way to becoming one fact."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from decimal import Decimal
from functools import lru_cache
from itertools import chain
from typing import Final, NamedTuple

from services.imports.mapping import Mapping, ValuedSignal, What
from services.imports.readers import Raw
from shared.clock import AHEAD, utc_now
from shared.commands import Activity, Offered, Signal, Won
from shared.events.base import rfc3339
from shared.events.leads import Money
from shared.events.signals import LARGEST_NUMBER

MAX_ROWS: Final = 2_000
MAX_BYTES: Final = 1024 * 1024
"""Half of what the gateway takes in one body."""

WINDOW: Final = 100_000
"""Rows held in memory to bring those of a lead together; some 80 MB."""

_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
_AMOUNT: Final = re.compile(r"-?[0-9]{1,15}(\.[0-9]{1,9})?")
_DECIMALS: Final = {
    **dict.fromkeys(("BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX"), 0),
    **dict.fromkeys(("UYI", "VND", "VUV", "XAF", "XOF", "XPF"), 0),
    **dict.fromkeys(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"), 3),
}
"""Decimals of currencies whose minor unit is not a hundredth (ISO 4217)."""


class Reject(NamedTuple):
    """A row that did not become a fact, and why."""

    raw: Raw
    reason: str


class Ready(NamedTuple):
    """A row as the gateway takes it."""

    raw: Raw
    lead_id: str
    body: bytes


class Piece(NamedTuple):
    rows: list[Ready]
    rejects: list[Reject]


class _Wrong(Exception):
    pass


def understand(raws: Iterable[Raw], mapping: Mapping) -> Iterator[Ready | Reject]:
    """What each row says by the mapping, or why it says nothing."""

    @lru_cache(maxsize=65_536)  # few different things happen to many leads
    def said(activity: str, lifecycle: str, person: str, value: str) -> str:
        what = _with_details(_what(mapping, activity, lifecycle), person, value, mapping)
        return what.model_dump_json(exclude_none=True)

    for raw in raws:
        try:
            lead_id, at = _lead_id(raw, mapping), _instant(raw, mapping)
            what = said(raw.activity, raw.lifecycle, raw.person, raw.value)
        except (_Wrong, ValueError) as error:
            yield Reject(raw, str(error))
        else:
            # A HistoryRow: nothing in it needs escaping.
            body = f'{{"row":{raw.row},"lead_id":"{lead_id}","at":"{at}","what":{what}}}'
            yield Ready(raw, lead_id, body.encode())


def by_lead(rows: Iterable[Ready | Reject], window: int = WINDOW) -> Iterator[Ready | Reject]:
    """The rows of each lead together, as far as a window of rows reaches. Each lead's own order stays.

    A document that changes once by ten rows is written once; ten changes far apart are ten writes.
    """
    held: dict[str, list[Ready]] = {}
    count = 0
    for row in rows:
        if isinstance(row, Reject):
            yield row
            continue
        held.setdefault(row.lead_id, []).append(row)
        count += 1
        if count == window:
            yield from chain.from_iterable(held.values())
            held, count = {}, 0
    yield from chain.from_iterable(held.values())


def pieces(rows: Iterable[Ready | Reject], max_rows: int = MAX_ROWS) -> Iterator[Piece]:
    """Rows in the bounds of one request, in order, with the rejects up to its end."""
    piece, size = Piece([], []), 0
    for row in rows:
        if isinstance(row, Reject):
            piece.rejects.append(row)
        else:
            if piece.rows and size + len(row.body) > MAX_BYTES:
                yield piece
                piece, size = Piece([], []), 0
            piece.rows.append(row)
            size += len(row.body) + 1
        if max_rows in (len(piece.rows), len(piece.rejects)):
            yield piece
            piece, size = Piece([], []), 0
    yield piece


def _lead_id(raw: Raw, mapping: Mapping) -> str:
    if raw.wrong is not None:
        raise _Wrong(raw.wrong)
    if not raw.lead:
        raise _Wrong("it names no lead")
    lead_id = mapping.lead_prefix + raw.lead
    if not _ID.fullmatch(lead_id):
        raise _Wrong(
            f"{lead_id[:80]!r} is not a lead's id: at most 64 letters, digits, - and _, and nobody's address"
        )
    return lead_id


def _instant(raw: Raw, mapping: Mapping) -> str:
    if not raw.time:
        raise _Wrong("it has no time")
    at = mapping.instant(raw.time)
    if at > utc_now() + AHEAD:
        raise _Wrong(f"it lies in the future: {rfc3339(at)}")
    return rfc3339(at)


def _what(mapping: Mapping, activity: str, lifecycle: str) -> What:
    what = mapping.entry(activity, lifecycle)
    if what is None:
        called = f"{activity}:{lifecycle}" if lifecycle else activity
        raise _Wrong(f"the mapping does not say what {called[:80]!r} means; add it to map, or a default")
    return what


def _with_details(what: What, person: str, value: str, mapping: Mapping) -> What | Signal:
    if isinstance(what, Activity) and person:
        if not _ID.fullmatch(person):
            raise _Wrong(f"{person[:80]!r} is not a person's id: letters, digits, - and _, and no name")
        return what.model_copy(update={"rep": person})
    if isinstance(what, Offered | Won) and value:
        return what.model_copy(update={"value": _money(value, mapping.currency)})
    if isinstance(what, ValuedSignal):
        told = {what.value: _number(value)} if what.value and value else {}
        return Signal(kind=what.kind, attributes={**what.attributes, **told})
    return what


def _number(text: str) -> int | float:
    """A value as an attribute of a signal."""
    if not _AMOUNT.fullmatch(text):
        raise _Wrong(f"{text[:40]!r} is not an amount; write it as 1234.50")
    number = Decimal(text)
    if abs(number) > LARGEST_NUMBER:
        raise _Wrong(f"{text} is too large for an attribute; it holds at most {LARGEST_NUMBER:,}")
    return int(number) if number == int(number) else float(number)


def _money(text: str, currency: str) -> Money:
    if not _AMOUNT.fullmatch(text):
        raise _Wrong(f"{text[:40]!r} is not an amount; write it as 1234.50")
    minor = Decimal(text).scaleb(_DECIMALS.get(currency, 2))
    if minor < 0:
        raise _Wrong(f"the amount {text} is negative")
    if minor != int(minor):
        raise _Wrong(f"the amount {text} has more decimals than {currency} has")
    if minor > 10**15:
        raise _Wrong(f"the amount {text} is too large")
    return Money(minor=int(minor), currency=currency)
