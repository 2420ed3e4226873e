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
    goal: str = ""
    """What it is meant to be, such as `≥ 2`; empty where nothing was said."""


def row(bench: str, name: str, unit: str, runs: Sequence[float], goal: str = "") -> Row:
    return Row(bench, name, round(median(runs), 3), unit, tuple(round(run, 3) for run in runs), goal)


def keep(bench: str, rows: Sequence[Row], notes: Sequence[str] = ()) -> None:
    """Print the table and write it to results/<bench>.md and .json."""
    has_goals = any(each.goal for each in rows)
    lines = [
        f"# {bench}",
        "",
        f"| row | median |{' goal |' * has_goals} unit | runs |",
        "|---" * (4 + has_goals) + "|",
    ]
    lines += [
        f"| {each.row} | {figure(each.value)} |{f' {each.goal} |' * has_goals} {each.unit} "
        f"| {', '.join(map(figure, each.runs))} |"
        for each in rows
    ]
    lines += ["", f"{machine()}."] + [f"{note}." for note in notes]
    text = "\n".join(lines) + "\n"
    sys.stdout.write(text)
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{bench}.md").write_text(text)
    (RESULTS / f"{bench}.json").write_text(json.dumps([asdict(each) for each in rows], indent=2) + "\n")


def kept(bench: str) -> list[Row]:
    """The rows that were kept last."""
    path = RESULTS / f"{bench}.json"
    held = json.loads(path.read_text()) if path.exists() else []
    return [Row(**{**each, "runs": tuple(each["runs"])}) for each in held]


def figure(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:g}"


def machine() -> str:
    packages = ", ".join(
        f"{name} {version(name)}" for name in ("faust-streaming", "aiokafka", "motor", "secantusdb")
    )
    return f"{os.cpu_count()} cores, Python {platform.python_version()}, {packages}, Apache Kafka 4.3.0"
