"""The house is as it is said to be: files of a size, paths that exist, and pure rooms that load nothing heavy."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
LONGEST = 400
"""Lines of a file. A longer one holds two subjects."""

GLANCE = 40
"""Lines of a function that one takes in at once."""

ONE_PIECE = "n one piece, because"

MOST_PARAMETERS = 8
"""That may be given by position, `self` among them."""

WRITTEN_OUT = frozenset({"services/scoring/processor/fact_mapping.py __init__"})
"""A value that is compiled writes out what a dataclass would."""

FUNCTION = (ast.FunctionDef, ast.AsyncFunctionDef)

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


def functions() -> Iterator[tuple[str, int, str]]:
    """Name, lines of its own (without docstring and inner functions) and docstring of every function."""
    for path in (
        path for room in ("cli", "services", "shared") for path in (REPOSITORY / room).rglob("*.py")
    ):
        for each in ast.walk(ast.parse(path.read_text())):
            if isinstance(each, FUNCTION):
                said = ast.get_docstring(each)
                body = each.body[1:] if said else each.body
                inner = (one for one in ast.walk(each) if isinstance(one, FUNCTION) and one is not each)
                lines = sum(ends(one) - one.lineno + 1 for one in inner)
                own = ends(each) - body[0].lineno + 1 - lines if body else 0
                yield f"{path.relative_to(REPOSITORY)} {each.name}", own, said or ""


def ends(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    return function.end_lineno or function.lineno


def test_a_function_fits_a_glance_or_says_why_it_is_in_one_piece() -> None:
    assert not [(name, own) for name, own, said in functions() if own > GLANCE and ONE_PIECE not in said]


def test_no_function_excuses_itself_without_need() -> None:
    assert not [name for name, own, said in functions() if own <= GLANCE and ONE_PIECE in said]


def test_nothing_is_called_with_a_list_of_ten() -> None:
    parameters = {
        f"{path.relative_to(REPOSITORY)} {each.name}": len(each.args.posonlyargs + each.args.args)
        for room in ("cli", "services", "shared")
        for path in (REPOSITORY / room).rglob("*.py")
        for each in ast.walk(ast.parse(path.read_text()))
        if isinstance(each, FUNCTION)
    }

    assert {name for name, count in parameters.items() if count > MOST_PARAMETERS} == WRITTEN_OUT


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
