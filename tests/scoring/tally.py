"""A worker whose fold only counts: what the transport and the transactions do shows without any rule of heat.

Run as a program, `python -m tests.scoring.tally BOOTSTRAP PREFIX`, it works until it is killed.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Sequence
from datetime import datetime

from aiokafka import ConsumerRecord

from services.scoring.state import Log, Output
from services.scoring.stream import Patience, Stream
from shared.bus.topics import Topics

IMPATIENT = Patience(session=6.0, rebalance=6.0, heartbeat=0.3)


class Tally:
    """Counts the records of each key and remembers the sum of their values; tells each new count."""

    def __init__(self, prefix: str) -> None:
        self.sums: dict[bytes, list[int]] = {}
        self._prefix = prefix
        self._changed: set[bytes] = set()

    def restore(self, key: bytes, value: bytes | None) -> None:
        self.sums[key] = json.loads(value or b"[0,0,0]")

    def fold(self, topic: str, records: Sequence[ConsumerRecord], now: datetime) -> None:
        for record in records:
            sums = self.sums.setdefault(record.key, [0, 0, 0])
            sums[0] += 1
            sums[1] += int(record.value)
            self._changed.add(record.key)

    def ring(self, now: datetime) -> int:
        return 0

    def take(self, now: datetime) -> Sequence[Output]:
        outputs = []
        for key in self._changed:
            self.sums[key][2] += 1
            value = json.dumps(self.sums[key]).encode()
            outputs += [
                Output(f"{self._prefix}.heat", key, value),
                Output(f"{self._prefix}.scoring-state", key, value),
            ]
        self._changed.clear()
        return outputs


async def main(bootstrap: str, prefix: str) -> None:
    stream = Stream(Log(Topics(bootstrap, prefix)), lambda _: Tally(prefix), patience=IMPATIENT)
    await stream.start()
    assert stream.task is not None
    await stream.task


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
