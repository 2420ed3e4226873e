"""Processor time of a system's processes, by what each of them is."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")
_PARTS = {"kafka.Kafka": "broker", "secantusd": "store", "mongod": "store"}


def processor_time(root: int) -> dict[str, float]:
    """Seconds of processor time since their start of a process and all below it, by service, broker, store."""
    spent: dict[str, float] = {}
    for pid in _tree(root):
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            words = Path(f"/proc/{pid}/cmdline").read_text()
        except OSError:
            continue
        name = _name(words)
        spent[name] = spent.get(name, 0.0) + (int(fields[11]) + int(fields[12])) / _TICKS
    return spent


def shares(before: Mapping[str, float], after: Mapping[str, float], seconds: float) -> dict[str, float]:
    """Per cent of a core between two looks, the largest first, and their `all`."""
    found = {name: 100 * (after[name] - before.get(name, 0.0)) / seconds for name in after}
    ordered = dict(sorted(found.items(), key=lambda each: -each[1]))
    return {"all": sum(found.values()), **ordered}


def _name(words: str) -> str:
    for sign, name in _PARTS.items():
        if sign in words:
            return name
    return words.partition("services.")[2].partition("\0")[0].partition(".")[0] or "supervisor"


def _tree(root: int) -> Iterator[int]:
    children: dict[int, list[int]] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(path.read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
        children.setdefault(parent, []).append(int(path.parent.name))
    waiting = [root]
    while waiting:
        pid = waiting.pop()
        yield pid
        waiting += children.get(pid, [])
