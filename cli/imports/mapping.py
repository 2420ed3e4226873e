"""What the columns and activities of a log mean in sales, written in YAML by those who know it.

    columns: {lead: deal, time: changed_at, activity: step}
    lead_prefix: crm-
    time_zone: Europe/Madrid        # of times that do not say theirs
    decimal: ","                    # where amounts can be read in two ways
    map:
      Form sent: {captured: web}
      Call: contacted
      "Call:missed": {contacted: no_answer}
      Offer sent: offered
      Signed: won
      No budget: {lost: no_budget}
    default: {signal: work_done}

An entry is named by the activity, `activity:lifecycle`, or `*:lifecycle` for any activity; the first of these that is
there counts, and `default` comes last. Columns and activities are found in either case, composed or not, and with any
kind of space. What an entry says:

    captured    {captured: CHANNEL} or {captured: {channel:, origin:, campaign:, stage:}}
    contacted   an answered call, {contacted: RESULT}, or {contacted: {kind:, result:}}
    stage       {stage: STAGE}
    offered     with the row's value, when there is a value column
    won         the same
    lost        {lost: REASON}
    signal      {signal: KIND} or {signal: {kind:, attributes: {NAME: WORD}, value: NAME}}; with `value`, what the row
                says in its value column becomes the attribute of that name
    ignore      nothing: the row is counted, and tells nothing

A table of people has `leads:` in place of `columns:` and `map:`, see people_mapping.py; a help desk's log has
`tickets:`, see helpdesk_mapping.py.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Mapping as MappingOf
from datetime import UTC, datetime, tzinfo
from functools import cached_property
from typing import Annotated, Any, Final, Literal, NamedTuple, Self, TypeAlias
from zoneinfo import ZoneInfo

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    field_validator,
    model_validator,
)

from cli.imports import times
from cli.imports.amounts import Sign
from cli.imports.helpdesk_mapping import Tickets
from cli.imports.people_mapping import Leads, Names
from cli.imports.text import same
from shared.commands.import_rows import (
    Activity,
    Captured,
    Lost,
    Offered,
    Signal,
    StageChanged,
    Won,
)


class ValuedSignal(Signal):
    """A signal that may take the row's value along, as the attribute `value` names."""

    value: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,31}$")] | None = None


class Ignored(BaseModel):
    """Nothing is told of it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    action: Literal["ignore"] = "ignore"


What: TypeAlias = Captured | StageChanged | Offered | Won | Lost | Activity | ValuedSignal | Ignored


class _Form(NamedTuple):
    """How an action is written: its name in a row, the detail a single word stands for, and the details there are."""

    action: str
    main: str | None = None
    details: tuple[str, ...] = ()
    usual: MappingOf[str, str] | None = None


_FORMS: Final = {
    "captured": _Form("captured", "channel", ("channel", "origin", "campaign", "stage")),
    "contacted": _Form("activity", "result", ("kind", "result"), {"kind": "call", "result": "answered"}),
    "stage": _Form("stage", "stage", ("stage",)),
    "offered": _Form("offered"),
    "won": _Form("won"),
    "lost": _Form("lost", "reason", ("reason",)),
    "ignore": _Form("ignore"),
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


def _encoding(name: str) -> str:
    try:
        found = codecs.lookup(name)
        found.decode(b"")
    except (LookupError, ValueError):
        found = None
    if found is None or not getattr(found, "_is_text_encoding", True):
        raise ValueError(
            f"{name} is not an encoding; write utf-8, utf-16-le, windows-1252 or another of Python's"
        )
    return found.name


def _currency(code: str) -> str:
    if not re.fullmatch("[A-Z]{3}", code):
        raise ValueError(f"{code} is not a currency; write its three capital letters, as in EUR")
    return code


Entry = Annotated[What, Field(discriminator="action"), BeforeValidator(_action)]


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
    encoding: Annotated[str, AfterValidator(_encoding)] | None = Field(
        None, description="Of a CSV file; UTF-8, or UTF-16 with its mark, if absent."
    )
    columns: Columns | None = None
    leads: Leads | None = None
    tickets: Tickets | None = None
    lead_prefix: Annotated[str, AfterValidator(_prefix)] = ""
    time_zone: Annotated[str, AfterValidator(_zone)] | None = None
    time_format: Annotated[
        tuple[Annotated[str, AfterValidator(times.checked_format)], ...],
        BeforeValidator(lambda formats: (formats,) if isinstance(formats, str) else formats),
        Field(description="As strptime takes them, or iso, epoch, epoch_ms, excel; iso, if absent."),
    ] = ()
    decimal: Sign | None = Field(
        None, description="The decimal sign, for amounts that can be read in two ways."
    )
    currency: Annotated[str, AfterValidator(_currency)] = "EUR"
    map: dict[str, Entry] = Field(default_factory=dict)
    default: Entry | None = None

    @field_validator("map")
    @classmethod
    def _tells_apart(cls, entries: dict[str, What]) -> dict[str, What]:
        seen: dict[str, str] = {}
        for name in entries:
            if (other := seen.setdefault(same(name), name)) != name:
                raise ValueError(f"{other} and {name} are the same activity here; keep one of them")
        return entries

    @model_validator(mode="after")
    def _is_of_one_kind(self) -> Self:
        if self.table is None and not self.map:
            raise ValueError(
                "map is missing: what activities mean; or leads, for a table of people, or tickets, for a help desk's"
            )
        if self.leads is not None and self.tickets is not None:
            raise ValueError(
                "a file is of people or of tickets: write leads: or tickets:, and keep one of both"
            )
        if self.table is not None and (self.map or self.columns or self.default):
            kind, name = ("people", "leads") if self.leads is not None else ("tickets", "tickets")
            raise ValueError(
                f"a table of {kind} has {name}:, and no columns:, map: or default:; keep one of both"
            )
        return self

    @property
    def table(self) -> Leads | Tickets | None:
        """What the columns of a table mean that is no event log."""
        return self.leads or self.tickets

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

    @cached_property
    def _entries(self) -> dict[str, What]:
        return {same(name): entry for name, entry in self.map.items()}

    def entry(self, activity: str, lifecycle: str) -> What | None:
        """What an activity means."""
        activity, lifecycle = same(activity), same(lifecycle)
        found = self._entries.get(f"{activity}:{lifecycle}") if lifecycle else None
        found = found or self._entries.get(activity)
        if found is None and lifecycle:
            found = self._entries.get(f"*:{lifecycle}")
        return found or self.default

    def instant(self, text: str) -> datetime:
        """When a row happened, in UTC. Raises ValueError with a sentence."""
        return times.instant(text, self.time_format, self.zone)
