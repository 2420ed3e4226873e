"""Why a score is what it is: the largest terms one by one, the others by kind. Pure.

A lead may have any number of facts. Of one kind the newest are the largest, so of each kind only as many are kept as
are to be listed, and the others are counted: the reasons of any lead are of bounded size, and still sum to its score.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from heapq import heappush, heappushpop, nsmallest
from math import fsum
from typing import Final

from services.scoring.scorecard.compiled_rules import compile_rules
from services.scoring.scorecard.counts import DecayedCounts, decay
from services.scoring.scorecard.fact import Fact
from services.scoring.scorecard.fit import FitTerm, fit_terms
from services.scoring.scorecard.model import HEAT, KindRule, Rules, Scorecard

LISTED: Final = 100
"""How many terms are listed, when nobody asks for more or fewer."""


@dataclass(frozen=True, slots=True)
class Term:
    """What one fact adds to heat; `about` is what was given along with the fact."""

    event_id: str
    kind: str
    at_ms: int
    age_seconds: float
    factor: float
    points: float
    about: object = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Rest:
    """What the facts of a kind add together that are not listed, and when the first and the last of them happened."""

    kind: str
    facts: int
    first_ms: int
    last_ms: int
    points: float


@dataclass(frozen=True, slots=True)
class Cap:
    """A correction to the terms: of a group held within its cap, or of a sum held at 0 (`group` is None)."""

    group: str | None
    points: float


@dataclass(frozen=True, slots=True)
class Explanation:
    """A score and its reasons, the largest terms first.

    Base, terms, rest, fit and caps sum to `heat` within 1e-9 (relative 2^-40 above 1,000).
    """

    at_ms: int
    heat: float
    rules: str
    terms: tuple[Term, ...]
    fit: tuple[FitTerm, ...]
    caps: tuple[Cap, ...]
    base: float = 0.0
    rest: tuple[Rest, ...] = ()


class _Kind:
    """The facts of one kind: the newest of them, and the others as a count."""

    __slots__ = ("counts", "facts", "first_ms", "last_ms", "newest", "rule")

    def __init__(self, rule: KindRule) -> None:
        self.rule = rule
        self.newest: list[tuple[int, str, object]] = []
        self.counts = DecayedCounts()
        self.facts = 0
        self.first_ms = self.last_ms = 0

    def add(self, fact: tuple[int, str, object], most: int) -> None:
        if len(self.newest) < most:
            heappush(self.newest, fact)
        else:
            self.count(heappushpop(self.newest, fact)[0])

    def count(self, at_ms: int) -> None:
        counter = self.rule.counter
        self.counts.add(counter.code, at_ms, counter.half_life_ms)
        self._widen(1, at_ms, at_ms)

    def join(self, other: _Kind) -> None:
        if other.facts:
            self.counts.join(other.counts)
            self._widen(other.facts, other.first_ms, other.last_ms)

    def _widen(self, facts: int, first_ms: int, last_ms: int) -> None:
        self.first_ms = min(self.first_ms, first_ms) if self.facts else first_ms
        self.last_ms = max(self.last_ms, last_ms) if self.facts else last_ms
        self.facts += facts

    def rest(self, instant_ms: int) -> Rest:
        counter = self.rule.counter
        points = self.rule.weight * self.counts.value(counter.code, counter.half_life_ms, instant_ms)
        return Rest(self.rule.name, self.facts, self.first_ms, self.last_ms, points)


class Tally:
    """The facts of one lead that a scorecard counts, in any order and each once; it holds `most` of each kind."""

    def __init__(self, rules: Rules, scorecard: str = HEAT, most: int = LISTED) -> None:
        self._rules = rules
        self._scorecard = scorecard
        self._most = most
        self.kinds: dict[str, _Kind] = {}

    def add(self, fact: Fact, about: object = None) -> None:
        rule = self._rules.kind_of(self._scorecard, fact.kind, fact.attributes or {})
        if rule is None:
            return
        kind = self.kinds.get(rule.name) or self.kinds.setdefault(rule.name, _Kind(rule))
        kind.add((fact.at_ms, fact.id, about), self._most)


def explained(
    tallies: Iterable[Tally],
    counts: DecayedCounts,
    rules: Rules,
    at_ms: int,
    attributes: Mapping[str, str] | None = None,
    scorecard: str = HEAT,
    most: int = LISTED,
) -> Explanation:
    """Why a score is what it is at `at_ms`, from what its leads tallied; `counts` are all that these facts count.

    At most `most` terms are listed, no more than each tally holds of a kind. An instant before the newest fact is read,
    and returned, as that fact's.
    """
    compiled = compile_rules(rules).of(scorecard)
    instant = max(at_ms, counts.newest_ms) if counts.newest_ms is not None else at_ms
    rests: dict[str, _Kind] = {}
    found: list[Term] = []
    for tally in tallies:
        for name, kind in tally.kinds.items():
            rests.setdefault(name, _Kind(kind.rule)).join(kind)
            found += _terms(kind, instant)
    terms = nsmallest(most, found, key=lambda term: (-abs(term.points), -term.at_ms, term.event_id))
    listed = {(term.kind, term.event_id) for term in terms}
    for term in found:
        if (term.kind, term.event_id) not in listed:
            rests[term.kind].count(term.at_ms)
    rest = [kind.rest(instant) for kind in rests.values() if kind.facts]
    rest.sort(key=lambda each: (-abs(each.points), each.kind))

    fit = fit_terms(compiled.scorecard, attributes or {})
    sums: dict[str | None, list[float]] = {None: [compiled.scorecard.base, *(term.points for term in fit)]}
    for kind_name, points in [(each.kind, each.points) for each in terms] + [
        (each.kind, each.points) for each in rest
    ]:
        sums.setdefault(rests[kind_name].rule.group, []).append(points)
    return Explanation(
        at_ms=instant,
        heat=compiled.score(counts, instant, attributes),
        rules=rules.version,
        terms=tuple(terms),
        fit=fit,
        caps=tuple(sorted(_caps(compiled.scorecard, sums), key=lambda cap: (cap.group is None, cap.group))),
        base=compiled.scorecard.base,
        rest=tuple(rest),
    )


def _caps(scorecard: Scorecard, sums: dict[str | None, list[float]]) -> Iterator[Cap]:
    """What caps take off or add; `sums` are the points of each group, and under None of those in no group."""
    for group in scorecard.groups.values():  # inner ones come first
        points = fsum(sums.get(group.name, ()))
        held = max(-group.cap, min(group.cap, points))
        if held != points:
            yield Cap(group.name, held - points)
        sums.setdefault(group.within, []).append(held)
    below_zero = fsum(sums[None])
    if below_zero < 0:
        yield Cap(None, -below_zero)


def _terms(kind: _Kind, instant_ms: int) -> Iterator[Term]:
    rule = kind.rule
    for at_ms, id, about in kind.newest:
        factor = decay(instant_ms - at_ms, rule.half_life_ms)
        yield Term(id, rule.name, at_ms, (instant_ms - at_ms) / 1000, factor, rule.weight * factor, about)
