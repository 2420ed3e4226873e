"""How far a member of a consumer group is: what it has handled, and what it told the broker of that."""

from __future__ import annotations

import time
from collections.abc import Mapping

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import CommitFailedError, IllegalStateError, KafkaError
from aiokafka.structs import OffsetAndMetadata

from shared.logs import logger

COMMIT_SECONDS = 0.5
"""So long after the first batch that is not committed yet the position is, while more and more comes."""
SETTLED_SECONDS = 0.1
"""When nothing has come for so long, the position is committed."""


class Offsets:
    """The next offset of each partition that the member reads, and when it is to be committed."""

    def __init__(self, group: str) -> None:
        self._group = group
        self._handled: Mapping[TopicPartition, int] = {}
        self._committed: dict[TopicPartition, int] = {}
        self._commit_at: float | None = None
        self._settled_at = 0.0
        self._metadata = ""

    @property
    def handled(self) -> Mapping[TopicPartition, int]:
        """The effects of all before these offsets are written."""
        return self._handled

    def seconds_left(self, most: float) -> float:
        """How long until a commit is due if nothing comes, at most `most`."""
        if self._commit_at is None:
            return most
        return max(0.0, min(most, min(self._commit_at, self._settled_at) - time.monotonic()))

    @property
    def is_due(self) -> bool:
        return self._commit_at is not None and time.monotonic() >= min(self._commit_at, self._settled_at)

    def hurry(self) -> None:
        """Let the next commit be due at once."""
        self._commit_at = 0.0

    def begin(self, metadata: str) -> None:
        """Nothing of the partitions is handled yet. `metadata` goes with each commit: the broker forgets the positions
        of a topic that is deleted, so each names the ids of all topics."""
        self.forget()
        self._committed, self._metadata = {}, metadata

    def forget(self) -> None:
        """The partitions may be another's from now on."""
        self._handled, self._commit_at = {}, None

    async def advance(self, consumer: AIOKafkaConsumer) -> bool:
        """Stand where the fetched records end; past the markers of transactions too: an idle group has no lag.

        Whether that is further than before.
        """
        try:
            known = [tp for tp in consumer.assignment() if consumer.highwater(tp) is not None]
            handled = {tp: await consumer.position(tp) for tp in known}
        except IllegalStateError:  # the partition has another owner by now
            return False
        except KafkaError as error:
            logger().warning("commit_failed", consumer=self._group, because=type(error).__name__)
            return False
        if handled == self._handled:
            return False
        self._handled = handled
        now = time.monotonic()
        self._settled_at = now + SETTLED_SECONDS
        if self._commit_at is None:
            self._commit_at = now + COMMIT_SECONDS
        return True

    async def commit(self, consumer: AIOKafkaConsumer) -> None:
        """Tell the broker how far we are."""
        handled, self._commit_at = self._handled, None
        position = {tp: offset for tp, offset in handled.items() if self._committed.get(tp) != offset}
        if not position:
            return
        try:
            await consumer.commit(
                {tp: OffsetAndMetadata(offset, self._metadata) for tp, offset in position.items()}
            )
            self._committed.update(position)
        except (CommitFailedError, IllegalStateError) as error:
            # The partition has another owner by now; what was written is guarded, so it may do it again.
            logger().info("commit_skipped", consumer=self._group, because=type(error).__name__)
        except KafkaError as error:
            self._commit_at = time.monotonic() + COMMIT_SECONDS
            logger().warning("commit_failed", consumer=self._group, because=type(error).__name__)
