"""A backtest as a picture: what heat is worth under both rules, its lift, and how it treats groups."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from cli.lab.comparison import NEW, OLD, Report
from cli.lab.histories import AGES
from cli.lab.worth import Estimate, Worth

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_COLOURS: Final = {OLD: "#8a8f98", NEW: "#d9480f"}
_NAMES: Final = {OLD: "in force", NEW: "on trial"}
_LIFT_AT: Final = "24h"


def draw(report: Report, path: Path, title: str) -> None:
    """Write an SVG or a PNG, as the name of `path` says."""
    from matplotlib import rc_context
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure as Sheet

    groups = _grouped(report)
    # Ids and dates that change with each run would make two pictures of the same backtest differ.
    with rc_context(
        {"svg.hashsalt": "ascua", "font.size": 9, "axes.spines.top": False, "axes.spines.right": False}
    ):
        sheet = Sheet(figsize=(12.5 if groups else 8.5, 4), layout="constrained")
        FigureCanvasAgg(sheet)
        axes = sheet.subplots(1, 3 if groups else 2, squeeze=False)[0]
        _auc(axes[0], report)
        _lift(axes[1], report)
        if groups:
            _groups(axes[2], *groups, report)
        sheet.suptitle(title)
        suffix = path.suffix.lower().removeprefix(".")
        sheet.savefig(path, format=suffix, dpi=130, metadata={"Date": None} if suffix == "svg" else {})


def _auc(axes: Axes, report: Report) -> None:
    for shift, rules in ((-0.08, OLD), (0.08, NEW)):
        told = [
            (number, worth.auc)
            for number, worth in enumerate(_by_age(report, rules))
            if worth.auc.value is not None
        ]
        axes.errorbar(
            [number + shift for number, _ in told],
            [figure.value or 0.0 for _, figure in told],
            yerr=_bars([figure for _, figure in told]),
            fmt="o",
            capsize=3,
            color=_COLOURS[rules],
            label=_NAMES[rules],
        )
    if all(worth.auc.why for rules in (OLD, NEW) for worth in _by_age(report, rules)):
        _say(axes, report.worth[_LIFT_AT][NEW].auc.why)
    axes.axhline(0.5, color="#cccccc", linewidth=1, zorder=0)
    axes.set_xticks(range(len(AGES)), [_counted(age, report) for age in AGES])
    axes.set_xlim(-0.5, len(AGES) - 0.5)
    axes.set_title("AUC by age, with 95 % intervals")
    axes.set_xlabel("after the capture; leads won / lost")
    axes.legend(frameon=False, loc="best")


def _counted(age: str, report: Report) -> str:
    worth = report.worth[age][NEW]
    return f"{age}\n{worth.won:,} / {worth.lost:,}"


def _lift(axes: Axes, report: Report) -> None:
    for shift, rules in ((-0.2, OLD), (0.2, NEW)):
        deciles = report.worth[_LIFT_AT][rules].deciles
        axes.bar(
            [number + 1 + shift for number in range(len(deciles))],
            [each.lift for each in deciles],
            width=0.38,
            color=_COLOURS[rules],
            label=_NAMES[rules],
        )
    _say(axes, report.worth[_LIFT_AT][NEW].auc.why)
    axes.axhline(1, color="#cccccc", linewidth=1, zorder=0)
    axes.set_xticks(range(1, 11))
    axes.set_title(f"Lift by tenth of heat, {_LIFT_AT} after the capture")
    axes.set_xlabel("tenth, from the hottest")


def _grouped(report: Report) -> tuple[str, str] | None:
    """The first attribute, and the youngest age, at which two groups can be compared."""
    for attribute, ages in report.disparity.items():
        for age, found in ages.items():
            if found[NEW].gap.value is not None:
                return attribute, age
    return None


def _groups(axes: Axes, attribute: str, age: str, report: Report) -> None:
    for shift, rules in ((-0.12, OLD), (0.12, NEW)):
        groups = report.disparity[attribute][age][rules].groups
        told = [(n, each.share_hot) for n, each in enumerate(groups) if each.share_hot.value is not None]
        axes.errorbar(
            [figure.value or 0.0 for _, figure in told],
            [number + shift for number, _ in told],
            xerr=_bars([figure for _, figure in told]),
            fmt="o",
            capsize=3,
            color=_COLOURS[rules],
        )
    groups = report.disparity[attribute][age][NEW].groups
    axes.set_yticks(range(len(groups)), [f"{each.name}\n{each.leads:,}" for each in groups])
    axes.set_ylim(len(groups) - 0.5, -0.5)
    axes.set_title(f"Share of hot leads by {attribute}, {age}")
    axes.set_xlabel("with 95 % intervals")


def _say(axes: Axes, why: str | None) -> None:
    """Why there is nothing to see."""
    if why is not None:
        axes.text(0.5, 0.6, why, transform=axes.transAxes, ha="center")


def _by_age(report: Report, rules: str) -> list[Worth]:
    return [report.worth[age][rules] for age in AGES]


def _bars(figures: list[Estimate]) -> Any:
    return [
        [(each.value or 0) - (each.low or 0) for each in figures],
        [(each.high or 0) - (each.value or 0) for each in figures],
    ]
