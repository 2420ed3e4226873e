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

if TYPE_CHECKING:
    from cli.lab.comparison import Report
    from cli.lab.fitting import Fitted
    from cli.lab.histories import History
    from cli.lab.worth import Disparity, Figure, Worth
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
        "from": _text(since_ms) if since is not None else None,
        "to": _text(until_ms),
        **found[0].document(),
    }
    if picture is not None:
        from cli.lab.picture import draw as paint

        paint(found[0], picture, f"Rules {new.version} on trial, {found[1]} in force")
    answer(document, as_json, lambda console: _draw_backtest(console, found[0], document))
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
        _draw_fit(Console(stderr=True, highlight=False), found, None)
    else:
        answer(document, as_json, lambda console: _draw_fit(console, found, output))


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
            f"ascua: the last fact is of {_text(last)}; at {_text(until_ms)} heat has faded. Give --to to look then."
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


def _text(at_ms: int) -> str:
    from shared.clock import from_milliseconds
    from shared.events.base import rfc3339

    return rfc3339(from_milliseconds(at_ms))


def _draw_backtest(console: Any, report: Report, document: dict[str, Any]) -> None:
    from cli.lab.comparison import BANDS, NEW, OLD

    console.print(
        f"{report.leads:,} leads up to {document['to']}; rules {document['on_trial']} on trial, "
        f"{document['in_force']} in force"
    )
    if report.never_captured:
        console.print(f"{report.never_captured:,} of them were not captured before that; they have no age")
    console.print(
        f"{report.changed:,} leads have another heat at the end; the mean difference is {report.mean_difference:.1f}"
    )
    table = _table("in force \\ on trial", *BANDS)
    for before in BANDS:
        table.add_row(before, *(f"{report.moves[before][after]:,}" for after in BANDS))
    console.print(table)

    table = _table("crossings", "in force", "on trial", "gained", "lost")
    for name, each in report.crossings.items():
        table.add_row(name, f"{each.in_force:,}", f"{each.on_trial:,}", f"{each.gained:,}", f"{each.lost:,}")
    console.print(table)

    if report.on_publishing:
        told = ", ".join(f"{count:,} {name}" for name, count in report.on_publishing.items())
        console.print(f"Told at once when these rules are published at the end: {told}")

    table = _table("age", "open leads", "won", "lost", "undecided", "AUC in force", "AUC on trial")
    for age, by_rules in report.worth.items():
        new = by_rules[NEW]
        table.add_row(age, *_counts(new), _figure(by_rules[OLD].auc), _figure(new.auc))
    console.print(table)

    table = _table("lift by tenth, hottest first", *(str(number) for number in range(1, 11)))
    for age, by_rules in report.worth.items():
        for rules, name in ((OLD, "in force"), (NEW, "on trial")):
            if by_rules[rules].deciles:
                table.add_row(f"{age} {name}", *(f"{each.lift:.2f}" for each in by_rules[rules].deciles))
    if table.row_count:
        console.print(table)
    for attribute, ages in report.disparity.items():
        _draw_groups(console, attribute, {age: found[NEW] for age, found in ages.items()})

    if report.largest:
        table = _table("largest differences", "in force", "", "on trial", "")
        for state in report.largest[:10]:
            table.add_row(
                state.lead, f"{state.heat_in_force:.1f}", state.band_in_force, f"{state.heat:.1f}", state.band
            )
        console.print(table)


def _draw_groups(console: Any, attribute: str, ages: dict[str, Disparity]) -> None:
    from cli.lab.comparison import NONE

    names = {group.name for found in ages.values() for group in found.groups}
    if len(names) < 2:
        all_are = f"all leads are of one group, {names.pop()}" if names - {NONE} else "no lead has one"
        console.print(f"{attribute}: {all_are}")
        return
    table = _table(f"{attribute}, on trial", "age", "leads", "won", "lost", "share hot", "mean heat", "AUC")
    for age, found in ages.items():
        for group in found.groups:
            table.add_row(
                group.name, age, f"{group.leads:,}", f"{group.won:,}", f"{group.lost:,}",
                _figure(group.share_hot, ".0%"), _figure(group.mean_heat, ".1f"), _figure(group.auc),
            )  # fmt: skip
    console.print(table)
    for age, found in ages.items():
        if not found.groups:
            continue
        between = f" ({found.between[0]} over {found.between[1]})" if found.between else ""
        console.print(f"{age}: widest gap in the share of hot leads{between}: {_figure(found.gap, '.0%')}")


def _draw_fit(console: Any, found: Fitted, output: Path | None) -> None:
    lesson = found.lesson
    console.print(
        f"Learned from {lesson.leads:,} leads captured before {_text(found.until_ms)}: {lesson.won:,} won, "
        f"{lesson.lost:,} lost; {lesson.undecided:,} had not ended by then"
    )
    console.print(
        f"Loss by cross-validation {lesson.loss:.4f} nats; {lesson.blank:.4f} when only the age is known"
    )
    table = _table("age", "later leads, open then", "won", "lost", "undecided", "AUC learned", "AUC in force")
    for age, learned in found.learned.items():
        table.add_row(age, *_counts(learned), _figure(learned.auc), _figure(found.in_force[age].auc))
    console.print(table)
    if output is not None:
        console.print(f"The rules are in {output}; read them, then try: ascua rules backtest {output}")


def _table(*columns: str) -> Any:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    table = Table(*columns, box=SIMPLE_HEAD, pad_edge=False)
    for column in table.columns[1:]:
        column.justify = "right"
    return table


def _counts(worth: Worth) -> list[str]:
    return [f"{each:,}" for each in (worth.leads, worth.won, worth.lost, worth.undecided)]


def _figure(figure: Figure, form: str = ".3f") -> str:
    if figure.value is None or figure.low is None or figure.high is None:
        return figure.why or ""
    return f"{figure.value:{form}} ({figure.low:{form}} to {figure.high:{form}})"
