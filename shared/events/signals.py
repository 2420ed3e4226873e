"""Signals: what a lead does on our channels. They come through the gateway and have no aggregate."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Annotated, ClassVar, Final

from pydantic import AfterValidator, Field, StrictBool, StrictFloat, StrictInt, StringConstraints

from shared.events.base import Event

SignalKind = Annotated[
    str,
    StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,39}$"),
    Field(examples=["page_viewed", "demo_requested"]),
]


def _not_a_number_of_someone(word: str) -> str:
    if re.search(r"\d{6,}", word):
        raise ValueError("a run of six or more digits may be somebody's number and does not go into the log")
    return word


Word = Annotated[
    str, StringConstraints(pattern=r"^[a-z][a-z0-9_/.-]{0,63}$"), AfterValidator(_not_a_number_of_someone)
]
"""A short lower-case word such as `pricing` or `docs/setup`; free text and personal data do not fit."""

LARGEST_NUMBER: Final = 999_999
"""Six digits: longer ones may be somebody's number."""

_Whole = Annotated[StrictInt, Field(ge=-LARGEST_NUMBER, le=LARGEST_NUMBER)]
_Real = Annotated[StrictFloat, Field(ge=-LARGEST_NUMBER, le=LARGEST_NUMBER)]

Attributes = Annotated[
    dict[
        Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,31}$")],
        StrictBool | _Whole | _Real | Word,
    ],
    Field(max_length=8),
]


class Automated(StrEnum):
    """What says that a machine has made a signal, and no person."""

    DECLARED = "declared"
    """The channel."""
    AGENT = "agent"
    """The program that it named."""
    BURST = "burst"
    """No person is so fast."""


class SignalReceived(Event, type="ascua.signal.received", version=1):
    """A lead did something we could see: viewed a page, opened a mail, wrote in the chat."""

    topic: ClassVar[str] = "signals"
    source: ClassVar[str] = "/ascua/gateway"

    kind: SignalKind
    attributes: Attributes = Field(default_factory=dict)
    automated: Automated | None = None
    """Absent when a person may have made it. Rules count what is automated as `signal.automated`, whatever its kind."""
