"""How long an import takes until heat and views have caught up, on each embedded store that is found.

The log is the first half of the BPI Challenge 2012 where it lies beside the repository, else a drawn one of 6,500
leads. The second row of a store is the same import again, which must publish nothing.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import sysconfig
import tempfile
from pathlib import Path
from typing import Any

from bench.tables import Row, keep, row
from cli.environment import Environment
from cli.imports.account import Account
from cli.imports.mapping_parser import load_mapping
from cli.imports.run import run
from cli.operator_key import operator_key
from cli.system import started
from shared.embedded.home import free_port
from tests.e2e import histories

STORES = ("mongod", "secantusd-rs", "secantusd-py")


def found() -> list[Path]:
    """The stores on this machine; ASCUA_STORE_BINARY adds one that is not on the PATH."""
    named = [os.environ.get("ASCUA_STORE_BINARY"), *STORES, f"{sysconfig.get_path('scripts')}/secantusd-py"]
    paths = {Path(path).absolute() for name in named if name and (path := shutil.which(name))}
    return sorted(paths)


async def measure(store: Path, log: Path) -> list[Row]:
    with tempfile.TemporaryDirectory() as directory:
        home = Path(directory)
        given: dict[str, Any] = {
            "home": home, "kafka_bootstrap": None, "mongo_url": None, "gateway_url": None, "store_binary": store,
        }  # fmt: skip
        async with started(home, Environment(**given), free_port()) as own:
            gateway, key = own.addresses.gateway, operator_key(home)
            mapping = load_mapping(histories.MAPPING)
            first: Account = await run(log, mapping, gateway, key)
            again: Account = await run(log, mapping, gateway, key)
    assert first.rows_read == first.events_published, first
    assert again.events_published == 0, again
    name = f"{store.name}: {first.rows_read:,} rows, {first.leads:,} leads"
    return [
        row("imports", name, "seconds", [first.seconds]),
        row("imports", f"{store.name}: again, all known", "seconds", [again.seconds]),
    ]


def main() -> None:
    with tempfile.TemporaryDirectory() as directory:
        log = histories.REAL_LOG
        if not log.exists():
            log = histories.drawn(Path(directory) / "drawn.csv", 6_500, seed=12)
        rows = [each for store in found() for each in asyncio.run(measure(store, log))]
        keep("imports", rows, [f"Log: {log.name}", "Broker, store and services on the same cores"])
