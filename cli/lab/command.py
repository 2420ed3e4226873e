"""`ascua rules backtest` and `ascua rules fit`: rules on trial, on the log as it stands."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.answer import AsJson, answer, tell
from cli.lab.tables import draw_backtest, draw_fit, instant_text

if TYPE_CHECKING:
    from cli.lab.comparison import Report
    from cli.lab.fitting import Fitted
    from cli.lab.histories import History
    from services.scoring.scorecard.model import Rules
    from shared.bus.topics import Topics

_EVERY = 5.0
"""Seconds between two lines of progress."""


def _instant(text: str) -> datetime:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        at = None
    if at is not None and at.tzinfo is None and len(text) == len("2026-11-21"):
        at = at.replace(tzinfo=UTC)
    if at is None or at.tzinfo is None or not 1970 <= at.year < 9999:
        raise typer.BadParameter(
            "write a day, as 2026-11-21 (it begins in UTC), or a time as 2026-11-21T09:30:00Z"
        )
    return at


def _rules_file(text: str) -> Rules:
    from services.scoring.scorecard.parser import RulesError, parse_rules

    try:
        return parse_rules(Path(text).read_bytes(), Path(text).name)
    except RulesError as error:
        raise typer.BadParameter(error.sentence) from None
    except OSError as error:
        raise typer.BadParameter(f"{text} cannot be read: {error.strerror}") from None


def _picture(text: str) -> Path:
    path = Path(text)
    if path.suffix.lower() not in (".svg", ".png"):
        raise typer.BadParameter(f"{text} is neither an SVG nor a PNG; end its name in .svg or .png")
    return _writable(path)


def _output(text: str) -> Path:
    return _writable(Path(text))


def _writable(path: Path) -> Path:
    if not path.parent.is_dir():
        raise typer.BadParameter(f"there is no directory {path.parent}")
    if path.is_dir():
        raise typer.BadParameter(f"{path} is a directory")
    return path


From = Annotated[
    datetime | None,
    typer.Option("--from", parser=_instant, metavar="T", help="Where the time begins.", show_default=False),
]
To = Annotated[
    datetime | None,
    typer.Option("--to", parser=_instant, metavar="T", help="Where it ends.", show_default=False),
]
RulesFile = Annotated[Any, typer.Argument(parser=_rules_file, metavar="NEW.yaml", help="The rules on trial.")]


def add_to(group: typer.Typer) -> None:
    """Add both to the group `rules`."""
    group.command(epilog="Example: ascua rules backtest new.yaml --by origin --picture new.svg")(backtest)
    group.command(epilog="Example: ascua rules fit --to 2026-09-01 -o new.yaml")(fit)


def backtest(
    new: RulesFile,
    since: From = None,
    until: To = None,
    against: Annotated[
        Any | None,
        typer.Option(
            parser=_rules_file, metavar="OLD.yaml", help="Compare with these; with those in force, without it.",
            show_default=False,
        ),
    ] = None,
    by: Annotated[
        list[str] | None,
        typer.Option(metavar="ATTRIBUTE", help="Compare groups by it; channel, origin, campaign, if absent."),
    ] = None,
    picture: Annotated[
        Path | None, typer.Option(parser=_picture, metavar="FILE", help="Draw it, as .svg or .png.", show_default=False)
    ] = None,
    states: Annotated[
        Path | None,
        typer.Option(parser=_output, metavar="FILE", help="Write each lead's state as NDJSON.", show_default=False),
    ] = None,
    as_json: AsJson = False,
) -> None:  # fmt: skip
    """Replay the log under other rules, beside it all, and say what would be different and what it is worth.

    Crossings and looks count from --from on and before --to; states are made of all facts before --to.
    """
    if picture is not None and find_spec("matplotlib") is None:
        raise _missing("a picture", "matplotlib")
    since_ms, until_ms = _span(since, until)
    found, unreadable = asyncio.run(
        _backtest(new, against, since_ms, until_ms, by or ["channel", "origin", "campaign"], states)
    )
    document = {
        "on_trial": new.version,
        "in_force": found[1],
        "from": instant_text(since_ms) if since is not None else None,
        "to": instant_text(until_ms),
        **found[0].document(),
    }
    if picture is not None:
        from cli.lab.picture import draw as paint

        paint(found[0], picture, f"Rules {new.version} on trial, {found[1]} in force")
    answer(document, as_json, lambda console: draw_backtest(console, found[0], document))
    if unreadable:
        raise typer.Exit(1)


def fit(
    since: From = None,
    until: To = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", parser=_output, metavar="FILE", help="Where the rules go; stdout, without it.",
                     show_default=False),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Write over a file that is there.")] = False,
    as_json: AsJson = False,
) -> None:  # fmt: skip
    """Learn rules from how leads ended, and say what they are worth on leads captured later.

    Learns from leads captured from --from on and before --to, knowing what was known at --to; without --to, from the
    first two thirds of the leads. Needs the extra `fit`.
    """
    if find_spec("sklearn") is None:
        raise _missing("learning rules", "scikit-learn")
    if output is not None and output.exists() and not force:
        raise typer.BadParameter(
            f"{output} is there already; give another name, or --force", param_hint="--output"
        )
    since_ms, _ = _span(since, until)
    found = asyncio.run(_fit(since_ms, _ms(until) if until is not None else None))
    document = found.document()
    if output is not None:
        output.write_text(found.text, "utf-8")
        document["file"] = str(output)
    else:
        document["rules"] = found.text
    if output is None and not as_json:
        from rich.console import Console

        typer.echo(found.text, nl=False)
        draw_fit(Console(stderr=True, highlight=False), found, None)
    else:
        answer(document, as_json, lambda console: draw_fit(console, found, output))


async def _backtest(
    new: Rules, against: Rules | None, since_ms: int, until_ms: int, by: list[str], states: Path | None
) -> tuple[tuple[Report, str], int]:
    from cli.lab.comparison import Comparison
    from cli.lab.log import Facts
    from cli.system import servers
    from services.scoring.scorecard.compiled_rules import CompiledRules
    from shared.clock import milliseconds

    async with servers() as addresses:
        old = against or await _in_force(addresses.topics)
        comparison = Comparison(CompiledRules(old), CompiledRules(new), since_ms, until_ms, by)
        facts = Facts(addresses.topics, _watch())
        last = 0
        with ExitStack() as stack:
            out = stack.enter_context(states.open("w", encoding="utf-8")) if states is not None else None
            async for history in facts.histories():
                last = max(last, history.facts[-1].at_ms)
                state = comparison.add(history)
                if state is not None and out is not None:
                    out.write(json.dumps(state._asdict(), ensure_ascii=False) + "\n")
    _tell_unreadable(facts.read.unreadable)
    if last and until_ms - last > 30 * 86_400_000 and until_ms <= milliseconds(datetime.now(UTC)):
        tell(
            f"ascua: the last fact is of {instant_text(last)}; "
            f"at {instant_text(until_ms)} heat has faded. Give --to to look then."
        )
    return (comparison.report(), old.version), facts.read.unreadable


async def _fit(since_ms: int, until_ms: int | None) -> Fitted:
    from cli.lab.fitting import fitted
    from cli.lab.log import Facts
    from cli.system import servers

    async with servers() as addresses:
        in_force = await _in_force(addresses.topics)
        facts = Facts(addresses.topics, _watch())
        histories: list[History] = [each async for each in facts.histories()]
    _tell_unreadable(facts.read.unreadable)
    tell("ascua: learning")
    return fitted(histories, in_force, since_ms, until_ms)


async def _in_force(topics: Topics) -> Rules:
    """The rules by which scoring works now."""
    from services.scoring.rules_log import RulesLog

    rulebook = RulesLog(topics)
    await rulebook.start()
    try:
        return rulebook.at(_ms(datetime.now(UTC)))
    finally:
        await rulebook.stop()


def _watch() -> Callable[[int, int], None]:
    told = time.monotonic()

    def watch(done: int, total: int) -> None:
        nonlocal told
        if time.monotonic() - told > _EVERY:
            told = time.monotonic()
            tell(f"ascua: {done:,} of {total:,} records read")

    return watch


def _tell_unreadable(count: int) -> None:
    if count:
        tell(f"ascua: {count:,} records could not be read and are left out; see `ascua dlq list`")


def _missing(what: str, package: str) -> typer.Exit:
    tell(f"ascua: {what} needs {package}; install it with: pip install 'ascua[fit]'")
    return typer.Exit(2)


def _span(since: datetime | None, until: datetime | None) -> tuple[int, int]:
    since_ms = _ms(since) if since is not None else 0
    until_ms = _ms(until or datetime.now(UTC))
    if since_ms >= until_ms:
        raise typer.BadParameter("it must lie before --to", param_hint="--from")
    return since_ms, until_ms


def _ms(at: datetime) -> int:
    from shared.clock import milliseconds

    return milliseconds(at)
