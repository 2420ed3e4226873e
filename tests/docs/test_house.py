"""The house is as it is said to be: files of a size, paths that exist, and pure rooms that load nothing heavy."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
LONGEST = 400
"""Lines of a file. A longer one holds two subjects."""

WORDS: frozenset[str] = frozenset(
    {"services/gateway/quick_log/english.py", "services/gateway/quick_log/spanish.py"}
)
"""Files of words: as long as a language needs."""

HEAVY = frozenset(
    {"aiokafka", "fastapi", "faust", "httpx", "motor", "prometheus_client", "pymongo", "starlette", "uvicorn"}
)
PURE = {
    "shared.events": frozenset[str](),
    "shared.commands": frozenset[str](),
    "services.leads.domain": frozenset[str](),
    "services.followup.domain": frozenset[str](),
    "services.tickets.domain": frozenset[str](),
    "services.scoring.scorecard": frozenset[str](),
    "services.scoring.processor": frozenset({"prometheus_client"}),
    "services.gateway.quick_log": frozenset[str](),
}
"""Packages that decide or count, with what they still load. These sets only shrink."""

PATH = re.compile(r"(?<![\w./-])((?:bench|cli|deploy|docs|services|shared|tests)/[\w./*-]*\w)")
MARKDOWN = sorted(
    path
    for path in REPOSITORY.rglob("*.md")
    if not {".venv", "node_modules", ".ascua"} & set(path.relative_to(REPOSITORY).parts)
)


def long_files() -> set[str]:
    return {
        str(path.relative_to(REPOSITORY))
        for room in ("bench", "cli", "services", "shared")
        for path in (REPOSITORY / room).rglob("*.py")
        if len(path.read_text().splitlines()) > LONGEST
    }


def test_no_file_is_longer_than_it_may_be() -> None:
    assert long_files() <= WORDS


def loads(package: str) -> frozenset[str]:
    """The clients, servers and frameworks that a new process has loaded once it has imported all of a package."""
    program = (
        "import importlib, json, pkgutil, sys\n"
        f"room = importlib.import_module({package!r})\n"
        "for each in pkgutil.walk_packages(getattr(room, '__path__', []), room.__name__ + '.'):\n"
        "    if not each.name.endswith('.api'):\n"  # a router is where what is pure meets HTTP
        "        importlib.import_module(each.name)\n"
        "json.dump(sorted({name.partition('.')[0] for name in sys.modules}), sys.stdout)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=REPOSITORY, capture_output=True, check=True)
    return HEAVY & frozenset(json.loads(done.stdout))


@pytest.mark.parametrize("package", PURE)
def test_importing_what_is_pure_loads_no_client_server_or_framework(package: str) -> None:
    assert loads(package) <= PURE[package]


def test_a_client_that_is_loaded_would_be_found() -> None:
    assert {"motor", "pymongo"} <= loads("shared.mongo")


@pytest.mark.parametrize("document", MARKDOWN, ids=lambda path: str(path.relative_to(REPOSITORY)))
def test_every_path_that_a_document_tells_leads_somewhere(document: Path) -> None:
    told = {found.rstrip(".") for found in PATH.findall(document.read_text())}
    missing = {path for path in told if not any(REPOSITORY.glob(path))}

    assert not missing


def test_every_contract_of_layers_is_exhaustive_but_one_for_the_roots() -> None:
    contracts = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["tool"]["importlinter"][
        "contracts"
    ]
    open_ones = {
        each["name"]
        for each in contracts
        if each["type"] == "layers" and "containers" in each and not each.get("exhaustive")
    }

    assert open_ones <= {"The processor, from bytes to bytes"}


def test_what_the_makefile_and_the_wheel_name_exists() -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())
    compiled = project["tool"]["hatch"]["build"]["targets"]["wheel"]["hooks"]["mypyc"]["include"]
    named = [*compiled, *re.findall(r"\btests/[\w/.]+", (REPOSITORY / "Makefile").read_text())]
    missing = [path for path in named if not (REPOSITORY / path).exists()]

    assert not missing


def test_every_room_of_tests_is_a_package() -> None:
    rooms = {path.parent for path in (REPOSITORY / "tests").rglob("test_*.py")}

    assert not {str(room) for room in rooms if not (room / "__init__.py").exists()}, (
        "two files of one name clash"
    )
