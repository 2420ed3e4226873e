"""`ascua import`, for a person or a script."""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.answer import AsJson, answer, tell

if TYPE_CHECKING:
    from cli.imports.account import Account, Tally, Warned
    from cli.imports.mapping import Mapping

SHIPPED = Path(__file__).parent / "mappings"
_SHOWN = 20


def import_file(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE",
            exists=True,
            dir_okay=False,
            help="A table as CSV, of people or of what happened, or an XES log; plain or gzip.",
        ),
    ],
    mapping: Annotated[
        str | None,
        typer.Option(
            metavar="MAP.yaml",
            help="What its columns mean; shipped are `hubspot`, `salesforce`, `pipedrive`, `zendesk`, `zammad`, "
            "`servicenow` and `bpi12`.",
        ),
    ] = None,
    guess: Annotated[
        bool, typer.Option("--guess", help="Propose a mapping for the file instead of importing it.")
    ] = False,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            dir_okay=False,
            help="Where the proposal goes; stdout, without it.",
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show ten rows as they would stand, and bring in nothing.")
    ] = False,
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
    """Bring in what another program knows: each row becomes a fact or a lead, or a reject that says why not.

    Interrupted, it is run again: rows that are there already are not told twice, and rejected ones are tried again.
    """
    if guess:
        _guess(file, output, as_json)
        return
    if output is not None:
        raise typer.BadParameter("it is for --guess", param_hint="--output")
    if mapping is None:
        raise typer.BadParameter(
            f"say what the columns mean; `ascua import {file} --guess` proposes it", param_hint="--mapping"
        )
    understood = _mapping(mapping)
    if rejects is not None and rejects.resolve() == file.resolve():
        raise typer.BadParameter("the rejects would overwrite the file itself", param_hint="--rejects")
    if dry_run:
        _dry_run(file, understood, as_json)
    else:
        _bring_in(file, understood, rejects, patience, as_json)


import_file.epilog = "Example: ascua import contacts.csv --mapping hubspot --dry-run"  # type: ignore[attr-defined]


def _bring_in(file: Path, mapping: Mapping, rejects: Path | None, patience: float, as_json: bool) -> None:
    from cli.imports.account import Tally
    from shared.errors import AscuaError

    tally, started = Tally(), time.monotonic()
    try:
        account = asyncio.run(_import(file, mapping, rejects, patience, tally))
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


async def _import(
    file: Path, mapping: Mapping, rejects: Path | None, patience: float, tally: Tally
) -> Account:
    import stamina.instrumentation

    from cli.environment import environment
    from cli.imports.progress import on_stderr
    from cli.imports.run import run
    from cli.operator_key import operator_key
    from cli.system import system

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
    from cli.imports.mapping_parser import MappingError, load_mapping

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


def _guess(file: Path, output: Path | None, as_json: bool) -> None:
    from cli.imports.guess import propose

    proposal = propose(file)
    if output is not None:
        try:
            output.write_text(proposal.text, encoding="utf-8")
        except OSError as error:
            raise typer.BadParameter(
                f"{output} cannot be written: {error.strerror}", param_hint="--output"
            ) from None
    for doubt in proposal.doubts:
        tell(f"not sure: {doubt}")
    if as_json:
        answer({"mapping": proposal.text, "doubts": list(proposal.doubts)}, True, lambda _: None)
    elif output is None:
        sys.stdout.write(proposal.text)
    else:
        tell(f"look {output} over, then: ascua import {file} --mapping {output} --dry-run")


def _dry_run(file: Path, mapping: Mapping, as_json: bool) -> None:
    from cli.imports.preview import preview, words
    from cli.imports.progress import on_stderr

    with on_stderr() as watch:
        seen = asyncio.run(preview(file, mapping, watch=watch))

    def draw(console: Any) -> None:
        from rich.table import Table
        from rich.text import Text

        table = Table("line", "lead", "at", "as it would stand", box=None)
        for row in seen.rows:
            stands = (
                words(row.what) if row.what else "ignored" if row.is_ignored else f"rejected: {row.rejected}"
            )
            table.add_row(str(row.line), Text(row.lead), (row.at or "")[:19], Text(stands))
        console.print(table)
        console.print(
            f"{seen.rows_read:,} rows: {seen.rows_ready:,} of {seen.leads:,} leads would come in, "
            f"{seen.rows_rejected:,} be rejected, {seen.rows_ignored:,} ignored. Nothing was sent."
        )
        _warn(console, seen.warnings)
        for reason in seen.reasons:
            console.print(f"  {reason}", markup=False)

    answer(seen.model_dump(), as_json, draw)
    if seen.rows_rejected:
        raise typer.Exit(1)


def _warn(console: Any, warnings: list[Warned]) -> None:
    for each in warnings[:_SHOWN]:
        rows = "" if each.rows is None else f" ({each.rows:,} rows)"
        console.print(f"  {each.text}{rows}", markup=False)
    if len(warnings) > _SHOWN:
        console.print(f"  and {len(warnings) - _SHOWN} more; --json names them")


def _show(account: Account, as_json: bool) -> None:
    def draw(console: Any) -> None:
        console.print(
            f"{account.rows_read:,} rows of {account.leads:,} leads in {account.seconds:.1f} s: "
            f"{account.events_published:,} told, {account.events_already_known:,} known already, "
            f"{account.rows_rejected:,} rejected"
            + (f", {account.rows_ignored:,} ignored" if account.rows_ignored else "")
        )
        _warn(console, account.warnings)
        if account.rejects_file is not None:
            console.print(f"Why rows were rejected: {account.rejects_file}")

    answer(account.model_dump(), as_json, draw)
