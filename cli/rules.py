"""`ascua rules`: what facts are worth; checked, shown and published."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.answer import AsJson, answer, tell
from cli.heat import At, instant
from cli.lab import command as lab

if TYPE_CHECKING:
    from services.scoring.rules_log import Publication, RulesLog
    from services.scoring.scorecard.changes import Change
    from services.scoring.scorecard.model import (
        Rules,
    )
    from shared.bus.topics import Topics

RulesFile = Annotated[
    Path,
    typer.Argument(
        metavar="FILE", exists=True, dir_okay=False, readable=True, help="A rules file.", show_default=False
    ),
]


def add_to(app: typer.Typer) -> None:
    group = typer.Typer(
        help="The rules by which leads and customers are rated.",
        no_args_is_help=True,
        epilog="Example: ascua rules show",
    )
    group.command(epilog="Example: ascua rules check team.yaml")(check)
    group.command(epilog="Example: ascua rules show --default retail > team.yaml")(show)
    group.command(epilog="Example: ascua rules publish team.yaml --at 2026-11-23T00:00:00Z")(publish)
    lab.add_to(group)
    app.add_typer(group, name="rules")


def check(file: RulesFile, as_json: AsJson = False) -> None:
    """Say whether a file holds rules; an error names the line and what would be right."""
    from services.scoring.scorecard.parser import parse_rules

    rules = parse_rules(_bytes(file), str(file))
    document = {"file": str(file), "rules": rules.version, "scorecards": _outline(rules)}

    def draw(console: Any) -> None:
        console.print(f"{file}: good rules, version {rules.version}")
        for each in rules.scorecards:
            console.print(
                f"  {each.name}: {len(each.kinds)} kinds, {len(each.groups)} groups, {len(each.fit)} fit attributes"
            )

    answer(document, as_json, draw)


def show(
    version: Annotated[
        str | None,
        typer.Argument(help="Rules by their version; those in force, without it.", show_default=False),
    ] = None,
    at: At = None,
    default: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="Rules that come along instead: default or retail.", show_default=False
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Print rules as they were written: those in force, of an instant, of a version, or that come along."""
    if [version is not None, at is not None, default is not None].count(True) > 1:
        raise typer.BadParameter("name a version, or an instant with --at, or a --default: one of the three")
    if default is not None:
        from services.scoring.scorecard.defaults import (
            DEFAULTS,
            default_rules,
            default_text,
        )

        if default not in DEFAULTS:
            raise typer.BadParameter(
                f"there are no default rules {default}; there are {' and '.join(DEFAULTS)}"
            )
        document: dict[str, Any] = {"rules": default_rules(default).version, "text": default_text(default)}
    else:
        document = asyncio.run(_published(version, at))

    def draw(_: Any) -> None:
        sys.stdout.write(document["text"])

    answer(document, as_json, draw)


def publish(
    file: RulesFile,
    at: Annotated[
        datetime | None,
        typer.Option(
            parser=instant,
            metavar="T",
            help="From when on they are in force; at once, without it.",
            show_default=False,
        ),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Publish without asking.")] = False,
    as_json: AsJson = False,
) -> None:
    """Put rules into force, after showing what they change.

    What was answered for the past stays as it was. To take a scheduled publication back, publish others for the same
    instant.
    """
    if not yes and (as_json or not sys.stdin.isatty()):
        raise typer.BadParameter("nobody can be asked here: look with `ascua rules check`, then add --yes")
    raw = _bytes(file)
    document, found = asyncio.run(_publish(raw, str(file), at, yes))
    if document is None:
        tell("nothing was published")
        raise typer.Exit(1)

    def draw(console: Any) -> None:
        console.print(f"{document['rules']} is in force from {document['effective_at']} on")
        for later in document["then"]:
            console.print(f"from {later['effective_at']} on {later['rules']} takes over, as published before")

    answer({**document, "changes": [asdict(each) for each in found]}, as_json, draw)


async def _publish(
    raw: bytes, source: str, at: datetime | None, yes: bool
) -> tuple[dict[str, Any] | None, Sequence[Change]]:
    from services.scoring import rules_log as rulebooks
    from services.scoring.scorecard.changes import changes
    from services.scoring.scorecard.parser import (
        parse_rules,
    )
    from shared.bus.publisher import Publisher
    from shared.clock import milliseconds, utc_now

    rules = parse_rules(raw, source)
    async with _rulebook() as (topics, book):
        before = book.at(milliseconds(at or utc_now()))
        found = changes(before, rules)
        _tell_changes(found, before.version, rules.version)
        if not yes and not await asyncio.to_thread(typer.confirm, "publish these rules?", err=True):
            return None, found
        publisher = Publisher(topics)
        await publisher.start()
        try:
            published = await rulebooks.publish(
                book, publisher, raw.decode("utf-8-sig"), source, at, utc_now()
            )
        finally:
            await publisher.stop()
        later = [each for each in book.versions() if each.effective_ms > published.effective_ms]
        document = {**_line(published), "before": before.version, "then": [_line(each) for each in later]}
    return document, found


async def _published(version: str | None, at: datetime | None) -> dict[str, Any]:
    from shared.clock import milliseconds, utc_now

    async with _rulebook() as (_, book):
        instant = milliseconds(at or utc_now())
        found = book.publication(version) if version is not None else book.in_force(instant)
    return {**_line(found), "text": found.text}


@asynccontextmanager
async def _rulebook() -> AsyncIterator[tuple[Topics, RulesLog]]:
    """All that was published, of a running system or the servers at hand."""
    from cli.system import servers
    from services.scoring.rules_log import RulesLog
    from shared.bus.cluster import Cluster

    async with servers() as found:
        topics = found.topics
        await Cluster(topics).check()
        book = RulesLog(topics)
        await book.start()
        try:
            yield topics, book
        finally:
            await book.stop()


def _line(publication: Publication) -> dict[str, Any]:
    from shared.events.base import rfc3339

    at = publication.effective_at
    return {"rules": publication.version, "effective_at": None if at is None else rfc3339(at)}


def _outline(rules: Rules) -> dict[str, Any]:
    return {
        each.name: {
            "kinds": len(each.kinds),
            "groups": len(each.groups),
            "bands": [band.name for band in each.bands],
            "fit": sorted(each.fit),
        }
        for each in rules.scorecards
    }


def _tell_changes(found: Sequence[Change], before: str, after: str) -> None:
    tell(f"from {before}, in force then, to {after}: {len(found)} changes")
    for each in found:
        if each.before is None:
            how = f"new: {each.after}"
        elif each.after is None:
            how = f"gone: {each.before}"
        else:
            how = f"{each.before} -> {each.after}"
        again = " (a new count: filled from the log)" if each.new_count else ""
        tell(f"  {each.scorecard} {each.what} {each.name}: {how}{again}")


def _bytes(file: Path) -> bytes:
    """The file, or as much of it as shows that it is too large."""
    from shared.yaml_lines import MOST_BYTES

    with file.open("rb") as opened:
        return opened.read(MOST_BYTES + 1)
