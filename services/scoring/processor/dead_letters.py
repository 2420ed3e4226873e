"""What scoring cannot decode is put aside, within a limit. No I/O."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from services.scoring.processor.protocols import Output, Record
from shared import metrics
from shared.bus.dead_letters import Origin, dead_letter
from shared.bus.topics import Topics
from shared.errors import Unavailable, Undecodable
from shared.logs import logger

CONSUMER: Final = "scoring"
"""The name under which scoring puts records aside, and to which they are sent back."""

WINDOW: Final = timedelta(minutes=1)


class DeadLetters:
    """At most `limit` dead letters within a minute."""

    def __init__(self, topics: Topics, limit: int) -> None:
        self._topics = topics
        self._limit = self._left = limit
        self._since: datetime | None = None

    def put_aside(self, origin: Origin, record: Record, error: Undecodable, now: datetime) -> Output:
        """The dead letter of a record. Raises `Unavailable("too-many-dead-letters")`."""
        topic, partition, offset = origin
        if self._since is None or now - self._since > WINDOW:
            self._since, self._left = now, self._limit
        if self._left == 0:
            raise Unavailable(
                "too-many-dead-letters",
                f"too many dead letters (the next: {topic}/{partition}/{offset}, {error.slug}: {error.sentence}); "
                "the worker starts anew, with pauses; see `ascua dlq list` and mend the cause",
            )
        self._left -= 1
        letter = dead_letter(CONSUMER, origin, record.key, record.value, error, now)
        logger().warning("dead_letter", letter=letter.name, reason=letter.reason)
        metrics.DEAD_LETTERS.labels(CONSUMER, letter.reason).inc()
        aside = letter.to_record()
        return Output(self._topics.name(aside.topic), aside.key.encode(), aside.value, 0, aside.headers)
