"""Rules learned from one part of the log and weighed on the next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from cli.lab.comparison import worth_of
from cli.lab.draft import draft
from cli.lab.histories import AGES, History
from cli.lab.learning import (
    Lesson,
    learn,
)
from cli.lab.worth import Estimate, Worth
from services.scoring.scorecard.compiled_rules import CompiledRules
from services.scoring.scorecard.model import Rules
from services.scoring.scorecard.parser import parse_rules
from shared.clock import from_milliseconds
from shared.errors import Refused
from shared.events.base import rfc3339


@dataclass(frozen=True, slots=True)
class Fitted:
    """The rules, as a file too, and what they and those in force are worth on leads captured from `until_ms` on."""

    text: str
    rules: Rules
    lesson: Lesson
    until_ms: int
    learned: Mapping[str, Worth]
    in_force: Mapping[str, Worth]

    def document(self) -> dict[str, Any]:
        lesson = self.lesson
        return {
            "version": self.rules.version,
            "to": rfc3339(from_milliseconds(self.until_ms)),
            "learned_from": {
                "leads": lesson.leads, "won": lesson.won, "lost": lesson.lost, "undecided": lesson.undecided,
            },
            "loss": lesson.loss,
            "blank_loss": lesson.blank,
            "penalty": lesson.penalty,
            "too_rare": dict(lesson.rare),
            "worth_later": {
                age: {"learned": asdict(self.learned[age]), "in_force": asdict(self.in_force[age])} for age in AGES
            },
        }  # fmt: skip


def two_thirds(histories: Sequence[History], since_ms: int = 0) -> int:
    """The instant at which the first lead of the last third was captured. Raises `Refused("no-leads")`."""
    captured = sorted(
        each.captured_ms
        for each in histories
        if each.captured_ms is not None and each.captured_ms >= since_ms
    )
    if len(captured) < 3:
        raise Refused(
            "no-leads", f"{len(captured)} leads were captured in this time; there is nothing to learn from"
        )
    return captured[len(captured) * 2 // 3]


def fitted(
    histories: Sequence[History], in_force: Rules, since_ms: int = 0, until_ms: int | None = None
) -> Fitted:
    """Learn, write, read what was written, and weigh it. Raises `Refused`."""
    until = two_thirds(histories, since_ms) if until_ms is None else until_ms
    lesson = learn(histories, since_ms, until, tuple(AGES.values()))
    later = [each for each in histories if each.captured_ms is not None and each.captured_ms >= until]
    end = max((fact.at_ms for each in histories for fact in each.facts[-1:]), default=until) + 1
    # The figures stand in the file's head; what they are does not hang on it.
    rules = parse_rules(draft(lesson, in_force, ()), "the rules learned")
    learned = worth_of(later, CompiledRules(rules), end)
    text = draft(lesson, in_force, _head(lesson, until, learned))
    assert parse_rules(text) == rules
    return Fitted(text, rules, lesson, until, learned, worth_of(later, CompiledRules(in_force), end))


def _head(lesson: Lesson, until_ms: int, learned: Mapping[str, Worth]) -> list[str]:
    until = rfc3339(from_milliseconds(until_ms))
    return [
        f"Rules learned from {lesson.leads:,} leads captured before {until}: {lesson.won:,} won,",
        f"{lesson.lost:,} lost; {lesson.undecided:,} more had not ended by then. AUC on leads captured later, by age:",
        ", ".join(f"{age} {_brief(worth.auc)}" for age, worth in learned.items()) + ".",
        "",
        "The comment of a kind says how many of these leads had it while they were open at one of the ages, and how",
        "they ended. A weight is what the kind adds where all else is alike: it may cool although those who had it",
        "were won more often. Edit what you know better; `ascua rules backtest` says what that is worth.",
    ]


def _brief(figure: Estimate) -> str:
    return f"{figure.value:.3f}" if figure.value is not None else f"not known ({figure.why})"
