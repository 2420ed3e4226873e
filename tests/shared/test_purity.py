"""What decides can be read, tested and moved without what talks to servers: importing it loads none of that."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
PURE = (
    "services/*/domain",
    "services/*/scorecard",
    "services/gateway/*/commands.py",
    "shared/commands",
    "shared/events",
    "shared/applied_once.py",
)
SERVERS = {"aiokafka", "fastapi", "faust", "httpx", "motor", "pymongo", "starlette", "uvicorn"}
LOAD = """
import importlib, json, sys
servers, found = set(sys.argv[1].split()), {}
for module in sys.stdin.read().split():
    before = servers & sys.modules.keys()
    importlib.import_module(module)
    if loaded := sorted((servers & sys.modules.keys()) - before):
        found[module] = loaded
print(json.dumps(found))
"""


def modules() -> list[str]:
    found = (path for pattern in PURE for path in ROOT.glob(pattern))
    files = {file for path in found for file in ([path] if path.is_file() else path.rglob("*.py"))}
    return sorted(".".join(file.relative_to(ROOT).with_suffix("").parts) for file in files)


def test_importing_what_decides_loads_no_client_server_or_framework() -> None:
    names = [name.removesuffix(".__init__") for name in modules()]
    assert {"services.leads.domain.lead", "shared.events.base", "shared.commands.leads"} <= set(names)
    done = subprocess.run(
        [sys.executable, "-c", LOAD, " ".join(SERVERS)],
        input=" ".join(names),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(done.stdout) == {}
