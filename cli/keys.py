"""`ascua keys`: who may come through the gateway."""

from __future__ import annotations

import asyncio
from enum import StrEnum
from typing import Annotated

import typer

from cli.answer import AsJson, answer, tell


class Holder(StrEnum):
    """The gateway's roles, by their names; a test keeps both the same."""

    CHANNEL = "channel"
    REP = "rep"
    OPERATOR = "operator"


def add_to(app: typer.Typer) -> None:
    group = typer.Typer(
        help="Keys to the gateway.", no_args_is_help=True, epilog="Example: ascua keys create website"
    )
    group.command(epilog="Example: ascua keys create website --role channel")(create)
    app.add_typer(group, name="keys")


def create(
    name: Annotated[str, typer.Argument(help="Whose key it is, such as website.", show_default=False)],
    role: Annotated[
        Holder,
        typer.Option(
            help="A channel sends leads and signals; a rep also reads and works; an operator may all."
        ),
    ] = Holder.CHANNEL,
    as_json: AsJson = False,
) -> None:
    """Make a key and print it. It is shown once: only its digest is kept."""
    asyncio.run(_create(name, role, as_json))


async def _create(name: str, role: Holder, as_json: bool) -> None:
    from cli.system import servers
    from services.gateway.access.keys import KeyRing, Role
    from shared.mongo import Mongo

    async with servers() as found:
        mongo = Mongo(found.mongo_url, f"{found.database_prefix}_gateway")
        try:
            key = await KeyRing(mongo).create(name, Role(role))
        finally:
            await mongo.stop()
    tell(f"the key of {name}, {role}; keep it, it is not shown again:")
    answer({"name": name, "role": role, "key": key}, as_json, lambda console: console.print(key))
