"""The grammar of tasks: what was done, what is to be done, what came of it and what stands against it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from services.gateway.quick_log.lexicon import Aspect, Found, Sort
from services.gateway.quick_log.tokens import Token
from shared.events.followup import ActivityKind as Kind
from shared.events.followup import ActivityResult as Result
from shared.events.followup import Direction, Objection


@dataclass(frozen=True, slots=True)
class TaskMention:
    """Something done or to do, by tokens from `first` up to `end`. `asked`: they want it, nobody promised it."""

    kind: Kind
    aspect: Aspect
    first: int
    end: int
    is_negated: bool = False
    is_asked: bool = False


@dataclass(slots=True)
class Tasks:
    """What a line says of tasks, in its order. `read` are the tokens that say so."""

    tasks: list[TaskMention] = field(default_factory=list)
    wanted: list[tuple[int, Kind, int]] = field(default_factory=list)
    results: list[tuple[int, Result, int]] = field(default_factory=list)
    objection: Objection | None = None
    inbound: list[tuple[int, Kind]] = field(default_factory=list)
    direction: Direction | None = None
    talked: bool = False
    again: bool = False
    read: set[int] = field(default_factory=set)


_RANK: Final = (
    Result.WRONG_NUMBER, Result.VOICEMAIL, Result.NO_ANSWER, Result.NOT_INTERESTED, Result.CALL_BACK,
    Result.APPOINTMENT, Result.INTERESTED, Result.OBJECTION, Result.ANSWERED, Result.DONE,
)  # fmt: skip
"""Of several results the further one counts: who wants a proposal has also answered."""
_OPPOSITE: Final = {Result.INTERESTED: Result.NOT_INTERESTED, Result.ANSWERED: Result.NO_ANSWER}
_PHRASES: Final = (Sort.RESULT, Sort.OBJECTION, Sort.INBOUND, Sort.TASK, Sort.SEND)


def further(results: Sequence[tuple[int, Result, int]]) -> Result | None:
    return min((result for _, result, _ in results), key=_RANK.index, default=None)


def read(
    tokens: Sequence[Token], found: Sequence[Sequence[Found]], taken: set[int], clauses: Sequence[int]
) -> Tasks:
    """The tasks of a line, outside the tokens that were `taken`; `clauses` numbers the clause of each token."""
    tasks = Tasks()
    place = 0
    while place < len(tokens):
        place = _phrase(tasks, tokens, found, taken, clauses, place)
    tasks.talked = any(
        each.sort is Sort.TALKED for at, here in enumerate(found) if at not in taken for each in here
    )
    sending = {clauses[task.first] for task in tasks.tasks if task.kind is not Kind.CALL}
    for at, _, end in tasks.wanted:
        if clauses[at] in sending:
            tasks.read.update(range(at, end))
    return tasks


def _phrase(
    tasks: Tasks,
    tokens: Sequence[Token],
    found: Sequence[Sequence[Found]],
    taken: set[int],
    clauses: Sequence[int],
    place: int,
) -> int:
    """Read what begins at a token, the longest first; the next token to look at."""
    here = [each for each in found[place] if taken.isdisjoint(range(place, each.end))]
    longest = max((each.end for each in here if each.sort in _PHRASES), default=place)
    for each in here:
        match each.sort:
            case Sort.WAY:
                tasks.direction = tasks.direction or each.value
                tasks.read.update(range(place, each.end))
            case Sort.AGAIN:
                tasks.again = True
                tasks.read.update(range(place, each.end))
            case Sort.THING:
                tasks.wanted.append((place, each.value, each.end))
    is_read = False
    for each in here:
        if each.end == longest and each.sort in _PHRASES:
            is_read = True
            _take(tasks, each, tokens, found, clauses, place)
    return longest if is_read else place + 1


def _take(
    tasks: Tasks,
    each: Found,
    tokens: Sequence[Token],
    found: Sequence[Sequence[Found]],
    clauses: Sequence[int],
    place: int,
) -> None:
    is_negated = _is_negated(found, clauses, tasks.read, place)
    tasks.read.update(range(place, each.end))
    match each.sort:
        case Sort.RESULT:
            result = _OPPOSITE.get(each.value) if is_negated else each.value
            if result is not None:
                tasks.results.append((place, result, each.end))
            tasks.wanted += [
                (place, kind, each.end) for at in range(place, each.end) for kind in _things(found, at)
            ]
        case Sort.OBJECTION:
            tasks.objection = tasks.objection or each.value
        case Sort.INBOUND:
            tasks.inbound.append((place, each.value))
        case Sort.TASK:
            kind, aspect = each.value
            if aspect is Aspect.DONE and place > 0 and tokens[place - 1].text == "que":
                # `que le visite` is still to come; only an accent would say that it was I who did
                aspect = Aspect.TO_DO if tokens[each.end - 1].accented.endswith("e") else aspect
            is_asked = tokens[place].text in ("que", "asked", "asks")
            tasks.tasks.append(TaskMention(kind, aspect, place, each.end, is_negated, is_asked))
        case Sort.SEND:
            kind, end = _sent(found, clauses, place, each.end)
            tasks.read.update(range(each.end, end))
            tasks.tasks.append(TaskMention(kind, each.value, place, end, is_negated))


def _things(found: Sequence[Sequence[Found]], place: int) -> Iterator[Kind]:
    for each in found[place]:
        if each.sort is Sort.THING:
            yield each.value


def _sent(found: Sequence[Sequence[Found]], clauses: Sequence[int], start: int, end: int) -> tuple[Kind, int]:
    """What is sent says how: a mail, unless it is a message."""
    for place in range(end, min(end + 5, len(found))):
        if clauses[place] != clauses[start]:
            break
        kinds = [each for each in found[place] if each.sort is Sort.THING]
        if kinds:
            gap = all(
                any(f.sort in (Sort.EMPTY, Sort.ON, Sort.SOME) for f in found[at]) for at in range(end, place)
            )
            return (kinds[0].value if kinds[0].value is Kind.MESSAGE else Kind.EMAIL), kinds[
                0
            ].end if gap else end
    return Kind.EMAIL, end


_BETWEEN: Final = frozenset((Sort.EMPTY, Sort.WILL, Sort.WAS, Sort.AGAIN))
"""What may stand between a `no` and what it denies."""


def _is_negated(found: Sequence[Sequence[Found]], clauses: Sequence[int], read: set[int], place: int) -> bool:
    """A `no` stands before it in its clause, and belongs to nothing else but a will: `no quiere reunirse`."""
    is_will = False
    for back in range(1, 5):
        at = place - back
        if at < 0 or clauses[at] != clauses[place]:
            return False
        sorts = {each.sort for each in found[at]}
        is_will = is_will or Sort.WILL in sorts
        if at in read and not is_will:
            return False
        if Sort.NOT in sorts:
            return True
        if sorts.isdisjoint(_BETWEEN):
            return False
    return False
