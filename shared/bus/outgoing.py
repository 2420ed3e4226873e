"""A record on its way to the log, and what may be one. Pure."""

from __future__ import annotations

from dataclasses import dataclass

MAX_RECORD_BYTES = 512 * 1024

CLOUDEVENT = (("content-type", b"application/cloudevents+json; charset=UTF-8"),)


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A record to publish, an event unless its headers say otherwise; `topic` is the short name."""

    topic: str
    key: str
    value: bytes
    headers: tuple[tuple[str, bytes], ...] = CLOUDEVENT
