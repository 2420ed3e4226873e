"""Clauses, and which way the time in a clause lies: ahead of the writer, behind, or nowhere, where it is denied."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from datetime import date
from enum import StrEnum
from typing import Final

from services.gateway.quick_log import dates, english, spanish
from services.gateway.quick_log.lexicon import Aspect, Found, Sort
from services.gateway.quick_log.model import Bound, Mention
from services.gateway.quick_log.tasks import TaskMention, Tasks
from services.gateway.quick_log.tokens import Shape, Token
from shared.events.followup import ActivityResult as Result


class Tense(StrEnum):
    PAST = "past"
    FUTURE = "future"
    DENIED = "denied"
    """`mañana no`, `no llamar el lunes`"""


_OF: Final = {Aspect.DONE: Tense.PAST, Aspect.TO_DO: Tense.FUTURE}
_AHEAD: Final = (*spanish.AHEAD, *english.AHEAD)
_BEHIND: Final = (*spanish.BEHIND, *english.BEHIND)
_SURELY_BEHIND: Final = spanish.SURELY_BEHIND
_CAME_OF_IT: Final = frozenset(
    (
        Result.NO_ANSWER,
        Result.VOICEMAIL,
        Result.ANSWERED,
        Result.WRONG_NUMBER,
        Result.NOT_INTERESTED,
        Result.INTERESTED,
    )
)


def clauses(tokens: Sequence[Token], found: Sequence[Sequence[Found]], taken: set[int]) -> list[int]:
    """The number of each token's clause. What a time has `taken` divides nothing."""
    numbers, number, joined = [], 0, 0
    for place, token in enumerate(tokens):
        if place not in taken:
            is_break = token.shape is Shape.BREAK
            phrase = max((each.end for each in found[place] if each.sort in _PHRASES), default=place)
            if is_break or (place >= joined and any(each.sort is Sort.CLAUSE for each in found[place])):
                number += 1
            joined = max(joined, phrase)
        numbers.append(number)
    return numbers


_PHRASES: Final = frozenset((Sort.RESULT, Sort.OBJECTION, Sort.TASK, Sort.INBOUND))


class Tenses:
    """Says of the times of a line which way they lie."""

    def __init__(
        self,
        tokens: Sequence[Token],
        found: Sequence[Sequence[Found]],
        clauses: Sequence[int],
        tasks: Tasks,
        taken: set[int],
        today: date,
    ) -> None:
        self._tokens = tokens
        self._found = found
        self._clauses = clauses
        self._tasks = tasks
        self._today = today
        self._governors = self._all_governors(taken)
        self._places = [place for place, _ in self._governors]
        self._before: Tense | None = None

    def of(self, mention: Mention) -> Tense:
        """Times are asked for in the line's order: one behind `y` lies where the one before it does."""
        tense = self._denied(mention) or self._leaning(mention) or self._governed(mention)
        self._before = tense
        return tense

    def _leaning(self, mention: Mention) -> Tense | None:
        ahead = dates.lean(mention.day, self._today)
        return None if ahead is None else (Tense.FUTURE if ahead else Tense.PAST)

    def _all_governors(self, taken: set[int]) -> list[tuple[int, Tense | None]]:
        """Each place that says which way time lies, in order; None where what was said before no longer does."""
        found: dict[int, Tense | None] = {}
        inside: set[int] = set()
        for task in self._tasks.tasks:
            inside.update(range(task.first, task.end))
            if task.aspect in _OF:
                found[task.first] = _OF[task.aspect]
        for place, result, end in self._tasks.results:
            inside.update(range(place, end))
            tenses = [tense for at in range(place, end) if (tense := self._tense_of(at)) is not None]
            is_plan = result in (Result.CALL_BACK, Result.APPOINTMENT)
            found.setdefault(place, Tense.FUTURE if is_plan else tenses[-1] if tenses else None)
        for place, _ in self._tasks.inbound:
            found[place] = Tense.PAST
        for place in range(len(self._found)):
            if place in taken or (place in inside and place not in found):
                continue
            if found.get(place) is None and (tense := self._tense_of(place)) is not None:
                found[place] = tense
        return sorted(found.items())

    def _tense_of(self, place: int) -> Tense | None:
        """Of a word by itself: as the lexicon says, or its ending where it is not known."""
        token = self._tokens[place]
        sorts = {each.sort for each in self._found[place]}
        is_verb = token.shape is Shape.WORD and len(token.text) > 3
        if is_verb and token.accented.endswith(_SURELY_BEHIND):
            return Tense.PAST
        if sorts & {Sort.WILL, Sort.WAS}:
            return Tense.FUTURE if Sort.WILL in sorts else Tense.PAST
        if is_verb and not sorts - {Sort.EMPTY, Sort.SUBJECT}:
            if token.accented.endswith(_AHEAD):
                return Tense.FUTURE
            if token.accented.endswith(_BEHIND):
                return Tense.PAST
        return None

    def _governed(self, mention: Mention) -> Tense:
        at = bisect_left(self._places, mention.first)
        clause = self._clauses[mention.first]
        if at > 0 and self._clauses[self._places[at - 1]] == clause:
            return self._governors[at - 1][1] or Tense.FUTURE
        if at < len(self._places) and self._clauses[self._places[at]] == clause:
            return self._governors[at][1] or Tense.FUTURE
        if self._before is Tense.PAST and mention.first > 0 and self._has(mention.first - 1, Sort.AND):
            return Tense.PAST
        return Tense.PAST if self._is_story(clause) else Tense.FUTURE

    def _is_story(self, clause: int) -> bool:
        """`visita el lunes, interesado`: what came of it stands behind, so it was done."""
        named = [
            task
            for task in self._tasks.tasks
            if task.aspect is Aspect.NAMED and self._clauses[task.first] == clause
        ]
        if not named or any(task.aspect is Aspect.DONE for task in self._tasks.tasks):
            return False
        later = [result for place, result, _ in self._tasks.results if self._clauses[place] > clause]
        earlier = [place for place, _, _ in self._tasks.results if self._clauses[place] <= clause]
        return bool(later) and later[0] in _CAME_OF_IT and not earlier

    def _denied(self, mention: Mention) -> Tense | None:
        if mention.bound in (Bound.UNTIL, Bound.BEFORE, Bound.AFTER, Bound.FROM):
            return None
        clause = self._clauses[mention.first]
        task = self._task_before(mention)
        if task is not None and task.is_negated:
            return Tense.DENIED
        for place in range(mention.first - 1, max(-1, mention.first - 5), -1):
            if self._clauses[place] != clause or place in self._tasks.read:
                break
            if self._has(place, Sort.NOT):
                return Tense.DENIED
            if not any(
                self._has(place, sort)
                for sort in (Sort.EMPTY, Sort.WILL, Sort.WAS, Sort.OFFSET, Sort.WEEKDAY)
            ):
                break
        if self._is_left(mention):
            return Tense.DENIED
        if (
            mention.end < len(self._tokens)
            and self._clauses[mention.end] == clause
            and self._has(mention.end, Sort.NOT)
        ):
            at = bisect_left(self._places, mention.first)
            is_told = (
                at > 0
                and self._clauses[self._places[at - 1]] == clause
                and self._governors[at - 1][1] is Tense.PAST
            )
            is_told = is_told or any(
                tense is Tense.PAST
                for place, tense in self._governors[at : at + 4]
                if place < mention.end + 4
            )
            return None if is_told else Tense.DENIED
        return None

    def _is_left(self, mention: Mention) -> bool:
        """`moved from wednesday to friday`: Wednesday is no more."""
        if mention.end + 1 >= len(self._tokens) or not self._has(mention.end, Sort.TO):
            return False
        begins = [self._tokens[place].text for place in (mention.first - 1, mention.first) if place >= 0]
        is_from = any(text in ("from", "del") for text in begins)
        clause = self._clauses[mention.first]
        before = (place for place in range(mention.first) if self._clauses[place] == clause)
        return is_from and any(self._has(place, Sort.AGAIN) for place in before)

    def _task_before(self, mention: Mention) -> TaskMention | None:
        clause = self._clauses[mention.first]
        before = [
            task
            for task in self._tasks.tasks
            if task.first < mention.first and self._clauses[task.first] == clause
        ]
        return before[-1] if before else None

    def _has(self, place: int, sort: Sort) -> bool:
        return any(each.sort is sort for each in self._found[place])
