"""What a backtest and a fit are told with on a console."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cli.lab.comparison import Report
    from cli.lab.fitting import Fitted
    from cli.lab.worth import Disparity, Estimate, Worth


def instant_text(at_ms: int) -> str:
    from shared.clock import from_milliseconds
    from shared.events.base import rfc3339

    return rfc3339(from_milliseconds(at_ms))


def draw_backtest(console: Any, report: Report, document: dict[str, Any]) -> None:
    from cli.lab.comparison import BANDS, NEW

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

    _draw_worth(console, report)
    for attribute, ages in report.disparity.items():
        _draw_groups(console, attribute, {age: found[NEW] for age, found in ages.items()})

    if report.largest:
        table = _table("largest differences", "in force", "", "on trial", "")
        for state in report.largest[:10]:
            table.add_row(
                state.lead, f"{state.heat_in_force:.1f}", state.band_in_force, f"{state.heat:.1f}", state.band
            )
        console.print(table)


def _draw_worth(console: Any, report: Report) -> None:
    from cli.lab.comparison import NEW, OLD

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


def draw_fit(console: Any, found: Fitted, output: Path | None) -> None:
    lesson = found.lesson
    console.print(
        f"Learned from {lesson.leads:,} leads captured before {instant_text(found.until_ms)}: {lesson.won:,} won, "
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


def _figure(figure: Estimate, form: str = ".3f") -> str:
    if figure.value is None or figure.low is None or figure.high is None:
        return figure.why or ""
    return f"{figure.value:{form}} ({figure.low:{form}} to {figure.high:{form}})"
