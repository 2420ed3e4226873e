"""`ascua import`, for a person or a script."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from services.cli.answer import AsJson, answer, tell

if TYPE_CHECKING:
    from services.imports.account import Account, Tally
    from services.imports.mapping import Mapping

SHIPPED = Path(__file__).parent / "mappings"


def import_file(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE", exists=True, dir_okay=False, help="A CSV file or an XES log, plain or gzip."
        ),
    ],
    mapping: Annotated[
        str,
        typer.Option(metavar="MAP.yaml", help="What its columns and activities mean; `bpi12` is shipped."),
    ],
    rejects: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", dir_okay=False, help="Where rejected rows go; FILE.rejects.csv, without it."
        ),
    ] = None,
    patience: Annotated[
        float, typer.Option(metavar="SECONDS", min=0, help="How long to wait for a server that is away.")
    ] = 120.0,
    as_json: AsJson = False,
) -> None:
    """Bring history in: every row of a file becomes one fact, or a line in the rejects that says why not.

    Interrupted, it is run again: rows that are there already are not told twice.
    """
    from services.imports.account import Tally
    from shared.errors import AscuaError

    understood = _mapping(mapping)
    if rejects is not None and rejects.resolve() == file.resolve():
        raise typer.BadParameter("the rejects would overwrite the file itself", param_hint="--rejects")
    tally, started = Tally(), time.monotonic()
    try:
        account = asyncio.run(_import(file, understood, rejects, patience, tally))
    except (AscuaError, KeyboardInterrupt) as stop:
        if tally.settled:
            _show(tally.account(time.monotonic() - started), as_json)
        if isinstance(stop, AscuaError):
            raise
        tell("ascua: interrupted; run the same command again to go on, nothing is told twice")
        raise typer.Exit(1) from None
    _show(account, as_json)
    if account.rows_rejected:
        raise typer.Exit(1)


import_file.epilog = "Example: ascua import deals.csv --mapping deals.yaml"  # type: ignore[attr-defined]


async def _import(
    file: Path, mapping: Mapping, rejects: Path | None, patience: float, tally: Tally
) -> Account:
    import stamina.instrumentation

    from services.cli.environment import environment
    from services.cli.system import operator_key, system
    from services.imports.progress import on_stderr
    from services.imports.run import run

    stamina.instrumentation.set_on_retry_hooks(())  # the progress tells what it waits for
    async with system() as addresses:
        key = operator_key(environment().home)
        with on_stderr() as watch:
            return await run(
                file,
                mapping,
                addresses.gateway,
                key,
                rejects=rejects,
                patience=patience,
                watch=watch,
                tally=tally,
            )


def _mapping(name: str) -> Mapping:
    from services.imports.mapping import MappingError, load_mapping

    path = Path(name)
    if not path.exists() and (SHIPPED / f"{name}.yaml").exists():
        path = SHIPPED / f"{name}.yaml"
    try:
        return load_mapping(path)
    except (MappingError, OSError) as error:
        why = (
            error.sentence if isinstance(error, MappingError) else f"{name} cannot be read: {error.strerror}"
        )
        raise typer.BadParameter(why, param_hint="--mapping") from None


def _show(account: Account, as_json: bool) -> None:
    def draw(console: Any) -> None:
        console.print(
            f"{account.rows_read:,} rows of {account.leads:,} leads in {account.seconds:.1f} s: "
            f"{account.events_published:,} told, {account.events_already_known:,} known already, "
            f"{account.rows_rejected:,} rejected"
        )
        if account.rejects_file is not None:
            console.print(f"Why rows were rejected: {account.rejects_file}")

    answer(account.model_dump(), as_json, draw)
