"""`ascua playbooks`: what is done for whom, and putting other playbooks in force."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from cli.answer import AsJson, answer, tell

File = Annotated[Path, typer.Argument(metavar="FILE", help="Playbooks in YAML.", show_default=False)]


def add_to(app: typer.Typer) -> None:
    group = typer.Typer(
        help="What is done for whom, and when.",
        no_args_is_help=True,
        epilog="Example: ascua playbooks check playbooks.yaml",
    )
    group.command(epilog="Example: ascua playbooks check playbooks.yaml")(check)
    group.command(epilog="Example: ascua playbooks show > playbooks.yaml")(show)
    group.command(epilog="Example: ascua playbooks publish playbooks.yaml --yes")(publish)
    group.command(epilog="Example: ascua playbooks trial web --json")(trial)
    app.add_typer(group, name="playbooks")


def check(file: File, as_json: AsJson = False) -> None:
    """Say whether a file can be used, or the line that is wrong. Needs no servers."""
    from services.followup.domain.playbook_parser import read

    book = read(_text(file), file.name)
    names = list(book.playbooks)
    found = {"file": str(file), "version": book.version, "playbooks": names, "reps": list(book.reps)}
    answer(
        found,
        as_json,
        lambda console: console.print(f"{file}: good, version {book.version}; {', '.join(names)}"),
    )


def show(as_json: AsJson = False) -> None:
    """Show the playbooks in force, as they were written."""
    found = asyncio.run(_ask("GET", "playbooks"))
    if as_json:
        answer(found, as_json, lambda _: None)
    else:
        sys.stdout.write(found["text"])


def publish(
    file: File,
    yes: Annotated[
        bool, typer.Option("--yes", help="Publish; without it only say what would happen.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Show what happens to those on their way; with --yes, put the playbooks in force and do exactly that."""
    body: dict[str, Any] = {"text": _text(file), "source": file.name}
    effect = asyncio.run(_ask("POST", "playbooks/preview", body))
    if yes:
        expect = {what: effect[what] for what in ("stay", "move", "end")}
        effect = asyncio.run(_ask("POST", "playbooks", {**body, "expect": expect}))
    effect["published"] = yes

    def draw(console: Any) -> None:
        from rich.box import SIMPLE_HEAD
        from rich.table import Table

        table = Table("on their way in", "stay", "move", "end", box=SIMPLE_HEAD, pad_edge=False)
        for name, counts in effect["by_playbook"].items():
            table.add_row(name, *(str(counts.get(what, 0)) for what in ("stay", "move", "end")))
        table.add_row("all", *(str(effect[what]) for what in ("stay", "move", "end")))
        console.print(f"{effect['previous']} → {effect['version']}")
        console.print(table)

    answer(effect, as_json, draw)
    if not yes:
        tell("nothing was changed; publish with --yes")


def trial(
    playbook: Annotated[str, typer.Argument(help="A playbook with variants.", show_default=False)],
    as_json: AsJson = False,
) -> None:
    """Show what an experiment has shown so far, with how sure that is."""
    found = asyncio.run(_ask("GET", f"playbooks/{playbook}/trial"))

    def draw(console: Any) -> None:
        for name, outcomes in found["rates"].items():
            for outcome, rate in outcomes.items():
                low, high = rate["interval"]
                console.print(
                    f"{name}: {rate['count']} of {rate['of']} {outcome}, {rate['rate']:.1%} ({low:.1%} to {high:.1%})"
                )
        for outcome, comparisons in found["comparisons"].items():
            for each in comparisons:
                low, high = each["interval"]
                console.print(
                    f"{each['variant']} against {each['against']}, {outcome}: {each['verdict']} "
                    f"({each['difference']:+.1%}, {low:+.1%} to {high:+.1%})"
                )
        console.print(f"{found['too_young']} entered less than 14 days ago and are not counted yet")

    answer(found, as_json, draw)


def _text(file: Path) -> str:
    from shared.errors import Refused

    try:
        return file.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Refused("file-unreadable", f"{file} cannot be read: {error}") from None


async def _ask(method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    from cli.system import ask

    return await ask(method, path, body=body, within=300)
