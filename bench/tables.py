"""A benchmark's rows, printed as Markdown and kept as Markdown and JSON."""

from __future__ import annotations

import json
import os
import platform
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from statistics import median

RESULTS = Path(__file__).parent / "results"


@dataclass(frozen=True, slots=True)
class Row:
    """One figure: `value` is the median of `runs`, in `unit`."""

    bench: str
    row: str
    value: float
    unit: str
    runs: tuple[float, ...]


def row(bench: str, name: str, unit: str, runs: Sequence[float]) -> Row:
    return Row(bench, name, round(median(runs), 3), unit, tuple(round(run, 3) for run in runs))


def keep(bench: str, rows: Sequence[Row], notes: Sequence[str] = ()) -> None:
    """Print the table and write it to results/<bench>.md and .json."""
    lines = [f"# {bench}", "", "| row | median | unit | runs |", "|---|---|---|---|"]
    lines += [
        f"| {each.row} | {each.value:g} | {each.unit} | {', '.join(f'{run:g}' for run in each.runs)} |"
        for each in rows
    ]
    lines += ["", f"{machine()}."] + [f"{note}." for note in notes]
    text = "\n".join(lines) + "\n"
    sys.stdout.write(text)
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{bench}.md").write_text(text)
    (RESULTS / f"{bench}.json").write_text(json.dumps([asdict(each) for each in rows], indent=2) + "\n")


def machine() -> str:
    packages = ", ".join(
        f"{name} {version(name)}" for name in ("faust-streaming", "aiokafka", "motor", "secantusdb")
    )
    return f"{os.cpu_count()} cores, Python {platform.python_version()}, {packages}, Apache Kafka 4.3.0"
