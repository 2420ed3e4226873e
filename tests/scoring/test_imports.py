"""What scores is tried without a broker's client, a server or a framework: importing it loads none."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HEAVY = {"aiokafka", "faust", "fastapi", "httpx", "motor", "pymongo"}


def loaded_by(*modules: str) -> set[str]:
    """The top-level packages that are loaded once these modules are."""
    script = f"import json, sys\nfor name in {modules!r}: __import__(name)\nprint(json.dumps([*sys.modules]))"
    found = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return {name.partition(".")[0] for name in json.loads(found.stdout)}


@pytest.mark.parametrize("package", ["services/scoring/processor", "services/scoring/scorecard"])
def test_importing_what_scores_loads_no_client_and_no_framework(package: str) -> None:
    modules = [
        path.relative_to(ROOT).with_suffix("").as_posix().replace("/", ".").removesuffix(".__init__")
        for path in sorted((ROOT / package).rglob("*.py"))
    ]

    assert len(modules) > 10
    assert not loaded_by(*modules) & HEAVY


def test_importing_what_carries_it_does() -> None:
    assert {"aiokafka", "faust"} <= loaded_by("services.scoring.runtime.worker")
