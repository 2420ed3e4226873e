"""`ascua heat`: how warm a lead is, and why."""

from __future__ import annotations

import asyncio
import re
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any

import typer

from cli.answer import AsJson, answer


def instant(text: str) -> datetime:
    """A point in time, as an option gives it."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise typer.BadParameter("an instant is a time with its offset, such as 2026-11-21T09:30:00Z")
    return at


def lead_id(text: str) -> str:
    """A lead's id, as an argument gives it."""
    from shared.events.base import LEAD_ID

    if re.fullmatch(LEAD_ID, text) is None:
        raise typer.BadParameter("a lead's id has letters, digits, _ and -, and 64 of them at most")
    return text


Lead = Annotated[
    str, typer.Argument(metavar="LEAD", parser=lead_id, help="The lead's id.", show_default=False)
]
At = Annotated[
    datetime | None,
    typer.Option(
        parser=instant, metavar="T", help="The instant to look at; now, without it.", show_default=False
    ),
]


class ScorecardName(StrEnum):
    HEAT = "heat"
    RISK = "risk"


Card = Annotated[
    ScorecardName, typer.Option(help="Rate by the heat of a lead, or the risk that a customer leaves.")
]

Limit = Annotated[int, typer.Option(min=1, max=500, help="How many events to show one by one.")]


def add_to(app: typer.Typer) -> None:
    group = typer.Typer(
        help="How warm a lead is, and why.", no_args_is_help=True, epilog="Example: ascua heat show ana"
    )
    group.command(epilog="Example: ascua heat show ana --at 2026-11-21T09:30:00Z")(show)
    group.command(epilog="Example: ascua heat explain ana --json")(explain)
    app.add_typer(group, name="heat")


def show(lead: Lead, at: At = None, scorecard: Card = ScorecardName.HEAT, as_json: AsJson = False) -> None:
    """Show a lead's heat, its band and what it counts."""
    heat = asyncio.run(_ask(lead, "heat", at, scorecard))

    def draw(console: Any) -> None:
        from rich.box import SIMPLE_HEAD
        from rich.table import Table

        _draw_head(console, heat)
        table = Table("kind", "count", box=SIMPLE_HEAD, pad_edge=False)
        table.columns[1].justify = "right"
        for kind, count in sorted(heat["counts"].items(), key=lambda each: -each[1]):
            table.add_row(kind, f"{count:.2f}")
        console.print(table)

    answer(heat, as_json, draw)


def explain(
    lead: Lead,
    at: At = None,
    scorecard: Card = ScorecardName.HEAT,
    limit: Limit = 100,
    as_json: AsJson = False,
) -> None:
    """Show the events that count most, with their points, and the others by kind; they sum to the heat."""
    heat = asyncio.run(_ask(lead, "heat/explain", at, scorecard, limit=str(limit)))

    def draw(console: Any) -> None:
        from rich.box import SIMPLE_HEAD
        from rich.table import Table

        _draw_head(console, heat)
        table = Table("what", "at", "age", "factor", "points", "in the log", box=SIMPLE_HEAD, pad_edge=False)
        for column in table.columns[2:5]:
            column.justify = "right"
        for term in heat["terms"]:
            place = f"{term['topic']}/{term['partition']}/{term['offset']}"
            whose = "" if term["lead_id"] == heat["lead_id"] else f" of {term['lead_id']}"
            table.add_row(
                term["kind"] + whose, term["at"][:19].replace("T", " "), _age(term["age_seconds"]),
                f"{term['factor']:.3f}", f"{term['points']:+.2f}", place,
            )  # fmt: skip
        for rest in heat["rest"]:
            table.add_row(
                f"{rest['kind']}, {rest['facts']:,} smaller ones",
                f"from {rest['first_at'][:19].replace('T', ' ')}", "", "", f"{rest['points']:+.2f}", "",
            )  # fmt: skip
        if heat["base"]:
            table.add_row("base", "", "", "", f"{heat['base']:+.2f}", "")
        for fit in heat["fit"]:
            table.add_row(
                f"fit: {fit['attribute']} = {fit['value']}", "", "", "", f"{fit['points']:+.2f}", ""
            )
        for cap in heat["caps"]:
            what = f"cap of {cap['group']}" if cap["group"] else "never below 0"
            table.add_row(what, "", "", "", f"{cap['points']:+.2f}", "")
        console.print(table)

    answer(heat, as_json, draw)


async def _ask(
    lead: str, question: str, at: datetime | None, scorecard: ScorecardName, **more: str
) -> dict[str, Any]:
    from cli.system import ask

    params = {"scorecard": str(scorecard), **more, **({"at": at.isoformat()} if at else {})}
    return await ask("GET", f"leads/{lead}/{question}", params=params)


def _draw_head(console: Any, heat: dict[str, Any]) -> None:
    style = {"hot": "bold red", "at_risk": "bold red", "warm": "yellow"}.get(heat["band"], "blue")
    console.print(f"{heat['lead_id']}  {heat['heat']:.2f}  [{style}]{heat['band']}[/]  at {heat['at']}")


def _age(seconds: float) -> str:
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if abs(seconds) >= size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.0f} s"
