"""How far an import is, for whoever watches stderr: a bar on a terminal, a line every few seconds elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final, Literal, NamedTuple

_EVERY: Final = 5.0
"""Seconds between two lines."""


class Progress(NamedTuple):
    stage: Literal["checking", "sending", "catching up"]
    done: int
    total: int | None = None
    note: str = ""
    """What it waits for."""


Watch = Callable[[Progress], None]


@contextmanager
def on_stderr() -> Iterator[Watch]:
    if sys.stderr.isatty():
        with _bar() as watch:
            yield watch
    else:
        yield _lines()


@contextmanager
def _bar() -> Iterator[Watch]:
    from rich import progress
    from rich.console import Console

    columns = (
        progress.TextColumn("{task.description}"),
        progress.BarColumn(),
        progress.MofNCompleteColumn(),
        progress.TimeElapsedColumn(),
        progress.TextColumn("{task.fields[note]}", markup=False),
    )
    with progress.Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task("checking", total=None, note="")

        def watch(now: Progress) -> None:
            bar.update(task, description=now.stage, completed=now.done, total=now.total, note=now.note[:60])

        yield watch


def _lines() -> Watch:
    told, last = time.monotonic(), ""

    def watch(now: Progress) -> None:
        nonlocal told, last
        if time.monotonic() - told < _EVERY and (not now.note or now.note == last or now.stage != "sending"):
            return
        told, last = time.monotonic(), now.note
        of = "" if now.total is None else f" of {now.total:,}"
        note = f" ({now.note})" if now.note else ""
        sys.stderr.write(f"{now.stage}: {now.done:,}{of} rows{note}\n")
        sys.stderr.flush()

    return watch
