"""Errors are told in words."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from services.gateway.main import Settings, app
from shared import commands
from shared.fields import NO_NUMBER
from shared.text import NOTHING, SOMETHING
from shared.wording import PATTERNS, in_words


def patterns(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(pattern := node.get("pattern"), str):
            yield pattern.replace(NO_NUMBER, "^")
        for each in node.values():
            yield from patterns(each)
    elif isinstance(node, list):
        for each in node:
            yield from patterns(each)


def test_whatever_form_the_api_asks_for_is_said_in_words() -> None:
    settings = Settings(kafka_bootstrap="127.0.0.1:9", mongo_url="mongodb://127.0.0.1:9")
    asked = set(patterns(app(settings).openapi())) - {NOTHING, SOMETHING}
    assert asked
    assert asked <= PATTERNS.keys()


@pytest.mark.parametrize(
    ("model", "given", "said"),
    [
        (commands.LoseLead, {"reason": "No budget!"}, "write a short word such as no_budget"),
        (commands.LoseLead, {}, "this is missing"),
        (commands.LoseLead, {"reason": ["x"]}, "write text"),
        (
            commands.ChangeStage,
            {"stage": "x"},
            "write one of new, contacted, qualified, proposal, negotiation",
        ),
        (commands.ReplyTicket, {"author": "agent", "text": "\u200b"}, "write something"),
        (commands.ReplyTicket, {"author": "agent", "text": "x" * 10_001}, "write at most 10,000 characters"),
        (commands.LogActivity, {"kind": "call", "duration_seconds": True}, "write a whole number"),
        (commands.LogActivity, {"kind": "call", "duration_seconds": -1}, "write 0 or more"),
        (commands.LogActivity, {"kind": "call", "at": 20261128}, "a number is a time only as seconds"),
        (commands.LogActivity, {"kind": "call", "at": "2026-11-21"}, "write a time with its zone"),
        (commands.LogActivity, {"kind": "call", "at": "soon"}, "write a time with its zone"),
        (commands.OpenCalendar, {"names": 1}, "write true or false"),
        (commands.ReadLine, {"line": "x", "zone": "Madrid"}, "no such IANA time zone"),
        (commands.SendSignal, {"lead_id": "a", "kind": "k", "attributes": {"a": "x123456"}}, "a run of six"),
    ],
)
def test_each_mistake_has_its_words(model: type[BaseModel], given: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError) as caught:
        model.model_validate(given)
    assert any(in_words(each).startswith(said) for each in caught.value.errors())


@pytest.mark.parametrize("nothing", ["", " ", "\u200b", None])
def test_an_optional_field_that_is_empty_is_absent(nothing: str | None) -> None:
    given = {
        "kind": "call",
        "result": nothing,
        "note": nothing,
        "rep": nothing,
        "at": nothing,
        "next": nothing,
    }
    assert commands.LogActivity.model_validate(given) == commands.LogActivity(kind="call")  # type: ignore[arg-type]


def test_what_a_signal_says_is_tidied_like_any_text() -> None:
    given = {
        "lead_id": "ana",
        "kind": "page_viewed",
        "attributes": {"page": " pricing\u200b", "tab": "\u200b"},
    }
    assert commands.SendSignal.model_validate(given).attributes == {"page": "pricing"}
