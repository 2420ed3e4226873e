"""What an import would bring in, looked at before anything is sent."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, ConfigDict

from cli.imports.account import Tally, Warned
from cli.imports.log_rows import Ready, Reject, Skipped, Understood, decimal_of
from cli.imports.mapping import Mapping
from cli.imports.progress import Watch
from cli.imports.readers import Source
from cli.imports.run import QUIET, FileReading, survey

SHOWN: Final = 10


class Stands(BaseModel):
    """A row as it would stand: what is told of its lead, or why nothing is."""

    model_config = ConfigDict(frozen=True)

    line: int
    lead: str
    at: str | None = None
    what: dict[str, Any] | None = None
    rejected: str | None = None
    is_ignored: bool = False


class Preview(BaseModel):
    """The first rows, and how many of all would come in, be rejected or be ignored; `reasons` are the first ones."""

    model_config = ConfigDict(frozen=True)

    rows: list[Stands]
    rows_read: int
    rows_ready: int
    rows_rejected: int
    rows_ignored: int
    leads: int
    reasons: list[str]
    warnings: list[Warned]


async def preview(
    file: Path, mapping: Mapping, *, quiet: float = QUIET, watch: Watch = lambda _: None
) -> Preview:
    """Read the whole file as an import would, and send nothing. Raises `Refused` as an import does."""
    tally, shown, reasons, ready = Tally(), dict[int, Stands](), list[str](), 0
    with Source(file) as source:
        await survey(source, mapping, quiet, watch)
        reading = FileReading(source, mapping)
        for row in reading.rows():
            if isinstance(row, Ready):
                ready += 1
                tally.leads.add(row.lead_id)
            elif isinstance(row, Skipped):
                tally.ignored += 1
            else:
                tally.rejected += 1
                if row.gap is not None:
                    tally.gaps[row.gap] += 1
                elif len(reasons) < SHOWN:
                    reasons.append(f"line {row.raw.line}: {row.reason}")
            if row.raw.row <= SHOWN:
                shown[row.raw.row] = _stands(row)
        tally.about_file, tally.left_out = reading.about_file, reading.left_out
    return Preview(
        rows=[shown[number] for number in sorted(shown)],
        rows_read=ready + tally.rejected + tally.ignored,
        rows_ready=ready,
        rows_rejected=tally.rejected,
        rows_ignored=tally.ignored,
        leads=len(tally.leads),
        reasons=reasons,
        warnings=tally.warnings,
    )


def _stands(row: Understood) -> Stands:
    if isinstance(row, Reject):
        return Stands(line=row.raw.line, lead=row.raw.lead, rejected=row.reason)
    if isinstance(row, Skipped):
        return Stands(line=row.raw.line, lead=row.raw.lead, is_ignored=True)
    told = json.loads(row.body)
    return Stands(line=row.raw.line, lead=row.lead_id, at=told["at"], what=told["what"])


def words(what: dict[str, Any]) -> str:
    """What is told, for a person to look over."""
    told = dict(what)
    action, profile, end, last = (
        told.pop(name, None) for name in ("action", "profile", "end", "last_activity")
    )
    said = [] if action == "lead" else [str(action)]
    if profile:
        said.append(", ".join(profile.values()))
    if end:
        told.pop("stage", None)
        said.append(
            f"{end['outcome']} {end['at'][:10]}" + (f" ({end['reason']})" if end.get("reason") else "")
        )
    for name, value in told.items():
        if name == "value":
            value = f"{decimal_of(value['minor'], value['currency'])} {value['currency']}"
        said.append(f"{name.replace('_', ' ')} {json.dumps(value) if isinstance(value, dict) else value}")
    if last:
        said.append(f"last {last['kind']} {last['at'][:10]}")
    return "; ".join(said)
