"""`ascua topics`: the topics on the broker, as they are declared."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from cli.answer import AsJson, answer


def add_to(app: typer.Typer) -> None:
    group = typer.Typer(
        help="The topics on the broker.", no_args_is_help=True, epilog="Example: ascua topics apply"
    )
    group.command(epilog="Example: ascua topics apply --partitions 8 --replication 3")(apply)
    app.add_typer(group, name="topics")


def apply(
    partitions: Annotated[
        int, typer.Option(min=1, help="Of each topic keyed by lead. Chosen once: it cannot be changed later.")
    ] = 4,
    replication: Annotated[int, typer.Option(min=1, help="Copies of each partition.")] = 1,
    as_json: AsJson = False,
) -> None:
    """Create the topics that are missing, and check that all are as declared."""
    asyncio.run(_apply(partitions, replication, as_json))


async def _apply(partitions: int, replication: int, as_json: bool) -> None:
    from cli.system import servers
    from shared.bus.cluster import Cluster
    from shared.bus.topics import ALL

    async with servers() as found:
        topics = found.topics
        created = await Cluster(topics).apply(partitions, replication)
    kept = [name for name in (topics.name(topic.name) for topic in ALL) if name not in created]
    answer(
        {"created": created, "kept": kept},
        as_json,
        lambda console: console.print(f"{len(created)} topics created, {len(kept)} were there as declared"),
    )
