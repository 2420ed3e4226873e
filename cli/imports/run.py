"""An import from its file to its account."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import httpx

from cli.imports.account import Account, Rejects, Tally
from cli.imports.amounts import Sign, told_sign
from cli.imports.gateway import Gateway
from cli.imports.helpdesk_rows import Requests
from cli.imports.log_rows import Understood, understand
from cli.imports.mapping import Mapping
from cli.imports.ordering import MAX_ROWS, by_lead, once_each, pieces
from cli.imports.people_rows import People
from cli.imports.progress import Progress, Watch
from cli.imports.readers import Source

QUIET: Final = 1.0
"""Seconds a file must have lain still to count as whole."""

_BREATH: Final = 5_000
"""Rows between two looks at whether somebody interrupts."""


async def run(
    file: Path,
    mapping: Mapping,
    gateway: str,
    key: str,
    *,
    rejects: Path | None = None,
    patience: float = 120.0,
    quiet: float = QUIET,
    piece_rows: int = MAX_ROWS,
    watch: Watch = lambda _: None,
    tally: Tally | None = None,
    transport: httpx.AsyncBaseTransport | None = None,
) -> Account:
    """Tell the gateway what each row of a log says, and wait until heat and read models have caught up.

    A lead's rows go together and by time, one piece under way at a time, so its facts come in their order.
    Doing it again, also after it was killed, tells nothing twice and tries again what was rejected. `tally` is kept up
    to date for who interrupts.
    Raises `Refused` when the file is not whole or not what the mapping says, before anything is sent; `Unavailable`
    when a server is away for longer than `patience` seconds.
    """
    started = time.monotonic()
    tally = tally if tally is not None else Tally()
    with Source(file) as source, Rejects(rejects or file.with_name(f"{file.name}.rejects.csv")) as rejected:
        total = await survey(source, mapping, quiet, watch)
        import_id = _import_id(source, mapping)
        reading = FileReading(source, mapping)
        tally.about_file, tally.left_out = reading.about_file, reading.left_out

        def wait(why: str) -> None:
            watch(Progress("sending", tally.settled, total, f"waiting for the gateway: {why}"))

        async with Gateway(gateway, key, patience=patience, on_wait=wait, transport=transport) as door:
            for piece in pieces(reading.rows(), piece_rows):
                source.check()
                tally.ignored += piece.skipped
                tally.reject(piece.rejects, rejected)
                if piece.rows:
                    tally.take(piece.rows, await door.take(import_id, piece.rows), rejected)
                watch(Progress("sending", tally.settled, total))
            await door.caught_up(lambda lag: watch(Progress("catching up", tally.settled, total, lag)))
    return tally.account(time.monotonic() - started)


class FileReading:
    """What a file that was looked through says, lead by lead; and what is to be said about the file."""

    def __init__(self, source: Source, mapping: Mapping) -> None:
        self._source, self._mapping = source, mapping
        self._people = People(mapping, source.header) if mapping.leads is not None else None
        requests = Requests(mapping, source.header) if mapping.tickets is not None else None
        self._table = self._people or requests
        self.about_file = list(self._table.absent) if self._table else []
        self.left_out = self._table.warnings if self._table else Counter[str]()
        if mapping.decimal is None and (sign := _sign(source, mapping)) is not None:
            self._mapping = mapping.model_copy(update={"decimal": sign})
            if sign == ",":
                self.about_file.append(
                    f'amounts are read with the decimal sign "{sign}", which others in the file show'
                )

    def understood(self) -> Iterator[Understood]:
        """In the order of the file."""
        raws = self._source.rows(self._mapping)
        return self._table.understand(raws) if self._table else understand(raws, self._mapping)

    def rows(self) -> Iterator[Understood]:
        rows = by_lead(self.understood())
        return once_each(rows) if self._people else rows


def _sign(source: Source, mapping: Mapping) -> Sign | None:
    """The decimal sign of a file that cannot be misread: XES writes a point; and a table parted by semicolons, as where
    the comma is taken, a comma, if its other amounts say so and none says otherwise."""
    if source.format == "xes":
        return "."
    if mapping.delimiter != ";" or mapping.columns is None or mapping.columns.value is None:
        return None
    return "," if told_sign(raw.value for raw in source.rows(mapping) if raw.value) == {","} else None


async def survey(source: Source, mapping: Mapping, quiet: float, watch: Watch) -> int:
    """Read the file to its end and count its rows, so that nothing is sent of one that is broken or growing."""
    count = 0
    for _ in source.rows(mapping):
        count += 1
        if count % _BREATH == 0:
            watch(Progress("checking", count))
            await asyncio.sleep(0)
    if 0 <= time.time() - source.changed_at < quiet:
        await asyncio.sleep(quiet)
        source.check()
    return count


def _import_id(source: Source, mapping: Mapping) -> str:
    """The same for the same content and meaning, whatever the file's name and however it is packed."""
    return hashlib.sha256(f"{source.digest}\n".encode() + mapping.content).hexdigest()[:32]
