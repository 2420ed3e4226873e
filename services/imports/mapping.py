"""What the columns and activities of a log mean in sales, written in YAML by those who know it.

    columns: {lead: deal, time: changed_at, activity: step}
    lead_prefix: crm-
    time_zone: Europe/Madrid        # of times that do not say theirs
    map:
      Form sent: {captured: web}
      Call: contacted
      "Call:missed": {contacted: no_answer}
      Offer sent: offered
      Signed: won
      No budget: {lost: no_budget}
    default: {signal: work_done}

An entry is named by the activity, `activity:lifecycle`, or `*:lifecycle` for any activity; the first of these that is
there counts, and `default` comes last. What an entry says:

    captured    {captured: CHANNEL} or {captured: {channel:, origin:, campaign:, stage:}}
    contacted   an answered call, {contacted: RESULT}, or {contacted: {kind:, result:}}
    stage       {stage: STAGE}
    offered     with the row's value, when there is a value column
    won         the same
    lost        {lost: REASON}
    signal      {signal: KIND} or {signal: {kind:, attributes: {NAME: WORD}, value: NAME}}; with `value`, what the row
                says in its value column becomes the attribute of that name
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping as MappingOf
from datetime import UTC, datetime, tzinfo
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, TypeAlias
from zoneinfo import ZoneInfo

import yaml
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
)
from pydantic_core import ErrorDetails

from shared.commands import Activity, Captured, Lost, Offered, Signal, StageChanged, Won
from shared.errors import Refused


class ValuedSignal(Signal):
    """A signal that may take the row's value along, as the attribute `value` names."""

    value: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,31}$")] | None = None


What: TypeAlias = Captured | StageChanged | Offered | Won | Lost | Activity | ValuedSignal


class MappingError(Refused):
    """A mapping that cannot be used; `line` (from 1) is where, the sentence says what would be right."""

    def __init__(self, source: str, line: int, sentence: str) -> None:
        super().__init__("mapping-wrong", f"{source}, line {line}: {sentence}")
        self.line = line


class _Form(NamedTuple):
    """How an action is written: its name in a row, the detail a single word stands for, and the details there are."""

    action: str
    main: str | None = None
    details: tuple[str, ...] = ()
    usual: MappingOf[str, str] | None = None


_FORMS = {
    "captured": _Form("captured", "channel", ("channel", "origin", "campaign", "stage")),
    "contacted": _Form("activity", "result", ("kind", "result"), {"kind": "call", "result": "answered"}),
    "stage": _Form("stage", "stage", ("stage",)),
    "offered": _Form("offered"),
    "won": _Form("won"),
    "lost": _Form("lost", "reason", ("reason",)),
    "signal": _Form("signal", "kind", ("kind", "attributes", "value")),
}


def _action(entry: Any) -> Any:
    """`{lost: no_budget}` as a row says it: `{action: lost, reason: no_budget}`."""
    if isinstance(entry, str):
        entry = {entry: {}}
    if not isinstance(entry, dict) or len(entry) != 1:
        raise ValueError(f"write one of {', '.join(_FORMS)}, such as {{lost: no_budget}}")
    ((name, details),) = entry.items()
    form = _FORMS.get(name)
    if form is None:
        raise ValueError(f"there is no {name}; write one of {', '.join(_FORMS)}")
    if isinstance(details, str):
        if form.main is None:
            raise ValueError(f"{name} takes nothing after it; write only {name}")
        details = {form.main: details}
    if not isinstance(details, dict):
        raise ValueError(f"after {name} write one word or its details, not a list")
    if unknown := sorted(details.keys() - set(form.details)):
        raise ValueError(f"{name} has no {unknown[0]}; it may have {', '.join(form.details) or 'nothing'}")
    details = {**(form.usual or {}), **details}
    if form.main is not None and form.main not in details:
        raise ValueError(f"{name} needs its {form.main}: write {{{name}: {form.main.upper()}}}")
    return {"action": form.action, **details}


def _zone(name: str) -> str:
    try:
        _ = UTC if name == "UTC" else ZoneInfo(name)
    except (LookupError, ValueError, OSError):
        raise ValueError(f"{name} is not a time zone here; write one such as Europe/Madrid or UTC") from None
    return name


def _prefix(word: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_-]{0,40}", word):
        raise ValueError(
            f"{word} cannot begin a lead's id; write at most 40 letters, digits, - and _, as in crm-"
        )
    return word


def _delimiter(sign: str) -> str:
    sign = {"tab": "\t", "\\t": "\t"}.get(sign, sign)
    if len(sign) != 1 or sign in '"\r\n':
        raise ValueError('a delimiter is one sign between the columns, such as "," or ";", or tab')
    return sign


def _currency(code: str) -> str:
    if not re.fullmatch("[A-Z]{3}", code):
        raise ValueError(f"{code} is not a currency; write its three capital letters, as in EUR")
    return code


Entry = Annotated[What, Field(discriminator="action"), BeforeValidator(_action)]
Names = Annotated[
    tuple[Annotated[str, StringConstraints(min_length=1)], ...],
    Field(min_length=1),
    BeforeValidator(lambda names: (names,) if isinstance(names, str) else names),
]
"""A column's name, or several of which the file has one."""


class Columns(BaseModel):
    """Where a row says what. `value` is what it is about, such as an offer's worth; `person` who made contact."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    lead: Names
    time: Names
    activity: Names
    lifecycle: Names | None = None
    person: Names | None = None
    value: Names | None = None


XES_COLUMNS = Columns(
    lead=("case:concept:name",),
    time=("time:timestamp",),
    activity=("concept:name",),
    lifecycle=("lifecycle:transition",),
    person=("org:resource",),
)
"""The names of the XES standard (IEEE 1849); those of a trace begin with `case:`."""


class Mapping(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal["csv", "xes"] | None = None
    delimiter: Annotated[str, AfterValidator(_delimiter)] = ","
    columns: Columns | None = None
    lead_prefix: Annotated[str, AfterValidator(_prefix)] = ""
    time_zone: Annotated[str, AfterValidator(_zone)] | None = None
    time_format: str | None = Field(
        None, description="As strptime takes it; RFC 3339 or ISO 8601, if absent."
    )
    currency: Annotated[str, AfterValidator(_currency)] = "EUR"
    map: dict[str, Entry]
    default: Entry | None = None

    @cached_property
    def zone(self) -> tzinfo | None:
        """The zone of times that do not say theirs."""
        if self.time_zone is None or self.time_zone == "UTC":
            return UTC if self.time_zone else None
        return ZoneInfo(self.time_zone)

    @property
    def content(self) -> bytes:
        """The same bytes for the same meaning, whatever the comments and the order."""
        return json.dumps(self.model_dump(mode="json"), sort_keys=True, separators=(",", ":")).encode()

    def entry(self, activity: str, lifecycle: str) -> What | None:
        """What an activity means."""
        found = self.map.get(f"{activity}:{lifecycle}") if lifecycle else None
        found = found or self.map.get(activity)
        if found is None and lifecycle:
            found = self.map.get(f"*:{lifecycle}")
        return found or self.default

    def instant(self, text: str) -> datetime:
        """When a row happened, in UTC. Raises ValueError with a sentence."""
        try:
            at = self._read(text)
        except ValueError:
            wanted = self.time_format or "2026-11-21T09:30:00Z"
            raise ValueError(f"time {text[:40]!r} is not written as {wanted}") from None
        if at.tzinfo is None:
            if self.zone is None:
                raise ValueError(f"time {text[:40]!r} does not say its zone; give the mapping a time_zone")
            at = at.replace(tzinfo=self.zone)
        try:
            return at.astimezone(UTC)
        except OverflowError:
            raise ValueError(f"time {text[:40]!r} is out of range") from None

    def _read(self, text: str) -> datetime:
        if self.time_format is None:
            return datetime.fromisoformat(text)
        return datetime.strptime(text, self.time_format)  # noqa: DTZ007


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
        raise MappingError(
            source, line, f"this is not YAML: {error.problem}; see bpi12.yaml, which is shipped"
        ) from None
    except yaml.YAMLError:
        raise MappingError(source, 1, "this is not YAML: it has a character YAML does not allow") from None
    if not isinstance(root, yaml.MappingNode):
        raise MappingError(
            source, 1, "a mapping begins with `columns:` and `map:`; see bpi12.yaml, which is shipped"
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
    kind, last, given = error["type"], error["loc"][-1], str(error["input"])[:60]
    context = error.get("ctx", {})
    match kind:
        case "missing":
            return f"{last} is missing"
        case "extra_forbidden":
            return f"there is no {last} here; take it out, or see the names in bpi12.yaml, which is shipped"
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
