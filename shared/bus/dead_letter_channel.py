"""Where a consumer puts aside what it cannot handle, as far as its allowance goes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

from aiokafka import ConsumerRecord

from shared import metrics
from shared.bus.allowance import Allowance
from shared.bus.dead_letters import DeadLetter
from shared.bus.parked import Parked
from shared.bus.publisher import Publisher
from shared.bus.topics import REPLAYS, Topics
from shared.errors import Refused, Unavailable
from shared.logs import logger


class DeadLetterChannel:
    """The dead letters of one consumer group's member."""

    def __init__(self, topics: Topics, publisher: Publisher, group: str, allowance: Allowance) -> None:
        self._topics = topics
        self._publisher = publisher
        self._group = group
        self._allowance = allowance
        self._parked = Parked(topics, group)

    @property
    def left(self) -> int:
        """How many letters may be made now."""
        return self._allowance.left(time.monotonic())

    @property
    def pause(self) -> float:
        """How long to wait (s) for more allowance before the same records are tried again."""
        return self._allowance.window / 4

    def outdate(self) -> None:
        """Others may have put aside what is read here from now on."""
        self._parked.outdate()

    async def put_aside(self, records: Sequence[ConsumerRecord], letters: Sequence[DeadLetter | None]) -> int:
        """Put aside what may be put aside now; how many of the records, from the first, are done with that.

        Raises `Refused` when a letter itself cannot be kept: then nothing may go on.
        """
        if any(letters):
            await self._parked.recall()
        left, done, aside = self.left, 0, list[DeadLetter]()
        outcomes: list[bool] = []
        for record, letter in zip(records, letters, strict=True):
            if letter is None:
                outcomes.append(True)
            else:
                if self._counts(record, letter):
                    if not left:
                        break
                    left -= 1
                    outcomes.append(False)
                aside.append(letter)
                self._parked.add(letter)
            done += 1
        self._allowance.take(outcomes, time.monotonic())
        await self._publish(aside)
        return done

    def _counts(self, record: ConsumerRecord, letter: DeadLetter) -> bool:
        """Whether a letter uses up the allowance: not one that was sent back in vain, nor one behind a parked one."""
        if self._topics.short(record.topic) == REPLAYS.name:
            return False
        return not self._parked.holds(letter)

    async def _publish(self, letters: Sequence[DeadLetter]) -> None:
        for letter in letters:
            logger().warning("dead_letter", letter=letter.name, reason=letter.reason)
            metrics.DEAD_LETTERS.labels(self._group, letter.reason).inc()
        waiting = [letter.to_record() for letter in letters]
        while waiting:
            results = await self._publisher.publish_all(waiting)
            if refused := next((result for result in results if isinstance(result, Refused)), None):
                raise refused
            waiting = [
                r for r, result in zip(waiting, results, strict=True) if isinstance(result, Unavailable)
            ]
            await asyncio.sleep(0.1 if waiting else 0)
