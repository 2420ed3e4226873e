"""A scorecard compiled for reading: what counts are worth at an instant, as a sum of cells that fade."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from math import fsum, inf, ldexp
from typing import Final, NamedTuple

from services.scoring.scorecard.band_bounds import BandBounds, Sure
from services.scoring.scorecard.counts import LONGEST_HALF_LIFE_MS, DecayedCounts, scale
from services.scoring.scorecard.fit import fit_terms
from services.scoring.scorecard.model import KindRule, Scorecard

_MOST_HALVINGS: Final = 960  # of what a float may hold, a sum of units is far below the rest
# After so many half-lives every count is 0.0 as a float, however many facts it holds.
_FADED_HALF_LIVES: Final = 1200


class _Group(NamedTuple):
    """A group as the sum is made: its cells, the places of the groups in it, its cap."""

    cells: tuple[int, ...]
    inner: tuple[int, ...]
    cap: float


class Held(NamedTuple):
    """Points by half-life (ms) that count together for no more than `cap`, and the later one in which they count."""

    parts: list[tuple[int, float]]
    cap: float
    within: int | None


class CountWorth:
    """What a count is worth: its weight, in the cell with which it fades."""

    __slots__ = ("cell", "half_life_ms", "weight")

    def __init__(self, cell: int, half_life_ms: int, weight: float) -> None:
        self.cell = cell
        self.half_life_ms = half_life_ms
        self.weight = weight


class Reading:
    """The sums of one state, ready to be looked at for any instant from its newest fact on.

    A cell holds what belongs to one group and fades with one half-life: its sum at the newest fact's bucket, to be
    divided by the units of a fact of the instant. Each cell is exactly monotone in the instant.
    """

    __slots__ = ("_half_lives", "_newest_ms", "_sums")

    def __init__(self, compiled: CompiledScorecard, counts: DecayedCounts) -> None:
        self._half_lives = compiled.half_life_of
        self._newest_ms = newest = counts.newest_ms or 0
        worth = compiled.worth
        sums: dict[int, float] = {}
        for code, count in counts.by_code.items():
            found = worth.get(code)
            if found is None:
                continue
            cell = found.cell
            points = found.weight * (count.units + count.faded)
            if shift := count.bucket - newest // found.half_life_ms:
                points = ldexp(points, shift)
            sums[cell] = sums[cell] + points if cell in sums else points
        self._sums = sums

    def points(self, at_ms: int) -> dict[int, float]:
        """The points of each cell that has any; an instant before the newest fact is read as that fact's."""
        newest = self._newest_ms
        instant = at_ms if at_ms > newest else newest
        units: dict[int, float] = {}
        found = {}
        for cell, total in self._sums.items():
            half_life = self._half_lives[cell]
            unit = units.get(half_life)
            if unit is None:
                bucket, part = instant // half_life, instant % half_life
                elapsed = bucket - newest // half_life
                unit = scale(part, half_life)
                if elapsed:
                    unit = ldexp(unit, elapsed) if elapsed < _MOST_HALVINGS else inf
                units[half_life] = unit
            found[cell] = total / unit
        return found


class CompiledScorecard:
    """A scorecard made ready for reading; immutable, and quick where it is read a million times."""

    def __init__(self, scorecard: Scorecard) -> None:
        kinds: Sequence[KindRule] = list(scorecard.kinds.values())
        self.scorecard = scorecard
        self.lowest = scorecard.lowest
        self.bands = scorecard.bands
        self.half_lives = tuple(sorted({kind.half_life_ms for kind in kinds}))
        self._levels = {band.name: level for level, band in enumerate(self.bands)}
        enters = [*(band.enter for band in self.bands), inf]
        self._limits = {self.lowest: (-inf, enters[0])}
        for level, band in enumerate(self.bands):
            self._limits[band.name] = (band.leave, enters[level + 1])
        names = sorted({(kind.group or "", kind.half_life_ms) for kind in kinds})
        self._groups = _tree(scorecard, names)
        own = {cell: group for group, rule in enumerate(self._groups) for cell in rule.cells}
        whole = len(self._groups) - 1
        self.half_life_of = tuple(half_life for _, half_life in names)
        """The half-life (ms) of each cell: what belongs to one group and fades together."""
        self.caps = tuple(
            self._groups[own[cell]].cap if self._is_alone(own[cell]) else inf for cell in range(len(names))
        )
        """The cap of each cell's group, when that is all that the group holds and nothing else holds it."""
        self._plain = frozenset(
            cell for cell in range(len(names)) if own[cell] == whole or self._is_alone(own[cell])
        )
        """Cells that count for themselves, each within its cap."""
        place = {name: number for number, name in enumerate(names)}
        self.worth = {
            kind.counter.code: CountWorth(
                place[kind.group or "", kind.half_life_ms], kind.half_life_ms, kind.weight
            )
            for kind in kinds
        }
        """What each count is worth, by code."""
        self._base = scorecard.base

    def _is_alone(self, number: int) -> bool:
        """Whether a group holds one cell and lies in nothing but the whole."""
        group, whole = self._groups[number], self._groups[-1]
        return len(group.cells) == 1 and not group.inner and number in whole.inner

    def read(self, counts: DecayedCounts) -> Reading:
        return Reading(self, counts)

    def constant(self, attributes: Mapping[str, str]) -> float:
        """The points that do not fade: base, and what the lead's attributes are worth."""
        if not attributes:
            return self._base
        return fsum([self.scorecard.base, *(term.points for term in fit_terms(self.scorecard, attributes))])

    def total(self, points: dict[int, float], constant: float) -> float:
        """The score that cells make: groups within their caps, plus what does not fade, never below 0."""
        caps, plain = self.caps, self._plain
        parts = [constant]
        others: dict[int, float] = {}
        for cell, found in points.items():
            if cell in plain:
                cap = caps[cell]
                parts.append(found if -cap <= found <= cap else cap if found > 0.0 else -cap)
            else:
                others[cell] = found
        if others:
            sums: list[float] = []
            for group in self._groups:
                within = [points[cell] for cell in group.cells if cell in others]
                within += [sums[inner] for inner in group.inner]
                sums.append(max(-group.cap, min(group.cap, fsum(within))))
            parts.append(sums[-1])
        score = fsum(parts)
        return score if score > 0.0 else 0.0

    def _held_in_groups(self, points: Mapping[int, float]) -> list[tuple[int, float]]:
        within: list[list[tuple[int, float]]] = []
        for group in self._groups:
            parts = [(self.half_life_of[cell], points[cell]) for cell in group.cells if cell in points]
            for inner in group.inner:
                parts += within[inner]
            total = fsum(part for _, part in parts)
            if abs(total) > group.cap:
                share = group.cap / abs(total)
                parts = [(half_life, part * share) for half_life, part in parts]
            within.append(parts)
        return within[-1]

    def score(self, counts: DecayedCounts, at_ms: int, attributes: Mapping[str, str] | None = None) -> float:
        """Points at `at_ms`, at least 0; an instant before the newest fact is read as that fact's."""
        return self.total(self.read(counts).points(at_ms), self.constant(attributes or {}))

    def fading(self, points: dict[int, float]) -> list[tuple[int, float]]:
        """The points by half-life (ms), as far as that can be said.

        What a group holds back by its cap is taken from its cells in proportion.
        """
        caps, plain, half_lives = self.caps, self._plain, self.half_life_of
        fading: dict[int, float] = {}
        others: dict[int, float] = {}
        for cell, found in points.items():
            if cell in plain:
                cap, half_life = caps[cell], half_lives[cell]
                held = found if -cap <= found <= cap else cap if found > 0.0 else -cap
                fading[half_life] = fading[half_life] + held if half_life in fading else held
            else:
                others[cell] = found
        if others:
            for half_life, held in self._held_in_groups(others):
                fading[half_life] = fading.get(half_life, 0.0) + held
        return sorted(fading.items())

    def groups(self, points: dict[int, float]) -> list[Held]:
        """The groups that their caps hold, or may hold while points fade, inner ones first; then what is in none.

        Empty when no cap can hold anything: then `fading` says it all.
        """
        if self._is_free(points):
            return []
        found: list[Held] = []
        seen: list[tuple[list[tuple[int, float]], list[int], float]] = []
        """Of each group so far: the parts that nothing in it holds, those in it that are held, its most points."""
        for group in self._groups:
            parts = [(self.half_life_of[cell], points[cell]) for cell in group.cells if cell in points]
            held: list[int] = []
            most = fsum([abs(part) for _, part in parts])
            for inner in group.inner:
                parts = parts + seen[inner][0]
                held = held + seen[inner][1]
                most += seen[inner][2]
            if most > group.cap:
                for number in held:
                    found[number] = found[number]._replace(within=len(found))
                found.append(Held(_by_half_life(parts), group.cap, None))
                parts, held, most = [], [len(found) - 1], group.cap
            seen.append((parts, held, most))
        free = seen[-1][0]
        if found and free:
            found.append(Held(_by_half_life(free), inf, None))
        return found

    def _is_free(self, points: dict[int, float]) -> bool:
        """Whether no cap can hold any of these."""
        caps, plain = self.caps, self._plain
        return all(cell in plain and -caps[cell] <= found <= caps[cell] for cell, found in points.items())

    def band(self, previous: str, points: float) -> str:
        """The band at this score of one who was in `previous`.

        A band is entered at its `enter` and kept down to its `leave`; to be in one is to be in those below it. Below
        them all it is `lowest`.
        """
        keep, enter = self.limits(previous)
        if keep <= points < enter and previous in self._limits:
            return previous
        reached = self._levels.get(previous, -1)
        for level in reversed(range(len(self.bands))):
            band = self.bands[level]
            if points >= (band.leave if level <= reached else band.enter):
                return band.name
        return self.lowest

    def limits(self, band: str) -> tuple[float, float]:
        """A score is in `band` from the first up to below the second."""
        return self._limits[band if band in self._limits else self.lowest]

    def bounds(self, points: dict[int, float], constant: float, band: str, at_ms: int) -> BandBounds:
        """Bounds within which the score stays in `band`, from the points of `at_ms`."""
        warm = cool = 0.0
        warm_half_life = cool_half_life = LONGEST_HALF_LIFE_MS
        others: dict[int, float] = {}
        caps, plain, half_lives = self.caps, self._plain, self.half_life_of
        for cell, found in points.items():
            if cell not in plain:
                others[cell] = found
                continue
            cap, half_life = caps[cell], half_lives[cell]
            if found > 0.0:
                warm += found if found < cap else cap
                if half_life < warm_half_life:
                    warm_half_life = half_life
            else:
                cool -= found if found > -cap else -cap
                if half_life < cool_half_life:
                    cool_half_life = half_life
        warming, cooling = warm, cool
        if others:
            group_warm, group_cool, group_warming, group_cooling = self._signs(others)
            warm += group_warm
            cool += group_cool
            warming += group_warming
            cooling += group_cooling
            warm_half_life = cool_half_life = self.half_lives[0]
        keep, enter = self.limits(band)
        return BandBounds(
            at_ms,
            keep - constant + cool,
            enter - constant - warm,
            Sure(warming, warm_half_life),
            Sure(cooling, cool_half_life),
            partial(self._melting, points),
        )

    def _melting(self, points: dict[int, float]) -> tuple[float, int]:
        """What warms and is held by no cap, and the longest half-life (ms) in it."""
        melting, longest = 0.0, 1
        for cell, found in points.items():
            if 0.0 < found < self.caps[cell] and cell in self._plain:
                melting += found
                longest = max(longest, self.half_life_of[cell])
        return melting, longest

    def _signs(self, points: dict[int, float]) -> tuple[float, float, float, float]:
        """What warms and what cools at most, and of each what is sure to be there but for fading.

        A group that its cap holds may move later than what is in it, and either way when it holds both signs: it is
        counted at its worst in each.
        """
        within: list[tuple[float, float, float, float]] = []
        for group in self._groups:
            found = [points[cell] for cell in group.cells if cell in points]
            warm = warm_fading = sum(part for part in found if part > 0.0)
            cool = cool_fading = -sum(part for part in found if part < 0.0)
            for inner in group.inner:
                warm += within[inner][0]
                cool += within[inner][1]
                warm_fading += within[inner][2]
                cool_fading += within[inner][3]
            cap = group.cap
            if warm > 0.0 and cool > 0.0 and (warm > cap or cool > cap):
                # With both signs a group that its cap holds may move either way inside it.
                within.append((min(warm, cap), min(cool, cap), 0.0, 0.0))
            else:
                within.append((min(warm, cap), min(cool, cap), min(warm_fading, cap), min(cool_fading, cap)))
        return within[-1]

    def next_change(
        self, counts: DecayedCounts, attributes: Mapping[str, str], band: str, at_ms: int
    ) -> int | None:
        """The first instant (ms), not before `at_ms`, at which time alone takes the score out of `band`.

        None when that never comes. Exact to the millisecond under `score`, also where points of both signs, caps and
        several half-lives make it fall and rise in between.
        """
        keep, enter = self.limits(band)
        constant = self.constant(attributes)
        reading = self.read(counts)
        found = self.total(reading.points(at_ms), constant)
        if not keep <= found < enter:
            return at_ms
        if counts.newest_ms is None or not self.half_lives:
            return None
        start = max(at_ms, counts.newest_ms)
        horizon = start + _FADED_HALF_LIVES * self.half_lives[-1]
        length = self.half_lives[0]
        while start < horizon:
            change = self._first_outside(keep, enter, reading, constant, start, start + length)
            if change is not None:
                return change
            start += length
            length *= 2
        return None

    def _first_outside(
        self, keep: float, enter: float, reading: Reading, constant: float, start: int, end: int
    ) -> int | None:
        """The first millisecond in (start, end] with a score outside [keep, enter).

        Halves the stretch where it may hold one. Each cell is monotone, so in a stretch the score lies between the
        totals of the lower and of the upper ends of its cells.
        """
        stretches = [(start, reading.points(start), end, reading.points(end))]
        while stretches:
            start, at_start, end, at_end = stretches.pop()
            low = {cell: min(points, at_end[cell]) for cell, points in at_start.items()}
            high = {cell: max(points, at_end[cell]) for cell, points in at_start.items()}
            if self.total(low, constant) >= keep and self.total(high, constant) < enter:
                continue
            if end - start > 1:
                middle = (start + end) // 2
                at_middle = reading.points(middle)
                stretches.append((middle, at_middle, end, at_end))
                stretches.append((start, at_start, middle, at_middle))
            elif not keep <= self.total(at_end, constant) < enter:
                return end
        return None


def _tree(scorecard: Scorecard, names: Sequence[tuple[str, int]]) -> tuple[_Group, ...]:
    """The groups that have anything in them, inner ones before outer ones, and at last the whole."""
    groups: list[_Group] = []
    waiting: dict[str, list[int]] = {}
    rules = [(rule.name, rule.cap, rule.within) for rule in scorecard.groups.values()]
    for name, cap, within in [*rules, ("", inf, None)]:
        own = tuple(cell for cell, (group, _) in enumerate(names) if group == name)
        inner = tuple(waiting.pop(name, ()))
        if own or inner or not name:
            waiting.setdefault(within or "", []).append(len(groups))
            groups.append(_Group(own, inner, cap))
    return tuple(groups)


def _by_half_life(parts: Sequence[tuple[int, float]]) -> list[tuple[int, float]]:
    sums: dict[int, float] = {}
    for half_life, points in parts:
        sums[half_life] = sums.get(half_life, 0.0) + points
    return sorted(sums.items())
