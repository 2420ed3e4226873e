"""What msgspec reads a record into, with the limits that it checks on the way: the envelope, and a signal's data."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

import msgspec

from shared.events.signals import LARGEST_NUMBER

_Kind = Annotated[str, msgspec.Meta(pattern=r"^[a-z][a-z0-9_]{0,39}\Z")]
_Name = Annotated[str, msgspec.Meta(pattern=r"^[a-z][a-z0-9_]{0,31}\Z")]
_Word = Annotated[str, msgspec.Meta(pattern=r"^(?!.*[0-9]{6})[a-z][a-z0-9_/.-]{0,63}\Z")]
_Whole = Annotated[int, msgspec.Meta(ge=-LARGEST_NUMBER, le=LARGEST_NUMBER)]
_Real = Annotated[float, msgspec.Meta(ge=-LARGEST_NUMBER, le=LARGEST_NUMBER)]


class Signal(msgspec.Struct):
    kind: _Kind
    attributes: Annotated[dict[_Name, bool | _Whole | _Real | _Word], msgspec.Meta(max_length=8)] = {}
    automated: Literal["declared", "agent", "burst"] | None = None


_Actor = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_-]{1,64}\Z")]
_Instant = Annotated[datetime, msgspec.Meta(tz=True)]


class Envelope(msgspec.Struct, gc=False):
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
    actor: _Actor | None = None
