"""The shapes that rules are made of, read from the nodes of a document: names, lists, numbers, points."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence, Set
from difflib import get_close_matches
from math import isfinite
from typing import Final

from services.scoring.scorecard.model import MOST_POINTS
from shared.yaml_lines import File, LineError, Listing, Names, Node, Scalar

_NAME: Final = re.compile(r"[a-z][a-z0-9_.]{0,63}")


class Shapes:
    """Reads one shape from a node, or raises a `LineError` that says what belongs there."""

    def __init__(self, file: File) -> None:
        self._file = file

    def _fields(
        self, node: Node, what: str, required: Set[str], optional: Set[str] = frozenset()
    ) -> dict[str, Node]:
        fields = {}
        known = required | optional
        for key, value in self._items(node, what):
            if key.text not in known:
                raise self._error(key, f"{what} has no {key.text}; it may have {listed(known)}")
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


def near(name: str, known: Iterable[str], prefix: str = "") -> str:
    """`; did you mean this or that?`, or nothing."""
    near = get_close_matches(name, sorted(known), n=3, cutoff=0.7)
    return f"; did you mean {' or '.join(prefix + each for each in near)}?" if near else ""


def listed(names: Iterable[str], in_order: bool = False) -> str:
    return ", ".join(names if in_order else sorted(names))
