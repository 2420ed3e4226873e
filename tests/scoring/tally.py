"""A worker whose fold only counts: what the transport and the transactions do shows without any rule of heat.

Run as a program, `python -m tests.scoring.tally BOOTSTRAP PREFIX`, it works until it is killed.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Sequence
from datetime import datetime

from cli.environment import environment
from services.scoring.processor.protocols import Output, Record
from services.scoring.runtime.log import Log
from services.scoring.runtime.worker import Patience, Worker
from shared.bus.topics import Topics

IMPATIENT = Patience(session=2.0, rebalance=5.0, heartbeat=0.3)


class Tally:
    """Counts the records of each key and how often it told the count: [count, told]."""

    def __init__(self, topics: Topics) -> None:
        self.counts: dict[bytes, list[int]] = {}
        self._topics = topics
        self._changed: set[bytes] = set()

    def __len__(self) -> int:
        return len(self.counts)

    def restore(self, key: bytes, value: bytes | None) -> None:
        self.counts[key] = json.loads(value or b"[0,0]")

    def fold(self, topic: str, records: Sequence[Record], now: datetime) -> None:
        for record in records:
            self.counts.setdefault(record.key, [0, 0])[0] += 1
            self._changed.add(record.key)

    def due(self, now: datetime) -> None:
        """Nothing is ever promoted."""

    def fire_timers(self, until: datetime, now: datetime) -> int:
        return 0

    def take(self, now: datetime) -> Sequence[Output]:
        outputs = []
        for key in self._changed:
            self.counts[key][1] += 1
            value = json.dumps(self.counts[key]).encode()
            outputs += [Output(self._topics.name(topic), key, value) for topic in ("heat", "scoring-state")]
        self._changed.clear()
        return outputs


def tallying(topics: Topics) -> Worker:
    return Worker(Log(topics), lambda _: Tally(topics), patience=IMPATIENT)


async def main(prefix: str) -> None:
    brokers = environment().brokers
    assert brokers is not None
    stream = tallying(Topics(brokers, prefix))
    await stream.start()
    assert stream.task is not None
    await stream.task


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
