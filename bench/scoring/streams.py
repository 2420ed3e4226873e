"""Scoring on Kafka Streams: built by Maven where there is one, and held to what ours makes of the same facts.

`python -m bench.scoring.streams` compares the heat, crossings and bands of both, fact for fact, without a broker.
"""

from __future__ import annotations

import asyncio
import json
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from math import isclose
from pathlib import Path

from bench.scoring.cluster import ROOT, TESTED, Process
from bench.scoring.peers.score import RULES, crossed, told
from bench.scoring.plan import DAY_MS
from bench.scoring.traffic import Drawn, Traffic, new_leads
from services.scoring.processor.decisions import take_in
from services.scoring.processor.decoding import Decoder
from services.scoring.processor.lead import ScoredLead

SOURCE = Path(__file__).parent / "peers" / "streams"
BUILT = ROOT / ".bench" / "streams"
JVM = (
    "-XX:+UseSerialGC",
    "-Xms768m",
    "-Xmx768m",
    "-Xmn384m",
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=error",
)


def missing() -> str | None:
    """Why Kafka Streams cannot be measured here; None when it can."""
    absent = [program for program in ("java", "mvn") if shutil.which(program) is None]
    return f"Kafka Streams is left out: there is no {' and no '.join(absent)} here" if absent else None


def build() -> str:
    """Build the peer under the rules of today; the class path to run it with."""
    shutil.copytree(SOURCE, BUILT, dirs_exist_ok=True)
    resources = BUILT / "src" / "main" / "resources"
    resources.mkdir(exist_ok=True)
    (resources / "rules.txt").write_text("".join(f"{line}\n" for line in rules()))
    goals = ["compile", "dependency:build-classpath", "-Dmdep.outputFile=classpath.txt"]
    subprocess.run(["mvn", "--quiet", "--batch-mode", *goals], cwd=BUILT, check=True, stdout=sys.stderr)
    return f"{BUILT / 'target' / 'classes'}:{(BUILT / 'classpath.txt').read_text().strip()}"


def rules() -> Iterator[str]:
    """The default rules as lines: cells (half-life in ms, cap), groups (cap, cells), counters (half-life, cell, weight)
    and kinds (weight, counters)."""
    heat = RULES.heat
    yield f"version {RULES.version}"
    for cell, half_life in enumerate(heat.half_life_of):
        yield f"cell {half_life} {heat.caps[cell]} {'plain' if cell in heat._plain else 'grouped'}"
    for group in heat._groups:
        # The whole tells last what its groups leave free, in their order.
        cells = group.cells
        yield " ".join(["group", str(group.cap), *map(str, cells)])
    half_lives = {
        counter.code: counter.half_life_ms for step in RULES.plain.values() for counter in step.counters
    }
    for code, half_life in sorted(half_lives.items()):
        worth = heat.worth.get(code)
        yield (
            f"counter {code} {half_life} {worth.cell} {worth.weight}"
            if worth
            else f"counter {code} {half_life} -1 0.0"
        )
    for kind, step in sorted(RULES.plain.items()):
        yield " ".join(["kind", kind, str(step.heat), *(str(counter.code) for counter in step.counters)])


async def start(class_path: str, store: str, prefix: str, events: int, state: str) -> Process:
    """Run the peer with its leads in a `store`, stock or objects."""
    return Process(
        await asyncio.create_subprocess_exec(
            "taskset",
            "-c",
            str(TESTED),
            "java",
            *JVM,
            "-cp",
            class_path,
            "ascua.StreamsApp",
            prefix,
            str(events),
            store,
            state,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=2**20,
        )
    )


def differences(count: int = 200_000) -> list[str]:
    """Where the peer makes something else of facts, some of them late and some repeated."""
    facts = list(_untidy(count))
    with tempfile.TemporaryDirectory() as folder:
        given, found = Path(folder) / "facts", Path(folder) / "found"
        given.write_bytes(b"".join(each.lead.encode() + b"\t" + each.value + b"\n" for each in facts))
        subprocess.run(["java", "-cp", build(), "ascua.Check", given, found], check=True, stdout=sys.stderr)
        theirs = found.read_bytes().splitlines()
    ours = list(_ours(facts))
    if len(ours) != len(theirs):
        return [f"{len(ours)} records of ours, {len(theirs)} of theirs"]
    return [
        f"{one.decode()}\n{other.decode()}"
        for one, other in zip(ours, theirs, strict=True)
        if not _alike(_event(one), _event(other))
    ]


def _untidy(count: int) -> Iterator[Drawn]:
    lot = random.Random(7)
    facts = list(Traffic(new_leads(10_000), 1.0).spread(count, 1_795_000_000_000, 7 * DAY_MS))
    facts += lot.sample(facts, count // 10)
    late = [facts.pop(lot.randrange(len(facts))) for _ in range(count // 100)]
    for at in range(0, len(facts), 50):
        few = facts[at : at + 50]
        lot.shuffle(few)
        yield from few
    yield from late


def _ours(facts: list[Drawn]) -> Iterator[bytes]:
    leads: dict[str, ScoredLead] = {}
    decoder = Decoder()
    for each in facts:
        lead = leads.setdefault(each.lead, leads.get(each.lead) or ScoredLead.new(each.lead))
        for crossing in take_in(lead, decoder.read(each.value), RULES)[1]:
            yield crossed(crossing)
    for _, lead in sorted(leads.items()):
        if record := told(lead):
            yield record


def _event(record: bytes) -> object:
    event = json.loads(record)
    del event["recordedtime"]
    return event


def _alike(one: object, other: object) -> bool:
    """Whether they are the same, but for the order in which floats were added."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_alike(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_alike, one, other))
    if isinstance(one, float) and isinstance(other, float):
        return isclose(one, other, rel_tol=1e-12, abs_tol=1e-12)
    return one == other


if __name__ == "__main__":
    found = differences()
    sys.stdout.write("\n".join([*found[:3], f"{len(found)} differences"]) + "\n")
    sys.exit(bool(found))
