"""A mapping as a person wrote it, in YAML: read, or refused with the line and what would be right."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from cli.imports.mapping import Mapping
from shared.errors import Refused


class MappingError(Refused):
    """A mapping that cannot be used; `line` (from 1) is where, the sentence says what would be right."""

    def __init__(self, source: str, line: int, sentence: str) -> None:
        super().__init__("mapping-wrong", f"{source}, line {line}: {sentence}")
        self.line = line


def load_mapping(path: Path) -> Mapping:
    """Raises MappingError."""
    try:
        return parse_mapping(path.read_text("utf-8-sig"), path.name)
    except UnicodeDecodeError:
        raise MappingError(path.name, 1, "the mapping is not UTF-8 text; save it as UTF-8") from None


def parse_mapping(text: str, source: str = "mapping") -> Mapping:
    """Raises MappingError."""
    try:
        # Everything is a word: `NO` is not false here, and `12:30` is not a number.
        root = yaml.compose(text, Loader=yaml.BaseLoader)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise MappingError(source, line, f"this is not YAML: {error.problem}; see docs/imports.md") from None
    except yaml.YAMLError:
        raise MappingError(source, 1, "this is not YAML: it has a character YAML does not allow") from None
    if not isinstance(root, yaml.MappingNode):
        raise MappingError(
            source, 1, "a mapping begins with `columns:` and `map:`, or with `leads:`; see docs/imports.md"
        )
    try:
        return Mapping.model_validate(_plain(root, source))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        line, path = _place(root, first["loc"])
        raise MappingError(source, line, f"{path}: {_sentence(first)}") from None
    except RecursionError:
        raise MappingError(source, 1, "an alias (*) refers to what it is part of") from None


def _plain(node: yaml.Node, source: str) -> Any:
    if isinstance(node, yaml.SequenceNode):
        return [_plain(item, source) for item in node.value]
    if isinstance(node, yaml.MappingNode):
        found: dict[str, Any] = {}
        for key, value in node.value:
            line = key.start_mark.line + 1
            if not isinstance(key, yaml.ScalarNode):
                raise MappingError(source, line, "a name belongs before the colon")
            if key.value in found:
                raise MappingError(source, line, f"{key.value} is given twice; keep one of them")
            found[key.value] = _plain(value, source)
        return found
    return node.value


def _place(root: yaml.Node, loc: tuple[int | str, ...]) -> tuple[int, str]:
    """The line of the deepest key on the way to an error, and its name from the top."""
    node, line, names = root, 1, list[str]()
    for step in loc:
        if not isinstance(node, yaml.MappingNode):
            break
        for key, value in node.value:
            if key.value == step:
                node, line = value, key.start_mark.line + 1
                names.append(str(step))
                break
    return line, ".".join(names) or "the mapping"


def _sentence(error: ErrorDetails) -> str:
    kind, last, given = error["type"], (error["loc"] or ("it",))[-1], str(error["input"])[:60]
    context = error.get("ctx", {})
    match kind:
        case "missing":
            return f"{last} is missing"
        case "extra_forbidden":
            return f"there is no {last} here; take it out, or see the names in docs/imports.md"
        case "enum" | "literal_error":
            return f"{given!r} is not one of {context['expected'].replace(chr(39), '')}"
        case "value_error":
            return str(context["error"])
        case "string_pattern_mismatch":
            return f"{given!r} does not fit; write small letters, digits and _, as in no_budget"
        case "dict_type" | "model_type":
            return "write names with values below it, as `name: value`"
        case _:
            return error["msg"]
