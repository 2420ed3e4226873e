"""From a record's bytes to what it is for scoring, quickly.

Records are of few forms (`services.scoring.processor.forms`), and what an event's data says is remembered by its bytes:
few distinct ones make up most of the traffic. All that is new or unusual goes through `shared.events.decode`, which
alone decides what is undecodable. So the fast way may refuse more than the slow one, but it accepts nothing else and
reads nothing otherwise.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import msgspec

from services.scoring.processor.fact_mapping import MappedFact, kind_of_signal, map_event, said_by_signal
from services.scoring.processor.forms import BEGIN, TEXT, Form, form_of
from services.scoring.processor.signal_data import SignalData
from shared.clock import milliseconds
from shared.errors import Undecodable
from shared.events import decode, wire_type
from shared.events.base import HISTORY_AFTER
from shared.events.signals import SignalReceived

_REMEMBERED: Final = 20_000
"""How many data, names and minutes are remembered; then all are forgotten at once."""
_ORIGINS: Final = 1_000
_FORMS: Final = 30
"""As many forms are remembered of each origin."""
_SIGNAL: Final = wire_type(SignalReceived)
_DAY_MS: Final = int(HISTORY_AFTER.total_seconds() * 1000)
_ORIGIN_AT: Final = len(BEGIN) + 36
_ORIGIN_TO: Final = _ORIGIN_AT + 48
"""Where records with a UUID for id tell whose they are and of what type: enough to know their form by."""
_DATA: Final = b',"data":'

_PASSING: Final = re.compile(
    rb'("(?:(?:activity_id|ticket_id|step_id)":"(?=[A-Za-z0-9_.-]{1,128}")'
    rb'|due":"(?=2[0-9]{3}-(?:(?:0[1-9]|1[0-2])-(?:0[1-9]|1[0-9]|2[0-8])|(?:0[13-9]|1[0-2])-(?:29|30)|(?:0[13578]|1[02])-31)'
    rb'T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]\.[0-9]{3}Z")))[^"]+'
).sub
"""What is new in every event of a service, and nothing to the rules."""

_LEAD: Final = re.compile(rb"[A-Za-z0-9_-]{1,64}").fullmatch
_AGGREGATE: Final = re.compile(rb"[a-z]+:[A-Za-z0-9_-]{1,64}").fullmatch
_MINUTE: Final = re.compile(rb"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:").fullmatch
_BRACE: Final = ord("}")
_ZERO: Final = ord("0")
_FIVE: Final = ord("5")
_NINE: Final = ord("9")
_POINT: Final = ord(".")
_UTC: Final = ord("Z")
_NO_TIME: Final = -(2**60)

_Said = tuple[str, Mapping[str, Any]]


class Decoder:
    """A reader of records that remembers their forms and what data say. For one thread."""

    def __init__(self) -> None:
        self._decode_signal = msgspec.json.Decoder(SignalData).decode
        self._decode_object = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
        self._forms: dict[bytes, list[Form]] = {}
        self._said: dict[tuple[str, bytes], _Said] = {}
        self._names: dict[bytes, str] = {}
        self._minutes: dict[bytes, int] = {}

    def read(self, raw: bytes) -> MappedFact:
        """What a record tells. Raises `Undecodable`."""
        (found,) = self.read_all([raw])
        if isinstance(found, Undecodable):
            raise found
        return found

    def read_all(self, values: Sequence[bytes]) -> list[MappedFact | Undecodable]:
        """What each record tells, or why it tells nothing."""
        for memory in (self._names, self._minutes):
            if len(memory) > _REMEMBERED:
                memory.clear()
        texts: list[bytes] = []
        found: list[MappedFact | Undecodable] = []
        for value in values:
            fact: MappedFact | None = None
            for form in self._forms.get(value[_ORIGIN_AT:_ORIGIN_TO], ()):
                if value[form.data_at - len(_DATA) : form.data_at] == _DATA:
                    fact = self._read(value, form, texts)
                    if fact is not None:
                        break
            found.append(self._anew(value) if fact is None else fact)
        if b"".join(texts).translate(None, TEXT):
            return [self._anew(value) for value in values]
        return found

    def _anew(self, value: bytes) -> MappedFact | Undecodable:
        """What a record tells of whose form nothing is known."""
        form = form_of(value)
        if form is None:
            return _slowly(value)
        fact = self._read(value, form, [])
        if fact is None:
            return _slowly(value)
        if form.id_to == _ORIGIN_AT:
            self._remember_form(value[_ORIGIN_AT:_ORIGIN_TO], form)
        return fact

    def _remember_form(self, origin: bytes, form: Form) -> None:
        if len(self._forms) == _ORIGINS:
            self._forms.clear()
        forms = self._forms.setdefault(origin, [])
        if len(forms) == _FORMS:
            forms.clear()
        if all(each.shape != form.shape for each in forms):
            forms.append(form)

    def _read(self, value: bytes, form: Form, texts: list[bytes]) -> MappedFact | None:
        """What a record of this form tells, if what its `texts` hold is text; None when that is not known.

        In one piece, because it is done for every fact, and a call costs as much as a tenth of it.
        """
        id = value[len(BEGIN) : form.id_to]
        lead = value[form.lead_at : form.lead_to]
        time = value[form.time_at : form.time_at + 24]
        recorded = value[form.recorded_at : form.recorded_at + 24]
        pieces = [
            BEGIN,
            id,
            form.origin,
            lead,
            b'","time":"',
            time,
            form.schema,
            lead,
            b'","recordedtime":"',
            recorded,
        ]
        aggregate, sequence = None, None
        if form.sequence_at < 0:
            pieces.append(b'"')
        else:
            digits, name = (
                value[form.sequence_at : form.sequence_to],
                value[form.aggregate_at : form.aggregate_to],
            )
            pieces += (b'","sequence":', digits, b',"aggregate":"', name, b'"')
            aggregate = self._names.get(name) or self._name(name, _AGGREGATE)
            if aggregate is None or not digits.isdigit() or digits[0] == _ZERO:
                return None
            sequence = int(digits)
        texts.append(id)
        number = 0
        text = b""
        for at, to in form.trace_values:
            text = value[at:to]
            texts.append(text)
            pieces.append(form.trace[number])
            pieces.append(text)
            number += 1
        pieces.append(form.trace[number])
        if form.has_actor and text not in self._names and self._name(text, _LEAD) is None:
            return None
        if value[: form.data_at] != b"".join(pieces) or value[-1] != _BRACE:
            return None
        at_ms = self._instant(time)
        recorded_ms = at_ms if recorded == time else self._instant(recorded)
        lead_id = self._names.get(lead) or self._name(lead, _LEAD)
        if at_ms == _NO_TIME or recorded_ms == _NO_TIME or lead_id is None:
            return None
        data = value[form.data_at : -1]
        if aggregate is None:
            said = self._said.get((form.type, data)) or self._signal(form.type, data)
        else:
            data = _PASSING(_key, data)
            said = self._said.get((form.type, data)) or self._learn(value, form.type, data)
        if said is None:
            return None
        is_history = recorded_ms - at_ms > _DAY_MS
        effect_ms = recorded_ms if is_history else at_ms
        return MappedFact(
            id.decode("latin1"), said[0], at_ms, aggregate, sequence, said[1], lead_id, effect_ms, is_history
        )

    def _instant(self, text: bytes) -> int:
        """Milliseconds of `2026-11-21T09:30:00.000Z`, `_NO_TIME` for what is none or lies outside the calendar."""
        minute = self._minutes.get(text[:17])
        if minute is None:
            if _MINUTE(text[:17]) is None:
                return _NO_TIME
            try:
                at = datetime.fromisoformat(text[:17].decode() + "00Z")
            except ValueError:
                return _NO_TIME
            if not 2 < at.year < 9998:
                return _NO_TIME
            minute = self._minutes[text[:17]] = milliseconds(at)
        tens, ones, tenths, hundredths, thousandths = text[17], text[18], text[20], text[21], text[22]
        if not (
            _ZERO <= tens <= _FIVE
            and _ZERO <= ones <= _NINE
            and text[19] == _POINT
            and _ZERO <= tenths <= _NINE
            and _ZERO <= hundredths <= _NINE
            and _ZERO <= thousandths <= _NINE
            and text[23] == _UTC
        ):
            return _NO_TIME
        digits = tens * 10_000 + ones * 1_000 + tenths * 100 + hundredths * 10 + thousandths
        return minute + digits - _ZERO * 11_111

    def _name(self, name: bytes, form: Callable[[bytes], object]) -> str | None:
        """A name as a text, which is then the same one whenever it comes."""
        if form(name) is None:
            return None
        text = self._names[name] = name.decode()
        return text

    def _signal(self, type: str, data: bytes) -> _Said | None:
        """What a signal's data say, if they are as they should be; for it is signals whose data may be many."""
        # msgspec does not look into what it skips: bytes that are not UTF-8, half of an escaped surrogate pair.
        if type != _SIGNAL or not data.isascii() or b"\\" in data:
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

    def _remember(self, what: tuple[str, bytes], said: _Said) -> None:
        if len(self._said) == _REMEMBERED:
            self._said.clear()
        self._said[what] = said

    def _learn(self, raw: bytes, type: str, data: bytes) -> _Said | None:
        """What data say that have not come yet, read the slow way."""
        new = _slowly(raw)
        if isinstance(new, Undecodable) or not self._is_object(data):
            return None
        said = new.kind, new.attributes or {}
        self._remember((type, data), said)
        return said

    def _is_object(self, data: bytes) -> bool:
        try:
            self._decode_object(data)
        except (msgspec.DecodeError, RecursionError):
            return False
        return True


def _key(passing: re.Match[bytes]) -> bytes:
    return passing[1]


def _slowly(raw: bytes) -> MappedFact | Undecodable:
    try:
        return map_event(decode(raw))
    except Undecodable as error:
        return error
