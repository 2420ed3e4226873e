"""The nodes of a YAML document, each with its line: no anchors, no tags, nothing deep, nothing endless."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import yaml

from shared.yaml_lines import LineError

MOST_BYTES: Final = 250_000
"""So that rules, escaped as JSON, still fit in a record."""
MOST_NAMES: Final = 500
_DEEPEST: Final = 8


class RulesError(LineError):
    """Rules that cannot be used."""

    def __init__(self, source: str, line: int, sentence: str) -> None:
        super().__init__("rules-wrong", source, line, sentence)


@dataclass(frozen=True, slots=True)
class Scalar:
    line: int
    text: str
    is_quoted: bool


@dataclass(frozen=True, slots=True)
class Names:
    """What YAML calls a mapping."""

    line: int
    items: tuple[tuple[Node, Node], ...]


@dataclass(frozen=True, slots=True)
class Listing:
    line: int
    parts: tuple[Node, ...]


Node = Scalar | Names | Listing


class File:
    """A file called `name`; `root` is its document."""

    def __init__(self, name: str, raw: bytes) -> None:
        self._name = name
        self._raw = raw
        self._last_line = max(1, len(raw.splitlines()))

    def wrong(self, line: int, sentence: str) -> RulesError:
        return RulesError(self._name, min(line, self._last_line), sentence)

    def root(self) -> Node:
        """Raises RulesError."""
        raw = self._raw
        if len(raw) > MOST_BYTES:
            raise self.wrong(1, f"the file has {len(raw)} bytes; rules have at most {MOST_BYTES}")
        try:
            text = raw.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            line = 1 + raw[: error.start].count(b"\n")
            raise self.wrong(line, "this is not UTF-8; save the file as UTF-8") from None
        try:
            return self._document(text)
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            raise self.wrong(mark.line + 1 if mark else 1, f"this is not YAML: {error.problem}") from None
        except yaml.reader.ReaderError as error:
            line = 1 + text[: error.position].count("\n")
            raise self.wrong(line, f"this is not YAML: {error.reason}") from None

    def _document(self, text: str) -> Node:
        events: Iterator[Any] = iter(yaml.parse(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)))
        next(events)  # the stream starts
        if isinstance(next(events), yaml.StreamEndEvent):
            raise self.wrong(1, "the file is empty; start from the default rules")
        root = self._node(next(events), events, 0)
        next(events)  # the document ends
        if not isinstance(event := next(events), yaml.StreamEndEvent):
            raise self.wrong(event.start_mark.line + 1, "a second document begins here; rules are one")
        return root

    # Not yaml.compose: that would follow aliases, and its recursion in C has no limit.
    def _node(self, event: Any, events: Iterator[Any], depth: int) -> Node:
        line = event.start_mark.line + 1
        if isinstance(event, yaml.AliasEvent) or event.anchor is not None:
            raise self.wrong(line, "rules have no anchors and aliases; write it out")
        if event.tag is not None:
            raise self.wrong(line, "rules have no tags; leave out what begins with !")
        if depth > _DEEPEST:
            raise self.wrong(line, f"nothing in rules lies deeper than {_DEEPEST} levels")
        if isinstance(event, yaml.ScalarEvent):
            return Scalar(line, event.value, event.style in ("'", '"'))
        is_names = isinstance(event, yaml.MappingStartEvent)
        most = MOST_NAMES * (2 if is_names else 1)
        parts: list[Node] = []
        while not isinstance(inner := next(events), yaml.MappingEndEvent | yaml.SequenceEndEvent):
            if len(parts) == most:
                raise self.wrong(
                    inner.start_mark.line + 1,
                    f"this is one too many: at most {MOST_NAMES} belong together; "
                    "merge those that mean the same",
                )
            parts.append(self._node(inner, events, depth + 1))
        if is_names:
            return Names(line, tuple(zip(parts[::2], parts[1::2], strict=True)))
        return Listing(line, tuple(parts))
