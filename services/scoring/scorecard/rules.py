"""Rules: what a fact is worth, read from YAML, with errors that name the line and what would be right."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cached_property
from hashlib import sha256
from importlib.resources import files
from math import isfinite
from typing import Final, Literal
from zlib import crc32

from services.scoring.scorecard import vocabulary
from services.scoring.scorecard.counts import LONGEST_HALF_LIFE_MS
from services.scoring.scorecard.vocabulary import Attribute
from shared.errors import Refused
from shared.yaml_lines import File, LineError, Listing, Names, Node, Scalar

HEAT: Final = "heat"
RISK: Final = "risk"
COLD: Final = "cold"
BANDS: Final = {HEAT: ("warm", "hot"), RISK: ("at_risk",)}
"""The bands of each scorecard, lowest first."""
LOWEST: Final = {HEAT: COLD, RISK: "ok"}
"""Where one is who has reached none of them."""

DEFAULTS: Final = ("default", "retail")
"""The rules that come along: for selling to companies, and for a shop."""

MOST_POINTS: Final = 1_000_000
_NAME: Final = re.compile(r"[a-z][a-z0-9_.]{0,63}")
_WORD: Final = re.compile(r"[a-z][a-z0-9_/.-]{0,63}")
_SIGNAL: Final = re.compile(r"[a-z][a-z0-9_]{0,39}")
_UNIT_MS: Final = {"s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}
_UNCLEAR: Final = frozenset({"yes", "no", "on", "off", "y", "n", "null", "~"})

Test = Literal["is", "in", "at_least", "at_most"]
Value = str | float | bool | tuple[str | float | bool, ...]


class RulesError(LineError):
    """Rules that cannot be used."""

    def __init__(self, source: str, line: int, sentence: str) -> None:
        super().__init__("rules-wrong", source, line, sentence)


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
        return sha256(_canonical(content).encode()).hexdigest()[:16]

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
            kind.name: [kind.event, _stated(kind.when), kind.half_life_ms, kind.weight, kind.group]
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


def _stated(when: Sequence[Condition]) -> list[object]:
    return sorted(
        ([condition.attribute, condition.test, condition.value] for condition in when), key=_canonical
    )


def _canonical(content: object) -> str:
    return json.dumps(content, sort_keys=True, separators=(",", ":"))


def counter(event: str, half_life_ms: int, when: Sequence[Condition], before: Sequence[KindRule]) -> Counter:
    """The count of an event under conditions that no kind tried `before` took."""
    name = f"{event}@{in_words(half_life_ms)}"
    if when or before:
        tried = sorted((_stated(kind.when) for kind in before), key=_canonical)
        name += f"?{sha256(_canonical([_stated(when), tried]).encode()).hexdigest()[:8]}"
    return Counter(name, half_life_ms, crc32(name.encode()))


def in_words(half_life_ms: int) -> str:
    """A half-life as it is written in rules: `36h`, `14d`."""
    unit = next(unit for unit in "dhms" if half_life_ms % _UNIT_MS[unit] == 0)
    return f"{half_life_ms // _UNIT_MS[unit]}{unit}"


def default_text(name: str = DEFAULTS[0]) -> str:
    """Rules that ship with this package, with their comments. Raises Refused for a name not in DEFAULTS."""
    if name not in DEFAULTS:
        raise Refused("no-such-default", f"there are no default rules {name}; there are {_listed(DEFAULTS)}")
    return files(__package__).joinpath(f"{name}.yaml").read_text("utf-8")


def default_rules(name: str = DEFAULTS[0]) -> Rules:
    """Rules that ship with this package."""
    return parse_rules(default_text(name), f"{name}.yaml")


def parse_rules(text: str | bytes, source: str = "rules") -> Rules:
    """The rules written in `text`, a YAML document laid out as default.yaml explains. Raises RulesError."""
    raw = text if isinstance(text, bytes) else text.encode(errors="surrogatepass")
    return _Document(File(source, raw, RulesError)).rules()


class _Document:
    """Reads rules from the nodes of a document."""

    def __init__(self, file: File) -> None:
        self._file = file
        self._root = file.root()
        self._signals: Set[str] = frozenset(vocabulary.SIGNALS)

    def rules(self) -> Rules:
        sections = self._fields(self._root, "the file", {HEAT}, {RISK, "signals"})
        if "signals" in sections:
            self._signals |= self._own_signals(sections["signals"])
        rules = Rules(
            self._scorecard(HEAT, sections[HEAT]),
            self._scorecard(RISK, sections[RISK]) if RISK in sections else None,
        )
        self._check_codes(rules)
        return rules

    def _own_signals(self, node: Node) -> set[str]:
        names = set()
        for each in self._list(node, "signals"):
            name = self._text(each).removeprefix("signal.")
            if _SIGNAL.fullmatch(name) is None:
                raise self._error(
                    each, f"{name} cannot be a signal; write small letters, digits and _, as webinar_attended"
                )
            names.add(name)
        return names

    def _scorecard(self, name: str, node: Node) -> Scorecard:
        sections = self._fields(node, name, {"kinds", "bands"}, {"base", "groups", "fit"})
        groups = self._groups(sections["groups"]) if "groups" in sections else {}
        return Scorecard(
            name=name,
            base=self._points(sections["base"]) if "base" in sections else 0.0,
            kinds=self._kinds(sections["kinds"], groups),
            groups=groups,
            bands=self._bands(sections["bands"], name),
            fit=self._fit(sections["fit"]) if "fit" in sections else {},
        )

    def _kinds(self, node: Node, groups: Mapping[str, GroupRule]) -> dict[str, KindRule]:
        kinds: dict[str, KindRule] = {}
        for key, value in self._items(node, "kinds"):
            kinds[key.text] = self._kind(key, value, groups, list(kinds.values()))
        return kinds

    def _kind(
        self, key: Scalar, node: Node, groups: Mapping[str, GroupRule], before: list[KindRule]
    ) -> KindRule:
        name = self._name(key, "a kind")
        fields = self._fields(node, f"kind {name}", {"half_life", "weight"}, {"event", "when", "group"})
        is_event = name in vocabulary.events() or name.startswith("signal.")
        if "event" not in fields:
            event = self._event(key)
        elif is_event and self._text(fields["event"]) != name:
            raise self._error(
                key, f"{name} is an event itself; give a kind of another event another name, as late_{name}"
            )
        else:
            event = self._event(fields["event"])
        when = self._when(fields["when"], event) if "when" in fields else ()
        tried = [kind for kind in before if kind.event == event]
        for kind in tried:
            if set(map(_canonical, _stated(kind.when))) <= set(map(_canonical, _stated(when))):
                raise self._error(
                    key,
                    f"{name} is never reached: {kind.name} above takes every {event} that it would; "
                    "put it first, or give that one conditions",
                )
        half_life = self._half_life(fields["half_life"])
        return KindRule(
            name=name,
            event=event,
            when=when,
            half_life_ms=half_life,
            weight=self._points(fields["weight"]),
            group=self._group(fields["group"], groups) if "group" in fields else None,
            counter=counter(event, half_life, when, tried),
        )

    def _event(self, node: Node) -> str:
        name = self._text(node)
        family, _, signal = name.partition(".")
        if family == "signal":
            if signal in self._signals:
                return name
            near = _near(signal, self._signals, "signal.") or "."
            raise self._error(
                node, f"there is no {name}{near} A signal of your own is declared: signals: [{signal}]"
            )
        events = vocabulary.events()
        if name in events:
            return name
        signals = [f"signal.{signal}" for signal in self._signals]
        near = _near(name, [*events, *signals]) or (
            f"; a kind with a name of its own needs `event:`, and the events are {_listed(events)}, and signals"
        )
        raise self._error(node, f"there is no event {name}{near}")

    def _group(self, node: Node, groups: Mapping[str, GroupRule]) -> str:
        name = self._text(node)
        if name not in groups:
            known = _near(name, groups) or f" (there: {_listed(groups) or 'none yet'})"
            raise self._error(node, f"there is no group {name}{known}; add it under groups with its cap")
        return name

    def _when(self, node: Node, event: str) -> tuple[Condition, ...]:
        conditions: list[Condition] = []
        for key, value in self._items(node, "when"):
            attribute = self._attribute(key, event)
            if isinstance(value, Names):
                conditions += self._tests(key, value, attribute)
            elif isinstance(value, Listing):
                raise self._error(value, f"write several values as {key.text}: {{in: [one, other]}}")
            else:
                conditions.append(Condition(key.text, "is", self._value(value, attribute)))
        if not conditions:
            raise self._error(
                node, "no condition stands here; leave `when` out, or write one as stage: proposal"
            )
        return tuple(conditions)

    def _attribute(self, key: Scalar, event: str) -> Attribute | None:
        """What is known of an attribute; None for a signal's, which may hold anything."""
        if event.startswith("signal."):
            if _SIGNAL.fullmatch(key.text) is None:
                raise self._error(
                    key, f"{key.text} cannot be an attribute; they are small letters, digits and _"
                )
            return None
        known = vocabulary.events()[event]
        if key.text not in known:
            near = _near(key.text, known) or f"; it has {_listed(known) or 'none'}"
            raise self._error(key, f"{event} has no attribute {key.text}{near}")
        return known[key.text]

    def _tests(self, key: Scalar, node: Node, attribute: Attribute | None) -> Iterator[Condition]:
        amounts: dict[str, float] = {}
        for test, value in self._items(node, f"the condition on {key.text}"):
            match test.text:
                case "is":
                    yield Condition(key.text, "is", self._value(value, attribute))
                case "in":
                    listed = [self._value(each, attribute) for each in self._list(value, f"{key.text} in")]
                    values = {_canonical(each): each for each in listed}
                    yield Condition(key.text, "in", tuple(values[name] for name in sorted(values)))
                case "at_least" | "at_most":
                    if attribute is not None and attribute.kind != "number":
                        raise self._error(
                            test, f"{key.text} is not a number; ask what it `is`, or what it is `in`"
                        )
                    amounts[test.text] = self._number(value)
                    yield Condition(key.text, test.text, amounts[test.text])
                case _:
                    raise self._error(
                        test, f"there is no test {test.text}; there are at_least, at_most, in, is"
                    )
        if amounts.get("at_least", 0.0) > amounts.get("at_most", float("inf")):
            raise self._error(node, f"{key.text} cannot be at least more than at most; this never holds")
        if isinstance(node, Names) and not node.items:
            raise self._error(node, f"say what {key.text} must be: at_least, at_most, in or is")

    def _value(self, node: Node, attribute: Attribute | None) -> str | float | bool:
        text = self._text(node)
        kind = (
            attribute.kind
            if attribute is not None
            else _guess(text, isinstance(node, Scalar) and node.is_quoted)
        )
        if kind == "number":
            return self._number(node)
        if kind == "truth":
            if text not in ("true", "false"):
                raise self._error(node, f"{text} is neither true nor false")
            return text == "true"
        if kind is None:
            raise self._error(
                node, f'{text} may mean several things; write true, false, or the word "{text}"'
            )
        words = attribute.words if attribute is not None else ()
        if words and text not in words:
            near = _near(text, words) or f"; it is one of {_listed(words, in_order=True)}"
            raise self._error(node, f"this is never {text}{near}")
        if attribute is None and _WORD.fullmatch(text) is None:
            raise self._error(
                node, f"{text} is never told; words in signals are of small letters, as pricing"
            )
        return text

    def _half_life(self, node: Node) -> int:
        text = self._text(node)
        match = re.fullmatch(r"([0-9]{1,10})([smhdw])", text)
        if match is None:
            raise self._error(
                node, f"{text} is not a half-life; write a whole number and s, m, h, d or w, as 3d"
            )
        half_life = int(match[1]) * _UNIT_MS[match[2]]
        if half_life == 0:
            raise self._error(node, f"a half-life of {text} forgets a fact as it happens; give at least 1s")
        if half_life > LONGEST_HALF_LIFE_MS:
            raise self._error(node, f"a half-life of {text} hardly fades; give at most 3650d, or use fit")
        return half_life

    def _groups(self, node: Node) -> dict[str, GroupRule]:
        """The groups, inner ones first."""
        groups: dict[str, GroupRule] = {}
        lines: dict[str, Node] = {}
        for key, value in self._items(node, "groups"):
            name = self._name(key, "a group")
            fields = self._fields(value, f"group {name}", {"cap"}, {"in"})
            cap = self._points(fields["cap"])
            if cap <= 0:
                raise self._error(
                    fields["cap"], f"the cap of {name} must be above 0; it bounds the group up and down"
                )
            groups[name] = GroupRule(name, cap, self._text(fields["in"]) if "in" in fields else None)
            lines[name] = fields.get("in", key)
        depths: dict[str, int] = {}
        for name in groups:
            path = [name]
            while (outer := groups[path[-1]].within) is not None:
                if outer not in groups:
                    self._group(lines[path[-1]], groups)
                if outer in path:
                    cycle = " in ".join([*path[path.index(outer) :], outer])
                    raise self._error(
                        lines[outer], f"groups lie in a circle: {cycle}; take one `in` of these away"
                    )
                path.append(outer)
            depths[name] = len(path)
        return {name: groups[name] for name in sorted(groups, key=lambda name: (-depths[name], name))}

    def _bands(self, node: Node, scorecard: str) -> tuple[BandRule, ...]:
        names = BANDS[scorecard]
        sections = self._fields(node, f"bands of {scorecard}", set(names))
        bands = []
        below = BandRule(LOWEST[scorecard], 0.0, 0.0)
        for name in names:
            fields = self._fields(sections[name], f"band {name}", {"from", "until"})
            band = BandRule(name, self._points(fields["from"]), self._points(fields["until"]))
            if band.leave > band.enter:
                raise self._error(
                    fields["until"],
                    f"{name} is left below {band.leave:g} but entered at {band.enter:g}; "
                    "until must not be above from",
                )
            if band.enter <= below.enter or band.leave <= below.leave:
                raise self._error(
                    sections[name],
                    f"{name} must lie above {below.name}: give it a from above {below.enter:g} "
                    f"and an until above {below.leave:g}",
                )
            bands.append(band)
            below = band
        return tuple(bands)

    def _fit(self, node: Node) -> dict[str, dict[str, float]]:
        return {
            self._name(attribute, "an attribute"): {
                value.text: self._points(points) for value, points in self._items(values, attribute.text)
            }
            for attribute, values in self._items(node, "fit")
        }

    def _check_codes(self, rules: Rules) -> None:
        """Two counts of one state must not share a code; at 500 of them that is one chance in 30,000."""
        codes: dict[int, str] = {}
        for kind in (kind for scorecard in rules.scorecards for kind in scorecard.kinds.values()):
            if codes.setdefault(kind.counter.code, kind.counter.id) != kind.counter.id:
                other = codes[kind.counter.code]
                raise self._error(
                    self._root,
                    f"{kind.counter.id} and {other} get the same number by chance; change one half-life a little",
                )

    def _fields(
        self, node: Node, what: str, required: Set[str], optional: Set[str] = frozenset()
    ) -> dict[str, Node]:
        fields = {}
        known = required | optional
        for key, value in self._items(node, what):
            if key.text not in known:
                raise self._error(key, f"{what} has no {key.text}; it may have {_listed(known)}")
            fields[key.text] = value
        if missing := sorted(required - fields.keys()):
            raise self._error(node, f"{what} lacks {' and '.join(missing)}")
        return fields

    def _items(self, node: Node, what: str) -> Iterator[tuple[Scalar, Node]]:
        if not isinstance(node, Names):
            raise self._error(node, f"{what} must be names with values, as `name: value`")
        first_lines: dict[str, int] = {}
        for key, value in node.items:
            if not isinstance(key, Scalar) or not key.text:
                raise self._error(key, "one name belongs here, not a list, more names, or nothing")
            if key.text in first_lines:
                raise self._error(
                    key,
                    f"{key.text} is given twice; keep this one or the one on line {first_lines[key.text]}",
                )
            first_lines[key.text] = key.line
            yield key, value

    def _list(self, node: Node, what: str) -> Sequence[Node]:
        if not isinstance(node, Listing) or not node.parts:
            raise self._error(node, f"{what} must be a list with something in it, as [one, other]")
        return node.parts

    def _name(self, key: Scalar, what: str) -> str:
        if _NAME.fullmatch(key.text) is None:
            raise self._error(key, f"{key.text} cannot name {what}; write small letters, digits, _ and .")
        return key.text

    def _points(self, node: Node) -> float:
        points = self._number(node)
        if abs(points) > MOST_POINTS:
            raise self._error(
                node, f"{self._text(node)} is too much; give at most {MOST_POINTS} points, up or down"
            )
        return points

    def _number(self, node: Node) -> float:
        text = self._text(node)
        try:
            number = float(text)
        except ValueError:
            raise self._error(node, f"{text} is not a number; write one such as 12 or -2.5") from None
        if not isfinite(number):
            raise self._error(node, f"{text} cannot be added up; write a number such as 12 or -2.5")
        return number + 0.0  # -0 is 0

    def _text(self, node: Node) -> str:
        if not isinstance(node, Scalar) or not node.text:
            raise self._error(node, "one name or number belongs here, not a list, more names, or nothing")
        return node.text

    def _error(self, node: Node, sentence: str) -> LineError:
        return self._file.wrong(node.line, sentence)


def _guess(text: str, is_quoted: bool) -> Literal["word", "number", "truth"] | None:
    """What a signal's attribute is compared with; None where YAML and people disagree."""
    if is_quoted:
        return "word"
    if text in ("true", "false"):
        return "truth"
    if text.lower() in _UNCLEAR or text.lower() in ("true", "false"):
        return None
    try:
        float(text)
    except ValueError:
        return "word"
    return "number"


def _near(name: str, known: Iterable[str], prefix: str = "") -> str:
    """`; did you mean this or that?`, or nothing."""
    near = get_close_matches(name, sorted(known), n=3, cutoff=0.7)
    return f"; did you mean {' or '.join(prefix + each for each in near)}?" if near else ""


def _listed(names: Iterable[str], in_order: bool = False) -> str:
    return ", ".join(names if in_order else sorted(names))
