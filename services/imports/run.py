"""An import from its file to its account."""

from __future__ import annotations

import asyncio
import hashlib
import time
from pathlib import Path
from typing import Final

import httpx

from services.imports.account import Account, Rejects, Tally
from services.imports.gateway import Gateway
from services.imports.mapping import Mapping
from services.imports.progress import Progress, Watch
from services.imports.readers import Source
from services.imports.rows import MAX_ROWS, by_lead, pieces, understand

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

    A lead's rows go together and in the file's order, one piece under way at a time, so its facts keep their order.
    Doing it again, also after it was killed, tells nothing twice. `tally` is kept up to date for who interrupts.
    Raises `Refused` when the file is not whole or not what the mapping says, before anything is sent; `Unavailable`
    when a server is away for longer than `patience` seconds.
    """
    started = time.monotonic()
    tally = tally if tally is not None else Tally()
    with Source(file) as source, Rejects(rejects or file.with_name(f"{file.name}.rejects.csv")) as rejected:
        total = await _survey(source, mapping, quiet, watch)
        import_id = _import_id(source, mapping)

        def wait(why: str) -> None:
            watch(Progress("sending", tally.settled, total, f"waiting for the gateway: {why}"))

        async with Gateway(gateway, key, patience=patience, on_wait=wait, transport=transport) as door:
            for piece in pieces(by_lead(understand(source.rows(mapping), mapping)), piece_rows):
                source.check()
                tally.reject(piece.rejects, rejected)
                if piece.rows:
                    tally.take(piece.rows, await door.take(import_id, piece.rows), rejected)
                watch(Progress("sending", tally.settled, total))
            await door.caught_up(lambda lag: watch(Progress("catching up", tally.settled, total, lag)))
    return tally.account(time.monotonic() - started)


async def _survey(source: Source, mapping: Mapping, quiet: float, watch: Watch) -> int:
    """Read the log to its end and count its rows, so that nothing is sent of one that is broken or growing."""
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
