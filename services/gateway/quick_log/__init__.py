"""One line about what was done, in Spanish or English, read into the fields of an activity. Pure.

    met Ana, wants proposal friday      a meeting, interested; next: e-mail on Friday
    llamé, no contesta, mañana 10am     a call, no answer; next: a call tomorrow at 10:00

The line is cut into `tokens`; the `lexicon` finds the phrases of both languages in them (`spanish`, `english`), the
grammars of `times` and `tasks` read what they say, `tense` tells of each time whether it lies ahead, and `resolution`
which instant it is. What it says is a proposal, which a person looks at and confirms. It tells what it took for
granted and what it did not understand, and fills no field from a word it does not know.
"""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from services.gateway.quick_log.reading import Language, Proposal, ProposedStep, propose, read
from services.gateway.quick_log.resolution import Assumed

__all__ = ["Assumed", "Language", "Proposal", "ProposedStep", "parse"]


def parse(line: str, now: datetime, zone: ZoneInfo, language: Language | None = None) -> Proposal:
    """Read a line that somebody in `zone` writes at `now`. `language` is what they speak, if it is known.

    A next step is later than `now` and at most ten years on, what was done is not later than `now`; the same line at
    the same instant gives the same. Never fails.
    """
    return propose(read(line, now, zone, language))
