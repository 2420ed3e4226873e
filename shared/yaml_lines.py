"""YAML whose mistakes are told with their line: no anchors, no tags, nothing deep, nothing endless."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Set
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import yaml

from shared.errors import Refused

MOST_BYTES: Final = 250_000
"""So that a file, escaped as JSON, still fits in a record."""
MOST_NAMES: Final = 500
_DEEPEST: Final = 8


class LineError(Refused):
    """What is written on `line` (from 1) of `source` cannot be used; the sentence says what would be right."""

    def __init__(self, slug: str, source: str, line: int, sentence: str) -> None:
        super().__init__(slug, f"{source}, line {line}: {sentence}")
        self.line = line


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


def plain(node: Node) -> str:
    """A node's content without its comments and its layout."""
    if isinstance(node, Names):
        return "{" + ",".join(f"{plain(key)}:{plain(value)}" for key, value in node.items) + "}"
    if isinstance(node, Listing):
        return "[" + ",".join(map(plain, node.parts)) + "]"
    return repr(node.text)


class File:
    """A file called `name`; `root` is its document. What is wrong with it is raised as an `error`."""

    def __init__(self, name: str, raw: bytes, error: Callable[[str, int, str], LineError]) -> None:
        self._name = name
        self._raw = raw
        self._new_error = error
        self._last_line = max(1, len(raw.splitlines()))

    def wrong(self, line: int, sentence: str) -> LineError:
        return self._new_error(self._name, min(line, self._last_line), sentence)

    def root(self) -> Node:
        """Raises the file's error."""
        raw = self._raw
        if len(raw) > MOST_BYTES:
            raise self.wrong(1, f"the file is longer than the {MOST_BYTES} bytes that it may have")
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
            raise self.wrong(1, "the file is empty; start from one that comes along")
        root = self._node(next(events), events, 0)
        next(events)  # the document ends
        if not isinstance(event := next(events), yaml.StreamEndEvent):
            raise self.wrong(event.start_mark.line + 1, "a second document begins here; a file is one")
        return root

    # Not yaml.compose: that would follow aliases, and its recursion in C has no limit.
    def _node(self, event: Any, events: Iterator[Any], depth: int) -> Node:
        line = event.start_mark.line + 1
        if isinstance(event, yaml.AliasEvent) or event.anchor is not None:
            raise self.wrong(line, "anchors and aliases are not read here; write it out")
        if event.tag is not None:
            raise self.wrong(line, "tags are not read here; leave out what begins with !")
        if depth > _DEEPEST:
            raise self.wrong(line, f"nothing here lies deeper than {_DEEPEST} levels")
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


@dataclass(frozen=True, slots=True)
class Lines:
    """Reads nodes of the document `source`; everything raises LineError with `slug`."""

    slug: str
    source: str

    def root(self, text: str) -> Node:
        # Half a surrogate pair, which JSON may bring, is no UTF-8, and is told as such.
        raw = text.encode(errors="surrogatepass")
        return File(self.source, raw, partial(LineError, self.slug)).root()

    def error(self, node: Node, sentence: str) -> LineError:
        return LineError(self.slug, self.source, node.line, sentence)

    def fields(
        self, node: Node, what: str, required: Set[str], optional: Set[str] = frozenset()
    ) -> dict[str, Node]:
        """The values of a mapping with these names and no others."""
        fields, known = {}, required | optional
        for key, value in self.items(node, what):
            if key.text not in known:
                raise self.error(key, f"{what} has no {key.text}; it may have {', '.join(sorted(known))}")
            fields[key.text] = value
        if missing := sorted(required - fields.keys()):
            raise self.error(node, f"{what} lacks {' and '.join(missing)}")
        return fields

    def items(self, node: Node, what: str) -> Iterator[tuple[Scalar, Node]]:
        """Names and values, each name once."""
        if not isinstance(node, Names):
            raise self.error(node, f"{what} must be names with values, as `name: value`")
        first_lines: dict[str, int] = {}
        for key, value in node.items:
            if not isinstance(key, Scalar) or not key.text:
                raise self.error(key, "a name belongs here, not a list, more names, or nothing")
            if (first := first_lines.get(key.text)) is not None:
                raise self.error(key, f"{key.text} is given twice; keep this one or the one on line {first}")
            first_lines[key.text] = key.line
            yield key, value

    def list(self, node: Node, what: str) -> list[Node]:
        """The entries of a list that has some; a single name is a list of one."""
        if isinstance(node, Scalar) and node.text:
            return [node]
        if not isinstance(node, Listing) or not node.parts:
            raise self.error(node, f"{what} must be a list with at least one entry, as [one, other]")
        return list(node.parts)

    def text(self, node: Node) -> str:
        if not isinstance(node, Scalar) or not node.text:
            raise self.error(node, "one name or number belongs here, not a list, more names, or nothing")
        return node.text

    def number(self, node: Node, low: int, high: int) -> int:
        text = self.text(node)
        if not text.isascii() or not text.isdigit() or not low <= int(text[:18]) <= high:
            raise self.error(node, f"{text} does not fit; write a whole number from {low} to {high}")
        return int(text)

    def truth(self, node: Node) -> bool:
        if (text := self.text(node)) not in ("true", "false"):
            raise self.error(node, f"{text} is neither true nor false")
        return text == "true"

    def choice(self, node: Node, what: str, choices: Set[str]) -> str:
        if (text := self.text(node)) not in choices:
            raise self.error(node, f"there is no {what} {text}; there are {', '.join(sorted(choices))}")
        return text
