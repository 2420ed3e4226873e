"""`ascua demo`, for a person or a script."""

from __future__ import annotations

import asyncio
import re
import signal
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from secrets import token_hex
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.answer import AsJson, answer, tell, tell_events

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from rich.console import Console

    from cli.addresses import Addresses
    from cli.demo.performance import DemoAccount, Performance
    from cli.demo.player import Keys
    from cli.system import Started

_UNITS = {"s": 1, "m": 60, "h": 3600, "": 1}


def _seconds(text: str) -> float:
    found = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)(s|m|h|)", text.strip())
    if found is None:
        raise typer.BadParameter("a length of time is a number and s, m or h, such as 60s")
    return float(found[1]) * _UNITS[found[2]]


def demo(
    speed: Annotated[
        float, typer.Option(metavar="N", min=0.1, max=1000, help="N times the default pace.")
    ] = 1.0,
    seconds: Annotated[
        float | None,
        typer.Option(
            "--for",
            metavar="60s",
            parser=_seconds,
            help="Play this long, then check that nothing was lost or doubled, and exit.",
            show_default="until Ctrl-C",
        ),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, max=999_999, help="Another seed is another day.")] = 7,
    port: Annotated[
        int | None,
        typer.Option(min=1, max=65535, envvar="ASCUA_PORT", help="Of the page.", show_default="8000"),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Start everything, play a simulated day of a small sales team, and show it in the browser.

    A system that runs on ASCUA_HOME already is used as it is. With --for or --json it ends with an account of what was
    played, and exits with 1 when anything was lost or doubled.
    """
    tell_events()
    asked = _Asked(seed, speed, seconds, port, as_json)
    if not asyncio.run(_until_told(asked)):
        raise typer.Exit(1)


demo.epilog = "Example: ascua demo --speed 10 --for 60s"  # type: ignore[attr-defined]


@dataclass(frozen=True, slots=True)
class _Asked:
    """What was asked for, and how far it has come."""

    seed: int
    speed: float
    seconds: float | None
    port: int | None
    as_json: bool
    began: float = field(default_factory=time.monotonic)
    curtain: asyncio.Event = field(default_factory=asyncio.Event)
    ended: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def is_audited(self) -> bool:
        return self.as_json or self.seconds is not None


async def _until_told(asked: _Asked) -> bool:
    """Whether all is well. Ctrl-C ends the play; where an account is due, a second one leaves without it."""
    work = asyncio.create_task(_demo(asked))

    def stop() -> None:
        if asked.is_audited and asked.curtain.is_set() and not asked.ended.is_set():
            asked.ended.set()
        else:
            work.cancel()

    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop)
    await asyncio.wait([work])
    if work.cancelled():
        return not asked.is_audited
    account = work.result()
    return account is None or not (account.verdict.lost or account.verdict.doubled)


async def _demo(asked: _Asked) -> DemoAccount | None:
    import stamina.instrumentation

    from cli.demo.performance import Performance, make_keys
    from cli.environment import environment
    from cli.operator_key import operator_key

    stamina.instrumentation.set_on_retry_hooks(())  # what is tried again is told in our own words
    home = environment().home.absolute()
    async with _system(asked.port) as (system, own):
        keys = await make_keys(home, system)
        trouble = _Trouble()
        performance = Performance(
            system,
            keys,
            asked.seed,
            token_hex(3),
            operator=operator_key(home) if asked.is_audited else None,
            on_trouble=trouble,
        )
        async with performance:
            playing = _play(asked, performance, lambda: _invite(asked, performance, system, keys))
            account = await (playing if own is None else _while(own, playing))
        if account is not None:
            for finding in account.verdict.findings:
                tell(finding)
            answer(account.document(), asked.as_json, lambda console: _draw(console, account))
        return account


@asynccontextmanager
async def _system(port: int | None) -> AsyncIterator[tuple[Addresses, Started | None]]:
    """The system that runs on the home or is given; otherwise one of our own."""
    from cli.addresses import running
    from cli.environment import environment
    from cli.system import started, system
    from shared.installation import PORTS

    given = environment()
    home = given.home.absolute()
    if given.gateway_url is not None or await running(home, given) is not None:
        async with system(home) as found:
            yield found, None
    else:
        async with started(home, given, port or PORTS["gateway"]) as own:
            yield own.addresses, own


async def _play(asked: _Asked, performance: Performance, invite: Callable[[], None]) -> DemoAccount | None:
    await performance.player.prologue()
    invite()
    asked.curtain.set()
    if asked.seconds is not None:
        asyncio.get_running_loop().call_later(asked.seconds, asked.ended.set)
    await performance.player.go_on(asked.speed, asked.ended)
    tell("the play is over; checking that nothing was lost or doubled")
    return await performance.account()


async def _while(own: Started, playing: Coroutine[Any, Any, DemoAccount | None]) -> DemoAccount | None:
    """What `playing` returns; raises why, when a part of our own system cannot be kept alive meanwhile."""
    work, health = asyncio.create_task(playing), asyncio.create_task(own.wait())
    try:
        await asyncio.wait([work, health], return_when=asyncio.FIRST_COMPLETED)
        if not work.done():
            health.result()
        return await work
    finally:
        for task in (work, health):
            task.cancel()
        await asyncio.gather(work, health, return_exceptions=True)


class _Trouble:
    """Tells what failed and is repeated: a line at the first time, then how often, every few seconds."""

    def __init__(self) -> None:
        self._count, self._told = 0, 0.0

    def __call__(self, why: str) -> None:
        self._count += 1
        if time.monotonic() - self._told > 2:
            self._told = time.monotonic()
            tell(f"{why} ({self._count} in all)")


def _invite(asked: _Asked, performance: Performance, system: Addresses, keys: Keys) -> None:
    """What to look at, for a person."""
    text = INVITATION.format(
        seconds=time.monotonic() - asked.began,
        leads=performance.player.leads,
        gateway=system.gateway,
        code=keys.code,
        lead=_CURL.format(gateway=system.gateway, path="leads", key=keys.channel, body=_LEAD),
        signal=_CURL.format(gateway=system.gateway, path="signals", key=keys.channel, body=_SIGNAL),
        until="Ctrl-C stops everything." if asked.seconds is None else f"It ends after {asked.seconds:g} s.",
    )
    typer.echo(text, err=asked.as_json)  # as it is: a line that is wrapped cannot be pasted


INVITATION = """
Ready after {seconds:.1f} s: {leads} leads are on the board. All of them are simulated, and the page says so.

  Open   {gateway}/enter?key={code}

  Look   - who to call now stands on top, and the board changes by itself;
         - open a lead: its heat over time, and the reasons down to the single event;
         - steps that are late, a complaint that cools a lead, leads that were won or lost;
         - {gateway}/day, the day of the rep whose key this is: j, k, Enter, one line, Enter;
         - {gateway}/discipline, whether follow-up is really done; every number opens.

  Send   a lead of your own from another terminal, and see it come; then warm it:

{lead}

{signal}

{until}
"""
_CURL = """curl {gateway}/v1/{path} -H 'Authorization: Bearer {key}' -H 'Content-Type: application/json' -d '{body}'"""
_LEAD = '{"lead_id": "mine", "channel": "web", "profile": {"name": "Ana Torres"}}'
_SIGNAL = '{"lead_id": "mine", "kind": "demo_requested"}'


def _draw(console: Console, account: DemoAccount) -> None:
    document = account.document()
    heat = document["event_to_heat_seconds"]
    console.print(
        f"{document['leads']} leads, {document['events']} events, {document['hot_leads']} hot leads; "
        f"{document['lost']} lost, {document['doubled']} doubled"
    )
    if heat["p50"] is not None:
        console.print(f"From a signal to its heat: {heat['p50']} s in the middle, {heat['p99']} s at p99")
