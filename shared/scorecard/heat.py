"""Heat: what the counts are worth under the rules at an instant, why, and until when.

Heat is the sum of weights times decayed counts, with each group held within ±cap, plus fit, and never below 0. Sums
are `math.fsum`, correctly rounded and so independent of order.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import fsum
from typing import Final, NamedTuple

from shared.scorecard.counts import DecayedCounts, HalfLifeChanged, decay
from shared.scorecard.lead_state import Fact
from shared.scorecard.rules import COLD, Rules

# After so many half-lives every count is 0.0 as a float, however many facts it holds.
_FADED_HALF_LIVES: Final = 1200


class Part(NamedTuple):
    """Points that fade together: those of one group (or of none) with one half-life."""

    half_life_ms: int
    points: float
    group: str | None
    cap: float | None


def parts(counts: DecayedCounts, rules: Rules, at_ms: int) -> tuple[Part, ...]:
    """Heat at `at_ms` split by group and half-life, in a fixed order: all a reader needs to decay it alone.

    An instant before the newest fact is read as that fact's. Counted kinds without a rule are left out. Raises
    HalfLifeChanged when the counts were kept for another half-life than the rules'.
    """
    if counts.newest_ms is None:
        return ()
    points: dict[tuple[str, int], list[float]] = {}
    for kind, half_life in counts.kinds():
        rule = rules.heat.kinds.get(kind)
        if rule is None:
            continue
        if rule.half_life_ms != half_life:
            raise HalfLifeChanged(kind, half_life, rule.half_life_ms)
        value = counts.value(kind, counts.newest_ms)
        points.setdefault((rule.group or "", half_life), []).append(rule.weight * value)
    newest = [
        Part(
            half_life,
            fsum(points[group, half_life]),
            group or None,
            rules.heat.groups[group].cap if group else None,
        )
        for group, half_life in sorted(points)
    ]
    # Decayed from the newest fact in one step, so each part is exactly monotone: next_fall rests on it.
    return decayed(newest, max(0, at_ms - counts.newest_ms))


def decayed(heat_parts: Iterable[Part], elapsed_ms: int) -> tuple[Part, ...]:
    """The same parts `elapsed_ms` later, when nothing happens."""
    return tuple(
        Part(half_life, points * decay(elapsed_ms, half_life), group, cap)
        for half_life, points, group, cap in heat_parts
    )


def total(heat_parts: Iterable[Part], fit: float = 0.0) -> float:
    """The heat of some parts: groups within their caps, plus `fit`, never below 0."""
    free: list[float] = [fit]
    groups: dict[str, tuple[float, list[float]]] = {}
    for part in heat_parts:
        if part.group is None or part.cap is None:
            free.append(part.points)
        else:
            groups.setdefault(part.group, (part.cap, []))[1].append(part.points)
    free.extend(_capped(fsum(points), cap) for cap, points in groups.values())
    return max(0.0, fsum(free))


def heat(counts: DecayedCounts, rules: Rules, at_ms: int, fit: float = 0.0) -> float:
    """Points at `at_ms`, at least 0; an instant before the newest fact is read as that fact's (see counts)."""
    return total(parts(counts, rules, at_ms), fit)


def band(rules: Rules, previous: str, points: float) -> str:
    """The band of a lead with this heat that was in `previous`.

    A band is entered at its `from` and kept down to its `until`; to be in one is to be in those below it.
    """
    names = [rule.name for rule in rules.heat.bands]
    reached = names.index(previous) if previous in names else -1
    for level in reversed(range(len(names))):
        rule = rules.heat.bands[level]
        if points >= (rule.leave if level <= reached else rule.enter):
            return rule.name
    return COLD


def next_fall(counts: DecayedCounts, rules: Rules, band: str, at_ms: int, fit: float = 0.0) -> int | None:
    """The first instant (ms), not before `at_ms`, at which heat by decay alone is below what keeps `band`.

    None when that never comes, and for cold. Exact to the millisecond under `heat`, also where fading negative
    points make heat rise in between.
    """
    keep = next((rule.leave for rule in rules.heat.bands if rule.name == band), None)
    if keep is None:
        return None
    if heat(counts, rules, at_ms, fit) < keep:
        return at_ms
    if counts.newest_ms is None:
        return None
    newest = parts(counts, rules, counts.newest_ms)
    if not newest:
        return None
    start = max(0, at_ms - counts.newest_ms)
    length = min(part.half_life_ms for part in newest)
    horizon = start + _FADED_HALF_LIVES * max(part.half_life_ms for part in newest)
    while start < horizon:
        fall = _first_below(keep, newest, fit, start, start + length)
        if fall is not None:
            return counts.newest_ms + fall
        start += length
        length *= 2
    return None


def _first_below(keep: float, newest: tuple[Part, ...], fit: float, start: int, end: int) -> int | None:
    """The first millisecond in (start, end] after the newest fact with a heat below `keep`.

    Halves the stretch where it may hold a fall. Each part is monotone, so in a stretch heat is at least the
    total of the lower ends of its parts; where that is enough there is none.
    """
    stretches = [(start, decayed(newest, start), end, decayed(newest, end))]
    while stretches:
        start, at_start, end, at_end = stretches.pop()
        if total(map(_lower, at_start, at_end), fit) >= keep:
            continue
        if end - start > 1:
            middle = (start + end) // 2
            at_middle = decayed(newest, middle)
            stretches.append((middle, at_middle, end, at_end))
            stretches.append((start, at_start, middle, at_middle))
        elif total(at_end, fit) < keep:
            return end
    return None


def _lower(one: Part, other: Part) -> Part:
    return one if one.points <= other.points else other


@dataclass(frozen=True, slots=True)
class Term:
    """What one fact adds to heat."""

    event_id: str
    kind: str
    at_ms: int
    age_seconds: float
    factor: float
    points: float


@dataclass(frozen=True, slots=True)
class FitTerm:
    """What one attribute of the lead adds to heat."""

    attribute: str
    value: str
    points: float


@dataclass(frozen=True, slots=True)
class Cap:
    """A correction to the terms: of a group held within its cap, or of a sum held at 0 (`group` is None)."""

    group: str | None
    points: float


@dataclass(frozen=True, slots=True)
class Explanation:
    """Heat and its reasons; terms, fit and caps sum to `heat` within 1e-9 (relative 2^-40 above 1,000 points)."""

    at_ms: int
    heat: float
    rules: str
    terms: tuple[Term, ...]
    fit: tuple[FitTerm, ...]
    caps: tuple[Cap, ...]


def fit_terms(rules: Rules, attributes: Mapping[str, str]) -> tuple[FitTerm, ...]:
    """What the lead's attributes are worth, by name; those the rules do not mention are left out."""
    return tuple(
        FitTerm(name, attributes[name], points[attributes[name]])
        for name, points in sorted(rules.heat.fit.items())
        if attributes.get(name) in points
    )


def explain(
    facts: Iterable[Fact], rules: Rules, at_ms: int, attributes: Mapping[str, str] | None = None
) -> Explanation:
    """Why heat is what it is at `at_ms`, fact by fact from the newest.

    All given facts count, each once: for a past instant, give those up to it. `heat` is that of a state which
    folded the same facts, and an instant before the newest of them is read, and returned, as that fact's.
    """
    known: dict[object, Fact] = {}
    for fact in facts:
        known.setdefault((fact.aggregate, fact.sequence) if fact.aggregate else fact.id, fact)
    counted = sorted(
        (fact for fact in known.values() if fact.kind in rules.heat.kinds),
        key=lambda fact: (-fact.at_ms, fact.id),
    )
    counts = DecayedCounts()
    for fact in counted:
        counts.add(fact.kind, fact.at_ms, rules.heat.kinds[fact.kind].half_life_ms)
    instant = max(at_ms, counts.newest_ms) if counts.newest_ms is not None else at_ms

    fit = fit_terms(rules, attributes or {})
    terms = []
    by_group: dict[str | None, list[float]] = {None: [term.points for term in fit]}
    for fact in counted:
        rule = rules.heat.kinds[fact.kind]
        factor = decay(instant - fact.at_ms, rule.half_life_ms)
        points = rule.weight * factor
        terms.append(Term(fact.id, fact.kind, fact.at_ms, (instant - fact.at_ms) / 1000, factor, points))
        by_group.setdefault(rule.group, []).append(points)

    caps = []
    for group, cap in sorted((each.name, each.cap) for each in rules.heat.groups.values()):
        points = fsum(by_group.get(group, ()))
        if (held := _capped(points, cap)) != points:
            caps.append(Cap(group, held - points))
    below_zero = fsum(
        [cap.points for cap in caps] + [points for group in by_group.values() for points in group]
    )
    if below_zero < 0:
        caps.append(Cap(None, -below_zero))
    return Explanation(
        at_ms=instant,
        heat=heat(counts, rules, instant, fsum(term.points for term in fit)),
        rules=rules.version,
        terms=tuple(terms),
        fit=fit,
        caps=tuple(caps),
    )


def _capped(points: float, cap: float) -> float:
    return max(-cap, min(cap, points))
