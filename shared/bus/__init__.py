"""The bus: a publisher, a consumer, dead letters and the topics they use. It knows no service."""

from shared.bus.consumer import Consumer, Handle, Received
from shared.bus.dead_letters import DeadLetter, OpenLetters, discard, open_letters, replay
from shared.bus.publisher import Outgoing, Publisher
from shared.bus.topics import Topics

__all__ = [
    "Consumer",
    "DeadLetter",
    "Handle",
    "OpenLetters",
    "Outgoing",
    "Publisher",
    "Received",
    "Topics",
    "discard",
    "open_letters",
    "replay",
]
