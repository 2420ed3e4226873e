"""A scoring worker that failed while the broker is away ends in time, for its supervisor to start another one."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest
from aiokafka.errors import KafkaError

from services.scoring.runtime.log import Log
from services.scoring.runtime.worker import STOPPING, Worker
from shared.bus.cluster import Cluster
from shared.bus.topics import Topics
from shared.embedded import Servers
from tests.scoring.tally import Tally
from tests.waiting import until

pytestmark = [
    pytest.mark.faults,
    # What is left behind still looks for the broker; in a service the process ends here.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning"),
]


async def test_a_worker_that_failed_does_not_wait_for_the_broker_to_end(tmp_path: Path) -> None:
    async with Servers(tmp_path, mongo_url="mongodb://127.0.0.1:9") as servers:
        topics = Topics(servers.kafka)
        await Cluster(topics).apply()
        stream = Worker(Log(topics), lambda _: Tally(topics))
        await stream.start()
        await until(lambda: stream.is_ready)
    assert stream.task is not None
    began = time.monotonic()
    stream._fail(KafkaError("the sender died"))

    await asyncio.wait([stream.task], timeout=90)

    assert isinstance(stream.task.exception(), KafkaError)
    assert time.monotonic() - began < STOPPING + 2
