"""What rules can speak of: the events that a kind may count, and what its conditions may ask of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import StrEnum
from functools import cache
from types import UnionType
from typing import Annotated, Any, Final, Literal, NamedTuple, Union, get_args, get_origin

from pydantic import BaseModel

from shared.events import followup, known_events, leads, tickets

SIGNALS: Final = (
    "page_viewed",
    "pricing_viewed",
    "product_viewed",
    "email_opened",
    "email_clicked",
    "chat_message",
    "form_started",
    "demo_requested",
    "cart_started",
    "cart_abandoned",
    "store_visited",
    "offer_sent",
    "offer_accepted",
    "documents_returned",
    "work_started",
    "work_done",
    "purchased",
    "product_used",
    "survey_answered",
    "unsubscribed",
    "automated",
)
"""The signals that need no declaration. A company's own are declared in its rules."""

_RESULTS: Final = ("answered", "no_answer", "interested", "appointment", "objection", "other")
_OWNERS: Final = (leads.LeadEvent, followup.FollowUpEvent, tickets.TicketEvent)


class Attribute(NamedTuple):
    """What an attribute holds; `words` are all that it may be, where these are known."""

    kind: Literal["word", "number", "truth"]
    words: tuple[str, ...] = ()


@cache
def events() -> Mapping[str, Mapping[str, Attribute]]:
    """The events that services tell, such as `lead.won` or `activity.no_answer`, and their attributes."""
    named: dict[str, Mapping[str, Attribute]] = {}
    for event in known_events():
        if not issubclass(event, _OWNERS):
            continue
        attributes = dict(_attributes(event))
        if event is followup.ActivityLogged:
            named |= {f"activity.{result}": attributes for result in _RESULTS}
        else:
            named[event.type.removeprefix("ascua.")] = attributes
    return named


def _attributes(model: type[BaseModel], within: str = "") -> Iterator[tuple[str, Attribute]]:
    """By name, those of a part as `value.minor`. Ids, instants and lists are nothing to a condition."""
    for name, field in model.model_fields.items():
        if name in ("lead_id", "at") or name.endswith("_id"):
            continue
        kind = _bare(field.annotation)
        if issubclass(kind, BaseModel):
            yield from _attributes(kind, f"{within}{name}.")
        elif issubclass(kind, StrEnum):
            yield within + name, Attribute("word", tuple(str(word) for word in kind))
        elif kind is bool:
            yield within + name, Attribute("truth")
        elif kind in (int, float):
            yield within + name, Attribute("number")
        elif kind is str:
            yield within + name, Attribute("word")


def _bare(annotation: Any) -> type:
    """The type behind `Annotated` and `| None`."""
    if get_origin(annotation) is Annotated:
        return _bare(get_args(annotation)[0])
    if get_origin(annotation) in (Union, UnionType):
        (annotation, *more) = [each for each in get_args(annotation) if each is not type(None)]
        return object if more else _bare(annotation)
    return annotation if isinstance(annotation, type) else object
