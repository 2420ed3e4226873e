"""What an event in the log is to scoring: a fact about a lead, and when it takes effect. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from services.scoring.scorecard.fact import Fact
from shared.clock import milliseconds
from shared.errors import Undecodable
from shared.events.base import Event, Recorded, data_of
from shared.events.followup import ActivityLogged, ActivityResult
from shared.events.signals import SignalReceived

AUTOMATED: Final = "signal.automated"

_PASSING: Final = frozenset({"activity_id", "due", "step_id", "ticket_id"})
_RESULTS: Final = frozenset(
    {
        ActivityResult.ANSWERED,
        ActivityResult.NO_ANSWER,
        ActivityResult.INTERESTED,
        ActivityResult.APPOINTMENT,
        ActivityResult.OBJECTION,
    }
)


class MappedFact(Fact):
    """A fact about a lead and when it takes effect; of history no crossing is sent."""

    __slots__ = ("effect_ms", "is_history", "lead_id")

    def __init__(
        self,
        id: str,
        kind: str,
        at_ms: int,
        aggregate: str | None = None,
        sequence: int | None = None,
        attributes: Mapping[str, Any] | None = None,
        lead_id: str = "",
        effect_ms: int = 0,
        is_history: bool = False,
    ) -> None:
        self.id = id
        self.kind = kind
        self.at_ms = at_ms
        self.aggregate = aggregate
        self.sequence = sequence
        self.attributes = attributes
        self.lead_id = lead_id
        self.effect_ms = effect_ms
        self.is_history = is_history

    def _values(self) -> tuple[object, ...]:
        return (*super()._values(), self.lead_id, self.effect_ms, self.is_history)


def live(lead_id: str, fact: Fact) -> MappedFact:
    """A fact that was known when it happened."""
    return MappedFact(
        fact.id, fact.kind, fact.at_ms, fact.aggregate, fact.sequence, fact.attributes, lead_id, fact.at_ms
    )


def map_event(recorded: Recorded[Event]) -> MappedFact:
    """What an event in the log is to scoring. Raises `Undecodable` when its sequence belongs to nothing."""
    if (recorded.aggregate is None) != (recorded.sequence is None):
        raise Undecodable("not-cloudevent", "aggregate and sequence go together, and this has one of them")
    event = recorded.event
    at_ms = milliseconds(event.at)
    return MappedFact(
        recorded.id,
        kind_of(event),
        at_ms,
        recorded.aggregate,
        recorded.sequence,
        attributes_of(event),
        recorded.lead_id,
        milliseconds(recorded.recorded_at) if recorded.is_history else at_ms,
        recorded.is_history,
    )


def kind_of(event: Event) -> str:
    """The kind under which the rules may count an event, such as `signal.page_viewed` or `lead.won`."""
    match event:
        case SignalReceived():
            return kind_of_signal(event.kind, event.automated)
        case ActivityLogged():
            return f"activity.{event.result if event.result in _RESULTS else 'other'}"
        case _:
            return event.type.removeprefix("ascua.")


def kind_of_signal(kind: str, automated: str | None) -> str:
    """What a machine has made is of one kind, whatever it did: no rules count it as they count people."""
    return f"signal.{kind}" if automated is None else AUTOMATED


def said_by_signal(kind: str, attributes: Mapping[str, Any], automated: str | None) -> Mapping[str, Any]:
    """What rules may ask of a signal; of an automated one also what it did, and what says that it is one."""
    if automated is None:
        return attributes
    return {**attributes, "kind": kind, "automated": str(automated)}


def attributes_of(event: Event) -> Mapping[str, Any]:
    """What the rules' conditions may ask of an event; ids and promises mean nothing to them."""
    if isinstance(event, SignalReceived):
        return said_by_signal(event.kind, event.attributes, event.automated)
    return {name: value for name, value in data_of(event).items() if name not in _PASSING}
