"""Scoring's worker in a process of its own: the stream as services/scoring/main.py wires it, without ledger and API.

It says when it is ready and what it owns, waits for `{"until": {"topic/partition": end}}`, folds up to there and says
how long it took. With `until` empty it folds for as long as it lives.
"""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import signal
import sys
from collections.abc import MutableMapping
from contextlib import suppress
from time import monotonic, process_time
from typing import Any

import structlog
import uvloop

from bench.scoring.cluster import named_brokers
from services.scoring.main import Settings
from services.scoring.processor.decoding import Decoder
from services.scoring.processor.fold import LeadsFold
from services.scoring.rules_log import RulesLog
from services.scoring.runtime import collector
from services.scoring.runtime.log import Log
from services.scoring.runtime.worker import Patience, Worker
from services.scoring.scorecard.compiled_rules import compile_rules
from shared.bus.topics import Topics
from shared.clock import milliseconds, utc_now

POLL = 0.005
COLD = 0.3
"""The share of the facts after which a process counts as warm."""

read_back: dict[str, Any] = {}


def _remember(_: object, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    if event["event"] == "state_read_back":
        read_back.update(event)
        raise structlog.DropEvent
    return event


def say(**words: object) -> None:
    sys.stdout.write(json.dumps(words) + "\n")
    sys.stdout.flush()


def new_stream(topics: Topics, rulebook: RulesLog) -> Worker:
    session = Settings.model_fields["session_seconds"].default
    letters = Settings.model_fields["dead_letter_limit"].default
    decoder = Decoder()

    def new_fold(number: int) -> LeadsFold:
        rules = compile_rules(rulebook.at(milliseconds(utc_now())))
        return LeadsFold(topics, rules, letters, decoder, rulebook, number)

    return Worker(Log(topics), new_fold, utc_now, Patience(session=session, heartbeat=session / 6))


async def main(prefix: str) -> None:
    me = asyncio.current_task()
    assert me is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, me.cancel)
    topics = Topics(named_brokers(), prefix)
    rulebook = RulesLog(topics)
    await rulebook.start()
    stream = new_stream(topics, rulebook)
    gate, room = asyncio.Event(), stream.state.room

    async def gated() -> None:
        await gate.wait()
        await room()

    stream.state.room = gated  # type: ignore[method-assign]
    await stream.start()
    try:
        await work(stream, gate)
    finally:
        await stream.stop()
        await rulebook.stop()


async def work(stream: Worker, gate: asyncio.Event) -> None:
    told = asyncio.create_task(asyncio.to_thread(sys.stdin.readline))
    owned: list[int] = []
    while not owned or not told.done():
        await until_ready(stream)
        if owned != (owned := sorted(stream.state.partitions)):
            gc.collect()
            say(ready=monotonic(), partitions=owned, read_back=read_back)
        await asyncio.wait([told], timeout=POLL)
    until: dict[str, int] = json.loads(told.result())["until"]
    began, cpu = monotonic(), process_time()
    cold = int(sum(until.values()) * COLD)
    warm_from: tuple[int, float] | None = None
    gate.set()
    while not until or not reached(stream, until):
        if until and warm_from is None and (folded := facts(stream)) >= cold:
            warm_from = folded, process_time()
        if not stream.is_ready or sorted(stream.state.partitions) != owned:
            sys.exit("the worker lost its partitions while it was measured")
        await asyncio.sleep(POLL if until else 1.0)
    ended, used = monotonic(), process_time()
    folded, then = warm_from or (0, cpu)
    late = (used - then) / (sum(until.values()) - folded) * 1e6
    say(began=began, ended=ended, cpu=used - cpu, cpu_late=late)
    await asyncio.Event().wait()  # who leaves the group now would disturb the others


async def until_ready(stream: Worker) -> None:
    while not stream.is_ready or not stream.state.partitions:
        assert stream.task is not None
        if stream.task.done():
            stream.task.result()
        await asyncio.sleep(POLL)


def facts(stream: Worker) -> int:
    """How many facts are in the state."""
    return sum(sum(owned.folded.values()) for owned in stream.state.partitions.values())


def reached(stream: Worker, until: dict[str, int]) -> bool:
    return all(
        offset >= until.get(f"{tp.topic}/{tp.partition}", 0)
        for owned in stream.state.partitions.values()
        for tp, offset in owned.committed.items()
    )


if __name__ == "__main__":
    logging.basicConfig(level=logging.ERROR)
    structlog.configure(
        processors=[_remember, structlog.processors.JSONRenderer()],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    collector.set_up()
    with suppress(asyncio.CancelledError):
        uvloop.run(main(*sys.argv[1:]))
