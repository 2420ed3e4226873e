"""One line about what was done, in Spanish or English, read into the fields of an activity. Pure.

    met Ana, wants proposal friday      a meeting, interested; next: e-mail on Friday
    llamé, no contesta, mañana 10am     a call, no answer; next: a call tomorrow at 10:00

What it says is a proposal, which a person looks at and confirms. It tells what it took for granted and what it did
not understand, and fills no field from a word it does not know.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final
from zoneinfo import ZoneInfo

from services.gateway.lines import moments, words
from services.gateway.lines.moments import NUMBER, Assumed, Moment
from shared.events.base import Instant
from shared.events.followup import ActivityKind as Kind
from shared.events.followup import ActivityResult as Result
from shared.events.followup import Direction, Objection


class Language(StrEnum):
    EN = "en"
    ES = "es"


@dataclass(frozen=True, slots=True)
class ProposedStep:
    """What to do next; no `action` where the line does not say it and nothing else does."""

    action: Kind | None
    due: Instant


@dataclass(frozen=True, slots=True)
class Proposal:
    """The fields of an activity as a line gives them; None where it says nothing. `at` only if it was not just now."""

    language: Language
    kind: Kind | None = None
    direction: Direction | None = None
    duration_seconds: int | None = None
    result: Result | None = None
    objection: Objection | None = None
    at: Instant | None = None
    next_step: ProposedStep | None = None
    assumed: tuple[Assumed, ...] = ()
    not_understood: tuple[str, ...] = ()


def parse(line: str, now: datetime, zone: ZoneInfo, language: Language | None = None) -> Proposal:
    """Read a line that somebody in `zone` writes at `now`. `language` is what they speak, if it is known."""
    line = unicodedata.normalize("NFC", line)
    text = "".join(unicodedata.normalize("NFD", letter)[0].lower()[:1] for letter in line)
    reading = _Reading(line, text)
    if words.MERE_NOTE.match(text):
        return Proposal(language or _language(text), Kind.NOTE)
    for start, end in _clauses(text):
        _read_clause(reading, start, end, now, zone)
    return reading.proposal(language or _language(text))


_BREAK: Final = re.compile(
    r"[;\n]|,(?!\d)|\.(?=\s|$)|\s[-\u2013\u2014]\s|\s(?:y|and|then|luego|entonces|pero|but)\s"
)
_HALF_HOUR: Final = re.compile(r"\b(?:media hora|half an hour)\b")
_HOURS_AND_MINUTES: Final = re.compile(r"\b(\d) ?h ?(\d{1,2})(?: ?(?:min|m))?\b")
_UNTIL: Final = re.compile(r"\b(?:hasta|until|till)(?: (?:el|la|the))? ?$")
_LASTED: Final = re.compile(rf"\b({NUMBER}) ?(h|hr|hrs|horas?|hours?|m|min|mins|minutos?|minutes?|')(?!\w)")


@dataclass(slots=True)
class _Reading:
    """What has been understood so far. `text` is the line without accents and capitals, letter for letter."""

    line: str
    text: str
    kind: Kind | None = None
    action: Kind | None = None
    direction: Direction | None = None
    duration: int | None = None
    result: Result | None = None
    objection: Objection | None = None
    at: datetime | None = None
    due: datetime | None = None
    away: Moment | None = None
    """Until when somebody is away: the next step's time if the line says no other."""
    again: bool = False
    talked: bool = False
    assumed: dict[Assumed, None] = field(default_factory=dict)
    read: set[int] = field(default_factory=set)

    def take(self, pattern: re.Pattern[str], start: int, end: int) -> re.Match[str] | None:
        """The first place between `start` and `end` where the pattern stands and nothing was read before."""
        for match in pattern.finditer(self.text, start, end):
            if self.read.isdisjoint(range(*match.span())):
                self.read.update(range(*match.span()))
                return match
        return None

    def mark(self, moment: Moment) -> None:
        for span in moment.spans:
            self.read.update(range(*span))

    def proposal(self, language: Language) -> Proposal:
        if self.due is None and self.away is not None:
            self.due = self.away.at
            self.assumed.update(dict.fromkeys(self.away.assumed))
        kind, action = self.kind, self.action
        if kind is None and self.talked:
            kind = Kind.CALL
            self.assumed[Assumed.KIND] = None
        if kind is None and (self.result is not None or self.due is None) and action is not None:
            kind = action
            self.assumed[Assumed.KIND] = None
        if self.due is not None and action is None and self.result is Result.APPOINTMENT:
            action = Kind.MEETING
        if self.due is not None and action is None and kind is not None:
            action = kind
            if not self.again:
                self.assumed[Assumed.ACTION] = None
        return Proposal(
            language,
            kind,
            self.direction,
            self.duration,
            self.result,
            self.objection,
            self.at,
            None if self.due is None else ProposedStep(action, self.due),
            tuple(self.assumed),
            tuple(self._unread()),
        )

    def _unread(self) -> Iterator[str]:
        """The words that nobody read, as they were written; neighbours together, those that carry nothing left out."""
        run: list[str] = []
        for word in re.finditer(r"[^\s,;]+", self.text):
            bare = word[0].strip(".!?¡¿()\"'")
            if bare and bare not in words.EMPTY and self.read.isdisjoint(range(*word.span())):
                run.append(self.line[word.start() : word.end()].strip(".!?¡¿()\"'"))
            elif run:
                yield " ".join(run)
                run = []
        if run:
            yield " ".join(run)


def _clauses(text: str) -> Iterator[tuple[int, int]]:
    start = 0
    for match in _BREAK.finditer(text):
        yield start, match.start()
        start = match.end()
    yield start, len(text)


def _read_clause(reading: _Reading, start: int, end: int, now: datetime, zone: ZoneInfo) -> None:
    for pattern, kind in words.INBOUND:
        if reading.take(pattern, start, end):
            reading.kind, reading.direction = reading.kind or kind, reading.direction or Direction.INBOUND
    for pattern, direction in words.DIRECTIONS:
        if reading.take(pattern, start, end):
            reading.direction = reading.direction or direction
    is_past = any(pattern.search(reading.text, start, end) for pattern, _ in words.DONE)
    moment = moments.find(reading.text, start, end, now, zone, is_past)
    if moment is not None and moment.at > now and _UNTIL.search(reading.text, start, moment.spans[0][0]):
        reading.away = moment
        reading.mark(moment)
        moment = moments.find(reading.text, max(close for _, close in moment.spans), end, now, zone, is_past)
    if moment is not None:
        reading.assumed.update(dict.fromkeys(moment.assumed))
        reading.mark(moment)
    reading.duration = reading.duration or _duration(reading, start, end)
    is_ahead = moment is not None and moment.at > now
    wanted = [kind for pattern, kind in words.WANTED if is_ahead and pattern.search(reading.text, start, end)]
    _read_result(reading, start, end)
    _read_kinds(reading, start, end, is_ahead, wanted)
    if moment is not None and moment.at > now:
        reading.due = reading.due or moment.at
    elif moment is not None:
        reading.at = reading.at or moment.at


def _read_result(reading: _Reading, start: int, end: int) -> None:
    """The further result counts: who wants a proposal has also answered."""
    for pattern, objection in words.OBJECTIONS[4:] + words.OBJECTIONS[:4]:
        if reading.take(pattern, start, end):
            reading.objection = reading.objection or objection
    reading.talked = reading.talked or words.TALKED.search(reading.text, start, end) is not None
    ranks = [result for _, result in words.RESULTS]
    for pattern, result in words.RESULTS:
        if reading.take(pattern, start, end) and (
            reading.result is None or ranks.index(result) < ranks.index(reading.result)
        ):
            reading.result = result
    if reading.objection is not None and reading.result in (None, Result.ANSWERED, Result.DONE):
        reading.result = Result.OBJECTION


def _read_kinds(reading: _Reading, start: int, end: int, is_ahead: bool, wanted: Sequence[Kind] = ()) -> None:
    """Past tense tells what was done, a plan what is next; so does a noun, or what they want, beside a time ahead."""
    for pattern, kind in words.DONE:
        if reading.take(pattern, start, end):
            if reading.kind is None:
                reading.kind = kind
            else:
                reading.result = reading.result or Result.DONE
    for pattern, kind in words.TO_DO:
        if reading.take(pattern, start, end):
            reading.action = reading.action or kind
    for pattern, _ in words.WANTED if wanted else ():
        reading.take(pattern, start, end)
    reading.action = reading.action or next(iter(wanted), None)
    for pattern, kind in words.NAMED:
        if reading.take(pattern, start, end):
            if reading.kind is None and not is_ahead:
                reading.kind = kind
            elif reading.kind is not kind or is_ahead:
                reading.action = reading.action or kind
    if reading.take(words.AGAIN, start, end):
        reading.again = True


def _duration(reading: _Reading, start: int, end: int) -> int | None:
    """Seconds."""
    if reading.take(_HALF_HOUR, start, end):
        return 1_800
    if match := reading.take(_HOURS_AND_MINUTES, start, end):
        return int(match[1]) * 3_600 + int(match[2]) * 60
    for match in _LASTED.finditer(reading.text, start, end):
        seconds = moments.count(match[1]) * (3_600 if match[2].startswith("h") else 60)
        if 0 < seconds <= 86_400 and reading.read.isdisjoint(range(*match.span())):
            reading.read.update(range(*match.span()))
            return seconds
    return None


def _language(text: str) -> Language:
    """Which of the two has more words in the line."""
    spanish, english = len(words.SPANISH.findall(text)), len(words.ENGLISH.findall(text))
    return Language.ES if spanish > english else Language.EN
