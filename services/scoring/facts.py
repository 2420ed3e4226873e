"""From a record's bytes to what it is for scoring, quickly.

Signals are most of the traffic: msgspec reads those that are as they should be. Everything else, and whatever it
does not like, goes through `shared.events.decode`, which alone decides what is undecodable. So the fast way may
refuse more than the slow one, but it accepts nothing else and reads nothing otherwise.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Final, Literal

import msgspec

from services.scoring.domain import Happened, happened
from shared.clock import milliseconds
from shared.events import decode, wire_type
from shared.events.base import HISTORY_AFTER
from shared.events.signals import SignalReceived
from shared.scorecard.lead_state import Fact

_SIGNAL: Final = wire_type(SignalReceived)

_Id = Annotated[str, msgspec.Meta(min_length=1, max_length=128)]
_Lead = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_-]{1,64}\Z")]
_Kind = Annotated[str, msgspec.Meta(pattern=r"^[a-z][a-z0-9_]{0,39}\Z")]
_Name = Annotated[str, msgspec.Meta(pattern=r"^[a-z][a-z0-9_]{0,31}\Z")]
_Word = Annotated[str, msgspec.Meta(pattern=r"^(?!.*[0-9]{6})[a-z][a-z0-9_/.-]{0,63}\Z")]
_Whole = Annotated[int, msgspec.Meta(ge=-999_999, le=999_999)]
_Real = Annotated[float, msgspec.Meta(ge=-999_999, le=999_999)]
_Instant = Annotated[datetime, msgspec.Meta(tz=True)]


class _Data(msgspec.Struct):
    kind: _Kind
    attributes: Annotated[dict[_Name, bool | _Whole | _Real | _Word], msgspec.Meta(max_length=8)] = {}


class _Signal(msgspec.Struct):
    specversion: Literal["1.0"]
    id: _Id
    type: str
    subject: _Lead
    time: _Instant
    recordedtime: _Instant
    data: _Data
    aggregate: None = None
    sequence: None = None
    traceparent: str | None = None
    correlationid: str | None = None
    causationid: str | None = None


_FIRST: Final = milliseconds(datetime(2, 1, 1, tzinfo=UTC))
_LAST: Final = milliseconds(datetime(9999, 1, 1, tzinfo=UTC))
"""Years in which `shared.events` lets things happen."""

_decoder: Final = msgspec.json.Decoder(_Signal)


def read(raw: bytes) -> Happened:
    """What a record tells. Raises `Undecodable`."""
    try:
        signal = _decoder.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return happened(decode(raw))
    if signal.type != _SIGNAL:
        return happened(decode(raw))
    at_ms = milliseconds(signal.time)
    if not (_FIRST <= at_ms < _LAST and _FIRST <= milliseconds(signal.recordedtime) < _LAST):
        return happened(decode(raw))
    is_history = signal.recordedtime - signal.time > HISTORY_AFTER
    return Happened(
        signal.subject,
        Fact(signal.id, f"signal.{signal.data.kind}", at_ms),
        milliseconds(signal.recordedtime) if is_history else at_ms,
        is_history,
    )
