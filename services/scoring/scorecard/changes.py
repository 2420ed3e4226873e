"""What is different between two sets of rules, name by name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from services.scoring.scorecard.model import (
    BandRule,
    Condition,
    GroupRule,
    KindRule,
    Rules,
    Scorecard,
    in_words,
)


@dataclass(frozen=True, slots=True)
class Change:
    """`before` and `after` as one writes them in rules; None where it is not there."""

    scorecard: str
    what: str
    """base, kind, group, band, or fit."""
    name: str
    before: str | None
    after: str | None
    new_count: bool = False
    """Whether it counts what was not counted so before: a replay of the log fills that count."""


def changes(before: Rules, after: Rules) -> list[Change]:
    """All that is different, in the order of the rules' sections."""
    found = []
    counted = {kind.counter.id for each in before.scorecards for kind in each.kinds.values()}
    one = {scorecard.name: scorecard for scorecard in before.scorecards}
    other = {scorecard.name: scorecard for scorecard in after.scorecards}
    for name in sorted(one.keys() | other.keys()):
        written, now = _written(one.get(name)), _written(other.get(name))
        new = other.get(name)
        for what in ("base", "kind", "group", "band", "fit"):
            for each in sorted(written[what].keys() | now[what].keys()):
                was, is_ = written[what].get(each), now[what].get(each)
                if was != is_:
                    kind = new.kinds.get(each) if new is not None and what == "kind" else None
                    is_new = kind is not None and kind.counter.id not in counted
                    found.append(Change(name, what, each, was, is_, is_new))
        tried, now_tried = _tried(one.get(name)), _tried(new)
        for event in sorted(tried.keys() & now_tried.keys()):
            if tried[event] != now_tried[event] and set(tried[event]) == set(now_tried[event]):
                was, is_ = " > ".join(tried[event]), " > ".join(now_tried[event])
                found.append(Change(name, "kind", event, f"tried {was}", f"tried {is_}", True))
    return found


def _written(scorecard: Scorecard | None) -> Mapping[str, Mapping[str, str]]:
    if scorecard is None:
        return {"base": {}, "kind": {}, "group": {}, "band": {}, "fit": {}}
    return {
        "base": {"base": f"{scorecard.base:g}"},
        "kind": {name: _kind(kind) for name, kind in scorecard.kinds.items()},
        "group": {name: _group(group) for name, group in scorecard.groups.items()},
        "band": {band.name: _band(band) for band in scorecard.bands},
        "fit": {
            f"{attribute}: {value}": f"{points:g}"
            for attribute, values in scorecard.fit.items()
            for value, points in values.items()
        },
    }


def _tried(scorecard: Scorecard | None) -> Mapping[str, tuple[str, ...]]:
    if scorecard is None:
        return {}
    return {event: tuple(kind.name for kind in kinds) for event, kinds in scorecard.by_event.items()}


def _kind(kind: KindRule) -> str:
    return ", ".join(_parts(kind))


def _parts(kind: KindRule) -> Iterator[str]:
    if kind.event != kind.name:
        yield f"event: {kind.event}"
    if kind.when:
        yield f"when: {' and '.join(sorted(_condition(each) for each in kind.when))}"
    yield f"half_life: {in_words(kind.half_life_ms)}"
    yield f"weight: {kind.weight:g}"
    if kind.group is not None:
        yield f"group: {kind.group}"


def _condition(condition: Condition) -> str:
    value = condition.value
    if isinstance(value, tuple):
        return f"{condition.attribute} in [{', '.join(_plain(each) for each in value)}]"
    if condition.test == "is":
        return f"{condition.attribute} {_plain(value)}"
    return f"{condition.attribute} {condition.test} {_plain(value)}"


def _plain(value: str | float | bool) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else f"{value:g}"


def _group(group: GroupRule) -> str:
    return f"cap: {group.cap:g}" + (f", in: {group.within}" if group.within else "")


def _band(band: BandRule) -> str:
    return f"from: {band.enter:g}, until: {band.leave:g}"
