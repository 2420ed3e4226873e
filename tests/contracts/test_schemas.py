"""The generated contracts are current, whole, and refuse what readers of the log would not survive."""

from __future__ import annotations

import json
import re
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import yaml

from shared.events import encode, known_events, schemas, wire_type
from shared.events.base import decode
from shared.events.schemas import narrowed, objections

SAMPLES = schemas.frozen_samples()
MADE = schemas.generated(SAMPLES)
DOCUMENT = yaml.safe_load(MADE["asyncapi.yaml"])
CAPTURED = "ascua.lead.captured.v1.json"


def test_the_files_in_docs_are_what_the_models_say() -> None:
    written = {path.name: path.read_text("utf-8") for path in schemas.WRITTEN.iterdir()}

    assert list(objections(written, MADE)) == []
    assert {name: written.get(name) for name in MADE} == MADE, "run: python -m shared.events.schemas write"


def test_the_lead_and_the_time_travel_in_the_envelope_only() -> None:
    for event in known_events():
        assert not {"lead_id", "at"} & schemas.data_schema(event)["properties"].keys()
    assert {"subject", "time"} <= set(schemas.envelope_schema()["required"])


@pytest.mark.parametrize("name", SAMPLES)
def test_the_schemas_name_every_attribute_and_field_of_a_sample(name: str) -> None:
    envelope, data = schemas.envelope_schema(), json.loads(MADE[f"{name.partition('+')[0]}.json"])

    for schema, sample in [(envelope, SAMPLES[name]), (data, SAMPLES[name]["data"])]:
        assert sample.keys() <= schema["properties"].keys()
        assert set(schema.get("required", ())) <= sample.keys()


# --- compatibility


BASE: dict[str, Any] = {
    "type": "object",
    "properties": {
        "channel": {"type": "string", "enum": ["web", "chat"]},
        "cost": {"type": "integer", "minimum": 0, "maximum": 10},
        "campaign": {"type": "string", "pattern": "^[a-z]+$"},
        "stage": {"type": "string", "default": "new"},
        "parts": {"type": "array", "items": {"type": "number", "exclusiveMinimum": 0}},
        "either": {"anyOf": [{"type": "integer"}, {"type": "string"}]},
        "words": {"type": "object", "patternProperties": {"^w": {"type": "string", "maxLength": 5}}},
    },
    "required": ["channel"],
}


def changed(path: str, **words: Any) -> dict[str, Any]:
    """BASE with keywords set at a place, or taken away where they are None."""
    schema = deepcopy(BASE)
    place = schema
    for step in filter(None, path.split("/")):
        place = place[step]
    place.update(words)
    for word in [word for word, value in words.items() if value is None]:
        del place[word]
    return schema


@pytest.mark.parametrize(
    "new",
    [
        BASE,
        changed("properties", added={"type": "string"}),
        changed("properties/channel", enum=["web", "chat", "store"], description="How."),
        changed("properties/cost", minimum=-5, maximum=None),
        changed("properties/cost", type="number"),
        changed("properties/campaign", pattern=None),
        changed("properties/parts/items", exclusiveMinimum=None),
        changed("properties/either", anyOf=[{"type": "boolean"}, {"type": "string"}, {"type": "number"}]),
        changed("properties/words/patternProperties/^w", maxLength=6),
        changed("", required=None),
    ],
)
def test_a_version_may_gain_optional_fields_and_become_wider(new: dict[str, Any]) -> None:
    assert list(narrowed(BASE, new)) == []


@pytest.mark.parametrize(
    ("new", "sentence"),
    [
        (changed("properties", campaign=None), "data.campaign was removed or renamed"),
        (changed("", properties=None), "data.channel was removed or renamed"),
        (changed("", required=["channel", "cost"]), "data.cost became required"),
        (changed("", additionalProperties=False), "data: additionalProperties was not given, is false"),
        (changed("properties/channel", enum=["web"]), 'data.channel: enum was ["web", "chat"], is ["web"]'),
        (changed("properties/cost", type="string"), 'data.cost: type was "integer", is "string"'),
        (changed("properties/cost", minimum=1), "data.cost: minimum was 0, is 1"),
        (changed("properties/cost", maximum=9), "data.cost: maximum was 10, is 9"),
        (changed("properties/cost", multipleOf=2), "data.cost: multipleOf was not given, is 2"),
        (
            changed("properties/campaign", pattern="^[a-y]+$"),
            'data.campaign: pattern was "^[a-z]+$", is "^[a-y]+$"',
        ),
        (changed("properties/campaign", maxLength=9), "data.campaign: maxLength was not given, is 9"),
        (
            changed("properties/campaign", default="none"),
            "data.campaign has another default, so older events would change their meaning",
        ),
        (
            changed("properties/stage", default="old"),
            "data.stage has another default, so older events would change their meaning",
        ),
        (changed("properties/parts/items", type="integer"), 'data.parts[]: type was "number", is "integer"'),
        (
            changed("properties/either", anyOf=[{"type": "integer"}]),
            "data.either no longer takes every string it took",
        ),
        (
            changed("properties/words/patternProperties/^w", maxLength=4),
            "data.words.^w: maxLength was 5, is 4",
        ),
    ],
)
def test_what_an_older_event_would_not_survive_needs_a_new_version(
    new: dict[str, Any], sentence: str
) -> None:
    assert sentence in list(narrowed(BASE, new))


def test_a_narrowing_behind_a_reference_is_found() -> None:
    older = json.loads(MADE[CAPTURED])
    older["$defs"]["Money"]["properties"]["tax"] = {"type": "integer"}

    assert list(objections({CAPTURED: json.dumps(older)}, MADE)) == [
        f"{CAPTURED}: data.acquisition_cost.tax was removed or renamed; this needs a new version"
    ]


def test_an_event_that_was_told_cannot_disappear() -> None:
    [objection] = objections({"ascua.lead.sold.v1.json": "{}"}, MADE)

    assert objection.startswith("ascua.lead.sold.v1.json: the event is gone or renamed")


# --- the command


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    """A copy of docs/events for the command to work on."""
    for name, text in MADE.items():
        (tmp_path / name).write_text(text, "utf-8")
    return tmp_path


def test_check_is_content_with_what_write_made(docs: Path) -> None:
    for path in docs.iterdir():
        path.unlink()

    assert schemas.main(["write"], docs) == 0
    assert schemas.main(["check"], docs) == 0
    assert {path.name: path.read_text("utf-8") for path in docs.iterdir()} == MADE


def test_a_compatible_change_asks_for_write(docs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    older = json.loads(MADE[CAPTURED])
    del older["properties"]["campaign"]
    (docs / CAPTURED).write_text(json.dumps(older), "utf-8")

    assert schemas.main(["check"], docs) == 1
    assert f"out of date, and compatible: {CAPTURED}; run" in capsys.readouterr().err
    assert schemas.main(["write"], docs) == 0
    assert schemas.main(["check"], docs) == 0


@pytest.mark.parametrize("command", ["check", "write"])
def test_a_breaking_change_is_refused_and_nothing_is_written(
    docs: Path, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    older = json.loads(MADE[CAPTURED])
    older["properties"]["source"] = {"type": "string"}
    (docs / CAPTURED).write_text(json.dumps(older), "utf-8")

    assert schemas.main([command], docs) == 1
    assert "data.source was removed or renamed; this needs a new version" in capsys.readouterr().err
    assert json.loads((docs / CAPTURED).read_text("utf-8")) == older


# --- AsyncAPI: nothing that is locked brings its JSON Schema, so what we rely on is checked here


def references(node: Any) -> set[str]:
    if isinstance(node, list):
        return set().union(*map(references, node))
    if not isinstance(node, dict):
        return set()
    here = {node["$ref"]} if isinstance(node.get("$ref"), str) else set()
    return here.union(*map(references, node.values()))


def test_every_reference_of_the_document_and_the_schemas_leads_somewhere() -> None:
    files = {name: yaml.safe_load(text) for name, text in MADE.items()}

    for name, content in files.items():
        for reference in references(content):
            file, _, pointer = reference.partition("#")
            place = files[file.removeprefix("./") or name]
            for step in filter(None, pointer.split("/")):
                place = place[step]
            assert isinstance(place, dict), reference


def test_the_document_has_what_asyncapi_3_requires() -> None:
    assert DOCUMENT["asyncapi"] == "3.0.0"
    assert DOCUMENT["info"].keys() >= {"title", "version"}
    for operation in DOCUMENT["operations"].values():
        assert operation["action"] in ("send", "receive")
        channel = operation["channel"]["$ref"]
        assert all(message["$ref"].startswith(f"{channel}/messages/") for message in operation["messages"])
    names = [*DOCUMENT["channels"], *DOCUMENT["operations"], *DOCUMENT["components"]["messages"]]
    assert all(re.fullmatch(r"[A-Za-z0-9._-]+", name) for name in names)


def test_every_topic_is_a_channel_and_every_event_is_sent_on_its_own_by_its_owner() -> None:
    assert {name: channel["address"] for name, channel in DOCUMENT["channels"].items()} == {
        name: f"ascua.{name}"
        for name in (
            "followup",
            "heat",
            "leads",
            "playbooks",
            "rules",
            "scoring",
            "signals",
            "sla",
            "tickets",
        )
    }
    sent = {
        message["$ref"].rpartition("/")[2]: name
        for name, operation in DOCUMENT["operations"].items()
        for message in operation["messages"]
    }
    assert sent == {
        wire_type(event): f"{event.source.removeprefix('/ascua/')}.tells.{event.topic}"
        for event in known_events()
    }


def test_every_message_is_a_cloudevent_keyed_by_lead_with_the_frozen_sample_as_example() -> None:
    for name, message in DOCUMENT["components"]["messages"].items():
        assert message["contentType"] == "application/cloudevents+json"
        assert "headers" not in message
        assert message["bindings"]["kafka"]["key"]["type"] == "string"
        assert [example["payload"] for example in message["examples"]] == [SAMPLES[name]]


@pytest.mark.parametrize("event", list(known_events()), ids=wire_type)
def test_a_message_fixes_the_attributes_that_its_event_is_written_with(event: Any) -> None:
    name = wire_type(event)
    fixed = DOCUMENT["components"]["messages"][name]["payload"]["allOf"][1]["properties"]
    written = json.loads(encode(decode(json.dumps(SAMPLES[name]).encode())))

    assert {word: written[word] for word in ("type", "source", "dataschema")} == {
        word: fixed[word]["const"] for word in ("type", "source", "dataschema")
    }
