"""From a record's bytes to what it is for scoring, quickly.

msgspec reads the envelope, and what an event's data says is remembered by its bytes: few distinct ones make up most of
the traffic. All that is new or unusual goes through `shared.events.decode`, which alone decides what is undecodable.
So the fast way may refuse more than the slow one, but it accepts nothing else and reads nothing otherwise.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from operator import itemgetter
from typing import Any, Final

import msgspec

from services.scoring.processor.envelopes import Envelope, SignalData
from services.scoring.processor.fact_mapping import MappedFact, kind_of_signal, map_event, said_by_signal
from shared.clock import milliseconds
from shared.errors import Undecodable
from shared.events import decode, wire_type
from shared.events.base import HISTORY_AFTER
from shared.events.signals import SignalReceived

_LARGEST: Final = 2**53
_REMEMBERED: Final = 20_000
"""How many data are remembered; then all are forgotten at once."""
_SIGNAL: Final = wire_type(SignalReceived)
_BACKSLASH: Final = ord("\\")
_ENDS: Final = itemgetter(0, -1)
_BRACED: Final = frozenset({(ord("{"), ord("}"))})

_LEAD: Final = re.compile(r"[A-Za-z0-9_-]{1,64}").fullmatch
_AGGREGATE: Final = re.compile(r"[a-z]+:[A-Za-z0-9_-]{1,64}").fullmatch
_PASSING: Final = re.compile(
    rb'"(?:activity_id|ticket_id|step_id)":"[A-Za-z0-9_.-]{1,128}"'
    rb'|"due":"2[0-9]{3}-(?:(?:0[1-9]|1[0-2])-(?:0[1-9]|1[0-9]|2[0-8])|(?:0[13-9]|1[0-2])-(?:29|30)|(?:0[13578]|1[02])-31)T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]'
    rb'\.[0-9]{3}Z"'
)
"""What is new in every event of a service, and nothing to the rules."""


class Decoder:
    """A reader of records that remembers what data say. For one thread."""

    def __init__(self) -> None:
        self._decode_lines = msgspec.json.Decoder(Envelope).decode_lines
        self._decode_signal = msgspec.json.Decoder(SignalData).decode
        self._said: dict[tuple[str, bytes], tuple[str, Mapping[str, Any]]] = {}
        self._names: set[str] = set()

    def read(self, raw: bytes) -> MappedFact:
        """What a record tells. Raises `Undecodable`."""
        (found,) = self.read_all([raw])
        if isinstance(found, Undecodable):
            raise found
        return found

    def read_all(self, values: Sequence[bytes]) -> list[MappedFact | Undecodable]:
        """What each record tells, or why it tells nothing.

        In one piece, because it is done for every fact, and a call costs as much as half of it.
        """
        envelopes = self._envelopes(values)
        if envelopes is None:
            if len(values) == 1:
                return [_slowly(values[0])]
            return [found for value in values for found in self.read_all([value])]
        said, names = self._said, self._names
        if len(names) > _REMEMBERED:
            names.clear()
        found: list[MappedFact | Undecodable] = []
        for number, envelope in enumerate(envelopes):
            id, lead_id, at, recorded = envelope.id, envelope.subject, envelope.time, envelope.recordedtime
            aggregate, sequence = envelope.aggregate, envelope.sequence
            if aggregate is None and sequence is None:
                data = bytes(envelope.data)
                mapped = said.get((envelope.type, data)) or self._signal(envelope.type, data)
            elif aggregate is not None and sequence is not None and 0 < sequence <= _LARGEST:
                data = _PASSING.sub(b"", envelope.data)
                mapped = said.get((envelope.type, data)) or self._learn(values[number], envelope.type, data)
                if aggregate not in names:
                    if _AGGREGATE(aggregate) is None:
                        mapped = None
                    else:
                        names.add(aggregate)
            else:
                mapped = None
            if lead_id not in names:
                if _LEAD(lead_id) is None:
                    mapped = None
                else:
                    names.add(lead_id)
            if (
                mapped is None
                or not id
                or len(id) > 128
                or not envelope.source
                or not 2 < at.year < 9998
                or not 2 < recorded.year < 9998
            ):
                found.append(_slowly(values[number]))
                continue
            kind, attributes = mapped
            at_ms = milliseconds(at)
            is_history = recorded - at > HISTORY_AFTER
            effect_ms = milliseconds(recorded) if is_history else at_ms
            found.append(
                MappedFact(id, kind, at_ms, aggregate, sequence, attributes, lead_id, effect_ms, is_history)
            )
        return found

    def _envelopes(self, values: Sequence[bytes]) -> list[Envelope] | None:
        """All envelopes at once, when none of them needs a closer look.

        A record that ends with a brace, a new line, and one that begins with a brace can only be two whole values.
        """
        if not all(values) or not _BRACED.issuperset(map(_ENDS, values)):
            return None
        lines = b"\n".join(values)
        # msgspec does not look into what it skips: bytes that are not UTF-8, half of an escaped surrogate pair.
        if not lines.isascii() or _BACKSLASH in lines:
            return None
        try:
            envelopes = self._decode_lines(lines)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return None
        return envelopes if len(envelopes) == len(values) else None

    def _signal(self, type: str, data: bytes) -> tuple[str, Mapping[str, Any]] | None:
        """What a signal's data say, if they are as they should be; for it is signals whose data may be many."""
        if type != _SIGNAL:
            return None
        try:
            signal = self._decode_signal(data)
        except msgspec.DecodeError:
            return None
        said = (
            kind_of_signal(signal.kind, signal.automated),
            said_by_signal(signal.kind, signal.attributes, signal.automated),
        )
        self._remember((type, data), said)
        return said

    def _remember(self, what: tuple[str, bytes], said: tuple[str, Mapping[str, Any]]) -> None:
        if len(self._said) == _REMEMBERED:
            self._said.clear()
        self._said[what] = said

    def _learn(self, raw: bytes, type: str, data: bytes) -> tuple[str, Mapping[str, Any]] | None:
        """What data say that have not come yet, read the slow way."""
        new = _slowly(raw)
        if isinstance(new, Undecodable):
            return None
        said = new.kind, new.attributes or {}
        self._remember((type, data), said)
        return said


def _slowly(raw: bytes) -> MappedFact | Undecodable:
    try:
        return map_event(decode(raw))
    except Undecodable as error:
        return error
