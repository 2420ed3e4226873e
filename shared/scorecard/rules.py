"""Rules: what a fact is worth, read from YAML, with errors that name the line and what would be right."""

import json
import re
from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from importlib.resources import files
from math import isfinite
from typing import Final

import yaml

from shared.errors import Refused
from shared.scorecard.counts import LONGEST_HALF_LIFE_MS

KINDS: Final = frozenset(
    (
        "lead.captured",
        "lead.offered",
        "lead.stage_changed",
        "lead.won",
        "lead.lost",
        "activity.answered",
        "activity.no_answer",
        "activity.interested",
        "activity.appointment",
        "activity.objection",
        "activity.other",
        "ticket.opened",
        "ticket.replied",
        "ticket.resolved",
        "signal.page_viewed",
        "signal.pricing_viewed",
        "signal.email_opened",
        "signal.email_clicked",
        "signal.chat_message",
        "signal.form_started",
        "signal.demo_requested",
        "signal.offer_sent",
        "signal.offer_accepted",
        "signal.documents_returned",
        "signal.work_started",
        "signal.work_done",
        "signal.unsubscribed",
    )
)
COLD: Final = "cold"

_UNIT_MS: Final = {"s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}


class RulesError(Refused):
    """Rules that cannot be used; `line` (from 1) is where, the sentence says what would be right."""

    def __init__(self, source: str, line: int, sentence: str) -> None:
        super().__init__("rules-wrong", f"{source}, line {line}: {sentence}")
        self.line = line


@dataclass(frozen=True, slots=True)
class KindRule:
    """What one kind of fact is worth: `weight` points when it happens, half of it after each half-life."""

    half_life_ms: int
    weight: float
    group: str | None = None


@dataclass(frozen=True, slots=True)
class BandRule:
    """A band entered at `enter` points and left below `leave`."""

    name: str
    enter: float
    leave: float


@dataclass(frozen=True)
class Rules:
    """One scorecard. Rules of equal content have equal versions, whatever their comments and order."""

    kinds: Mapping[str, KindRule]
    caps: Mapping[str, float]
    bands: tuple[BandRule, ...]  # from the lowest; below them all a lead is cold
    fit: Mapping[str, Mapping[str, float]]

    @cached_property
    def version(self) -> str:
        """16 hexadecimal digits of the content's SHA-256."""
        content = {
            "kinds": {
                kind: [rule.half_life_ms, rule.weight, rule.group] for kind, rule in self.kinds.items()
            },
            "caps": dict(self.caps),
            "bands": [[band.name, band.enter, band.leave] for band in self.bands],
            "fit": {name: dict(points) for name, points in self.fit.items()},
        }
        canonical = json.dumps(content, sort_keys=True, separators=(",", ":"))
        return sha256(canonical.encode()).hexdigest()[:16]

    @cached_property
    def half_lives(self) -> Mapping[str, int]:
        """The half-life of each kind that counts, in milliseconds."""
        return {kind: rule.half_life_ms for kind, rule in self.kinds.items()}


def default_rules() -> Rules:
    """The rules that ship with this package."""
    return parse_rules(files(__package__).joinpath("default.yaml").read_text("utf-8"), "default.yaml")


def parse_rules(text: str, source: str = "rules") -> Rules:
    """The rules written in `text`, a YAML document laid out as default.yaml explains. Raises RulesError."""
    return _Document(source).rules(text)


class _Document:
    """Walks the nodes of one YAML document, which know their lines."""

    def __init__(self, source: str) -> None:
        self._source = source

    def rules(self, text: str) -> Rules:
        try:
            root = yaml.compose(text, Loader=yaml.SafeLoader)
        except yaml.MarkedYAMLError as error:
            line = error.problem_mark.line + 1 if error.problem_mark else 1
            raise RulesError(self._source, line, f"this is not YAML: {error.problem}") from None
        except yaml.YAMLError as error:  # a character that YAML does not allow
            raise RulesError(self._source, 1, f"this is not YAML: {error}") from None
        if root is None:
            raise RulesError(self._source, 1, "the file is empty; start from the default rules")
        sections = self._fields(root, "the rules", {"kinds", "bands"}, {"groups", "fit"})
        caps = self._caps(sections["groups"]) if "groups" in sections else {}
        return Rules(
            kinds={
                self._kind(key): self._kind_rule(node, caps)
                for key, node in self._items(sections["kinds"], "kinds")
            },
            caps=caps,
            bands=self._bands(sections["bands"]),
            fit=self._fit(sections["fit"]) if "fit" in sections else {},
        )

    def _kind(self, key: yaml.ScalarNode) -> str:
        if key.value not in KINDS:
            raise self._error(key, f"there is no kind {key.value}; the kinds are {', '.join(sorted(KINDS))}")
        return str(key.value)

    def _kind_rule(self, node: yaml.Node, caps: Mapping[str, float]) -> KindRule:
        fields = self._fields(node, "a kind", {"half_life", "weight"}, {"group"})
        group = self._text(fields["group"]) if "group" in fields else None
        if group is not None and group not in caps:
            known = ", ".join(sorted(caps)) or "none yet"
            raise self._error(
                fields["group"], f"group {group} has no cap; add it under groups (there: {known})"
            )
        return KindRule(self._half_life(fields["half_life"]), self._number(fields["weight"]), group)

    def _half_life(self, node: yaml.Node) -> int:
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

    def _caps(self, node: yaml.Node) -> dict[str, float]:
        caps = {}
        for key, value in self._items(node, "groups"):
            cap = self._fields(value, f"group {key.value}", {"cap"})["cap"]
            caps[key.value] = self._number(cap)
            if caps[key.value] <= 0:
                raise self._error(
                    cap, f"the cap of {key.value} must be above 0; it bounds the group up and down"
                )
        return caps

    def _bands(self, node: yaml.Node) -> tuple[BandRule, ...]:
        sections = self._fields(node, "bands", {"warm", "hot"})
        bands = []
        below = BandRule(COLD, 0.0, 0.0)
        for name in ("warm", "hot"):
            fields = self._fields(sections[name], f"band {name}", {"from", "until"})
            band = BandRule(name, self._number(fields["from"]), self._number(fields["until"]))
            if band.leave > band.enter:
                raise self._error(
                    fields["until"],
                    f"{name} is left below {band.leave:g} but entered at {band.enter:g}; until must not be above from",
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

    def _fit(self, node: yaml.Node) -> dict[str, dict[str, float]]:
        return {
            attribute.value: {
                value.value: self._number(points) for value, points in self._items(values, attribute.value)
            }
            for attribute, values in self._items(node, "fit")
        }

    def _fields(
        self, node: yaml.Node, what: str, required: Set[str], optional: Set[str] = frozenset()
    ) -> dict[str, yaml.Node]:
        fields = {}
        known = required | optional
        for key, value in self._items(node, what):
            if key.value not in known:
                raise self._error(key, f"{what} has no {key.value}; it may have {', '.join(sorted(known))}")
            fields[key.value] = value
        if missing := sorted(required - fields.keys()):
            raise self._error(node, f"{what} lacks {' and '.join(missing)}")
        return fields

    def _items(self, node: yaml.Node, what: str) -> Iterator[tuple[yaml.ScalarNode, yaml.Node]]:
        if not isinstance(node, yaml.MappingNode):
            raise self._error(node, f"{what} must be names with values, as `name: value`")
        first_lines: dict[str, int] = {}
        for key, value in node.value:
            self._text(key)
            if key.value in first_lines:
                raise self._error(
                    key,
                    f"{key.value} is given twice; keep this one or the one on line {first_lines[key.value]}",
                )
            first_lines[key.value] = key.start_mark.line + 1
            yield key, value

    def _number(self, node: yaml.Node) -> float:
        text = self._text(node)
        try:
            number = float(text)
        except ValueError:
            raise self._error(node, f"{text} is not a number; write one such as 12 or -2.5") from None
        if not isfinite(number):
            raise self._error(node, f"{text} cannot be added up; write a number such as 12 or -2.5")
        return number + 0.0  # -0 is 0

    def _text(self, node: yaml.Node) -> str:
        if not isinstance(node, yaml.ScalarNode) or not node.value:
            raise self._error(node, "one name or number belongs here, not a list, more names, or nothing")
        return str(node.value)

    def _error(self, node: yaml.Node, sentence: str) -> RulesError:
        return RulesError(self._source, node.start_mark.line + 1, sentence)
