"""Events: facts in the past tense, carried in CloudEvents 1.0 structured JSON.

An `Event` is what a domain decides. `Recorded` is that event with its envelope, as it stands in the log. The lead
and the time are part of the event for those who read it, and travel as the envelope's `subject` and `time`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, ClassVar, Generic, TypeVar

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    PlainSerializer,
    StringConstraints,
    ValidationError,
)

from shared.clock import in_utc
from shared.errors import Undecodable

JsonObject = dict[str, Any]

LEAD_ID = r"^[A-Za-z0-9_-]{1,64}$"
LeadId = Annotated[str, StringConstraints(pattern=LEAD_ID)]
"""An opaque name of a lead. Never a person's name, address or number."""

Slug = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_.-]{0,63}$")]
"""A word from a vocabulary, such as a campaign or a reason; not something a customer wrote."""

ACTOR = r"^[A-Za-z0-9_-]{1,64}$"
"""How a key is named, and so who has it, in facts. A name that one chose, such as `marta` or `website`."""

HISTORY_AFTER = timedelta(hours=24)
"""A fact recorded this long after it happened is history: it changes state and fires nothing outward."""


def rfc3339(at: datetime) -> str:
    """`2026-11-21T09:30:00.000Z`: always UTC, always milliseconds, so that text sorts as time does."""
    return at.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


Instant = Annotated[
    AwareDatetime,
    AfterValidator(in_utc),
    PlainSerializer(rfc3339, return_type=str, when_used="json"),
    Field(examples=["2026-11-21T09:30:00.000Z"]),
]


class Event(BaseModel):
    """A fact about one lead. Subclasses name their type and version: `class LeadWon(LeadEvent, type=…, version=1)`."""

    # Unknown fields are ignored: a newer writer may add optional ones. NaN and infinity are not JSON.
    model_config = ConfigDict(frozen=True, allow_inf_nan=False, use_attribute_docstrings=True)

    type: ClassVar[str]
    version: ClassVar[int]
    topic: ClassVar[str]
    source: ClassVar[str]

    lead_id: LeadId
    at: Instant

    def __init_subclass__(cls, *, type: str | None = None, version: int = 1, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if type is not None:
            cls.type, cls.version = type, version
            if type in _newest:
                raise ValueError(f"{type} is defined twice: {_newest[type].__name__} and {cls.__name__}")
            _newest[type] = cls

    @property
    def aggregate(self) -> str:
        """What the event's sequence counts: one per thing that changes as a whole."""
        raise NotImplementedError


E = TypeVar("E", bound=Event, covariant=True)

_newest: dict[str, type[Event]] = {}
_upcasters: dict[tuple[str, int], Callable[[JsonObject], JsonObject]] = {}


def known_events() -> Iterator[type[Event]]:
    """Every event class, by type."""
    for _, event in sorted(_newest.items()):
        yield event


def wire_type(event: type[Event]) -> str:
    """`ascua.lead.captured.v1`"""
    return f"{event.type}.v{event.version}"


def upcast(
    type: str, version: int
) -> Callable[[Callable[[JsonObject], JsonObject]], Callable[[JsonObject], JsonObject]]:
    """Register a function that lifts the data of `type` from `version` to the next one."""

    def register(lift: Callable[[JsonObject], JsonObject]) -> Callable[[JsonObject], JsonObject]:
        _upcasters[type, version] = lift
        return lift

    return register


def liftable(event: type[Event], version: int) -> bool:
    """Whether an upcaster lifts the event's data from `version` to the next one."""
    return (event.type, version) in _upcasters


@dataclass(frozen=True, slots=True)
class Trace:
    """Why something happens: the W3C trace it belongs to, the request that began it, the event that caused it, and
    whose request it was, by the name of their key. What a service does of itself has no actor."""

    traceparent: str | None = None
    correlation_id: str | None = None
    causation_id: str | None = None
    actor: str | None = None


@dataclass(frozen=True, slots=True)
class Recorded(Generic[E]):
    """An event as it stands in the log. `sequence` is 1, 2, 3… per aggregate; signals have neither."""

    id: str
    event: E
    recorded_at: datetime
    sequence: int | None = None
    aggregate: str | None = None
    trace: Trace = Trace()

    @property
    def lead_id(self) -> str:
        return self.event.lead_id

    @property
    def is_history(self) -> bool:
        return self.recorded_at - self.event.at > HISTORY_AFTER


def data_of(event: Event) -> JsonObject:
    """What an event says beside whose it is and when it happened, which its envelope says."""
    return event.model_dump(mode="json", exclude={"lead_id", "at"}, exclude_none=True)


def to_cloudevent(recorded: Recorded[Event]) -> JsonObject:
    """The CloudEvents 1.0 attributes and data of an event, ready for JSON."""
    event, trace = recorded.event, recorded.trace
    attributes: JsonObject = {
        "specversion": "1.0",
        "id": recorded.id,
        "source": event.source,
        "type": wire_type(type(event)),
        "subject": event.lead_id,
        "time": rfc3339(event.at),
        "datacontenttype": "application/json",
        "dataschema": f"urn:ascua:schema:{wire_type(type(event))}",
        "partitionkey": event.lead_id,
        "recordedtime": rfc3339(recorded.recorded_at),
        "sequence": recorded.sequence,
        "aggregate": recorded.aggregate,
        "traceparent": trace.traceparent,
        "correlationid": trace.correlation_id,
        "causationid": trace.causation_id,
        "actor": trace.actor,
        "data": data_of(event),
    }
    return {name: value for name, value in attributes.items() if value is not None}


def encode(recorded: Recorded[Event]) -> bytes:
    return _TO_JSON(to_cloudevent(recorded)).encode()


def decode(raw: bytes) -> Recorded[Event]:
    """Read an event in its newest version, whatever version was written.

    Raises `Undecodable` with the slug `not-utf8`, `not-json`, `not-cloudevent`, `unknown-type`, `unknown-version`
    or `wrong-data`. The sentence never repeats the data: it may be anything.
    """
    if not raw:
        raise Undecodable("not-json", "the record is empty")
    try:
        text = raw.decode()
        envelope = _JSON.decode(text)
        if "\\u" in text:  # half of a surrogate pair can be escaped, but never written out again
            json.dumps(envelope, ensure_ascii=False).encode()
    except UnicodeDecodeError as error:
        raise Undecodable("not-utf8", f"byte {error.start} is not UTF-8") from None
    except (ValueError, RecursionError):
        raise Undecodable("not-json", "the record is not JSON") from None
    return from_cloudevent(envelope)


def from_cloudevent(envelope: Any) -> Recorded[Event]:
    """Read an event from CloudEvents attributes; raises as `decode` does."""
    try:
        head = Head.model_validate(envelope)
    except ValidationError as error:
        raise Undecodable("not-cloudevent", f"not a CloudEvents 1.0 event: {_where(error, Head)}") from None
    name, _, number = head.type.rpartition(".v")
    newest = _newest.get(name)
    if newest is None:
        called = head.type if _OURS.fullmatch(head.type) else "what its type says"
        raise Undecodable("unknown-type", f"no event is called {called}")
    version = int(number) if _VERSION.fullmatch(number) else 0
    if not 1 <= version <= newest.version:
        this = f"version {version}" if version else "no version"
        raise Undecodable(
            "unknown-version", f"{name} is known up to version {newest.version}, this is {this}"
        )
    try:
        data = _lifted(name, version, newest.version, head.data)
        event = newest.model_validate({**data, "lead_id": head.subject, "at": head.time})
    except ValidationError as error:
        raise Undecodable(
            "wrong-data", f"{head.type} does not hold what its schema says: {_where(error, newest)}"
        ) from None
    except (LookupError, TypeError, ValueError, AttributeError):
        raise Undecodable(
            "wrong-data", f"{head.type} does not hold what lifting it to version {newest.version} needs"
        ) from None
    return Recorded(
        id=head.id,
        event=event,
        recorded_at=head.recordedtime or head.time,
        sequence=head.sequence,
        aggregate=head.aggregate,
        trace=Trace(head.traceparent, head.correlationid, head.causationid, head.actor),
    )


class Head(BaseModel):
    """The envelope as a reader needs it; other attributes may come and are ignored."""

    specversion: Annotated[str, StringConstraints(pattern=r"^1\.0$")]
    id: Annotated[str, StringConstraints(min_length=1, max_length=128)]
    source: Annotated[str, StringConstraints(min_length=1)]
    type: str
    subject: LeadId
    time: Instant
    data: JsonObject
    recordedtime: Instant | None = None
    sequence: Annotated[int, Field(strict=True, ge=1, le=2**53)] | None = None
    aggregate: Annotated[str, StringConstraints(pattern=r"^[a-z]+:[A-Za-z0-9_-]{1,64}$")] | None = None
    traceparent: str | None = None
    correlationid: str | None = None
    causationid: str | None = None
    actor: Annotated[str, StringConstraints(pattern=ACTOR)] | None = None


def _not_json(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")


_JSON = json.JSONDecoder(parse_constant=_not_json)
_TO_JSON = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode
_OURS = re.compile(r"ascua(\.[a-z_]{1,40}){1,4}\.v[0-9]{1,5}")
_VERSION = re.compile(r"[1-9][0-9]{0,4}")


def _lifted(name: str, version: int, newest: int, data: JsonObject) -> JsonObject:
    for step in range(version, newest):
        data = _upcasters[name, step](dict(data))
    return data


_PLAIN = frozenset(
    {
        "bool_type",
        "dict_type",
        "enum",
        "extra_forbidden",
        "finite_number",
        "float_type",
        "greater_than",
        "greater_than_equal",
        "int_from_float",
        "int_type",
        "less_than_equal",
        "literal_error",
        "missing",
        "model_type",
        "string_pattern_mismatch",
        "string_too_long",
        "string_too_short",
        "string_type",
        "timezone_aware",
        "tuple_type",
    }
)
"""Kinds of pydantic's errors whose message is made of the schema alone. Others may quote what they were given."""


def _where(error: ValidationError, model: type[BaseModel]) -> str:
    """The declared field that is wrong, and how; never a key or a value of the data."""
    first = error.errors(include_input=False, include_context=False, include_url=False)[0]
    field = first["loc"][0] if first["loc"] and first["loc"][0] in model.model_fields else "it"
    return f"{field}: {first['msg'] if first['type'] in _PLAIN else first['type'].replace('_', ' ')}"
