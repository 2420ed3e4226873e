"""What a fact is worth: the scorecards of heat and risk as they were written, with everything named and checked."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from typing import Final, Literal
from zlib import crc32

HEAT: Final = "heat"
RISK: Final = "risk"
COLD: Final = "cold"
BANDS: Final = {HEAT: ("warm", "hot"), RISK: ("at_risk",)}
"""The bands of each scorecard, lowest first."""
LOWEST: Final = {HEAT: COLD, RISK: "ok"}
"""Where one is who has reached none of them."""
MOST_POINTS: Final = 1_000_000
UNIT_MS: Final = {"s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}
Test = Literal["is", "in", "at_least", "at_most"]
Value = str | float | bool | tuple[str | float | bool, ...]


@dataclass(frozen=True, slots=True)
class Condition:
    """Something that an attribute of an event must be for a kind to count it. A missing attribute is nothing."""

    attribute: str
    test: Test
    value: Value

    def holds(self, attributes: Mapping[str, object]) -> bool:
        found: object = attributes.get(self.attribute)
        if found is None and "." in self.attribute:  # a part of an attribute, as `value.minor`
            name, _, part = self.attribute.partition(".")
            whole = attributes.get(name)
            found = whole.get(part) if isinstance(whole, Mapping) else None
        if isinstance(self.value, tuple):
            return any(_same(found, value) for value in self.value)
        if self.test == "is":
            return _same(found, self.value)
        if not isinstance(found, int | float) or isinstance(found, bool) or isinstance(self.value, str):
            return False
        return found >= self.value if self.test == "at_least" else found <= self.value


def _same(found: object, value: str | float | bool) -> bool:
    return found == value and isinstance(found, bool) == isinstance(value, bool)


@dataclass(frozen=True, slots=True)
class Counter:
    """One decayed count that a state keeps; equal ids mean the same count, in whatever rules they stand."""

    id: str
    """The event and the half-life, `signal.page_viewed@2d`; and a digest of the conditions, where there are any."""
    half_life_ms: int
    code: int
    """32 bits of the id."""


@dataclass(frozen=True, slots=True)
class KindRule:
    """What one kind of fact is worth: `weight` points when it happens, half of it after each half-life."""

    name: str
    event: str
    when: tuple[Condition, ...]
    half_life_ms: int
    weight: float
    group: str | None
    counter: Counter


@dataclass(frozen=True, slots=True)
class GroupRule:
    """Kinds and groups that together count for no more than `cap` points, up or down; `within` another, or not."""

    name: str
    cap: float
    within: str | None = None


@dataclass(frozen=True, slots=True)
class BandRule:
    """A band entered at `enter` points and left below `leave`."""

    name: str
    enter: float
    leave: float


@dataclass(frozen=True)
class Scorecard:
    """How a score is made: of base, of what happens by kind and group, of what the lead is, and its bands."""

    name: str
    base: float
    kinds: Mapping[str, KindRule]
    """In the order of the file: of those of one event the first counts whose conditions hold."""
    groups: Mapping[str, GroupRule]
    """Inner groups before those that they lie in."""
    bands: tuple[BandRule, ...]
    """From the lowest; below them all is `lowest`."""
    fit: Mapping[str, Mapping[str, float]]

    @property
    def lowest(self) -> str:
        return LOWEST[self.name]

    @cached_property
    def by_event(self) -> Mapping[str, tuple[KindRule, ...]]:
        """The kinds of each event, in the order in which they are tried."""
        found: dict[str, tuple[KindRule, ...]] = {}
        for kind in self.kinds.values():
            found[kind.event] = (*found.get(kind.event, ()), kind)
        return found

    def kind_of(self, event: str, attributes: Mapping[str, object]) -> KindRule | None:
        """The kind as which a fact counts: the first of its event whose conditions hold."""
        for kind in self.by_event.get(event, ()):
            if all(condition.holds(attributes) for condition in kind.when):
                return kind
        return None


@dataclass(frozen=True, eq=False)
class Rules:
    """The scorecards. Rules of equal content are equal and have equal versions, whatever their comments and order."""

    heat: Scorecard
    risk: Scorecard | None

    @property
    def scorecards(self) -> tuple[Scorecard, ...]:
        return (self.heat,) if self.risk is None else (self.heat, self.risk)

    @cached_property
    def version(self) -> str:
        """16 hexadecimal digits of the content's SHA-256."""
        content = {scorecard.name: _content(scorecard) for scorecard in self.scorecards}
        return sha256(canonical(content).encode()).hexdigest()[:16]

    @cached_property
    def plain(self) -> Mapping[str, tuple[Counter, ...]]:
        """The counters of each event of which no kind has conditions: what a fact says does not matter to them."""
        events = {event for scorecard in self.scorecards for event in scorecard.by_event}
        asked = {kind.event for each in self.scorecards for kind in each.kinds.values() if kind.when}
        return {event: self._counters(event, {}) for event in sorted(events - asked)}

    def counters(self, event: str, attributes: Mapping[str, object]) -> tuple[Counter, ...]:
        """The counters that a fact adds one to: that of its kind in each scorecard, each once."""
        counters = self.plain.get(event)
        return self._counters(event, attributes) if counters is None else counters

    def kind_of(self, scorecard: str, event: str, attributes: Mapping[str, object]) -> KindRule | None:
        """The kind as which a scorecard counts a fact."""
        found = next((each for each in self.scorecards if each.name == scorecard), None)
        return found.kind_of(event, attributes) if found is not None else None

    def _counters(self, event: str, attributes: Mapping[str, object]) -> tuple[Counter, ...]:
        kinds = [scorecard.kind_of(event, attributes) for scorecard in self.scorecards]
        return tuple({kind.counter.id: kind.counter for kind in kinds if kind is not None}.values())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Rules) and self.version == other.version

    def __hash__(self) -> int:
        return hash(self.version)


def _content(scorecard: Scorecard) -> object:
    """All that makes a difference, and nothing else. Where one event has several kinds, their order does."""
    return {
        "base": scorecard.base,
        "kinds": {
            kind.name: [kind.event, stated(kind.when), kind.half_life_ms, kind.weight, kind.group]
            for kind in scorecard.kinds.values()
        },
        "tried": {
            event: [kind.name for kind in kinds]
            for event, kinds in scorecard.by_event.items()
            if len(kinds) > 1
        },
        "groups": {group.name: [group.cap, group.within] for group in scorecard.groups.values()},
        "bands": [[band.name, band.enter, band.leave] for band in scorecard.bands],
        "fit": {name: dict(points) for name, points in scorecard.fit.items()},
    }


def stated(when: Sequence[Condition]) -> list[object]:
    return sorted(
        ([condition.attribute, condition.test, condition.value] for condition in when), key=canonical
    )


def canonical(content: object) -> str:
    return json.dumps(content, sort_keys=True, separators=(",", ":"))


def counter(event: str, half_life_ms: int, when: Sequence[Condition], before: Sequence[KindRule]) -> Counter:
    """The count of an event under conditions that no kind tried `before` took."""
    name = f"{event}@{in_words(half_life_ms)}"
    if when or before:
        tried = sorted((stated(kind.when) for kind in before), key=canonical)
        name += f"?{sha256(canonical([stated(when), tried]).encode()).hexdigest()[:8]}"
    return Counter(name, half_life_ms, crc32(name.encode()))


def in_words(half_life_ms: int) -> str:
    """A half-life as it is written in rules: `36h`, `14d`."""
    unit = next(unit for unit in "dhms" if half_life_ms % UNIT_MS[unit] == 0)
    return f"{half_life_ms // UNIT_MS[unit]}{unit}"
