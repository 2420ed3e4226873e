"""What became of a file's rows: told, known from an earlier run, or rejected and why."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import TextIO

from pydantic import BaseModel, ConfigDict

from cli.imports.log_rows import Ready, Reject
from shared.commands.import_rows import (
    RowOutcomes,
)
from shared.errors import Refused


class Warned(BaseModel):
    """What was left out, taken for something or not understood, said once for all rows it concerns."""

    model_config = ConfigDict(frozen=True)

    text: str
    rows: int | None = None
    """None, where it is about the file."""


class Account(BaseModel):
    """`rows_read = events_published + events_already_known + rows_rejected + rows_ignored`.

    `rows_ignored` are those of which the mapping says so; `seconds` until heat had caught up.
    """

    model_config = ConfigDict(frozen=True)

    rows_read: int
    events_published: int
    events_already_known: int
    rows_rejected: int
    rows_ignored: int
    rejects_file: str | None
    leads: int
    seconds: float
    warnings: list[Warned]


@dataclass(slots=True)
class Tally:
    """An account in the making: the rows of which it is known what became of them."""

    published: int = 0
    known: int = 0
    rejected: int = 0
    ignored: int = 0
    leads: set[str] = field(default_factory=set)
    rejects_file: Path | None = None
    gaps: Counter[str] = field(default_factory=Counter)
    """What the mapping lacks, and how many rows want it."""
    left_out: Mapping[str, int] = field(default_factory=dict)
    about_file: Sequence[str] = ()

    @property
    def settled(self) -> int:
        return self.published + self.known + self.rejected + self.ignored

    def reject(self, rows: Sequence[Reject], rejects: Rejects) -> None:
        for row in rows:
            rejects.write(row)
            self.rejected += 1
            if row.gap is not None:
                self.gaps[row.gap] += 1
        if rows:
            rejects.flush()
            self.rejects_file = rejects.path

    def take(self, piece: Sequence[Ready], answer: RowOutcomes, rejects: Rejects) -> None:
        """Enter what the gateway answered to a piece. Raises `Refused` when it answered about other rows."""
        outcomes = {each.row: each for each in answer.outcomes}
        if len(answer.outcomes) != len(piece) or outcomes.keys() != {row.raw.row for row in piece}:
            raise Refused("answer-wrong", "the gateway answered about other rows than it was sent; update it")
        refused = []
        for row in piece:
            outcome = outcomes[row.raw.row]
            if outcome.outcome == "rejected":
                refused.append(Reject(row.raw, outcome.reason or "the services refused it"))
                continue
            self.leads.add(row.lead_id)
            if outcome.outcome == "published":
                self.published += 1
            else:
                self.known += 1
        self.reject(refused, rejects)

    def account(self, seconds: float) -> Account:
        return Account(
            rows_read=self.settled,
            events_published=self.published,
            events_already_known=self.known,
            rows_rejected=self.rejected,
            rows_ignored=self.ignored,
            rejects_file=None if self.rejects_file is None else str(self.rejects_file),
            leads=len(self.leads),
            seconds=round(seconds, 3),
            warnings=self.warnings,
        )

    @property
    def warnings(self) -> list[Warned]:
        counted = Counter(self.left_out) + self.gaps
        return [
            *(Warned(text=text) for text in self.about_file),
            *(Warned(text=text, rows=rows) for text, rows in counted.most_common()),
        ]


class Rejects:
    """The file of rejected rows; there is none until there is one to write."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: TextIO | None = None

    def __enter__(self) -> Rejects:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is not None:
            self._file.close()

    def write(self, row: Reject) -> None:
        """Raises `Refused` when the file cannot be written."""
        try:
            if self._file is None:
                self._file = self.path.open("w", encoding="utf-8", newline="")
                csv.writer(self._file).writerow(("line", "reason", "lead", "time", "activity"))
            raw = row.raw
            csv.writer(self._file).writerow((raw.line, row.reason, raw.lead, raw.time, raw.activity))
        except OSError as error:
            raise self._unwritable(error) from None

    def flush(self) -> None:
        try:
            if self._file is not None:
                self._file.flush()
        except OSError as error:
            raise self._unwritable(error) from None

    def _unwritable(self, error: OSError) -> Refused:
        return Refused(
            "rejects-unwritable",
            f"the rejected rows cannot be written to {self.path}: {error.strerror}; "
            "name another file with --rejects and run this again",
        )
