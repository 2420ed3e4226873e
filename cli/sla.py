"""`ascua sla`: what is promised of tickets, putting other policies in force, and what became of the promises."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.answer import AsJson, answer, tell

if TYPE_CHECKING:
    from services.tickets.domain.sla.reckoning import Reading
    from services.tickets.domain.sla.record import Ended
    from shared.mongo import Mongo

File = Annotated[Path, typer.Argument(metavar="FILE", help="Policies in YAML.", show_default=False)]
Closed = Annotated[
    bool, typer.Option("--closed", help="Reckon anew also what has ended; else it stays as it was.")
]


def add_to(app: typer.Typer) -> None:
    group = typer.Typer(
        help="What is promised of tickets, and whether it is kept.",
        no_args_is_help=True,
        epilog="Example: ascua sla check policies.yaml",
    )
    group.command(epilog="Example: ascua sla check policies.yaml")(check)
    group.command(epilog="Example: ascua sla show > policies.yaml")(show)
    group.command(epilog="Example: ascua sla preview policies.yaml --closed")(preview)
    group.command(epilog="Example: ascua sla publish policies.yaml --yes")(publish)
    group.command(epilog="Example: ascua sla export --json")(export)
    app.add_typer(group, name="sla")


def check(file: File, as_json: AsJson = False) -> None:
    """Say whether a file can be used, or the line that is wrong. Needs no servers."""
    from services.tickets.domain.sla.parser import read

    policies = read(_text(file), file.name)
    names = [policy.name for policy in policies.policies]
    found = {"file": str(file), "version": policies.version, "policies": names}
    answer(
        found,
        as_json,
        lambda console: console.print(f"{file}: good, version {policies.version}; {', '.join(names)}"),
    )


def show(as_json: AsJson = False) -> None:
    """Show the policies in force, as they were written."""
    found = asyncio.run(_ask("GET", "sla"))
    if as_json:
        answer(found, as_json, lambda _: None)
    else:
        sys.stdout.write(found["text"])


def preview(file: File, closed: Closed = False, as_json: AsJson = False) -> None:
    """Show which deadlines and outcomes publishing would change now."""
    _draw(asyncio.run(_ask("POST", "sla/preview", _body(file, closed))), as_json)


def publish(
    file: File,
    yes: Annotated[
        bool, typer.Option("--yes", help="Publish; without it only say what would happen.")
    ] = False,
    closed: Closed = False,
    as_json: AsJson = False,
) -> None:
    """Show what changes; with --yes, put the policies in force and change exactly that."""
    body = _body(file, closed)
    effect = asyncio.run(_ask("POST", "sla/preview", body))
    if yes:
        effect = asyncio.run(_ask("POST", "sla", {**body, "expect": {"changed": effect["changed"]}}))
    effect["published"] = yes
    _draw(effect, as_json)
    if not yes:
        tell("nothing was changed; publish with --yes")


def export(as_json: AsJson = False) -> None:
    """Print every clock of every ticket: when it began, when it was due, and whether it was kept."""
    count = asyncio.run(_export(as_json))
    tell(f"{count} clocks")


async def _export(as_json: bool) -> int:
    from cli.system import servers
    from shared.mongo import Mongo

    count = 0
    async with servers() as of:
        mongo = Mongo(of.mongo_url, f"{of.database_prefix}_tickets")
        try:
            async for clock in _clocks(mongo):
                line = json.dumps(clock, ensure_ascii=False)
                sys.stdout.write(f"{',' if count else '['}\n{line}" if as_json else _line(clock))
                count += 1
        finally:
            await mongo.stop()
    if as_json:
        sys.stdout.write("\n]\n" if count else "[]\n")
    return count


async def _clocks(mongo: Mongo) -> AsyncIterator[dict[str, Any]]:
    """Those that ended as they were reckoned then, open ones as of now; all of a ticket together."""
    from services.tickets.domain.decisions import known
    from services.tickets.domain.sla.promises import readings
    from services.tickets.store import PolicyBook, old_clocks, tickets
    from shared.clock import utc_now

    kept, policies, now = tickets(mongo), await PolicyBook(mongo).current(), utc_now()
    async for portion in kept.stream({}):
        for ticket in map(known, portion):
            for ended in (*await old_clocks(kept, ticket), *ticket.sla.ended):
                yield _of_ended(ticket.id, ended)
            for reading in readings(ticket, policies, now, ticket.version):
                yield _of_reading(ticket.id, reading)


def _of_ended(ticket_id: str, ended: Ended) -> dict[str, Any]:
    from shared.events.base import rfc3339

    return {
        "ticket_id": ticket_id,
        "clock": ended.clock,
        "started_at": rfc3339(ended.started_at),
        "due_at": rfc3339(ended.due_at) if ended.due_at else None,
        "met": ended.met,
        "met_at": rfc3339(ended.met_at),
        "business_seconds": ended.business_ms / 1_000,
        "policy": ended.policy,
    }


def _of_reading(ticket_id: str, reading: Reading) -> dict[str, Any]:
    from shared.events.base import rfc3339

    return {
        "ticket_id": ticket_id,
        "clock": reading.run.clock,
        "started_at": rfc3339(reading.run.started),
        "due_at": rfc3339(reading.due) if reading.due else None,
        "met": False if reading.ms > reading.target else None,
        "met_at": None,
        "business_seconds": reading.ms / 1_000,
        "policy": reading.policy.name,
    }


def _line(clock: dict[str, Any]) -> str:
    outcome = {True: "kept", False: "missed", None: "open"}[clock["met"]]
    return f"{clock['ticket_id']}  {clock['clock']}  {outcome}  due {clock['due_at']}  ({clock['policy']})\n"


def _draw(effect: dict[str, Any], as_json: bool) -> None:
    def draw(console: Any) -> None:
        console.print(f"{effect['previous']} → {effect['version']}")
        console.print(
            f"{effect['stayed']} clocks stay; {effect['changed']} change: {effect['begun']} begin, "
            f"{effect['dropped']} are dropped, {effect['missed']} turn out missed, {effect['kept']} kept"
        )
        for each in effect["changes"]:
            console.print(
                f"{each['ticket_id']}  {each['clock']} {each['number']}  "
                f"{each['due_before'] or '-'} → {each['due_after'] or '-'}"
            )

    answer(effect, as_json, draw)


def _body(file: Path, closed: bool) -> dict[str, Any]:
    return {"text": _text(file), "source": file.name, "closed_too": closed}


def _text(file: Path) -> str:
    from shared.errors import Refused

    try:
        return file.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Refused("file-unreadable", f"{file} cannot be read: {error}") from None


async def _ask(method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    from cli.system import ask

    return await ask(method, path, body=body, within=600)
