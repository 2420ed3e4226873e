"""`ascua run`: the whole system under one supervisor, or one service in this process."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from enum import StrEnum
from importlib import import_module
from pathlib import Path
from typing import Annotated

import typer

from cli.answer import AsJson, answer, tell, tell_events


class What(StrEnum):
    ALL = "all"
    LEADS = "leads"
    FOLLOWUP = "followup"
    TICKETS = "tickets"
    SCORING = "scoring"
    GATEWAY = "gateway"


ENDS_WITHIN = 9.0
"""Seconds after which it ends whatever hangs; what is left of its children ends with it."""


def add_to(app: typer.Typer) -> None:
    app.command(epilog="Example: ascua run all --port 8000")(run)


def run(
    what: Annotated[
        What,
        typer.Argument(metavar="WHAT", help="The whole system (all), or one service.", show_default=False),
    ],
    port: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=65535,
            envvar="ASCUA_PORT",
            help="Of the gateway, or of the one service.",
            show_default="8000",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Run the system, or one service of it, until Ctrl-C or SIGTERM.

    `all` starts the servers that are not given by ASCUA_KAFKA_BOOTSTRAP and ASCUA_MONGO_URL, creates the topics, runs
    each service as a process of its own and starts again what dies. With --json it prints the addresses when
    everything is ready.
    """
    if what is What.ALL:
        asyncio.run(_run_all(port, as_json))
    else:
        _run_one(what, port, as_json)


async def _run_all(port: int | None, as_json: bool) -> None:
    from shared.tasks import end_within

    work = asyncio.create_task(_supervise(port, as_json))

    def end() -> None:
        end_within(ENDS_WITHIN)
        work.cancel()

    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, end)
    await asyncio.wait([work])
    if not work.cancelled():
        work.result()


async def _supervise(port: int | None, as_json: bool) -> None:
    from cli.environment import environment
    from cli.system import started
    from shared.installation import PORTS

    given, began = environment(), time.monotonic()
    home = given.home.absolute()
    tell_events("INFO")
    ending = began
    try:
        async with started(home, given, port or PORTS["gateway"]) as own:
            try:
                _tell_ready(own.addresses.gateway, home, time.monotonic() - began, as_json)
                await own.wait()
            finally:
                ending = time.monotonic()
                tell("stopping")
    finally:
        tell(f"stopped in {time.monotonic() - ending:.1f} s")


def _tell_ready(gateway: str, home: Path, seconds: float, as_json: bool) -> None:
    tell(
        f"ready after {seconds:.1f} s: {gateway} (operator's key: {home / 'keys' / 'operator'}); Ctrl-C stops it"
    )
    document = {"gateway": gateway, "home": str(home), "pid": os.getpid(), "seconds": round(seconds, 3)}
    answer(document, as_json, lambda _: None)


def _run_one(what: What, port: int | None, as_json: bool) -> None:
    from cli.addresses import running
    from cli.environment import environment
    from shared.errors import Unavailable

    given = environment()
    found = asyncio.run(running(given.home.absolute(), given))
    if found is not None:
        os.environ.update(found.settings())
    elif given.kafka_bootstrap is None or given.mongo_url is None:
        raise Unavailable(
            "no-servers",
            f"{what} needs Kafka and a store: set ASCUA_KAFKA_BOOTSTRAP and ASCUA_MONGO_URL, "
            f"or start `ascua run all` on {given.home.absolute()}",
        )
    if port is not None:
        os.environ["ASCUA_PORT"] = str(port)
    answer({"service": what, "pid": os.getpid()}, as_json, lambda _: None)
    import_module(f"services.{what}.main").main()
