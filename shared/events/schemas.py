"""The events' contracts for other programs: JSON Schemas and an AsyncAPI 3 document, made from the models.

`python -m shared.events.schemas write` brings `docs/events` up to date and `check` tells whether it is. Both refuse
a change that events already in the log would not survive. The rule within a version: what was valid stays valid
and keeps its fields and its defaults. Everything else is a new version, with an upcaster from the one before.

The schemas describe an event's `data`; its lead and its time travel as the envelope's `subject` and `time`.
"""

from __future__ import annotations

import argparse
import inspect
import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

import shared.events  # noqa: F401  (registers every event)
from shared.errors import Refused
from shared.events.base import Event, Head, JsonObject, known_events, liftable, wire_type

ROOT = Path(__file__).parents[2]
WRITTEN = ROOT / "docs" / "events"
SAMPLES = ROOT / "tests" / "contracts" / "samples"

CONTENT_TYPE = "application/cloudevents+json"
ENVELOPE = "envelope.json"
ASYNCAPI = "asyncapi.yaml"


class _Draft07(GenerateJsonSchema):
    """JSON Schema in AsyncAPI's own dialect, and of what is written: a field without a value is left out."""

    schema_dialect = "http://json-schema.org/draft-07/schema#"

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False

    def nullable_schema(self, schema: core_schema.NullableSchema) -> JsonSchemaValue:
        return self.generate_inner(schema["schema"])

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        made = super().default_schema(schema)
        return {word: it for word, it in made.items() if word != "default" or it is not None}

    def tuple_schema(self, schema: core_schema.TupleSchema) -> JsonSchemaValue:
        made = super().tuple_schema(schema)
        return {"items" if word == "prefixItems" else word: it for word, it in made.items()}

    def dict_schema(self, schema: core_schema.DictSchema) -> JsonSchemaValue:
        made = super().dict_schema(schema)
        return {**made, "additionalProperties": False} if "patternProperties" in made else made


def data_schema(event: type[Event]) -> JsonObject:
    """The schema of the `data` of an event's newest version."""
    made = event.model_json_schema(schema_generator=_Draft07)
    fields = {name: it for name, it in made["properties"].items() if name not in ("lead_id", "at")}
    required = [name for name in made["required"] if name in fields]
    return {
        "$schema": _Draft07.schema_dialect,
        "$id": f"urn:ascua:schema:{wire_type(event)}",
        "title": event.__name__,
        "description": made["description"],
        "type": "object",
        "properties": fields,
        **({"required": required} if required else {}),
        **({"$defs": made["$defs"]} if "$defs" in made else {}),
    }


def envelope_schema() -> JsonObject:
    """The schema of the CloudEvents attributes around every event's data, our extensions among them."""
    said: dict[str, JsonObject] = {
        "specversion": {"enum": ["1.0"]},
        "id": {"description": "Names the event; a UUIDv7, or derived from the row an import read."},
        "source": {"format": "uri-reference", "description": "The service that tells it."},
        "type": {"description": "What happened, and the version of its data."},
        "subject": {"description": "The lead it is about."},
        "time": {"description": "When it happened."},
        "datacontenttype": {"type": "string", "enum": ["application/json"]},
        "dataschema": {"type": "string", "format": "uri", "description": "The `$id` of the data's schema."},
        "partitionkey": {"type": "string", "description": "The key of the record: the lead again."},
        "recordedtime": {"description": "When it entered the log."},
        "sequence": {"description": "1, 2, 3… per aggregate, without holes. Signals have none."},
        "aggregate": {"description": "What the sequence counts. Signals have none."},
        "traceparent": {"description": "The W3C trace it belongs to."},
        "correlationid": {"description": "The request that began it."},
        "causationid": {"description": "The event that caused it."},
        "actor": {
            "description": "Whose request it was, by the name of their key. Services' own doings have none."
        },
        "data": {"description": "The schema that `dataschema` names says what is in it."},
    }
    read = Head.model_json_schema(schema_generator=_Draft07)["properties"]
    always = ["specversion", "id", "source", "type", "subject", "time", "datacontenttype", "dataschema"]
    return {
        "$schema": _Draft07.schema_dialect,
        "$id": "urn:ascua:schema:envelope",
        "title": "Envelope",
        "description": "CloudEvents 1.0 in structured JSON, as every record on Ascua's topics is.",
        "type": "object",
        "properties": {name: {**read.get(name, {}), **more} for name, more in said.items()},
        "required": [*always, "partitionkey", "recordedtime", "data"],
    }


def asyncapi(samples: Mapping[str, JsonObject]) -> JsonObject:
    """The AsyncAPI 3.0 document; `samples` are the frozen ones, by wire type.

    Older versions of an event are among its channel's messages, since they are in the log for good, and not among
    what a service sends.
    """
    channels: dict[str, JsonObject] = {}
    operations: dict[str, JsonObject] = {}
    messages: dict[str, JsonObject] = {}
    for event in known_events():
        service, topic = event.source.rpartition("/")[2], event.topic
        channel = channels.setdefault(topic, _channel(event))
        operation = operations.setdefault(f"{service}.tells.{topic}", _sending(service, topic))
        for version in range(1, event.version + 1):
            name = f"{event.type}.v{version}"
            messages[name] = _message(event, name, samples[name])
            channel["messages"][name] = {"$ref": f"#/components/messages/{name}"}
        operation["messages"].append({"$ref": f"#/channels/{topic}/messages/{wire_type(event)}"})
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Ascua's events",
            "version": "1.0.0",
            "description": "Facts about leads, on Kafka. Every record is keyed by its lead, so what concerns a lead "
            "stays in order; delivery is at least once, and `sequence` tells a repeat. No event "
            "holds a name, an address, a number of a person, or text that someone wrote.",
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": CONTENT_TYPE,
        "channels": channels,
        "operations": operations,
        "components": {"messages": messages},
    }


def _channel(event: type[Event]) -> JsonObject:
    return {
        "address": f"ascua.{event.topic}",
        "description": inspect.getdoc(inspect.getmodule(event)),
        "messages": {},
    }


def _sending(service: str, topic: str) -> JsonObject:
    return {
        "action": "send",
        "channel": {"$ref": f"#/channels/{topic}"},
        "summary": f"The {service} service tells {topic}.",
        "messages": [],
    }


def _key(event: type[Event]) -> str:
    return "The payload's `subject`." if event.topic == "rules" else "The lead's id: the payload's `subject`."


def _message(event: type[Event], name: str, sample: JsonObject) -> JsonObject:
    summary, _, more = inspect.cleandoc(event.__doc__ or "").partition("\n\n")
    return {
        "name": name,
        "title": event.__name__,
        "summary": summary,
        **({"description": more} if more else {}),
        "contentType": CONTENT_TYPE,
        "correlationId": {"location": "$message.payload#/correlationid"},
        "payload": {
            "allOf": [
                {"$ref": f"./{ENVELOPE}"},
                {
                    "type": "object",
                    "properties": {
                        "type": {"const": name},
                        "source": {"const": event.source},
                        "dataschema": {"const": f"urn:ascua:schema:{name}"},
                        "data": {"$ref": f"./{name}.json"},
                    },
                },
            ]
        },
        "bindings": {
            "kafka": {
                "key": {"type": "string", "description": _key(event)},
                "bindingVersion": "0.5.0",
            }
        },
        "examples": [{"name": "frozen-sample", "payload": sample}],
    }


def generated(samples: Mapping[str, JsonObject]) -> dict[str, str]:
    """The text of every file that the models determine, by name."""
    schemas = {f"{wire_type(event)}.json": data_schema(event) for event in known_events()}
    schemas[ENVELOPE] = envelope_schema()
    files = {name: json.dumps(it, indent=2, ensure_ascii=False) + "\n" for name, it in schemas.items()}
    document = yaml.dump(asyncapi(samples), Dumper=_Plain, sort_keys=False, allow_unicode=True, width=110)
    return {**files, ASYNCAPI: document}


class _Plain(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:
        return True


def objections(written: Mapping[str, str], made: Mapping[str, str]) -> Iterator[str]:
    """Sentences about what `made` would break of what was `written`, both by file name."""
    older = {f"{event.type}.v{n}.json" for event in known_events() for n in range(1, event.version)}
    for name in sorted(older - written.keys()):
        yield f"{name} is missing, and events of that version are in the log: restore it"
    for event in known_events():
        for version in range(1, event.version):
            if not liftable(event, version):
                yield f"{event.type}: write the upcaster from version {version}"
    for name in sorted(name for name in written if name.endswith(".json")):
        if name in made:
            for broken in narrowed(_inlined(json.loads(written[name])), _inlined(json.loads(made[name]))):
                yield f"{name}: {broken}; this needs a new version"
        elif name not in older:
            yield f"{name}: the event is gone or renamed, and the log may hold some; keep its class"


_NOTES = {"$schema", "$id", "title", "description", "examples"}
_LOWEST = {"minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties"}
_HIGHEST = {"maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties"}


def narrowed(old: JsonObject, new: JsonObject, at: str = "data") -> Iterator[str]:
    """What schema `old` allows and `new` does not, or reads differently. Both hold no references.

    A keyword it cannot compare, such as a changed pattern, counts as narrowed.
    """
    if "anyOf" in old or "anyOf" in new:
        kinds = new.get("anyOf", [new])
        for kind in old.get("anyOf", [old]):
            if all(any(narrowed(kind, other, at)) for other in kinds):
                yield f"{at} no longer takes every {kind.get('type', 'value')} it took"
        return
    for word in sorted((old.keys() | new.keys()) - _NOTES - {"default"}):
        was, now = old.get(word), new.get(word)
        if was == now:
            continue
        if word in ("properties", "patternProperties"):
            for name, field in (was or {}).items():
                if (other := (now or {}).get(name)) is None:
                    yield f"{at}.{name} was removed or renamed"
                    continue
                if name not in old.get("required", ()) and field.get("default") != other.get("default"):
                    yield f"{at}.{name} has another default, so older events would change their meaning"
                yield from narrowed(field, other, f"{at}.{name}")
        elif word == "required":
            for name in sorted(set(now or ()) - set(was or ())):
                yield f"{at}.{name} became required"
        elif word in ("items", "additionalProperties") and isinstance(was, dict) and isinstance(now, dict):
            yield from narrowed(was, now, f"{at}[]")
        elif now is not None and not _wider(word, was, now):
            yield f"{at}: {word} was {'not given' if was is None else json.dumps(was)}, is {json.dumps(now)}"


def _wider(word: str, was: Any, now: Any) -> bool:
    if word == "additionalProperties":
        return now is True
    if was is None:
        return False
    if word == "enum":
        return all(value in now for value in was)
    if word == "type":
        return bool((was, now) == ("integer", "number"))
    return bool((word in _LOWEST and now < was) or (word in _HIGHEST and now > was))


def _inlined(schema: JsonObject) -> JsonObject:
    defined = schema.get("$defs", {})

    def follow(node: Any) -> Any:
        if isinstance(node, list):
            return [follow(part) for part in node]
        if not isinstance(node, dict):
            return node
        if "$ref" in node:
            node = {**defined[node["$ref"].rpartition("/")[2]], **node}
        return {word: follow(part) for word, part in node.items() if word not in ("$ref", "$defs")}

    return dict(follow(schema))


def frozen_samples() -> dict[str, JsonObject]:
    """The frozen sample of every version of every event, by wire type. Raises `Refused` where one is missing."""
    samples = {path.stem: json.loads(path.read_text("utf-8")) for path in SAMPLES.glob("*.json")}
    for event in known_events():
        for version in range(1, event.version + 1):
            if (name := f"{event.type}.v{version}") not in samples:
                raise Refused(
                    "no-sample", f"add a sample of {name} as {SAMPLES.relative_to(ROOT)}/{name}.json"
                )
    return samples


def main(arguments: list[str] | None = None, docs: Path = WRITTEN) -> int:
    """0: current. 1: out of date, or a change that needs a new version. 2: wrong usage."""
    parser = argparse.ArgumentParser(prog="python -m shared.events.schemas", description=__doc__)
    parser.add_argument("command", choices=["write", "check"])
    command = parser.parse_args(arguments).command
    try:
        made = generated(frozen_samples())
    except Refused as refused:
        sys.stderr.write(f"{refused}\n")
        return 1
    written = {path.name: path.read_text("utf-8") for path in docs.glob("*") if path.is_file()}
    stale = sorted(name for name in made if written.get(name) != made[name])
    if broken := list(objections(written, made)):
        sys.stderr.write("\n".join(broken) + "\n")
        sys.stderr.write(
            "(a version that was never released can be changed: delete its file first, then `write`)\n"
        )
        return 1
    if command == "write":
        docs.mkdir(parents=True, exist_ok=True)
        for name in stale:
            (docs / name).write_text(made[name], "utf-8")
    elif stale:
        sys.stderr.write(f"out of date, and compatible: {', '.join(stale)}; run `{parser.prog} write`\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
