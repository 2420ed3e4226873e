"""Events on their way to the log and back: whole, in their newest version, and never repeated in an error."""

from __future__ import annotations

import json
import string
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.clock import from_milliseconds, milliseconds
from shared.errors import Undecodable
from shared.events import (
    Event,
    Recorded,
    Trace,
    base,
    decode,
    encode,
    known_events,
    leads,
    signals,
    wire_type,
)
from shared.events.base import JsonObject, rfc3339, to_cloudevent, upcast
from shared.events.schemas import data_schema

AT = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)
deterministic = settings(max_examples=30)
CAPTURED = leads.LeadCaptured(lead_id="lead-1", at=AT, channel=leads.Channel.WEB)


def written(**attributes: Any) -> bytes:
    """A captured lead as it stands in the log, with attributes replaced, or left out where they are None."""
    envelope = to_cloudevent(
        Recorded(id="1", event=CAPTURED, recorded_at=AT, sequence=1, aggregate=CAPTURED.aggregate)
    )
    envelope.update(attributes)
    removed = {name for name, value in attributes.items() if value is None}
    return json.dumps({name: value for name, value in envelope.items() if name not in removed}).encode()


def refusal(raw: bytes) -> Undecodable:
    with pytest.raises(Undecodable) as raised:
        decode(raw)
    return raised.value


# --- there and back


instants = st.integers(0, milliseconds(datetime(3000, 1, 1, tzinfo=UTC))).map(from_milliseconds)
moments = st.datetimes(timezones=st.timezones()).filter(lambda at: 1 < at.year < 9999)


def values(schema: JsonObject, defined: JsonObject) -> st.SearchStrategy[Any]:
    """What a JSON Schema of ours allows."""
    match schema:
        case {"$ref": str(reference)}:
            return values(defined[reference.rpartition("/")[2]], defined)
        case {"anyOf": list(kinds)}:
            return st.one_of([values(kind, defined) for kind in kinds])
        case {"enum": list(members)}:
            return st.sampled_from(members)
        case {"type": "boolean"}:
            return st.booleans()
        case {"type": "integer"}:
            return st.integers(schema.get("minimum", -(10**20)), schema.get("maximum", 10**20))
        case {"type": "number"}:
            above, least, most = (schema.get(name) for name in ("exclusiveMinimum", "minimum", "maximum"))
            return st.floats(
                min_value=least if above is None else above,
                max_value=most,
                exclude_min=above is not None,
                allow_nan=False,
                allow_infinity=False,
            )
        case {"type": "string", "format": "date-time"}:
            return instants.map(rfc3339)
        case {"type": "string", "pattern": str(pattern)}:
            word = st.from_regex(pattern.removesuffix("$") + r"\Z", alphabet=st.characters(codec="ascii"))
            return word.filter(lambda it: not any(len(run) > 5 for run in digit_runs(it)))
        case {"type": "string"}:
            return st.text()
        case {"type": "array", "items": list(parts)}:
            return st.tuples(*[values(part, defined) for part in parts]).map(list)
        case {"type": "array", "items": dict(part)}:
            return st.lists(values(part, defined), max_size=5)
        case {"type": "object", "patternProperties": dict(by_name)}:
            [(name, value)] = by_name.items()
            names = st.from_regex(name.removesuffix("$") + r"\Z", alphabet=st.characters(codec="ascii"))
            return st.dictionaries(names, values(value, defined), max_size=schema["maxProperties"])
        case {"type": "object", "properties": dict(fields)}:
            known = {name: values(field, defined) for name, field in fields.items()}
            required = {name: known.pop(name) for name in schema.get("required", ())}
            return st.fixed_dictionaries(required, optional=known)
    raise AssertionError(f"teach this test what {schema} allows")


def digit_runs(word: str) -> list[str]:
    """The runs of digits in a word; a long one is taken for somebody's number, which no schema can say."""
    return "".join(letter if letter in string.digits else " " for letter in word).split()


lead_ids = st.from_regex(r"[A-Za-z0-9_-]{1,64}\Z", fullmatch=True)
words = st.none() | st.text(max_size=40)
traces = st.builds(Trace, words, words, words)


@pytest.mark.parametrize("event", list(known_events()), ids=wire_type)
@deterministic
@given(st.data())
def test_whatever_the_schema_allows_comes_back_from_the_log_as_it_went(
    event: type[Event], data: st.DataObject
) -> None:
    schema = data_schema(event)
    told = event.model_validate(
        {
            **data.draw(values(schema, schema.get("$defs", {}))),
            "lead_id": data.draw(lead_ids),
            "at": data.draw(instants),
        }
    )
    recorded = Recorded(
        id=data.draw(st.text(min_size=1, max_size=128)),
        event=told,
        recorded_at=data.draw(instants),
        sequence=data.draw(st.none() | st.integers(1, 2**53)),
        aggregate=data.draw(st.none() | st.just(f"thing:{told.lead_id}")),
        trace=data.draw(traces),
    )

    assert decode(encode(recorded)) == recorded


@deterministic
@given(moments)
def test_times_are_written_in_utc_to_the_millisecond_and_sort_as_text(at: datetime) -> None:
    text = rfc3339(at)

    assert len(text) == len("2026-11-21T09:30:00.000Z")
    assert timedelta() <= at - datetime.fromisoformat(text) < timedelta(milliseconds=1)
    assert rfc3339(at.astimezone(UTC) + timedelta(milliseconds=1)) > text


def test_what_has_no_value_is_left_out_as_the_schema_says() -> None:
    envelope = json.loads(written())

    assert envelope["data"] == {"channel": "web", "stage": "new"}
    assert not {"traceparent", "correlationid", "causationid"} & envelope.keys()


def test_a_reader_ignores_fields_and_attributes_it_does_not_know() -> None:
    assert decode(written(data={"channel": "web", "mood": "sunny"}, weather="fine")).event == CAPTURED


def test_a_fact_recorded_a_day_after_it_happened_is_history() -> None:
    live = Recorded(id="1", event=CAPTURED, recorded_at=AT + timedelta(hours=24))
    imported = Recorded(id="1", event=CAPTURED, recorded_at=AT + timedelta(hours=24, milliseconds=1))

    assert (live.is_history, imported.is_history) == (False, True)


# --- older versions


@pytest.fixture
def registry() -> Iterator[None]:
    """Events and upcasters defined in a test are forgotten after it."""
    newest, upcasters = dict(base._newest), dict(base._upcasters)
    yield
    base._newest.clear()
    base._newest.update(newest)
    base._upcasters.clear()
    base._upcasters.update(upcasters)


@pytest.fixture
def ember_moved(registry: None) -> type[Event]:
    """A made-up event in its third version."""

    class EmberMoved(leads.LeadEvent, type="ascua.ember.moved", version=3):
        distance_m: float
        reason: str

    @upcast("ascua.ember.moved", version=1)
    def _centimetres_became_metres(data: JsonObject) -> JsonObject:
        return {"distance_m": data["distance_cm"] / 100}

    @upcast("ascua.ember.moved", version=2)
    def _reason_was_added(data: JsonObject) -> JsonObject:
        return {**data, "reason": "unknown"}

    return EmberMoved


@pytest.mark.parametrize(
    ("version", "data"),
    [
        (1, {"distance_cm": 150}),
        (2, {"distance_m": 1.5}),
        (3, {"distance_m": 1.5, "reason": "unknown"}),
    ],
)
def test_every_older_version_is_read_as_the_newest(
    ember_moved: type[Event], version: int, data: JsonObject
) -> None:
    recorded = decode(written(type=f"ascua.ember.moved.v{version}", data=data))

    assert recorded.event == ember_moved.model_validate(
        {"lead_id": "lead-1", "at": AT, "distance_m": 1.5, "reason": "unknown"}
    )
    assert json.loads(encode(recorded))["type"] == "ascua.ember.moved.v3"


@pytest.mark.parametrize("data", [{}, {"distance_cm": "far"}, {"distance_cm": None}])
def test_data_that_cannot_be_lifted_is_wrong_data(ember_moved: type[Event], data: JsonObject) -> None:
    assert refusal(written(type="ascua.ember.moved.v1", data=data)).slug == "wrong-data"


def test_an_event_is_defined_once(ember_moved: type[Event]) -> None:
    with pytest.raises(ValueError, match="defined twice: EmberMoved and Copied"):

        class Copied(leads.LeadEvent, type="ascua.ember.moved", version=4):
            pass


def test_what_a_test_defines_is_forgotten_after_it() -> None:
    assert refusal(written(type="ascua.ember.moved.v1")).slug == "unknown-type"


# --- what is not an event

SECRET = "Zx Quagga 699123456"
"""Stands for what a person might have written; no sentence may hold any word of it."""


@pytest.mark.parametrize(
    ("raw", "slug", "sentence"),
    [
        (b"\xff" + SECRET.encode(), "not-utf8", "byte 0 is not UTF-8"),
        (SECRET.encode(), "not-json", "the record is not JSON"),
        (b"[" * 100_000, "not-json", "the record is not JSON"),
        (b"1" * 5_000, "not-json", "the record is not JSON"),
        (written(weather=float("nan")), "not-json", "the record is not JSON"),
        (written(id="\ud800" + SECRET), "not-json", "the record is not JSON"),
        (b"[1]", "not-cloudevent", "it: Input should be a valid dictionary"),
        (written(specversion=SECRET), "not-cloudevent", "specversion: String should match pattern"),
        (written(id=None), "not-cloudevent", "id: Field required"),
        (written(source=None), "not-cloudevent", "source: Field required"),
        (written(subject=SECRET), "not-cloudevent", "subject: String should match pattern"),
        (written(time=SECRET), "not-cloudevent", "time: datetime from date parsing"),
        (written(time="2026-11-21T09:30:00"), "not-cloudevent", "time: Input should have timezone info"),
        (written(time="0001-01-01T00:00:00+14:00"), "not-cloudevent", "time: value error"),
        (written(time="9999-12-31T23:59:59-14:00"), "not-cloudevent", "time: value error"),
        (written(recordedtime="9999-12-31T23:59:59Z"), "not-cloudevent", "recordedtime: value error"),
        (b"", "not-json", "the record is empty"),
        (written(sequence=2**60), "not-cloudevent", "sequence: Input should be less than or equal to"),
        (written(sequence=SECRET), "not-cloudevent", "sequence: Input should be a valid integer"),
        (written(sequence=0), "not-cloudevent", "sequence: Input should be greater than or equal to 1"),
        (written(aggregate=SECRET), "not-cloudevent", "aggregate: String should match pattern"),
        (written(data=SECRET), "not-cloudevent", "data: Input should be a valid dictionary"),
        (written(type=SECRET), "unknown-type", "no event is called what its type says"),
        (written(type="ascua.lead.sold.v1"), "unknown-type", "no event is called ascua.lead.sold.v1"),
        (written(type="ascua.lead.captured"), "unknown-type", "no event is called what its type says"),
        (written(type="ascua.lead.captured.v2"), "unknown-version", "up to version 1, this is version 2"),
        (written(type="ascua.lead.captured.v0"), "unknown-version", "up to version 1, this is no version"),
        (written(type="ascua.lead.captured.v01"), "unknown-version", "up to version 1, this is no version"),
        (written(type="ascua.lead.captured.v" + SECRET), "unknown-version", "this is no version"),
        (written(data={}), "wrong-data", "channel: Field required"),
        (written(data={"channel": SECRET}), "wrong-data", "channel: Input should be 'web', 'chat'"),
        (
            written(data={"channel": "web", "acquisition_cost": {"minor": -1}}),
            "wrong-data",
            "acquisition_cost: Input should be greater than or equal to 0",
        ),
        (
            written(data={"channel": "web", "acquisition_cost": {"minor": 1, SECRET: SECRET}}),
            "wrong-data",
            "acquisition_cost: Extra inputs are not permitted",
        ),
        (
            written(type="ascua.signal.received.v1", data={"kind": "seen", "attributes": {SECRET: 1}}),
            "wrong-data",
            "attributes: String should match pattern",
        ),
        (
            written(
                type="ascua.signal.received.v1", data={"kind": "seen", "attributes": {"a": "call699123456"}}
            ),
            "wrong-data",
            "attributes: ",
        ),
        (
            written(type="ascua.heat.changed.v1", data={"heat": "1e999", "band": "hot", "rules": "r"}),
            "wrong-data",
            "heat: Input should be a finite number",
        ),
    ],
)
def test_what_is_not_an_event_is_refused_by_name_without_being_repeated(
    raw: bytes, slug: str, sentence: str
) -> None:
    undecodable = refusal(raw)

    assert undecodable.slug == slug
    assert sentence in undecodable.sentence
    assert not any(word in undecodable.sentence for word in (*SECRET.split(), "call699123456"))


SLUGS = {"not-utf8", "not-json", "not-cloudevent", "unknown-type", "unknown-version", "wrong-data"}

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.just(SECRET),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text() | st.just(SECRET), inner, max_size=3)
    ),
    max_leaves=8,
)


def read_or_refused(raw: bytes) -> None:
    """Decode gives an event that can be written again, or one of its refusals without the secret."""
    refused = None
    try:
        encode(decode(raw))
    except Undecodable as undecodable:
        refused = undecodable
    assert refused is None or refused.slug in SLUGS
    assert refused is None or not any(word in refused.sentence for word in SECRET.split())


@deterministic
@given(st.binary())
def test_any_bytes_are_read_or_refused(raw: bytes) -> None:
    read_or_refused(raw)


@deterministic
@given(anything)
def test_any_json_is_read_or_refused(value: Any) -> None:
    read_or_refused(json.dumps(value).encode())


NAMES = [*json.loads(written()), "recordedtime", "traceparent", "correlationid", "causationid", "actor"]


@deterministic
@given(st.dictionaries(st.sampled_from(NAMES), anything, max_size=3))
def test_any_damaged_envelope_is_read_or_refused(attributes: dict[str, Any]) -> None:
    read_or_refused(written(**attributes))


@pytest.mark.parametrize("event", list(known_events()), ids=wire_type)
@deterministic
@given(st.data())
def test_any_damaged_data_is_read_or_refused(event: type[Event], data: st.DataObject) -> None:
    schema = data_schema(event)
    allowed = data.draw(values(schema, schema.get("$defs", {})))
    damage = data.draw(st.dictionaries(st.sampled_from(list(schema["properties"])), anything, min_size=1))

    read_or_refused(written(type=wire_type(event), data=allowed | damage))


def test_a_long_run_of_digits_does_not_pass_as_a_word() -> None:
    with pytest.raises(ValueError, match="somebody's number"):
        signals.SignalReceived(lead_id="lead-1", at=AT, kind="seen", attributes={"note": "tel600123456"})
