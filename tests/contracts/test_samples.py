"""Every version of every event ever released, as it stands in somebody's log. Samples are added, never edited."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
from cloudevents.core.bindings.kafka import KafkaMessage, from_structured
from cloudevents.core.formats.json import JSONFormat

from shared.events import Event, decode, encode, known_events, wire_type
from shared.events.base import rfc3339

SAMPLES = Path(__file__).parent / "samples"
FROZEN = sorted(SAMPLES.glob("*.json"))
"""A version that got more fields has more samples: `<type>.v<version>+<what came>.json`."""
NEWEST = [
    path for event in known_events() for path in FROZEN if path.stem.partition("+")[0] == wire_type(event)
]

every_sample = pytest.mark.parametrize("path", FROZEN, ids=lambda path: path.stem)
every_newest_sample = pytest.mark.parametrize("path", NEWEST, ids=lambda path: path.stem)


def test_every_version_of_every_event_has_a_frozen_sample() -> None:
    versions = {f"{event.type}.v{n}" for event in known_events() for n in range(1, event.version + 1)}

    assert {path.stem for path in FROZEN if "+" not in path.stem} == versions
    assert {path.stem.partition("+")[0] for path in FROZEN} == versions


def test_samples_are_added_and_never_edited() -> None:
    listed = (SAMPLES / "SHA256SUMS").read_text().splitlines()

    assert listed == [f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}" for path in FROZEN]


@every_sample
def test_a_sample_is_read_as_the_newest_version_of_its_event(path: Path) -> None:
    written = json.loads(path.read_bytes())
    recorded = decode(path.read_bytes())

    newest = {event.type: event for event in known_events()}
    assert written["type"] == path.stem.partition("+")[0]
    assert type(recorded.event) is newest[path.stem.rpartition(".v")[0]]
    assert (recorded.id, recorded.lead_id) == (written["id"], written["subject"])
    assert rfc3339(recorded.event.at) == written["time"]


@every_newest_sample
def test_the_newest_version_is_written_as_its_sample_says(path: Path) -> None:
    assert json.loads(encode(decode(path.read_bytes()))) == json.loads(path.read_bytes())


@pytest.mark.parametrize("event", list(known_events()), ids=wire_type)
def test_the_samples_of_an_event_show_every_field_there_is(event: type[Event]) -> None:
    shown = [
        decode(path.read_bytes()).event for path in NEWEST if path.stem.partition("+")[0] == wire_type(event)
    ]

    assert not {name for name in event.model_fields if all(getattr(each, name) is None for each in shown)}


@every_newest_sample
def test_a_sample_shows_every_attribute_there_is(path: Path) -> None:
    recorded = decode(path.read_bytes())

    assert recorded.trace.traceparent
    assert recorded.trace.correlation_id
    assert recorded.trace.causation_id


@every_newest_sample
def test_what_we_write_is_a_cloudevent_to_the_cloudevents_library(path: Path) -> None:
    ours = decode(path.read_bytes())

    record = KafkaMessage(
        headers={"content-type": b"application/cloudevents+json"},
        key=None,
        value=encode(ours),
    )
    theirs = from_structured(record, JSONFormat())

    assert theirs.get_specversion() == "1.0"
    assert theirs.get_id() == ours.id
    assert theirs.get_type() == path.stem.partition("+")[0]
    assert theirs.get_source() == ours.event.source
    assert theirs.get_subject() == ours.lead_id
    assert theirs.get_time() == ours.event.at
    assert theirs.get_dataschema() == f"urn:ascua:schema:{path.stem.partition('+')[0]}"
    assert theirs.get_extension("sequence") == ours.sequence
    assert theirs.get_extension("partitionkey") == ours.lead_id


@every_newest_sample
def test_what_the_cloudevents_library_writes_is_an_event_to_us(path: Path) -> None:
    format_ = JSONFormat()

    assert decode(format_.write(format_.read(None, path.read_bytes()))) == decode(path.read_bytes())


def test_a_signal_has_no_aggregate_and_everything_else_has_one() -> None:
    samples = {path.stem: decode(path.read_bytes()) for path in NEWEST}

    without = {name.partition("+")[0] for name, recorded in samples.items() if recorded.aggregate is None}
    assert without == {"ascua.signal.received.v1"}
    assert all(
        recorded.aggregate == recorded.event.aggregate
        for name, recorded in samples.items()
        if name.partition("+")[0] not in without
    )
