"""A plain Faust agent with a table and its changelog, as the manual has it; uvloop, table in memory.

Nearest durability: at least once (Faust's own exactly_once has open faults), acks=all, offsets committed every
500 ms, each table write and each heat a record of its own. Timed to the last event, without its commit.
"""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import faust
import uvloop

from bench.scoring.cluster import named_brokers
from bench.scoring.peers.score import COMMIT_SECONDS, Stopwatch, crossed, score, told
from services.scoring.processor.lead import ScoredLead
from shared.bus.topics import PARTITIONS


async def main(prefix: str, events: str) -> None:
    brokers = named_brokers()
    watch, finished = Stopwatch(int(events)), asyncio.Event()
    app = faust.App(
        f"{prefix}.faust",
        broker=f"kafka://{brokers.bootstrap}",
        broker_credentials=faust.SASLCredentials(username=brokers.user, password=brokers.password),
        autodiscover=False,
        web_enabled=False,
        store="memory://",
        topic_partitions=PARTITIONS,
        topic_replication_factor=1,
        producer_acks=-1,
        broker_commit_interval=COMMIT_SECONDS,
        stream_wait_empty=False,
        consumer_auto_offset_reset="earliest",
    )
    raw: dict[str, Any] = {
        "key_type": bytes,
        "value_type": bytes,
        "key_serializer": "raw",
        "value_serializer": "raw",
    }
    facts = app.topic(f"{prefix}.signals", **raw)
    heat, scoring = app.topic(f"{prefix}.heat", **raw), app.topic(f"{prefix}.scoring", **raw)
    leads = app.Table("leads", partitions=PARTITIONS, key_type=bytes, value_type=bytes)

    async def warm(stream: Any) -> None:
        async for key, value in stream.items():
            is_last = watch.count()
            held = leads.get(key)
            lead = ScoredLead.new(key.decode()) if held is None else ScoredLead.decode(key.decode(), held)
            for crossing in score(lead, value):
                await scoring.send(key=key, value=crossed(crossing))
            news = told(lead)
            leads[key] = lead.encode()
            if news is not None:
                await heat.send(key=key, value=news)
            if is_last:
                watch.stop()
                finished.set()

    app.agent(facts)(warm)
    app.finalize()
    await app.start()
    await finished.wait()
    await app.stop()


if __name__ == "__main__":
    uvloop.run(main(*sys.argv[1:]))
