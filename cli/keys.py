"""`ascua keys`: who may come through the gateway. `ascua audit`: who asked to change what."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from cli.answer import AsJson, answer, tell

if TYPE_CHECKING:
    from rich.console import Console

    from services.gateway.access.keys import (
        Key,
        KeyRing,
    )

T = TypeVar("T")


class RoleName(StrEnum):
    """The gateway's roles, by their names; a test keeps both the same."""

    CHANNEL = "channel"
    REP = "rep"
    OPERATOR = "operator"


def add_to(app: typer.Typer) -> None:
    group = typer.Typer(
        help="Keys to the gateway.", no_args_is_help=True, epilog="Example: ascua keys create website"
    )
    group.command(epilog="Example: ascua keys create website --role channel --expires 90d")(create)
    group.command("list", epilog="Example: ascua keys list")(listed)
    group.command(epilog="Example: ascua keys revoke website")(revoke)
    group.command(epilog="Example: ascua keys link marta")(link)
    app.add_typer(group, name="keys")
    app.command(epilog="Example: ascua audit --limit 20")(audit)


_UNITS = {"m": 60, "h": 3600, "d": 86_400}


def _length(text: str) -> timedelta:
    found = re.fullmatch(r"([1-9][0-9]{0,4})([mhd])", text.strip())
    if found is None:
        raise typer.BadParameter("a length of time is a number and m, h or d, such as 90d")
    return timedelta(seconds=int(found[1]) * _UNITS[found[2]])


Length = Annotated[
    timedelta | None,
    typer.Option(
        "--expires", metavar="LENGTH", parser=_length, help="After so long it opens nothing: 90d, 12h."
    ),
]
Which = Annotated[str, typer.Argument(help="The id of a key, or a name.", show_default=False)]


def create(
    name: Annotated[str, typer.Argument(help="Whose key it is, such as website.", show_default=False)],
    role: Annotated[
        RoleName,
        typer.Option(
            help="A channel sends leads and signals; a rep also reads and works; an operator may all."
        ),
    ] = RoleName.CHANNEL,
    expires: Length = None,
    as_json: AsJson = False,
) -> None:
    """Make a key and print it. It is shown once: only its digest is kept."""
    from services.gateway.access.roles import (
        Role,
    )
    from shared.clock import utc_now

    ends = None if expires is None else utc_now() + expires
    key = _on_the_ring(lambda ring: ring.create(name, Role(role), ends))
    tell(f"the key of {name}, {role}; keep it, it is not shown again:")
    document = {"name": name, "role": role, "key": key, "expires_at": _time(ends)}
    answer(document, as_json, lambda console: console.print(key))


def listed(as_json: AsJson = False) -> None:
    """List the keys: whose, until when, when last used. What opens is not kept and cannot be shown."""
    keys = _on_the_ring(lambda ring: ring.all())
    answer({"keys": [_document(key) for key in keys]}, as_json, lambda console: _draw(console, keys))


def revoke(which: Which, as_json: AsJson = False) -> None:
    """Let a key open nothing any more, within a second; its sessions and streams end with it."""
    keys = _on_the_ring(lambda ring: ring.revoke(which))
    document = {"revoked": [_document(key) for key in keys]}
    lines = "\n".join(f"revoked {key.id}, {key.role} {key.name}" for key in keys)
    answer(document, as_json, lambda console: console.print(lines))


def link(which: Which, as_json: AsJson = False) -> None:
    """Print a link that opens the pages once, within a quarter of an hour, as the holder of a key."""
    from services.gateway.access.sessions import CODE_LASTS

    code = _on_the_ring(lambda ring: ring.link_to(which, CODE_LASTS))
    url = f"{asyncio.run(_gateway())}/enter?key={code}"
    answer({"url": url}, as_json, lambda console: console.print(url, soft_wrap=True))


def audit(
    limit: Annotated[int, typer.Option(min=1, max=1_000, help="How many of the newest.")] = 50,
    as_json: AsJson = False,
) -> None:
    """Show who asked to change what, and what was answered; the newest last."""
    from cli.system import ask

    found = asyncio.run(ask("GET", "audit", {"limit": str(limit)}))
    answer(found, as_json, lambda console: _draw_audit(console, found["items"]))


def _on_the_ring(work: Callable[[KeyRing], Awaitable[T]]) -> T:
    async def done() -> T:
        from cli.system import servers
        from services.gateway.access.keys import (
            KeyRing,
        )
        from shared.mongo import Mongo

        async with servers() as found:
            mongo = Mongo(found.mongo_url, f"{found.database_prefix}_gateway")
            try:
                return await work(KeyRing(mongo))
            finally:
                await mongo.stop()

    return asyncio.run(done())


async def _gateway() -> str:
    """Where people reach the gateway, as far as this machine knows."""
    from cli.addresses import running
    from cli.environment import environment
    from shared.installation import url

    given = environment()
    if given.public_url or given.gateway_url:
        return (given.public_url or given.gateway_url or "").rstrip("/")
    found = await running(given.home.absolute(), given)
    return found.gateway if found is not None else url("gateway")


def _document(key: Key) -> dict[str, Any]:
    times = {
        name: _time(getattr(key, name)) for name in ("created_at", "expires_at", "revoked_at", "used_at")
    }
    return {"id": key.id, "name": key.name, "role": key.role, **times}


def _time(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat(timespec="seconds")


def _draw(console: Console, keys: list[Key]) -> None:
    from rich.table import Table

    from shared.clock import utc_now

    table, now = Table("id", "name", "role", "made", "ends", "last used"), utc_now()
    for key in keys:
        ends = (
            "revoked"
            if key.revoked_at
            else "over"
            if not key.is_good(now)
            else _time(key.expires_at) or "never"
        )
        table.add_row(key.id, key.name, key.role, _time(key.created_at), ends, _time(key.used_at) or "never")
    console.print(table)


def _draw_audit(console: Console, items: list[dict[str, Any]]) -> None:
    for entry in reversed(items):
        who = f"{entry['name']} ({entry['role']})" if entry.get("name") else "nobody"
        whom = f" for {entry['on_behalf_of']}" if entry.get("on_behalf_of") else ""
        what = entry.get("lead_id") or entry.get("ticket_id") or ""
        times = f" x{entry['count']}" if entry["count"] > 1 else ""
        line = (
            f"{entry['at']}  {entry['status']}  {who}{whom}  {entry['method']} {entry['route']} {what}{times}"
        )
        console.print(line.rstrip(), markup=False)
