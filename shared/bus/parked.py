"""The aggregates that wait behind a dead letter of a consumer."""

from __future__ import annotations

from collections import OrderedDict

from aiokafka.errors import KafkaError

from shared.bus.dead_letter_topic import open_dead_letters
from shared.bus.dead_letters import WAITS, DeadLetter
from shared.bus.topics import Topics
from shared.errors import AscuaError
from shared.logs import logger

KEPT = 10_000
"""Aggregates known to be parked: what waits behind one of them counts no more against the limit."""


class Parked:
    """What is parked, by the letters that are open: a restart, or another member, parks nothing anew."""

    def __init__(self, topics: Topics, consumer: str) -> None:
        self._topics = topics
        self._consumer = consumer
        self._aggregates: OrderedDict[str, None] = OrderedDict()
        self._is_whole = False

    def outdate(self) -> None:
        """Others may have made letters of what is read here from now on."""
        self._is_whole = False

    async def recall(self) -> None:
        """Read which letters are open, unless that is known."""
        if self._is_whole:
            return
        try:
            for letter in await open_dead_letters(self._topics, self._consumer):
                self.add(letter)
        except (AscuaError, KafkaError) as error:  # the next letter asks again
            logger().warning("parked_not_known", consumer=self._consumer, because=type(error).__name__)
        else:
            self._is_whole = True

    def add(self, letter: DeadLetter) -> None:
        if letter.aggregate is not None:
            self._aggregates[letter.aggregate] = None
        if len(self._aggregates) > KEPT:
            self._aggregates.popitem(last=False)

    def holds(self, letter: DeadLetter) -> bool:
        """Whether a letter only waits behind another that is known."""
        return letter.reason == WAITS and letter.aggregate in self._aggregates
