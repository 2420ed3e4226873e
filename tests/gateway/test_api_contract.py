"""The description of the API is whole: every command has an example that is what it says, every answer a form."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import BaseModel

from services.gateway.access import api as access
from services.gateway.calendar_feeds import commands as calendars
from services.gateway.main import Settings, app
from services.gateway.quick_log import commands as quick_log
from shared.commands import followup, leads, signals, tickets
from shared.commands import import_rows as history

BODIES = {
    name: body
    for module in (leads, followup, tickets, signals, history, calendars, quick_log, access)
    for name, body in vars(module).items()
}


@pytest.fixture
async def description() -> dict[str, Any]:
    """What `/openapi.json` answers; no server is asked to make it."""
    settings = Settings(kafka_bootstrap="127.0.0.1:9", mongo_url="mongodb://127.0.0.1:9")
    return app(settings).openapi()


def operations(description: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in description["paths"].items():
        for method, operation in methods.items():
            yield method, path, operation


def references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(reference := node.get("$ref"), str):
            yield reference
        for each in node.values():
            yield from references(each)
    elif isinstance(node, list):
        for each in node:
            yield from references(each)


def test_it_is_openapi_3_1_and_refers_to_nothing_that_is_not_there(description: dict[str, Any]) -> None:
    assert description["openapi"].startswith("3.1")
    assert description["info"]["title"] == "Ascua gateway"
    found = set(references(description))
    assert found
    for reference in found:
        where: Any = description
        for part in reference.removeprefix("#/").split("/"):
            where = where[part]
    ids = [operation["operationId"] for _, _, operation in operations(description)]
    assert len(ids) == len(set(ids))


def test_every_path_names_its_parameters_and_every_operation_says_what_it_is_for(
    description: dict[str, Any],
) -> None:
    for method, path, operation in operations(description):
        named = {each["name"] for each in operation.get("parameters", []) if each["in"] == "path"}
        assert named == {part.strip("{}") for part in path.split("/") if part.startswith("{")}, path
        assert operation["summary"], (method, path)
        if path.startswith("/v1"):
            assert {"4XX", "5XX"} <= operation["responses"].keys(), (method, path)


def test_every_command_shows_an_example_that_it_accepts(description: dict[str, Any]) -> None:
    shown = 0
    for method, path, operation in operations(description):
        content = operation.get("requestBody", {}).get("content", {}).get("application/json")
        if content is None or not path.startswith("/v1"):
            continue
        schema = content["schema"]
        schema = schema["oneOf"][0] if "oneOf" in schema else schema
        if "$ref" in schema:
            schema = description["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
        model: type[BaseModel] = BODIES[schema["title"]]
        assert schema.get("examples"), f"{method} {path} shows no example"
        for example in schema["examples"]:
            model.model_validate(example)
            shown += 1
    assert shown >= 10


def test_what_goes_wrong_is_described_as_the_problem_it_is(description: dict[str, Any]) -> None:
    for method, path, operation in operations(description):
        wrong = {code: answer for code, answer in operation["responses"].items() if code[0] in "45"}
        assert wrong, (method, path)
        assert all(list(answer["content"]) == ["application/problem+json"] for answer in wrong.values())
        is_guarded = path.startswith("/v1") or path in ("/metrics", "/status")
        assert bool(operation.get("security")) == is_guarded, (method, path)
    assert "HTTPValidationError" not in description["components"]["schemas"]


def test_commands_can_be_repeated_safely_and_say_so(description: dict[str, Any]) -> None:
    for method, path, operation in operations(description):
        if "commands" in operation.get("tags", []):
            named = {each["name"].lower() for each in operation["parameters"]}
            assert "idempotency-key" in named, (method, path)
