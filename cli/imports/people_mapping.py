"""What the columns of a table of people mean: `leads:` in a mapping, each row a lead.

leads:
  lead: Record ID                       # or key: [Email, Phone] with a salt:, where the table has no ids
  name: [First Name, Last Name]         # put together; elsewhere the first that says something
  email: Email
  phone: [Mobile, Phone]
  company: Company
  channel: {column: Source, map: {Web form: web, Shop: store}, default: web}
  origin: Source                        # a word of a list, never a sentence about somebody
  stage:
    column: Status
    map: {New: new, Working: contacted, Bought: won, No budget: {lost: no_budget}, Spam: ignore}
    default: new
  owner: {column: Owner, map: {Marta Ruiz: marta}}
  created: {column: Created, default: 2026-01-01}
  last_activity: {column: Last contact, kind: call, result: done}
  closed: Closed
  lost_reason: Why lost
  value: Amount
"""

from __future__ import annotations

from typing import Annotated, Any, Generic, Literal, TypeVar

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    TypeAdapter,
    ValidationError,
    field_validator,
    model_validator,
)

from cli.imports.text import same
from shared.commands.followup import (
    PersonId,
)
from shared.events.base import Slug
from shared.events.followup import ActivityKind, ActivityResult
from shared.events.leads import Channel, Stage

T = TypeVar("T")

Names = Annotated[
    tuple[Annotated[str, StringConstraints(min_length=1)], ...],
    Field(min_length=1),
    BeforeValidator(lambda names: (names,) if isinstance(names, str) else names),
]
"""A column's name, or several of which the file has one."""

NOT_SAID = "not_said"
"""The reason of a lead that was lost, where the table gives none."""


class MappedState(BaseModel):
    """Where a lead stands: at a stage, won or lost; `pass` says nothing, and `ignore` that the row is not wanted."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["stage", "won", "lost", "ignore", "pass"]
    stage: Stage | None = None
    reason: Slug | None = None


_STATES = f"{', '.join(Stage)}, won, {{lost: REASON}}, ignore or pass"


def _state(entry: Any) -> Any:
    if isinstance(entry, str) and entry in list(Stage):
        return MappedState(kind="stage", stage=Stage(entry))
    if entry in ("won", "lost", "ignore", "pass"):
        return MappedState(kind=entry)
    if isinstance(entry, dict) and entry.keys() == {"lost"} and isinstance(entry["lost"], str):
        try:
            reason = TypeAdapter(Slug).validate_python(entry["lost"])
        except ValidationError:
            raise ValueError(
                f"{entry['lost']!r} is no reason; write small letters, digits and _, as in no_budget"
            ) from None
        return MappedState(kind="lost", reason=reason)
    raise ValueError(f"{entry!r} is not how a lead can stand; write one of {_STATES}")


def _column(entry: Any) -> Any:
    """A bare name, or several, are a column."""
    return {"column": entry} if isinstance(entry, str | list | tuple) else entry


class Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    column: Names | None = None


class Meanings(Section, Generic[T]):
    """What a column's words mean, in either case; `default` what the others mean, and an empty cell."""

    map: dict[str, T] = Field(default_factory=dict)
    default: T | None = None

    @model_validator(mode="after")
    def _says_something(self) -> Meanings[T]:
        if self.column is None and (self.default is None or self.map):
            raise ValueError("write the column it stands in, or only a default")
        seen: dict[str, str] = {}
        for word in self.map:
            if (other := seen.setdefault(same(word), word)) != word:
                raise ValueError(f"{other} and {word} are the same word here; keep one of them")
        return self

    def means(self, word: str) -> T | None:
        """What a cell's word means; None when nobody has said it. Empty cells and others: see `default`."""
        return next((meaning for each, meaning in self.map.items() if same(each) == same(word)), None)


class WordMeanings(Meanings[Slug]):
    """A word of a vocabulary; without a `map` the cell's own, in small letters."""


class Dated(Section):
    default: str | None = Field(
        None, description="For rows that do not say it, written like the others or in ISO 8601."
    )


class LastActivityColumns(Section):
    kind: ActivityKind = ActivityKind.CALL
    result: ActivityResult = ActivityResult.DONE


def _channel(entry: Any) -> Any:
    if isinstance(entry, str) and entry in list(Channel):
        raise ValueError(f"{entry} would be a column's name here; for all rows write {{default: {entry}}}")
    return _column(entry)


def _groups(entry: Any) -> Any:
    return (entry,) if isinstance(entry, str) else entry


def _rules(entry: Any) -> Any:
    return tuple(_column(each) for each in (entry if isinstance(entry, list) else [entry]))


class Leads(BaseModel):
    """Where a row says what about its lead."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    lead: Names | None = None
    key: Names | None = None
    salt: Annotated[str, StringConstraints(min_length=8, max_length=200)] | None = None
    name: Annotated[tuple[Names, ...] | None, BeforeValidator(_groups)] = None
    email: Names | None = None
    phone: Names | None = None
    company: Names | None = None
    channel: Annotated[Meanings[Channel], BeforeValidator(_channel)]
    origin: Annotated[WordMeanings | None, BeforeValidator(_column)] = None
    campaign: Annotated[WordMeanings | None, BeforeValidator(_column)] = None
    segment: Annotated[WordMeanings | None, BeforeValidator(_column)] = None
    tier: Annotated[WordMeanings | None, BeforeValidator(_column)] = None
    stage: Annotated[
        tuple[Meanings[Annotated[MappedState, BeforeValidator(_state)]], ...],
        BeforeValidator(_rules),
        Field(min_length=1),
    ]
    """Rules in turn: the first that says something counts."""
    owner: Annotated[Meanings[PersonId] | None, BeforeValidator(_column)] = None
    created: Annotated[Dated, BeforeValidator(_column)]
    last_activity: Annotated[LastActivityColumns | None, BeforeValidator(_column)] = None
    closed: Annotated[Dated | None, BeforeValidator(_column)] = None
    lost_reason: Annotated[WordMeanings | None, BeforeValidator(_column)] = None
    value: Names | None = None

    @field_validator("created")
    @classmethod
    def _is_dated(cls, created: Dated) -> Dated:
        if created.column is None and created.default is None:
            raise ValueError("write the column that says when a lead came, or a default")
        return created

    @model_validator(mode="after")
    def _is_known_by_something(self) -> Leads:
        if (self.lead is None) == (self.key is None):
            raise ValueError(
                "write either lead:, the column of the table's ids, or key:, the columns that tell people apart"
            )
        if self.key is not None and self.salt is None:
            raise ValueError(
                "key: needs a salt:, any eight letters or more that you keep to yourself and do not change"
            )
        if not (self.name or self.email or self.phone):
            raise ValueError("write where the name, the email or the phone stands")
        return self

    @property
    def parts(self) -> dict[str, tuple[Names, ...]]:
        """The columns each part is looked for in: one of each group is enough."""
        found: dict[str, tuple[Names, ...]] = {}
        for field in type(self).model_fields:
            value = getattr(self, field)
            if field == "salt" or value is None:
                continue
            if field == "name":
                found[field] = value
            elif field == "key":
                found[field] = tuple((each,) for each in value)
            elif field == "stage":
                found[field] = tuple(rule.column for rule in value if rule.column is not None)
            elif isinstance(value, Section):
                found[field] = (value.column,) if value.column is not None else ()
            else:
                found[field] = (value,)
        return found

    @property
    def wanted(self) -> tuple[str, ...]:
        """Every column there may be, once."""
        names = (name for groups in self.parts.values() for group in groups for name in group)
        return tuple(dict.fromkeys(names))
