"""A row of a log on its way to becoming one fact."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from typing import Final, NamedTuple, TypeAlias

from cli.imports.amounts import amount
from cli.imports.mapping import Ignored, Mapping, ValuedSignal, What
from cli.imports.raw import Raw
from shared.clock import AHEAD, milliseconds, utc_now
from shared.commands.import_rows import (
    Activity,
    Captured,
    Lost,
    Offered,
    Signal,
    Won,
)
from shared.events.base import rfc3339
from shared.events.leads import Money
from shared.events.signals import LARGEST_NUMBER

_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
_DECIMALS: Final = {
    **dict.fromkeys(("BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX"), 0),
    **dict.fromkeys(("UYI", "VND", "VUV", "XAF", "XOF", "XPF"), 0),
    **dict.fromkeys(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"), 3),
}
"""Decimals of currencies whose minor unit is not a hundredth (ISO 4217)."""


class Reject(NamedTuple):
    """A row that did not become a fact, and why; `gap` is what the mapping lacks, the same for all such rows."""

    raw: Raw
    reason: str
    gap: str | None = None


class Skipped(NamedTuple):
    """A row of which the mapping says `ignore`."""

    raw: Raw


class Ready(NamedTuple):
    """A row as the gateway takes it. `turn` orders those of a lead: what begins it, then by milliseconds since 1970,
    then what ends it."""

    raw: Raw
    lead_id: str
    body: bytes
    turn: tuple[int, int, int]
    ticket: str = ""
    """Of a row of a help desk: the ticket, whose rows go together."""


Understood: TypeAlias = Ready | Reject | Skipped


class _Wrong(Exception):
    pass


class _Gap(_Wrong):
    """The mapping does not say what something means."""


def understand(raws: Iterable[Raw], mapping: Mapping) -> Iterator[Understood]:
    """What each row of an event log says by the mapping, or why it says nothing."""

    @lru_cache(maxsize=65_536)  # few different things happen to many leads
    def said(activity: str, lifecycle: str, person: str, value: str) -> tuple[str, int, int] | None:
        what = _with_details(_what(mapping, activity, lifecycle), person, value, mapping)
        if isinstance(what, Ignored):
            return None
        is_first, is_last = isinstance(what, Captured), isinstance(what, Won | Lost)
        return what.model_dump_json(exclude_none=True), not is_first, is_last

    for raw in raws:
        try:
            if raw.wrong is not None:
                raise _Wrong(raw.wrong)
            found = said(raw.activity, raw.lifecycle, raw.person, raw.value)
            if found is None:
                yield Skipped(raw)
                continue
            what, first, last = found
            lead_id, at = checked_id(mapping.lead_prefix, raw.lead), happened(mapping, raw.time)
        except _Gap as error:
            yield Reject(raw, str(error), gap=str(error))
        except (_Wrong, ValueError) as error:
            yield Reject(raw, str(error))
        else:
            # A HistoryRow: nothing in it needs escaping.
            body = f'{{"row":{raw.row},"lead_id":"{lead_id}","at":"{rfc3339(at)}","what":{what}}}'
            yield Ready(raw, lead_id, body.encode(), (first, milliseconds(at), last))


def checked_id(prefix: str, word: str) -> str:
    """The id of a lead. Raises ValueError."""
    if not word:
        raise ValueError("it names no lead")
    lead_id = prefix + word
    if not _ID.fullmatch(lead_id):
        raise ValueError(
            f"{lead_id[:80]!r} is not a lead's id: at most 64 letters, digits, - and _, and nobody's address"
        )
    return lead_id


def happened(mapping: Mapping, time: str) -> datetime:
    """When it was. Raises ValueError."""
    if not time:
        raise ValueError("it has no time")
    at = mapping.instant(time)
    if at > utc_now() + AHEAD:
        raise ValueError(f"it lies in the future: {rfc3339(at)}")
    return at


def _what(mapping: Mapping, activity: str, lifecycle: str) -> What:
    what = mapping.entry(activity, lifecycle)
    if what is None:
        called = f"{activity}:{lifecycle}" if lifecycle else activity
        raise _Gap(f"the mapping does not say what {called[:80]!r} means; add it to map, or a default")
    return what


def _with_details(what: What, person: str, value: str, mapping: Mapping) -> What | Signal:
    if isinstance(what, Activity) and person:
        if not _ID.fullmatch(person):
            raise _Wrong(f"{person[:80]!r} is not a person's id: letters, digits, - and _, and no name")
        return what.model_copy(update={"rep": person})
    if isinstance(what, Offered | Won) and value:
        return what.model_copy(update={"value": money(value, mapping)})
    if isinstance(what, ValuedSignal):
        told = {what.value: _number(value, mapping)} if what.value and value else {}
        return Signal(kind=what.kind, attributes={**what.attributes, **told})
    return what


def _number(text: str, mapping: Mapping) -> int | float:
    """A value as an attribute of a signal."""
    number = amount(text, mapping.decimal)
    if abs(number) > LARGEST_NUMBER:
        raise _Wrong(f"{text[:40]} is too large for an attribute; it holds at most {LARGEST_NUMBER:,}")
    return int(number) if number == int(number) else float(number)


def decimal_of(minor: int, currency: str) -> Decimal:
    """An amount in its currency's own unit."""
    return Decimal(minor).scaleb(-_DECIMALS.get(currency, 2))


def money(text: str, mapping: Mapping) -> Money:
    """What something is worth. Raises ValueError."""
    currency = mapping.currency
    minor = amount(text, mapping.decimal, currency).scaleb(_DECIMALS.get(currency, 2))
    if minor < 0:
        raise ValueError(f"the amount {text} is negative")
    if minor != int(minor):
        raise ValueError(f"the amount {text} has more decimals than {currency} has")
    if minor > 10**15:
        raise ValueError(f"the amount {text} is too large")
    return Money(minor=int(minor), currency=currency)
