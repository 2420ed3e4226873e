"""Lines such as reps write, with the values that are right for each.

Each is written on Tuesday 2026-11-24 at 11:30 in Madrid. `due` and `at` are lists of right local times (a date alone:
any time of that day) or null for none; `after`: the step is due later than now; `flag`: something is assumed or not
understood; the rest are the proposal's own fields.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from services.gateway.quick_log import Language, parse

MADRID = ZoneInfo("Europe/Madrid")
NOW = datetime(2026, 11, 24, 10, 30, tzinfo=UTC)
LINES = [json.loads(line) for line in Path(__file__).with_name("lines.jsonl").read_text().splitlines()]


def clock(at: datetime | None) -> str | None:
    return None if at is None else at.astimezone(MADRID).strftime("%Y-%m-%dT%H:%M")


def is_one_of(value: str | None, right: list[str] | None) -> bool:
    if value is None or right is None:
        return value is None and right is None
    return any(value.startswith(each) for each in right)


@pytest.mark.parametrize("row", LINES, ids=[row["line"] for row in LINES])
def test_a_line_gives_what_its_writer_meant(row: dict[str, Any]) -> None:
    read = parse(row["line"], NOW, MADRID, Language(row["language"]))
    due, at = clock(read.next_step and read.next_step.due), clock(read.at)

    assert "due" not in row or is_one_of(due, row["due"]), due
    assert "at" not in row or is_one_of(at, row["at"]), at
    assert not row.get("after") or (due is not None and due > "2026-11-24T11:30")
    assert not row.get("flag") or read.assumed or read.not_understood
    for name in ("kind", "result", "objection", "duration_seconds"):
        assert name not in row or getattr(read, name) == row[name]
    assert "action" not in row or (read.next_step is not None and read.next_step.action == row["action"])
