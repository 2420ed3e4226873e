"""From a record's bytes to what it is for scoring, quickly.

msgspec reads the envelope, and what an event's data says is remembered by its bytes: few distinct ones make up most of
the traffic. All that is new or unusual goes through `shared.events.decode`, which alone decides what is undecodable.
So the fast way may refuse more than the slow one, but it accepts nothing else and reads nothing otherwise.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Final, Literal

import msgspec

from services.scoring.domain import Happened, happened
from shared.clock import milliseconds
from shared.events import decode, wire_type
from shared.events.base import HISTORY_AFTER
from shared.events.signals import LARGEST_NUMBER, SignalReceived

_LARGEST: Final = 2**53
_REMEMBERED: Final = 20_000
"""How many data are remembered; then all are forgotten at once."""
_SIGNAL: Final = wire_type(SignalReceived)
_BACKSLASH: Final = ord("\\")

_LEAD: Final = re.compile(r"[A-Za-z0-9_-]{1,64}").fullmatch
_AGGREGATE: Final = re.compile(r"[a-z]+:[A-Za-z0-9_-]{1,64}").fullmatch
_PASSING: Final = re.compile(
    rb'"(?:activity_id|ticket_id|step_id)":"[A-Za-z0-9_-]{1,64}"'
    rb'|"due":"2[0-9]{3}-(?:0[1-9]|1[0-2])-(?:0[1-9]|1[0-9]|2[0-8])T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]'
    rb'\.[0-9]{3}Z"'
)
"""What is new in every event of a service, and nothing to the rules."""


_Kind = Annotated[str, msgspec.Meta(pattern=r"^[a-z][a-z0-9_]{0,39}\Z")]
_Name = Annotated[str, msgspec.Meta(pattern=r"^[a-z][a-z0-9_]{0,31}\Z")]
_Word = Annotated[str, msgspec.Meta(pattern=r"^(?!.*[0-9]{6})[a-z][a-z0-9_/.-]{0,63}\Z")]
_Whole = Annotated[int, msgspec.Meta(ge=-LARGEST_NUMBER, le=LARGEST_NUMBER)]
_Real = Annotated[float, msgspec.Meta(ge=-LARGEST_NUMBER, le=LARGEST_NUMBER)]


class _Signal(msgspec.Struct):
    kind: _Kind
    attributes: Annotated[dict[_Name, bool | _Whole | _Real | _Word], msgspec.Meta(max_length=8)] = {}


_Instant = Annotated[datetime, msgspec.Meta(tz=True)]


class _Envelope(msgspec.Struct, gc=False):
    specversion: Literal["1.0"]
    id: str
    source: str
    type: str
    subject: str
    time: _Instant
    recordedtime: _Instant
    data: msgspec.Raw
    aggregate: str | None = None
    sequence: int | None = None
    traceparent: str | None = None
    correlationid: str | None = None
    causationid: str | None = None


class Decoder:
    """A reader of records that remembers what data say. For one thread."""

    def __init__(self) -> None:
        self._decode = msgspec.json.Decoder(_Envelope).decode
        self._decode_signal = msgspec.json.Decoder(_Signal).decode
        self._said: dict[tuple[str, bytes], tuple[str, Mapping[str, Any]]] = {}

    def read(self, raw: bytes) -> Happened:
        """What a record tells. Raises `Undecodable`."""
        # msgspec does not look into what it skips: bytes that are not UTF-8, half of an escaped surrogate pair.
        if not raw.isascii() or _BACKSLASH in raw:
            return happened(decode(raw))
        try:
            envelope = self._decode(raw)
            aggregate, sequence = envelope.aggregate, envelope.sequence
            if aggregate is None and sequence is None:
                data = bytes(envelope.data)
                said = self._said.get((envelope.type, data)) or self._signal(envelope.type, data)
                if said is None:
                    return happened(decode(raw))
                kind, attributes = said
            elif aggregate is None or sequence is None:
                return happened(decode(raw))
            else:
                kind, attributes = self._said[envelope.type, _PASSING.sub(b"", envelope.data)]
                if _AGGREGATE(aggregate) is None or not 0 < sequence <= _LARGEST:
                    return happened(decode(raw))
        except KeyError:
            return self._learn(raw, envelope)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return happened(decode(raw))
        id, lead_id, at, recorded = envelope.id, envelope.subject, envelope.time, envelope.recordedtime
        if (
            _LEAD(lead_id) is None
            or not id
            or len(id) > 128
            or not envelope.source
            or not 2 < at.year < 9998
            or not 2 < recorded.year < 9998
        ):
            return happened(decode(raw))
        at_ms = milliseconds(at)
        if recorded - at > HISTORY_AFTER:
            recorded_ms = milliseconds(recorded)
            return Happened(id, kind, at_ms, aggregate, sequence, attributes, lead_id, recorded_ms, True)
        return Happened(id, kind, at_ms, aggregate, sequence, attributes, lead_id, at_ms)

    def _signal(self, type: str, data: bytes) -> tuple[str, Mapping[str, Any]] | None:
        """What a signal's data say, if they are as they should be; for it is signals whose data may be many."""
        if type != _SIGNAL:
            return None
        try:
            signal = self._decode_signal(data)
        except msgspec.DecodeError:
            return None
        said = f"signal.{signal.kind}", signal.attributes
        self._remember((type, data), said)
        return said

    def _remember(self, what: tuple[str, bytes], said: tuple[str, Mapping[str, Any]]) -> None:
        if len(self._said) == _REMEMBERED:
            self._said.clear()
        self._said[what] = said

    def _learn(self, raw: bytes, envelope: _Envelope) -> Happened:
        """Read the slow way, and remember what can come again."""
        new = happened(decode(raw))
        data = _PASSING.sub(b"", envelope.data)
        self._remember((envelope.type, data), (new.kind, new.attributes or {}))
        return new
