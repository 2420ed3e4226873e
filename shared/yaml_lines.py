"""YAML whose mistakes are told with their line: the nodes of one document, and what they may hold."""

from __future__ import annotations

from collections.abc import Iterator, Set
from dataclasses import dataclass

import yaml

from shared.errors import Refused

Node = yaml.Node
LONGEST = 256 * 1024


class LineError(Refused):
    """What is written on `line` (from 1) of `source` cannot be used; the sentence says what would be right."""

    def __init__(self, slug: str, source: str, line: int, sentence: str) -> None:
        super().__init__(slug, f"{source}, line {line}: {sentence}")
        self.line = line


@dataclass(frozen=True, slots=True)
class Lines:
    """Reads nodes of the document `source`; everything raises LineError with `slug`."""

    slug: str
    source: str

    def root(self, text: str) -> Node:
        if len(text) > LONGEST:
            raise LineError(self.slug, self.source, 1, f"this is longer than {LONGEST // 1024} KiB")
        try:
            for token in yaml.scan(text, Loader=yaml.SafeLoader):
                if isinstance(token, yaml.AliasToken):
                    raise self._at(token.start_mark, "write it out: aliases (*name) are not read here")
            root = yaml.compose(text, Loader=yaml.SafeLoader)
        except yaml.MarkedYAMLError as error:
            raise self._at(error.problem_mark, f"this is not YAML: {error.problem}") from None
        except yaml.YAMLError as error:  # a character that YAML does not allow
            raise self._at(None, f"this is not YAML: {error}") from None
        except RecursionError:
            raise self._at(None, "this is nested too deep") from None
        if root is None:
            raise self._at(None, "the file is empty")
        return root

    def error(self, node: Node, sentence: str) -> LineError:
        return self._at(node.start_mark, sentence)

    def fields(
        self, node: Node, what: str, required: Set[str], optional: Set[str] = frozenset()
    ) -> dict[str, Node]:
        """The values of a mapping with these names and no others."""
        fields, known = {}, required | optional
        for key, value in self.items(node, what):
            if key.value not in known:
                raise self.error(key, f"{what} has no {key.value}; it may have {', '.join(sorted(known))}")
            fields[key.value] = value
        if missing := sorted(required - fields.keys()):
            raise self.error(node, f"{what} lacks {' and '.join(missing)}")
        return fields

    def items(self, node: Node, what: str) -> Iterator[tuple[yaml.ScalarNode, Node]]:
        """Names and values, each name once."""
        if not isinstance(node, yaml.MappingNode):
            raise self.error(node, f"{what} must be names with values, as `name: value`")
        first_lines: dict[str, int] = {}
        for key, value in node.value:
            self.text(key)
            if (first := first_lines.get(key.value)) is not None:
                raise self.error(key, f"{key.value} is given twice; keep this one or the one on line {first}")
            first_lines[key.value] = key.start_mark.line + 1
            yield key, value

    def list(self, node: Node, what: str) -> list[Node]:
        """The entries of a list that has some; a single name is a list of one."""
        if isinstance(node, yaml.ScalarNode) and node.value:
            return [node]
        if not isinstance(node, yaml.SequenceNode) or not node.value:
            raise self.error(node, f"{what} must be a list with at least one entry, as [one, other]")
        return list(node.value)

    def text(self, node: Node) -> str:
        if not isinstance(node, yaml.ScalarNode) or not node.value:
            raise self.error(node, "one name or number belongs here, not a list, more names, or nothing")
        return str(node.value)

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

    def _at(self, mark: yaml.Mark | None, sentence: str) -> LineError:
        return LineError(self.slug, self.source, mark.line + 1 if mark else 1, sentence)
