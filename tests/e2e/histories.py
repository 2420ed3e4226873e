"""Logs to import: some of the real one, where it is, and one of the same shape that is drawn by lot."""

from __future__ import annotations

import csv
import gzip
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

ROOT = Path(__file__).parents[2]
MAPPING = ROOT / "cli/imports/mappings/bpi12.yaml"
REAL_LOG = ROOT.parent / "shared/data/bpi12_first_half.csv.gz"
NO_REAL_LOG = f"{REAL_LOG.name}, the log of the BPI Challenge 2012, is not beside this repository"

PEOPLE = """
leads:
  lead: id
  name: name
  email: mail
  channel: {column: source, map: {web: web}}
  origin: source
  stage: {column: status, map: {new: new, offer: proposal, won: won, lost: {lost: no_budget}}}
  owner: owner
  created: created
  last_activity: spoke
lead_prefix: people-
"""

COLUMNS = ("timestamp", "case_id", "amount_requested", "activity", "lifecycle", "resource")
Row = tuple[str, ...]

_BEGINNINGS = ("A_SUBMITTED", "A_PARTLYSUBMITTED", "A_PREACCEPTED")
_MIDDLES = (
    ("A_ACCEPTED", "COMPLETE"),
    ("O_SENT", "COMPLETE"),
    ("O_SENT_BACK", "COMPLETE"),
    ("O_ACCEPTED", "COMPLETE"),
    ("W_Completeren aanvraag", "SCHEDULE"),
    ("W_Completeren aanvraag", "START"),
    ("W_Completeren aanvraag", "COMPLETE"),
    ("W_Nabellen offertes", "START"),
    ("W_Nabellen offertes", "COMPLETE"),
    ("W_Valideren aanvraag", "COMPLETE"),
)
_ENDS = ("A_ACTIVATED", "A_DECLINED", "A_CANCELLED", None)


def drawn(path: Path, leads: int, seed: int) -> Path:
    """Write a log of so many leads, some 15 rows each, over the month up to three days ago."""
    lot = random.Random(seed)
    begin = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(days=33)
    rows: list[Row] = []
    for lead in range(leads):
        at = begin + timedelta(minutes=lot.randrange(20 * 24 * 60))
        steps = [(step, "COMPLETE") for step in _BEGINNINGS[: lot.choice((2, 3))]]
        steps += [lot.choice(_MIDDLES) for _ in range(lot.randrange(5, 20))]
        if (end := lot.choice(_ENDS)) is not None:
            steps.append((end, "COMPLETE"))
        for step, lifecycle in steps:
            stamp = at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
            rows.append(
                (stamp, f"{seed}{lead:04}", "12500", step, lifecycle, str(lot.randrange(10_900, 10_930)))
            )
            at += timedelta(milliseconds=lot.choice((0, 880, 90_000, 40_000_000, 80_000_000)))
    return _written(path, rows)


def people(path: Path, leads: int, seed: int) -> Path:
    """Write a table of so many people as another program knows them, and beside it what its columns mean."""
    lot = random.Random(seed)
    begin = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(days=90)
    lines = ["id,name,mail,source,status,owner,created,spoke"]
    for lead in range(leads):
        came = begin + timedelta(minutes=lot.randrange(60 * 24 * 60))
        spoke = (came + timedelta(days=lot.randrange(1, 20))).isoformat() if lot.random() < 0.7 else ""
        status, owner = lot.choice(("new", "offer", "won", "lost")), lot.choice(("", "ines", "leo"))
        lines.append(
            f"{seed}{lead:04},Person {lead},p{lead}@example.com,web,{status},{owner},{came.isoformat()},{spoke}"
        )
    path.write_text("\n".join(lines) + "\n")
    path.with_suffix(".yaml").write_text(PEOPLE)
    return path


def mapping_of(path: Path) -> Path:
    """What a file's columns mean."""
    own = path.with_suffix(".yaml")
    return own if own.exists() else MAPPING


def real(path: Path, rows: int) -> Path:
    """Write the first cases of the real log whole, as many as make at least so many rows."""
    with gzip.open(REAL_LOG, "rt", encoding="utf-8", newline="") as file:
        cases: dict[str, list[Row]] = {}
        for row in _rows(file):
            cases.setdefault(row[1], []).append(row)
    some: list[Row] = []
    for case in cases.values():
        if len(some) >= rows:
            break
        some += case
    return _written(path, some)


def _rows(file: Iterator[str]) -> Iterator[Row]:
    lines = csv.reader(file)
    assert tuple(next(lines)) == COLUMNS
    yield from map(tuple, lines)


def _written(path: Path, rows: list[Row]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([COLUMNS, *sorted(rows, key=lambda row: row[0])])
    return path
