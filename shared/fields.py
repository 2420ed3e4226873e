"""What request bodies are made of: text and times as people and programs send them, and fields that may be empty."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, ClassVar
from zoneinfo import available_timezones

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    JsonValue,
    StringConstraints,
    WithJsonSchema,
    model_validator,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from shared import text
from shared.clock import from_number
from shared.events.signals import Attributes


def _written(tidy: Callable[[str], str]) -> BeforeValidator:
    """Text is kept tidy; what shows nothing is as good as empty."""

    def tidied(given: object) -> object:
        return (tidy(given) if text.shows(given) else "") if isinstance(given, str) else given

    return BeforeValidator(tidied)


def words_tidied(given: object) -> object:
    """Words for a vocabulary, tidied; those that show nothing are absent."""
    if not isinstance(given, dict):
        return given
    tidy = {name: text.line(each) if isinstance(each, str) else each for name, each in given.items()}
    return {
        name: each
        for name, each in tidy.items()
        if each is not None and (not isinstance(each, str) or text.shows(each))
    }


LINE_LENGTH = 200
_SHOWN = Field(json_schema_extra={"pattern": text.SOMETHING})
Line = Annotated[str, StringConstraints(min_length=1, max_length=LINE_LENGTH), _written(text.line), _SHOWN]
Text = Annotated[str, StringConstraints(min_length=1, max_length=10_000), _written(text.clean), _SHOWN]


NO_NUMBER = "^(?!.*[0-9]{6})"


class Tidy:
    """Says in the schema of words what else is true of them: other names there are none, they may be empty, and no
    number of somebody's is among them.
    """

    def __get_pydantic_json_schema__(
        self, core_schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        schema = handler(core_schema)
        for name, each in schema["patternProperties"].items():
            for kind in each.get("anyOf", [each]):
                if "pattern" in kind:
                    kind["pattern"] = kind["pattern"].replace("^", NO_NUMBER, 1)
            schema["patternProperties"][name] = _or_empty(each)
        return {**schema, "additionalProperties": False}


Words = Annotated[Attributes, BeforeValidator(words_tidied), Tidy()]
Time = Annotated[
    AwareDatetime,
    BeforeValidator(from_number),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "format": "date-time"},
                {"type": "integer", "minimum": 10**9, "maximum": 10**10 - 1},
                {"type": "integer", "minimum": 10**12, "maximum": 10**13 - 1},
            ]
        }
    ),
]
"""RFC 3339 with offset, or seconds or milliseconds since 1970."""
WHEN = (
    "When it happened (RFC 3339 with offset, or seconds or milliseconds since 1970); now, if absent. A time that lies "
    "more than five minutes ahead is set back to five minutes from now."
)


def _scalar(given: object) -> object:
    """Numbers as text: forms and tables send a phone number as either."""
    if isinstance(given, float) and given.is_integer():
        given = int(given)
    return str(given) if isinstance(given, int | float) and not isinstance(given, bool) else given


Given = Annotated[
    bool | str,
    BeforeValidator(_scalar),
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "number"}, {"type": "boolean"}]}),
]
"""What a person or their form gave, good or not."""


def known_zone(zone: str) -> str:
    if zone not in available_timezones():
        raise ValueError("no such IANA time zone; write it as Europe/Madrid")
    return zone


class _OneOfTheZones:
    """Says in the schema of a zone which there are."""

    def __get_pydantic_json_schema__(
        self, core_schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return {**handler(core_schema), "enum": sorted(available_timezones())}


KnownZone = Annotated[str, AfterValidator(known_zone), _OneOfTheZones()]
"""A time zone that exists, by its IANA name."""


def like(**example: JsonValue) -> ConfigDict:
    """Frozen, strict about unknown fields, and shown by an example."""
    return ConfigDict(frozen=True, extra="forbid", json_schema_extra={"examples": [example]})


class Body(BaseModel):
    """What is sent to a service. What it does not know it refuses, so that a misspelt field is not lost; an optional
    field that is null or shows nothing, as forms send it, is absent.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    guarded_as: ClassVar[str | None] = None
    """What its idempotency keys call it, if not by its class: a key holds through the years, a name may change."""

    @model_validator(mode="before")
    @classmethod
    def _empty_is_absent(cls, given: object) -> object:
        if not isinstance(given, dict):
            return given
        fields = cls.model_fields
        return {
            name: value
            for name, value in given.items()
            if name not in fields
            or fields[name].is_required()
            or not (value is None or (isinstance(value, str) and not text.shows(value)))
        }

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        schema = handler(core_schema)
        form = handler.resolve_ref_schema(schema)
        for name, field in form.get("properties", {}).items():
            if "const" in field:  # what tells it from others
                form["required"] = [*form.get("required", ()), name]
            elif name not in form.get("required", ()):
                form["properties"][name] = _or_empty(field)
        return schema


def _or_empty(field: JsonSchemaValue) -> JsonSchemaValue:
    """The schema of an optional field, which may be null, or text that shows nothing."""
    of_field = ("title", "description", "default", "examples")
    about: JsonSchemaValue = {key: field[key] for key in of_field if key in field}
    kinds = field.get("anyOf") or [{key: value for key, value in field.items() if key not in about}]
    empty = [{"type": "string", "pattern": text.NOTHING}] if {"type": "string"} not in kinds else []
    null = [{"type": "null"}] if {"type": "null"} not in kinds else []
    return {**about, "anyOf": [*kinds, *empty, *null]}
