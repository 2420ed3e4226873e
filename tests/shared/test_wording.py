"""Errors are told in words."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from services.gateway.calendar_feeds.commands import OpenCalendar
from services.gateway.main import Settings, app
from services.gateway.quick_log.commands import ReadLine
from shared.commands.followup import LogActivity
from shared.commands.leads import ChangeStage, LoseLead
from shared.commands.signals import SendSignal
from shared.commands.tickets import ReplyTicket
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
        (LoseLead, {"reason": "No budget!"}, "write a short word such as no_budget"),
        (LoseLead, {}, "this is missing"),
        (LoseLead, {"reason": ["x"]}, "write text"),
        (
            ChangeStage,
            {"stage": "x"},
            "write one of new, contacted, qualified, proposal, negotiation",
        ),
        (ReplyTicket, {"author": "agent", "text": "\u200b"}, "write something"),
        (ReplyTicket, {"author": "agent", "text": "x" * 10_001}, "write at most 10,000 characters"),
        (LogActivity, {"kind": "call", "duration_seconds": True}, "write a whole number"),
        (LogActivity, {"kind": "call", "duration_seconds": -1}, "write 0 or more"),
        (LogActivity, {"kind": "call", "at": 20261128}, "a number is a time only as seconds"),
        (LogActivity, {"kind": "call", "at": "2026-11-21"}, "write a time with its zone"),
        (LogActivity, {"kind": "call", "at": "soon"}, "write a time with its zone"),
        (OpenCalendar, {"names": 1}, "write true or false"),
        (ReadLine, {"line": "x", "zone": "Madrid"}, "no such IANA time zone"),
        (SendSignal, {"lead_id": "a", "kind": "k", "attributes": {"a": "x123456"}}, "a run of six"),
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
    assert LogActivity.model_validate(given) == LogActivity(kind="call")  # type: ignore[arg-type]


def test_what_a_signal_says_is_tidied_like_any_text() -> None:
    given = {
        "lead_id": "ana",
        "kind": "page_viewed",
        "attributes": {"page": " pricing\u200b", "tab": "\u200b"},
    }
    assert SendSignal.model_validate(given).attributes == {"page": "pricing"}
