"""A line read whole: its tokens, times and tasks, and what they come to."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import cache
from typing import Final
from zoneinfo import ZoneInfo

from services.gateway.quick_log import english, resolution, spanish
from services.gateway.quick_log import tasks as grammar
from services.gateway.quick_log.lexicon import FARTHEST, Aspect, Found, Lexicon, Sort
from services.gateway.quick_log.model import Bound, Mention, RelativePeriod, Unit
from services.gateway.quick_log.resolution import Assumed, Moment
from services.gateway.quick_log.spelling import Spelling
from services.gateway.quick_log.tasks import Tasks
from services.gateway.quick_log.tense import Tense, Tenses, clauses
from services.gateway.quick_log.times import TimeReader, durations
from services.gateway.quick_log.tokens import Shape, Token, tokenise
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


@dataclass(frozen=True, slots=True)
class _Words:
    """What is made once of the languages' data."""

    lexicon: Lexicon
    spelling: Spelling
    by_language: dict[Language, frozenset[str]]


@cache
def _words() -> _Words:
    english_data, spanish_data = (english.TIMES, english.TASKS), (spanish.TIMES, spanish.TASKS)
    named = {
        word: sense
        for data in (english.TIMES, spanish.TIMES)
        for sense, phrases in data.items()
        if sense[0] in (Sort.WEEKDAY, Sort.MONTH, Sort.OFFSET)
        for word in Lexicon([{sense: phrases}]).words
    }
    return _Words(
        Lexicon((*spanish_data, *english_data)),
        Spelling(named),
        {Language.EN: Lexicon(english_data).vocabulary, Language.ES: Lexicon(spanish_data).vocabulary},
    )


@dataclass(slots=True)
class LineReading:
    """What a line says, and by which of its tokens: `read` has the numbers of those that were understood."""

    line: str
    tokens: tuple[Token, ...]
    found: list[list[Found]]
    language: Language
    tasks: Tasks = field(default_factory=Tasks)
    clauses: list[int] = field(default_factory=list)
    duration: int | None = None
    at: datetime | None = None
    due: datetime | None = None
    due_clause: int | None = None
    assumed: dict[Assumed, None] = field(default_factory=dict)
    read: set[int] = field(default_factory=set)

    def unread(self) -> Iterator[tuple[int, int]]:
        """Where the words stand that nobody read; neighbours together, those that carry nothing left out."""
        run: tuple[int, int] | None = None
        for place, token in enumerate(self.tokens):
            if place in self.read or token.shape is Shape.BREAK:
                if run is not None:
                    yield run
                run = None
            elif not self.is_empty(place):
                run = (token.start if run is None else run[0], token.end)
        if run is not None:
            yield run

    def is_empty(self, place: int) -> bool:
        """A sign, or a word that carries nothing by itself."""
        shape = self.tokens[place].shape
        if shape is not Shape.WORD:
            return shape in (Shape.SIGN, Shape.BREAK)
        return any(each.sort is Sort.EMPTY for each in self.found[place])


def read(line: str, now: datetime, zone: ZoneInfo, language: Language | None = None) -> LineReading:
    """Read a line that somebody in `zone` writes at `now`. `language` is what they speak, if it is known. Pure."""
    words = _words()
    line = unicodedata.normalize("NFC", line)
    tokens = tokenise(line)
    spelling = words.spelling.meant(tokens, words.lexicon.vocabulary)
    found = words.lexicon.find(tokens, spelling)
    language = language or _language(tokens, words)
    reading = LineReading(line, tokens, found, language)
    if _is_mere_note(tokens):
        reading.read.update(range(len(tokens)))
        return reading
    today = now.astimezone(zone).date()
    times = TimeReader(tokens, found, today, is_month_first=language is Language.EN)
    mentions = _mentions(reading, times)
    taken = {place for mention in mentions for place in range(mention.first, mention.end)} | reading.read
    reading.clauses = clauses(tokens, found, taken)
    reading.tasks = grammar.read(tokens, found, taken, reading.clauses)
    reading.read |= reading.tasks.read
    tenses = Tenses(tokens, found, reading.clauses, reading.tasks, taken, today)
    _settle(reading, [(mention, tenses.of(mention)) for mention in mentions], now, zone)
    if any(place in reading.read for place in spelling):
        reading.assumed[Assumed.SPELLING] = None
    return reading


def propose(reading: LineReading) -> Proposal:
    """The fields of an activity, from what was read."""
    if _is_mere_note(reading.tokens):
        return Proposal(reading.language, Kind.NOTE)
    tasks = reading.tasks
    result, objection = grammar.further(tasks.results), tasks.objection
    done = [task.kind for task in tasks.tasks if task.aspect is Aspect.DONE and not task.is_negated]
    if len(done) > 1 and result is None:
        result = Result.DONE
    if objection is not None and result in (None, Result.ANSWERED, Result.DONE):
        result = Result.OBJECTION
    direction = Direction.INBOUND if tasks.inbound else tasks.direction
    action = _action(reading)
    kind, action = _kinds(reading, action)
    assumed = dict(reading.assumed)
    if kind is None and tasks.talked:
        kind = Kind.CALL
        assumed[Assumed.KIND] = None
    if kind is None and action is not None and (result is not None or reading.due is None):
        kind = action
        assumed[Assumed.KIND] = None
    if reading.due is not None and action is None and result is Result.APPOINTMENT:
        action = Kind.MEETING
    if reading.due is not None and action is None and kind is not None:
        action = kind
        if not tasks.again:
            assumed[Assumed.ACTION] = None
    return Proposal(
        reading.language,
        kind,
        direction,
        reading.duration,
        result,
        objection,
        reading.at,
        None if reading.due is None else ProposedStep(action, reading.due),
        tuple(assumed),
        tuple(reading.line[start:end] for start, end in reading.unread()),
    )


def _language(tokens: Sequence[Token], words: _Words) -> Language:
    """Which of the two has more words in the line; English where none has."""
    english_words, spanish_words = (words.by_language[each] for each in (Language.EN, Language.ES))
    lead = 0
    for token in tokens:
        lead += (token.text in spanish_words) - (token.text in english_words)
    return Language.ES if lead > 0 else Language.EN


def _is_mere_note(tokens: Sequence[Token]) -> bool:
    """`nota: …` only keeps a thought: nothing in it is read."""
    return len(tokens) > 1 and tokens[0].text in _NOTES and tokens[1].text.startswith(":")


_NOTES: Final = frozenset((*english.NOTE, *spanish.NOTE))


def _mentions(reading: LineReading, times: TimeReader) -> list[Mention]:
    """The times that the line names; how long something took is read on the way."""
    mentions = []
    place = 0
    while place < min(len(reading.tokens), FARTHEST):
        if (mention := times.mention(place)) is not None:
            mentions.append(mention)
            place = mention.end
        elif (lasted := durations(times, place)) is not None and reading.duration is None:
            reading.duration, end = lasted
            reading.read.update(range(place, end))
            place = end
        else:
            place += 1
    return mentions


def _settle(
    reading: LineReading, mentions: list[tuple[Mention, Tense]], now: datetime, zone: ZoneInfo
) -> None:
    """One time for what was done and one for what is next; a time that is neither stays unread."""
    plans = []
    for mention, tense in mentions:
        if tense is Tense.PAST and (was := resolution.done(mention, now, zone)) is not None:
            if reading.at is None or was.at is None:
                reading.at = was.at if reading.at is None else reading.at
                _use(reading, mention, was)
        elif tense is Tense.FUTURE and (plan := resolution.due(mention, now, zone)) is not None:
            plans.append((_rank(reading, mention), plan, mention))
    if plans:
        plan, mention = _chosen(reading, plans)
        reading.due, reading.due_clause = plan.at, reading.clauses[mention.first]
        _use(reading, mention, plan)
        for _, closer, within in plans:
            if _is_within(closer, plan, mention):
                reading.due, reading.assumed = closer.at, {}
                _use(reading, within, closer)
                break


def _chosen(reading: LineReading, plans: Sequence[tuple[int, Moment, Mention]]) -> tuple[Moment, Mention]:
    """Of the plans of the best rank the earliest; of several in the first one's clause (`lunes o martes`) the first."""
    best = min(rank for rank, _, _ in plans)
    chosen = [(plan, mention) for rank, plan, mention in plans if rank == best]
    first = reading.clauses[chosen[0][1].first]
    others = [each for each in chosen[1:] if reading.clauses[each[1].first] != first]
    return min([chosen[0], *others], key=lambda each: each[0].at or datetime.max.replace(tzinfo=UTC))


_LENGTHS: Final = {Unit.WEEKEND: 2, Unit.WEEK: 7, Unit.MONTH: 31}


def _is_within(closer: Moment, plan: Moment, mention: Mention) -> bool:
    """A day of the stretch of time that was named before: `weekend call, saturday 10am`."""
    if (
        not isinstance(mention.day, RelativePeriod)
        or closer.at is None
        or plan.at is None
        or Assumed.DAY in closer.assumed
    ):
        return False
    begin = plan.at.replace(hour=0, minute=0)
    return begin <= closer.at < begin + timedelta(days=_LENGTHS.get(mention.day.unit, 0))


def _use(reading: LineReading, mention: Mention, moment: Moment) -> None:
    reading.read.update(range(mention.first, mention.end))
    reading.assumed.update(dict.fromkeys(moment.assumed))


def _rank(reading: LineReading, mention: Mention) -> int:
    """What we shall do comes before what they want, and that before until when they are away."""
    clause = reading.clauses[mention.first]
    is_ours = any(
        task.aspect is not Aspect.DONE and not task.is_asked and reading.clauses[task.first] == clause
        for task in reading.tasks.tasks
    )
    if is_ours:
        return 0
    return 2 if mention.bound is Bound.UNTIL else 1


def _action(reading: LineReading) -> Kind | None:
    """What is to be done: in the clause of its time first, told by a verb, by what they want, or by a noun."""
    tasks, clause = reading.tasks, reading.due_clause

    def is_near(place: int) -> bool:
        return clause is not None and reading.clauses[place] == clause

    to_do = [
        task
        for task in tasks.tasks
        if task.aspect is Aspect.TO_DO and (not task.is_negated or is_near(task.first))
    ]
    for task in to_do:
        if is_near(task.first):
            return task.kind
    for place, kind, end in tasks.wanted:
        if is_near(place):
            reading.read.update(range(place, end))
            return kind
    named = [task.kind for task in tasks.tasks if task.aspect is Aspect.NAMED and is_near(task.first)]
    return next(iter(named + [task.kind for task in to_do]), None)


def _kinds(reading: LineReading, action: Kind | None) -> tuple[Kind | None, Kind | None]:
    """What was done and what is next, each the first that is named.

    A noun is what was done, too, unless its clause looks ahead; then, or where another was done, it is what is next.
    """
    tasks = reading.tasks
    held = [task for task in tasks.tasks if not task.is_negated and task.aspect is not Aspect.TO_DO]
    done = [
        task
        for task in held
        if task.aspect is Aspect.DONE
        or reading.due_clause is None
        or reading.clauses[task.first] != reading.due_clause
    ]
    kind = next(iter([kind for _, kind in tasks.inbound] + [task.kind for task in done]), None)
    for task in held:
        if task.aspect is Aspect.NAMED and (task not in done or task.kind is not kind):
            action = action or task.kind
    return kind, action
