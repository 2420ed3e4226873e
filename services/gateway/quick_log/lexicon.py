"""Words and phrases with what they mean, found in a row of tokens by the longest match.

A language's data says phrases in a small notation: words divided by spaces, `a|b` for either, `?` behind what may be
left out, `_` within what belongs together (`a_las|at`), `~` behind a Spanish infinitive or imperative that may carry
pronouns (`llamar~` is also `llamarle`), `=` before a word whose accents count (`=llamó`). A semicolon ends
a phrase; a `|` at the end of a line goes on in the next.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final, NamedTuple

from services.gateway.quick_log.tokens import Shape, Token


class Sort(StrEnum):
    """The parts of the two grammars: of times, then of tasks."""

    NUMBER = "number"
    SOME = "some"
    """`a`, `a couple of`: a number that counts time and names none."""
    OFFSET = "offset"
    """A day by its distance from today: `mañana`; with a part of the day: `anoche`."""
    WEEKDAY = "weekday"
    MONTH = "month"
    SHORT_TUESDAY = "short_tuesday"
    """`mar`, which is March as well."""
    FEAST = "feast"
    QUARTER = "quarter"
    """`Q`, before its number"""
    FIRST = "first"
    """`primero`"""
    UNIT = "unit"
    WHILE = "while"
    """`media hora`: seconds, whole."""
    PART = "part"
    EDGE = "edge"
    """`a finales de`"""
    PERIOD = "period"
    """`EOM`, `la semana que viene`: unit, how many on, and which edge."""
    THIS = "this"
    NEXT = "next"
    COMING = "coming"
    """`que viene`, behind"""
    LAST = "last"
    PAST = "past"
    """`pasado`, behind"""
    AT = "at"
    NEAR = "near"
    """`tipo`, `around`"""
    IN = "in"
    MONTHLY = "monthly"
    """What makes a month's name a time: `en`, `for`."""
    SINCE = "since"
    """`hace`"""
    AGO = "ago"
    HENCE = "hence"
    """`from now`, behind"""
    ON = "on"
    FROM = "from"
    TO = "to"
    BETWEEN = "between"
    UNTIL = "until"
    BEFORE = "before"
    AFTER = "after"
    OF = "of"
    AND = "and"
    MINUS = "minus"
    HALF_PAST = "half_past"
    """`media`, behind `y`: minutes."""
    HALF_TO = "half_to"
    """`half past`, `ten to` before the hour: minutes."""
    OCLOCK = "oclock"
    COUNTED = "counted"
    """What is counted or paid: the number before it is no time."""
    NAMING = "naming"
    """A name comes next: `con`, `Mr`."""
    SUBJECT = "subject"
    """What follows a name that does something: `Domingo no contesta`."""

    TASK = "task"
    """Kind and aspect."""
    SEND = "send"
    """Sending, of which aspect: what is sent says how."""
    THING = "thing"
    """What is sent, shown or asked for: the kind that does it."""
    INBOUND = "inbound"
    WAY = "way"
    """A direction, said."""
    RESULT = "result"
    OBJECTION = "objection"
    TALKED = "talked"
    AGAIN = "again"
    NOT = "not"
    WILL = "will"
    """What is spoken of lies ahead: `quiere`, `mejor`."""
    WAS = "was"
    """It lies behind: `dijo`."""
    CLAUSE = "clause"
    """Another clause begins: `pero`, `then`."""
    EMPTY = "empty"


class Aspect(StrEnum):
    DONE = "done"
    TO_DO = "to_do"
    NAMED = "named"
    """A noun: done or to do, as the rest of the line says."""


class Found(NamedTuple):
    """What stands at a place: its sort, its value, and the token behind it."""

    sort: Sort
    value: Any
    end: int


Data = Mapping[tuple[Sort, Any], str]
"""What phrases in the notation mean."""


def words(listed: str) -> list[str]:
    """A list in one string, so that data stay readable."""
    return listed.split()


FARTHEST: Final = 500
PRONOUNS: Final = ("", "le", "les", "la", "las", "lo", "los", "me", "nos", "te", "se", "sela", "selo", "selos", "telo",
                   "noslo", "melo")  # fmt: skip


@dataclass(slots=True)
class _Node:
    """A place within a phrase: the words that may come next, and the sense if it may end here."""

    next: dict[str, list[_Node]] = field(default_factory=dict)
    sense: tuple[Sort, Any] | None = None

    def lead(self, words: Sequence[str], to: _Node) -> None:
        """Let a row of words come next, and then what `to` says."""
        node = self
        for word in words[:-1]:
            between = _Node()
            node.next.setdefault(word, []).append(between)
            node = between
        node.next.setdefault(words[-1], []).append(to)


class Lexicon:
    """The phrases of some languages, as an automaton; finding them takes time by a line's length alone."""

    def __init__(self, languages: Iterable[Data]) -> None:
        self._root = _Node()
        self._all: set[str] = set()
        for data in languages:
            for sense, phrases in data.items():
                for phrase in re.sub(r"\|\s+", "|", phrases).split(";"):
                    self._add(phrase.split(), sense)
        self.words = frozenset(self._root.next)
        """What a phrase may begin with."""
        self.vocabulary = frozenset(self._all)

    def _add(self, elements: Sequence[str], sense: tuple[Sort, Any]) -> None:
        behind = _Node(sense=sense)
        for element in reversed(elements):
            node = _Node()
            if element.endswith("?"):
                node.sense = behind.sense
                node.next = {word: list(nodes) for word, nodes in behind.next.items()}
            for words in _alternatives(element.removesuffix("?")):
                self._all.update(words)
                node.lead(words, behind)
            behind = node
        for word, nodes in behind.next.items():
            self._root.next.setdefault(word, []).extend(nodes)

    def find(self, tokens: Sequence[Token], spelling: Mapping[int, str]) -> list[list[Found]]:
        """What may begin at each token, the longest first. `spelling` has what some tokens were meant to say.

        Behind the first `FARTHEST` tokens nothing is found: who writes more writes no line.
        """
        read = tokens[:FARTHEST]
        return [self._at(read, start, spelling) if start < FARTHEST else [] for start in range(len(tokens))]

    def _at(self, tokens: Sequence[Token], start: int, spelling: Mapping[int, str]) -> list[Found]:
        found: dict[tuple[Sort, Any, int], None] = {}
        paths = [self._root]
        for place in range(start, len(tokens)):
            token = tokens[place]
            if token.shape in (Shape.BREAK, Shape.SIGN) and place > start:
                break
            key, other = token.text, token.accented
            if place in spelling:
                key = other = spelling[place]
            reached = [node for path in paths for node in path.next.get(key, ())]
            if other != key:
                reached += [node for path in paths for node in path.next.get(other, ())]
            if not reached:
                break
            for node in reached:
                if node.sense is not None:
                    found[(*node.sense, place + 1)] = None
            paths = reached
        return sorted((Found(*each) for each in found), key=lambda each: -each.end)


def _alternatives(element: str) -> Iterator[list[str]]:
    for choice in element.split("|"):
        words = [plain(word) for word in choice.split("_")]
        if words[-1].endswith("~"):
            yield from ([*words[:-1], words[-1][:-1] + pronoun] for pronoun in PRONOUNS)
        else:
            yield words


def plain(word: str) -> str:
    """A word of the data as tokens are spelt: without accents, unless it begins with `=`."""
    if word.startswith("="):
        return word[1:]
    return word.translate(_ACCENTS)


_ACCENTS: Final = str.maketrans("áéíóúüñ", "aeiouun")
