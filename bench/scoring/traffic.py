"""Facts as they stand in the log, drawn quickly: the bytes that `shared.events.encode` makes, put together."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from itertools import accumulate, product
from random import Random
from typing import NamedTuple
from uuid import UUID

from aiokafka.partitioner import murmur2

from shared.bus.topics import PARTITIONS
from shared.clock import from_milliseconds
from shared.events import Recorded, encode
from shared.events.base import Event, Trace, rfc3339
from shared.events.followup import ActivityKind, ActivityLogged, ActivityResult
from shared.events.signals import SignalReceived

ACTIVITIES = 0.1
"""The share of activities; the rest are signals."""

_ID, _LEAD, _DONE = "00000000-0000-7000-8000-00000000000e", "f" * 36, "00000000-0000-7000-8000-00000000000d"
_AT, _SEQUENCE = 1_790_000_000_123, 987_654_321
_REQUEST = "00000000-0000-7000-8000-00000000000c"
_TRACE = Trace(correlation_id=_REQUEST)
"""A channel that gives no trace of its own gets a request id, and that stays with what follows."""


class Drawn(NamedTuple):
    topic: str
    partition: int
    lead: str
    value: bytes


def new_leads(count: int, seed: int = 1) -> list[str]:
    lot = Random(seed)
    return [str(UUID(int=lot.getrandbits(128), version=4)) for _ in range(count)]


def partition_of(lead: str) -> int:
    """The partition that a producer's default partitioner gives it."""
    return int(murmur2(lead.encode()) & 0x7FFFFFFF) % PARTITIONS


class Traffic:
    """Endless facts of some leads; the k-th lead has a share of 1/k^`zipf`."""

    def __init__(self, leads: Sequence[str], zipf: float = 0.0, seed: int = 2) -> None:
        self._lot = Random(seed)
        self._leads = [(lead, partition_of(lead)) for lead in leads]
        shares = list(accumulate((rank + 1) ** -zipf for rank in range(len(leads))))
        self._shares = shares if zipf else None
        self._second, self._text = -1, ""
        self._sequences: dict[str, int] = {}
        self._signals = [_template(each) for each in _signals()]
        self._activities = [_template(each, _SEQUENCE) for each in _activities()]

    def draw(self, at_ms: int) -> Drawn:
        lot = self._lot
        lead, partition = self._leads[self._rank()]
        bits = f"{lot.getrandbits(72):018x}"
        at = f"{at_ms:012x}"
        words: dict[str, object] = {
            "id": f"{at[:8]}-{at[8:]}-7{bits[:3]}-8{bits[3:6]}-{bits[6:]}",
            "request": f"{at[:8]}-{at[8:]}-7{bits[6:9]}-9{bits[3:6]}-{bits[6:]}",
            "lead": lead,
            "at": self._time(at_ms),
        }
        if lot.random() >= ACTIVITIES:
            text = self._signals[int(lot.random() * len(self._signals))] % words
            return Drawn("signals", partition, lead, text.encode())
        words["sequence"] = self._sequences[lead] = self._sequences.get(lead, 0) + 1
        words["done"] = f"{at[:8]}-{at[8:]}-7{bits[3:6]}-a{bits[:3]}-{bits[6:]}"
        text = self._activities[int(lot.random() * len(self._activities))] % words
        return Drawn("followup", partition, lead, text.encode())

    def spread(self, count: int, until_ms: int, over_ms: int) -> Iterator[Drawn]:
        """So many facts in order of time, evenly over the time before `until_ms`."""
        begin = until_ms - over_ms
        for number in range(count):
            yield self.draw(begin + over_ms * number // count)

    def _time(self, at_ms: int) -> str:
        second, rest = divmod(at_ms, 1000)
        if second != self._second:
            self._second, self._text = second, rfc3339(from_milliseconds(second * 1000))[:20]
        return f"{self._text}{rest:03}Z"

    def _rank(self) -> int:
        if self._shares is None:
            return self._lot.randrange(len(self._leads))
        return bisect_left(self._shares, self._lot.random() * self._shares[-1])


def _signals() -> Iterator[Event]:
    """Kinds as the default rules count them, some more often than others, with what they usually say."""
    at = from_milliseconds(_AT)
    pages = [
        "pricing",
        "docs/setup",
        "product/crm",
        "blog/renewals",
        "about",
        "customers",
        "contact",
        "security",
    ]
    for page, campaign in product(pages, ["spring", "webinar", "referral"]):
        for kind in ("page_viewed", "page_viewed", "product_viewed"):
            yield SignalReceived(
                lead_id=_LEAD, at=at, kind=kind, attributes={"page": page, "campaign": campaign}
            )
    for number in range(24):
        kind = ("email_opened", "email_clicked", "chat_message", "pricing_viewed")[number % 4]
        yield SignalReceived(
            lead_id=_LEAD, at=at, kind=kind, attributes={"campaign": f"letter-{number // 4}"}
        )


def _activities() -> Iterator[Event]:
    results = [
        ActivityResult.ANSWERED,
        ActivityResult.NO_ANSWER,
        ActivityResult.NO_ANSWER,
        ActivityResult.OBJECTION,
    ]
    for rep, result, minutes in product(range(20), results, range(1, 6)):
        answered = result is not ActivityResult.NO_ANSWER
        yield ActivityLogged(
            lead_id=_LEAD,
            at=from_milliseconds(_AT),
            activity_id=_DONE,
            kind=ActivityKind.CALL,
            result=result,
            rep=f"rep-{rep:02}",
            duration_seconds=60 * minutes if answered else None,
        )


def _template(event: Event, sequence: int | None = None) -> str:
    """An event's JSON with places for what differs."""
    at = from_milliseconds(_AT)
    aggregate = None if sequence is None else event.aggregate
    text = encode(Recorded(_ID, event, at, sequence, aggregate, _TRACE)).decode().replace("%", "%%")
    for held, place in (
        (_ID, "id"),
        (_LEAD, "lead"),
        (rfc3339(at), "at"),
        (_DONE, "done"),
        (_REQUEST, "request"),
    ):
        text = text.replace(held, f"%({place})s")
    return text.replace(str(_SEQUENCE), "%(sequence)s")
