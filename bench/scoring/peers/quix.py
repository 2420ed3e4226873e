"""Quix Streams with its state in RocksDB and in a changelog, processing exactly once, checkpoints every 500 ms.

It runs in an environment of its own, pinned in quix.lock. Heat is told with every event, since nothing in Quix Streams
tells only a lead's last heat of a checkpoint; with `quiet` no heat is told at all. Timed to the last event, without
its checkpoint.
"""

from __future__ import annotations

import logging
import os
import sys
import tempfile
from typing import Any

from quixstreams import Application
from quixstreams.kafka import ConnectionConfig

from bench.scoring.peers.score import COMMIT_SECONDS, Stopwatch, crossed, score, told
from services.scoring.processor.lead import ScoredLead


class Crossing(bytes):
    """A record that goes to `ascua.scoring`."""


def main(prefix: str, events: str, quiet: str = "") -> None:
    watch = Stopwatch(int(events))
    with tempfile.TemporaryDirectory() as state:
        app = Application(
            broker_address=ConnectionConfig(
                bootstrap_servers=os.environ["ASCUA_KAFKA_BOOTSTRAP"],
                security_protocol=os.environ["ASCUA_KAFKA_SECURITY_PROTOCOL"],
                sasl_mechanism=os.environ["ASCUA_KAFKA_SASL_MECHANISM"],
                sasl_username=os.environ["ASCUA_KAFKA_USER"],
                sasl_password=os.environ["ASCUA_KAFKA_PASSWORD"],
            ),
            consumer_group=f"{prefix}.quix",
            processing_guarantee="exactly-once",
            commit_interval=COMMIT_SECONDS,
            auto_offset_reset="earliest",
            state_dir=state,
            auto_create_topics=True,
            loglevel=logging.ERROR,
        )
        raw: dict[str, Any] = {"key_deserializer": "bytes", "value_deserializer": "bytes"}
        out: dict[str, Any] = {"key_serializer": "bytes", "value_serializer": "bytes"}
        facts = app.dataframe(app.topic(f"{prefix}.signals", **raw))
        heat_topic, scoring_topic = app.topic(f"{prefix}.heat", **out), app.topic(f"{prefix}.scoring", **out)

        def warm(value: bytes, key: bytes, _: Any, __: Any, state: Any) -> list[bytes]:
            is_last = watch.count()
            held, lead_id = state.get_bytes("lead"), key.decode()
            lead = ScoredLead.new(lead_id) if held is None else ScoredLead.decode(lead_id, held)
            news: list[bytes] = [Crossing(crossed(crossing)) for crossing in score(lead, value)]
            if not quiet and (heat := told(lead)) is not None:
                news.append(heat)
            state.set_bytes("lead", lead.encode())
            if is_last:
                watch.stop()
                app.stop()
            return news

        news = facts.apply(warm, stateful=True, metadata=True, expand=True)
        news.to_topic(lambda value, *_: scoring_topic if isinstance(value, Crossing) else heat_topic)
        app.run()


if __name__ == "__main__":
    main(*sys.argv[1:])
