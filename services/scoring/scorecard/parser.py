"""Rules read from YAML, with errors that name the line and what would be right."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Set
from typing import Final, Literal

from services.scoring.scorecard import vocabulary
from services.scoring.scorecard.counts import LONGEST_HALF_LIFE_MS
from services.scoring.scorecard.model import (
    BANDS,
    HEAT,
    LOWEST,
    RISK,
    UNIT_MS,
    BandRule,
    Condition,
    GroupRule,
    KindRule,
    Rules,
    Scorecard,
    canonical,
    counter,
    stated,
)
from services.scoring.scorecard.shapes import Shapes, listed, near
from services.scoring.scorecard.vocabulary import Attribute
from shared.yaml_lines import File, LineError, Listing, Names, Node, Scalar

_WORD: Final = re.compile(r"[a-z][a-z0-9_/.-]{0,63}")
_SIGNAL: Final = re.compile(r"[a-z][a-z0-9_]{0,39}")
_UNCLEAR: Final = frozenset({"yes", "no", "on", "off", "y", "n", "null", "~"})


class RulesError(LineError):
    """Rules that cannot be used."""

    def __init__(self, source: str, line: int, sentence: str) -> None:
        super().__init__("rules-wrong", source, line, sentence)


def parse_rules(text: str | bytes, source: str = "rules") -> Rules:
    """The rules written in `text`, a YAML document laid out as default.yaml explains. Raises RulesError."""
    raw = text if isinstance(text, bytes) else text.encode(errors="surrogatepass")
    return _Document(File(source, raw, RulesError)).rules()


class _Document(Shapes):
    """Reads rules from the nodes of a document."""

    def __init__(self, file: File) -> None:
        super().__init__(file)
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
            if set(map(canonical, stated(kind.when))) <= set(map(canonical, stated(when))):
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
            close = near(signal, self._signals, "signal.") or "."
            raise self._error(
                node, f"there is no {name}{close} A signal of your own is declared: signals: [{signal}]"
            )
        events = vocabulary.events()
        if name in events:
            return name
        signals = [f"signal.{signal}" for signal in self._signals]
        close = near(name, [*events, *signals]) or (
            f"; a kind with a name of its own needs `event:`, and the events are {listed(events)}, and signals"
        )
        raise self._error(node, f"there is no event {name}{close}")

    def _group(self, node: Node, groups: Mapping[str, GroupRule]) -> str:
        name = self._text(node)
        if name not in groups:
            known = near(name, groups) or f" (there: {listed(groups) or 'none yet'})"
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
            close = near(key.text, known) or f"; it has {listed(known) or 'none'}"
            raise self._error(key, f"{event} has no attribute {key.text}{close}")
        return known[key.text]

    def _tests(self, key: Scalar, node: Node, attribute: Attribute | None) -> Iterator[Condition]:
        amounts: dict[str, float] = {}
        for test, value in self._items(node, f"the condition on {key.text}"):
            match test.text:
                case "is":
                    yield Condition(key.text, "is", self._value(value, attribute))
                case "in":
                    found = [self._value(each, attribute) for each in self._list(value, f"{key.text} in")]
                    values = {canonical(each): each for each in found}
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
            close = near(text, words) or f"; it is one of {listed(words, in_order=True)}"
            raise self._error(node, f"this is never {text}{close}")
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
        half_life = int(match[1]) * UNIT_MS[match[2]]
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
