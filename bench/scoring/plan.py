"""How much is measured, and where its rows go."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, fields
from importlib.metadata import version
from pathlib import Path
from typing import Any

from bench.tables import Row, keep, kept, row

BENCH = "scoring"
DAY_MS = 86_400_000
LOCK = Path(__file__).parent / "peers" / "quix.lock"

NOTES = (
    "Kafka's broker on one core with what loads and watches it, the process under test on the other, 4 partitions, "
    "loopback",
    "Facts as they stand on the topics, 546 bytes on average: 90% signals, 10% activities, UUID ids and leads, times "
    "in order, spread over the last 7 days where they are preloaded",
    "Ours: the worker's stream as services/scoring/main.py wires it, in a process of its own without ledger and API, "
    "with uvloop; heat, crossings, state and positions in one transaction per partition, acks=all, 500 ms apart",
    "What is done for every fact is compiled by mypyc, as in the image (`make compiled`), but for the row that says "
    "otherwise; the rows of Quix Streams, of Faust, of what is not compiled and of latency are of an earlier day and "
    "an earlier state of the code, those of recovery and cost too, as plain Python",
    "What holds scoring behind a warm Kafka Streams, sampled by perf on the way there: take_in 31% (deduplication "
    "8, counts 7, exact looks 14), records of heat and state 20%, reading 14%, the rest of the fold 8%, client, "
    "threads and transactions 24%: memory that is far away (counts, marks of signals, each an object of CPython) and "
    "calls between compiled code and CPython's types; no single one of them",
    "Catch-up: ours and the others take turns, run by run, since the machine's speed drifts by the minute; a "
    "ratio is the median of those of the turns",
    "All rows run the same code from bytes to heat: decoding, deduplication, fold, crossings, record of heat, record "
    "of state. Only ours also wakes up for crossings by time, lets leads rest, and puts dead letters aside",
    "Kafka Streams 4.3: the same fold in Java (bench/scoring/peers/streams), exactly once, one thread, commits and "
    "heat every 500 ms; as objects, leads are written to the store at each commit only; stock, they go through their "
    "bytes with each fact; timed to the commit that holds the last fact. Warm: the last 70% of the facts",
    "Memory at the end: RSS when the last commit is done; a JVM has what its heap was given",
    "Bare loop: the same transactions, every 500 ms beside the folding; timed to the last commit, like ours",
    "Quix Streams: exactly once, checkpoints every 500 ms, heat told with every event, facts on one topic "
    "(concatenated ones are aligned in time, which is slower); timed to the last event, without its commit",
    "Faust: at least once, acks=all, offsets committed every 500 ms, each table write a changelog record, heat told "
    "with every event, facts on one topic; timed to the last event, without its commit",
    "Recovery: 2,000 distinct records under as many keys as there are leads. Memory: RSS of the ready worker, less "
    "that of a ready worker without leads",
    "Latency: from the instant an event was scheduled to be sent, whatever delayed it, to its heat's arrival in a "
    "consumer that reads only what is committed; the sender has the gateway's producer settings; after 5 s to warm up; "
    "here sender and consumer share the worker's core, for the broker needs the most of its own",
    "Cost: processor time of the whole worker, transactions included, at a steady 2,000 events/s over uniformly drawn "
    "leads; runs are consecutive windows of one worker that had recovered that many leads",
    "Workers: each on a core of its own, the broker where there is room; on a machine of two cores it takes its share "
    "of the two workers'",
    "Profile: processor time per event in one process without Kafka, 10,000 leads Zipf, batches of 500, a take every "
    "36,000; what remains of catching up's processor time is transport, client and transactions",
)


@dataclass
class Plan:
    part: str
    parts: Sequence[str]
    runs: int = field(default=5, metadata={"help": "how often each figure is measured"})
    events: int = field(default=1_000_000, metadata={"help": "preloaded events to catch up with"})
    peer_events: int = field(default=100_000, metadata={"help": "the same for the slower peers"})
    leads: int = field(
        default=1_000_000, metadata={"help": "leads to recover, and the most in the cost rows"}
    )
    seconds: float = field(
        default=300.0, metadata={"help": "length of a run at a steady rate; cost takes a tenth"}
    )
    only: str = field(
        default="",
        metadata={
            "help": "of the rows of catch-up only these, with commas: ours, plain, streams, "
            "streams-stock, bare, quix, quix-quiet, faust"
        },
    )

    @classmethod
    def knobs(cls) -> dict[str, tuple[Any, str]]:
        return {
            each.name: (each.default, each.metadata["help"])
            for each in fields(cls)
            if "help" in each.metadata
        }

    def row(self, name: str, unit: str, runs: Sequence[float], goal: str = "") -> Row:
        return row(BENCH, f"{self.part}: {name}", unit, runs, goal)

    def load(self, of: str = "") -> Row:
        """How busy the machine was, with what is measured and beside it."""
        return self.row(f"{of}load average meanwhile", "tasks", [os.getloadavg()[0]])

    def keep(self, rows: Sequence[Row], instead_of: str = "") -> None:
        """Keep these rows in place of the part's earlier ones, or of those whose names go on with `instead_of`."""
        gone = re.compile(re.escape(f"{self.part}: ") + instead_of)
        all_rows = [each for each in kept(BENCH) if not gone.match(each.row)] + list(rows)
        order = {part: place for place, part in enumerate(self.parts)}
        all_rows.sort(key=lambda each: order.get(each.row.partition(":")[0], len(order)))
        keep(BENCH, all_rows, [*NOTES, ", ".join(_versions())])


def _versions() -> Iterator[str]:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            yield f"{line.partition(': ')[2]}, {os.cpu_count()} cores"
            break
    for package in ("uvloop", "msgspec"):
        yield f"{package} {version(package)}"
    if found := re.search(r"^quixstreams==(\S+)", LOCK.read_text(), re.MULTILINE):
        yield f"quixstreams {found[1]}"
