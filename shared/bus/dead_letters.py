"""Dead letters: records a consumer could not handle, kept whole. Pure.

`shared.bus.dead_letter_topic` lists them and sends them back.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import datetime

from shared.bus.outgoing import MAX_RECORD_BYTES, Outgoing
from shared.bus.topics import DEAD_LETTERS, NAMES, REPLAYS
from shared.errors import AscuaError
from shared.events.base import rfc3339

Origin = tuple[str, int, int]
"""Where a record stood first: topic (its short name), partition and offset."""


WAITS = "sequence-gap"
"""The reason of those that only wait behind a letter of their aggregate."""


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A record that was put aside, where it stood, why, and its bytes as they were. `topic` is the short name."""

    consumer: str
    topic: str
    partition: int
    offset: int
    key: str | None
    reason: str
    sentence: str
    at: str
    original: bytes
    aggregate: str | None = None
    """The one that is parked by it: what follows of it waits behind."""

    @property
    def name(self) -> str:
        """`consumer/topic/partition/offset`, the letter's one name."""
        return f"{self.consumer}/{self.topic}/{self.partition}/{self.offset}"

    def to_record(self) -> Outgoing:
        """The original bytes, so that every record fits that did before; the rest is in a header."""
        told = {name: value for name, value in asdict(self).items() if name != "original"}
        return Outgoing(DEAD_LETTERS.name, self.name, self.original, (("letter", json.dumps(told).encode()),))

    def to_mark(self) -> Outgoing:
        """Closes this letter, sent back or discarded; a later one of the same name has another `at` and stays open."""
        return Outgoing(DEAD_LETTERS.name, self.name, b"", (("sent", self.at.encode()),))

    def to_replay(self) -> Outgoing:
        """The original bytes, addressed to the consumer that could not handle them."""
        headers = {
            "consumer": self.consumer,
            "topic": self.topic,
            "partition": self.partition,
            "offset": self.offset,
        }
        return Outgoing(
            REPLAYS.name,
            self.key or self.name,
            self.original,
            tuple((name, str(value).encode()) for name, value in headers.items()),
        )


def replayed(headers: Iterable[tuple[str, bytes | None]], consumer: str) -> Origin | None:
    """Where a record that is sent back to `consumer` stood first; None if it is another's, or nobody's."""
    said = {name: (value or b"").decode(errors="replace") for name, value in headers}
    if said.get("consumer") != consumer:
        return None
    try:
        topic, partition, offset = said["topic"], int(said["partition"]), int(said["offset"])
    except (KeyError, ValueError):
        return None
    return (topic, partition, offset) if topic in NAMES else None


def dead_letter(
    consumer: str, origin: Origin, key: bytes | None, value: bytes | None, error: AscuaError, now: datetime
) -> DeadLetter:
    original, sentence = value or b"", error.sentence
    if len(original) > MAX_RECORD_BYTES:
        sentence += f" (the first {MAX_RECORD_BYTES} of {len(original)} bytes are kept; all stand in the log)"
    return DeadLetter(
        consumer, *origin, key.decode(errors="replace") if key else None, error.slug, sentence,
        rfc3339(now), original[:MAX_RECORD_BYTES],
    )  # fmt: skip


def with_predecessors(chosen: Iterable[DeadLetter], open: Iterable[DeadLetter]) -> list[DeadLetter]:
    """The chosen letters, and those open ones that stand before them in their aggregate: sent back without them, the
    chosen would come back in vain. In the order of the log."""
    last: dict[tuple[str, str | None], tuple[str, int, int]] = {}
    names = set()
    for letter in chosen:
        names.add(letter.name)
        if letter.aggregate is not None:
            place = letter.topic, letter.partition, letter.offset
            key = letter.consumer, letter.aggregate
            last[key] = max(last.get(key, place), place)
    return [
        letter
        for letter in open
        if letter.name in names
        or (letter.topic, letter.partition, letter.offset)
        < last.get((letter.consumer, letter.aggregate), ("", 0, 0))
    ]
