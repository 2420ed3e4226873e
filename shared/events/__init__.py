"""Every event Ascua tells. Importing this package registers them all."""

from shared.events import followup, leads, rules, scoring, signals, tickets
from shared.events.base import Event, Recorded, Trace, decode, encode, known_events, wire_type

__all__ = [
    "Event",
    "Recorded",
    "Trace",
    "decode",
    "encode",
    "followup",
    "known_events",
    "leads",
    "rules",
    "scoring",
    "signals",
    "tickets",
    "wire_type",
]
