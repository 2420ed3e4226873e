"""Rules as a file that a person can read and edit: what was learned, in points, with counts and reasons."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from math import ceil
from typing import Final, NamedTuple

from cli.lab.histories import CAPTURED, LOST, WON
from cli.lab.learning import (
    DAY_MS,
    Learned,
    Lesson,
)
from services.scoring.scorecard import vocabulary
from services.scoring.scorecard.model import Condition, GroupRule, KindRule, Rules, Scorecard, in_words

HOT: Final = 60.0
"""Points from which a lead is hot: the hottest fifth of all looks that were learned from."""

_HOTTEST: Final = 0.8
_WARMEST: Final = 0.5
_COLDEST: Final = 0.005
"""The share of looks that may fall to 0 points, where one cannot be told from another."""
_KEPT: Final = 0.9
_BASE_HALF_LIFE_MS: Final = 30 * DAY_MS
_OFTEN: Final = 3.0


class Scale(NamedTuple):
    """From log-odds to points: `factor` points for one, on top of what a capture brings; `over` when it is closed."""

    factor: float
    captured: float
    warm: float
    over: float


class Line(NamedTuple):
    """A kind in the file."""

    name: str
    event: str
    when: str
    half_life: str
    weight: float
    cap: float | None
    why: str


def scale(lesson: Lesson) -> Scale:
    """Points under which hot begins at `HOT` and next to nobody falls below 0.

    A capture brings points, more than anything cools, so that heat does not stop at 0 while it still tells leads
    apart; they fade like all others, so that a lead of whom nothing is heard grows cold.
    """
    faded = [2.0 ** (-age / _BASE_HALF_LIFE_MS) for _, age, _ in lesson.scores]
    weights = [weight for *_, weight in lesson.scores]
    needed = [-score / left for (score, _, _), left in zip(lesson.scores, faded, strict=True)]
    captured = max(0.0, _quantile(needed, weights, 1 - _COLDEST))
    heats = [score + captured * left for (score, _, _), left in zip(lesson.scores, faded, strict=True)]
    factor = HOT / _quantile(heats, weights, _HOTTEST)
    warm = min(_quantile(heats, weights, _WARMEST) * factor, 0.8 * HOT)
    over = -float(ceil(2 * max(heats) * factor / 10) * 10)
    return Scale(factor, round(captured * factor, 1), float(max(1, round(warm))), over)


def draft(lesson: Lesson, in_force: Rules, head: Sequence[str]) -> str:
    """The file. `head` are the lines of its first comment; risk is as it is in force."""
    points = scale(lesson)
    lines = list(_lines(lesson, points))
    learned = {kind.family.event for kind in lesson.kinds} | {CAPTURED, WON, LOST}
    kept = [kind for kind in in_force.heat.kinds.values() if kind.event not in learned]
    events = {line.event for line in lines} | {kind.event for kind in kept}
    if in_force.risk is not None:
        events |= set(in_force.risk.by_event)
    out = [f"# {line}".rstrip() for line in head]
    if lesson.rare:
        rare = ", ".join(f"{event} ({leads})" for event, leads in lesson.rare)
        out += ["#", *_wrapped(f"Too rare to learn from (leads that had it): {rare}.")]
    out += ["", *declared(events), "", "heat:", "  kinds:"]
    for event, several in groupby(lines, key=lambda line: line.event):
        out.append("")
        for line in several:
            group = f", group: {_group(line)}" if line.cap is not None else ""
            named = f"event: {event}, " if line.name != event else ""
            out += [f"    # {line.why}"] if line.why else []
            out.append(
                f"    {line.name}: {{{named}{line.when}half_life: {line.half_life}, weight: {line.weight:g}{group}}}"
            )
    out += ["", "    # Closed: twice the hottest look, and no learned half-life is longer."]
    for event in (WON, LOST):
        out.append(f"    {event}: {{half_life: {in_words(_BASE_HALF_LIFE_MS)}, weight: {points.over:g}}}")
    if kept:
        out += ["", "    # As they are in force: too few leads had them to learn from."]
        out += [f"    {_kind(kind)}" for kind in kept]
    out += _grouped([line for line in lines if line.cap is not None], _around(kept, in_force.heat))
    out += [
        "",
        "  bands:",
        f"    warm: {{from: {points.warm:g}, until: {round(points.warm * _KEPT, 1):g}}}  # half of all looks",
        f"    hot: {{from: {HOT:g}, until: {round(HOT * _KEPT, 1):g}}}  # the hottest fifth of all looks",
    ]
    if in_force.heat.fit:
        out += ["", "  # As they are in force.", *_fit(in_force.heat)]
    if in_force.risk is not None:
        out += ["", "# As it is in force: nothing is learned about it.", "risk:", *written(in_force.risk)]
    return "\n".join(out) + "\n"


def _grouped(capped: Sequence[Line], groups: Sequence[GroupRule]) -> Iterator[str]:
    if capped or groups:
        yield from ("", "  groups:")
    if capped:
        yield "    # What comes often counts for no more than it did for 99 of 100 looks at leads that had it."
        yield from (f"    {_group(line)}: {{cap: {line.cap:g}}}" for line in capped)
    if groups:
        yield "    # As they are in force."
        yield from (f"    {_capped(group)}" for group in groups)


def declared(events: Iterable[str]) -> Iterator[str]:
    """The line that declares a company's own signals, if there are any among some events."""
    signals = {event.removeprefix("signal.") for event in events if event.startswith("signal.")}
    if own := sorted(signals - set(vocabulary.SIGNALS)):
        yield f"signals: [{', '.join(own)}]"


def written(scorecard: Scorecard) -> Iterator[str]:
    """A scorecard in the lines of a rules file, without comments."""
    if scorecard.base:
        yield f"  base: {scorecard.base!r}"
    yield "  kinds:"
    for kind in scorecard.kinds.values():
        yield f"    {_kind(kind)}"
    if scorecard.groups:
        yield "  groups:"
        for group in scorecard.groups.values():
            yield f"    {_capped(group)}"
    yield "  bands:"
    for band in scorecard.bands:
        yield f"    {band.name}: {{from: {band.enter!r}, until: {band.leave!r}}}"
    if scorecard.fit:
        yield from _fit(scorecard)


def _kind(kind: KindRule) -> str:
    parts = [f"event: {kind.event}"] if kind.name != kind.event else []
    if kind.when:
        parts.append(f"when: {{{', '.join(_conditions(kind.when))}}}")
    parts += [f"half_life: {in_words(kind.half_life_ms)}", f"weight: {kind.weight!r}"]
    if kind.group is not None:
        parts.append(f"group: {kind.group}")
    return f"{kind.name}: {{{', '.join(parts)}}}"


def _capped(group: GroupRule) -> str:
    within = f", in: {group.within}" if group.within is not None else ""
    return f"{group.name}: {{cap: {group.cap!r}{within}}}"


def _fit(scorecard: Scorecard) -> Iterator[str]:
    yield "  fit:"
    for attribute, points in scorecard.fit.items():
        yield f"    {attribute}: {{{', '.join(f'{_word(value)}: {each!r}' for value, each in points.items())}}}"


def _around(kinds: Sequence[KindRule], scorecard: Scorecard) -> list[GroupRule]:
    """The groups that some kinds lie in, and those around them."""
    names: set[str] = set()
    for kind in kinds:
        name = kind.group
        while name is not None:
            names.add(name)
            name = scorecard.groups[name].within
    return [group for group in scorecard.groups.values() if group.name in names]


def _conditions(when: Sequence[Condition]) -> Iterator[str]:
    for attribute, several in groupby(when, key=lambda condition: condition.attribute):
        tests = []
        for condition in several:
            if isinstance(condition.value, tuple):
                tests.append(f"in: [{', '.join(map(_word, condition.value))}]")
            else:
                tests.append(f"{condition.test}: {_word(condition.value)}")
        yield f"{attribute}: {{{', '.join(tests)}}}"


def _word(value: str | float | bool) -> str:
    """A value as a condition reads it back: words quoted where they could be taken for something else."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return f'"{value}"' if isinstance(value, str) else repr(value)


def _lines(lesson: Lesson, points: Scale) -> Iterator[Line]:
    """The kinds by event, in the order in which they are to be tried."""
    half_life = in_words(_BASE_HALF_LIFE_MS)
    captured = [kind for kind in lesson.kinds if kind.family.event == CAPTURED]
    if not captured:
        why = "Every lead begins with as much, so that what cools does not end at 0."
        yield Line(CAPTURED, CAPTURED, "", half_life, points.captured, None, why)
    for event, several in groupby(lesson.kinds, key=lambda kind: kind.family.event):
        kinds = list(several)
        base = points.captured if event == CAPTURED else 0.0
        weights = [round(kind.weight * points.factor + base, 1) + 0.0 for kind in kinds]
        if not any(weights):
            continue
        if kinds[0].family.edges:
            yield from _ranges(kinds, weights)
        else:
            yield from _words(kinds, weights)


def _ranges(kinds: Sequence[Learned], weights: Sequence[float]) -> Iterator[Line]:
    """From the highest range down, neighbours of equal weight as one; the lowest asks nothing."""
    family = kinds[0].family
    for weight, several in groupby(
        reversed(list(zip(kinds, weights, strict=True))), key=lambda each: each[1]
    ):
        ranges = [kind for kind, _ in several]
        lowest, highest = ranges[-1].place, ranges[0].place
        upper = f" to below {family.edges[highest]:g}" if highest < len(family.edges) else " and more"
        if lowest == 0:
            why = (
                f"{family.attribute} below {family.edges[highest]:g}, or not told"
                if highest < len(family.edges)
                else ""
            )
            name, when = family.event, ""
        else:
            edge = family.edges[lowest - 1]
            why = f"{family.attribute} {edge:g}{upper}"
            name = _named(family.event, family.attribute or "", f"{edge:g}")
            when = f"when: {{{family.attribute}: {{at_least: {edge:g}}}}}, "
        yield Line(
            name, family.event, when, in_words(kinds[0].half_life_ms), weight, None, f"{why}: {_told(ranges)}"
        )


def _words(kinds: Sequence[Learned], weights: Sequence[float]) -> Iterator[Line]:
    for kind, weight in zip(kinds, weights, strict=True):
        family = kind.family
        cap = None
        if kind.most >= _OFTEN and weight:
            cap = round(abs(weight) * kind.most, 1)
        if kind.place == len(family.words):
            if not kind.leads:
                continue
            other = f"any other {family.attribute}: " if family.words else ""
            yield Line(
                family.event,
                family.event,
                "",
                in_words(kind.half_life_ms),
                weight,
                cap,
                other + _told([kind]),
            )
        else:
            word = family.words[kind.place]
            name = _named(family.event, family.attribute or "", str(word).lower())
            when = f"when: {{{family.attribute}: {_word(word)}}}, "
            yield Line(name, family.event, when, in_words(kind.half_life_ms), weight, cap, _told([kind]))


def _told(kinds: Sequence[Learned]) -> str:
    """How many leads had it, and how they ended; of ranges taken together the mean of their shares."""
    leads = sum(kind.leads for kind in kinds)
    if not leads:
        return "nobody had it"
    won = sum(kind.won_with * kind.leads for kind in kinds) / leads
    with_it = f"{leads:,} lead{'' if leads == 1 else 's'}, {won:.0%} won"
    if len(kinds) > 1 or not kinds[0].others:
        return with_it
    return f"{with_it}; {kinds[0].won_without:.0%} of the {kinds[0].others:,} others"


def _named(event: str, attribute: str, value: str) -> str:
    name = re.sub(
        r"[^a-z0-9_.]", "_", f"{event.removeprefix('signal.')}.{attribute.replace('.', '_')}.{value}"
    )
    return name[:64]


def _group(line: Line) -> str:
    return line.name.removeprefix("signal.").replace(".", "_")


def _wrapped(text: str, width: int = 108) -> Iterator[str]:
    line = "#"
    for word in text.split(" "):
        if len(line) + 1 + len(word) > width:
            yield line
            line = "#"
        line += f" {word}"
    yield line


def _quantile(values: Sequence[float], weights: Sequence[float], share: float) -> float:
    """The least value that, with all below it, holds `share` of the weight."""
    ordered = sorted(zip(values, weights, strict=True))
    until, held = share * sum(weights), 0.0
    for value, weight in ordered:
        held += weight
        if held >= until:
            return value
    return ordered[-1][0]
