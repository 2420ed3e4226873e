"""What msgspec reads a signal's data into, with the limits that it checks on the way."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from shared.events.signals import LARGEST_NUMBER

_Kind = Annotated[str, msgspec.Meta(pattern=r"^[a-z][a-z0-9_]{0,39}\Z")]
_Name = Annotated[str, msgspec.Meta(pattern=r"^[a-z][a-z0-9_]{0,31}\Z")]
_Word = Annotated[str, msgspec.Meta(pattern=r"^(?!.*[0-9]{6})[a-z][a-z0-9_/.-]{0,63}\Z")]
_Whole = Annotated[int, msgspec.Meta(ge=-LARGEST_NUMBER, le=LARGEST_NUMBER)]
_Real = Annotated[float, msgspec.Meta(ge=-LARGEST_NUMBER, le=LARGEST_NUMBER)]


class SignalData(msgspec.Struct):
    kind: _Kind
    attributes: Annotated[dict[_Name, bool | _Whole | _Real | _Word], msgspec.Meta(max_length=8)] = {}
    automated: Literal["declared", "agent", "burst"] | None = None
