"""Forms of records: all that a producer writes of one type of event is the same bytes, but for ids and times.

A record is of a form when it is, byte for byte, what `shared.events.encode` makes of its ids and times: one comparison
tells. So nothing of it has to be parsed, and nothing is made of what no rule reads. Pure.
"""

from __future__ import annotations

import re
from typing import Final

_TEXT: Final = rb"[ !#-\[\]-~]"
_TIME: Final = rb"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z"
_TRACE: Final = rb'(?:,"(?:traceparent|correlationid|causationid)":"%b*")*' % _TEXT
_ENVELOPE: Final = re.compile(
    rb'\{"specversion":"1\.0","id":"(?P<id>%(text)b{1,128})'
    rb'(?P<origin>","source":"%(text)b+","type":"(?P<type>%(text)b+)","subject":")(?P<lead>[A-Za-z0-9_-]{1,64})'
    rb'","time":"(?P<time>%(time)b)'
    rb'(?P<schema>","datacontenttype":"%(text)b*","dataschema":"%(text)b*","partitionkey":")(?P=lead)'
    rb'","recordedtime":"(?P<recorded>%(time)b)"'
    rb'(?:,"sequence":(?P<sequence>[1-9][0-9]{0,14}),"aggregate":"(?P<aggregate>[a-z]+:[A-Za-z0-9_-]{1,64})")?'
    rb'(?P<trace>%(trace)b(?:,"actor":"(?P<actor>[A-Za-z0-9_-]{1,64})")?),"data":(?=\{)'
    % {b"text": _TEXT, b"time": _TIME, b"trace": _TRACE}
).match
_VALUES: Final = re.compile(rb'(?<=":")[^"]*(?=")').finditer

BEGIN: Final = b'{"specversion":"1.0","id":"'
TEXT: Final = bytes(code for code in range(256) if re.fullmatch(_TEXT, bytes([code])))
"""All that a text may hold; where these are deleted nothing may be left."""


class Form:
    """Where the ids and times of a record stand, and the bytes between them."""

    __slots__ = (
        "aggregate_at",
        "aggregate_to",
        "data_at",
        "has_actor",
        "id_to",
        "lead_at",
        "lead_to",
        "origin",
        "recorded_at",
        "schema",
        "sequence_at",
        "sequence_to",
        "shape",
        "time_at",
        "trace",
        "trace_at",
        "trace_values",
        "type",
    )  # fmt: skip

    def __init__(self, found: re.Match[bytes]) -> None:
        self.type = found["type"].decode()
        self.origin = found["origin"]
        self.schema = found["schema"]
        self.id_to = found.end("id")
        self.lead_at, self.lead_to = found.span("lead")
        self.time_at = found.start("time")
        self.recorded_at = found.start("recorded")
        self.sequence_at, self.sequence_to = found.span("sequence")
        """-1 where it has none."""
        self.aggregate_at, self.aggregate_to = found.span("aggregate")
        self.trace_at, self.data_at = found.start("trace"), found.end()
        self.has_actor = found["actor"] is not None
        """Whether the last value of its trace names who asked for it."""
        spans = [each.span() for each in _VALUES(found["trace"])]
        self.trace_values = [(self.trace_at + at, self.trace_at + to) for at, to in spans]
        ends = [self.trace_at, *(at for span in self.trace_values for at in span), self.data_at]
        self.trace = [found.string[ends[at] : ends[at + 1]] for at in range(0, len(ends), 2)]
        """The bytes before, between and after its values."""
        self.shape = (self.origin, self.schema, *self.trace, *(at for span in found.regs for at in span))


def form_of(record: bytes) -> Form | None:
    """The form of a record, None when it was not written as `shared.events.encode` writes."""
    found = _ENVELOPE(record)
    return None if found is None else Form(found)
