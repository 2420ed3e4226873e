"""Scoring beside its peers, and what its worker costs: `python -m bench scoring [PART…]`.

Each part keeps its own rows in results/scoring.*, and leaves those of the others as they are.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import subprocess
import sys
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from bench.scoring import catch_up, cost, latency, profile, recovery, workers
from bench.scoring.cluster import COMPILED, ROOT, environment
from bench.scoring.plan import Plan
from services.scoring.processor import fold

PARTS: dict[str, Callable[[Plan], Coroutine[Any, Any, None]]] = {
    "catch-up": catch_up.measure,
    "recovery": recovery.measure,
    "latency": latency.measure,
    "cost": cost.measure,
    "workers": workers.measure,
    "profile": profile.measure,
}


def main(arguments: Sequence[str] = ()) -> None:
    parser = argparse.ArgumentParser("python -m bench scoring", description=__doc__)
    parser.add_argument(
        "parts", nargs="*", metavar="PART", help=f"{', '.join(PARTS)}; all when none is named"
    )
    for name, (value, meaning) in Plan.knobs().items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=type(value), default=value, help=meaning)
    given = vars(parser.parse_args(arguments))
    parts = given.pop("parts") or list(PARTS)
    if unknown := set(parts) - set(PARTS):
        parser.error(f"there is no part {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    if not str(fold.__file__).startswith(str(COMPILED)):
        subprocess.run(["make", "--silent", "compiled"], cwd=ROOT, check=True, stdout=sys.stderr)
        os.execve(sys.executable, [sys.executable, "-m", "bench", "scoring", *arguments], environment())
    for part in parts:
        asyncio.run(PARTS[part](Plan(part, list(PARTS), **given)))
