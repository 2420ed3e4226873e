"""The quick way of reading a record says what the slow one says."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.scoring.processor import decoding as facts
from services.scoring.processor.fact_mapping import map_event
from shared.errors import Undecodable
from shared.events import Recorded, Trace, decode, encode
from shared.events.followup import ActivityLogged, NextStepScheduled
from shared.events.signals import SignalReceived
from shared.events.tickets import TicketOpened

READER = facts.Decoder()
AT = datetime(2026, 11, 23, 10, tzinfo=UTC)

ODD = st.sampled_from(
    ["", "A", "é", "x" * 65, "x" * 129, "ana\n", "page_viewed\n", "7", "2026-11-23T10:00:00",
     "2026-11-23T10:00:00.123456Z",
     "2020-01-01T00:00:00+05:30", "not a time", "order-1234567", "pricing", None, 0, 1, -1, 1.5, True, [], {}, {"a": 1},
     {"page": "pricing"}, {"page": "a1234567"}, {"Bad": 1}, {str(n): n for n in range(9)}, {"kind": "x"}, 10**30]
)  # fmt: skip
FIELDS = st.sampled_from(
    ["specversion", "id", "type", "subject", "time", "recordedtime", "sequence", "aggregate", "data", "data.kind",
     "data.attributes", "data.automated", "data.more", "traceparent", "correlationid", "causationid",
     "actor", "dataschema"]
)  # fmt: skip


def said(raw: bytes, read: object) -> object:
    try:
        return read(raw)  # type: ignore[operator]
    except Undecodable as error:
        return error.slug


def slow(raw: bytes) -> object:
    return map_event(decode(raw))


@settings(max_examples=600)
@given(st.lists(st.tuples(FIELDS, ODD, st.booleans()), max_size=2), st.booleans(), st.booleans())
def test_both_ways_accept_the_same_and_read_it_alike(
    changes: list[tuple[str, object, bool]], late: bool, is_ours: bool
) -> None:
    event = SignalReceived(lead_id="ana", at=AT, kind="page_viewed", attributes={"page": "pricing", "n": 3})
    envelope = json.loads(encode(Recorded("e1", event, AT.replace(day=26) if late else AT)))
    for field, value, is_removed in changes:
        owner, name = (envelope.get("data"), field[5:]) if field.startswith("data.") else (envelope, field)
        if not isinstance(owner, dict):
            continue
        if is_removed:
            owner.pop(name, None)
        else:
            owner[name] = value
    raw = json.dumps(envelope, separators=(",", ":") if is_ours else None, ensure_ascii=False).encode()

    for _ in range(2):  # the second time from memory
        assert said(raw, READER.read) == said(raw, slow)


@pytest.mark.parametrize("raw", [b"", b"\xff\xfe", b"[]", b"{", b'{"specversion":"1.0"}', b"null"])
def test_what_is_no_event_is_undecodable_either_way(raw: bytes) -> None:
    assert said(raw, READER.read) == said(raw, slow)
    assert isinstance(said(raw, READER.read), str)


def test_what_was_read_before_goes_the_quick_way(monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[bytes] = []
    monkeypatch.setattr(facts, "decode", lambda raw: taken.append(raw) or decode(raw))
    reader = facts.Decoder()

    def call(number: int) -> bytes:
        event = ActivityLogged(
            lead_id="ana", at=AT, activity_id=f"call-{number}", kind="call", result="answered"
        )
        return encode(Recorded(f"e{number}", event, AT, number, "followup:ana"))

    def view(number: int) -> bytes:
        return encode(Recorded(f"v{number}", SignalReceived(lead_id="ana", at=AT, kind="page_viewed"), AT))

    read = [reader.read(raw) for raw in (call(1), view(1), call(2), view(2))]

    assert read == [map_event(decode(raw)) for raw in (call(1), view(1), call(2), view(2))]
    assert taken == [call(1)]  # of signals even the first goes the quick way


@pytest.mark.parametrize("day", [28, 29, 30, 31])
@pytest.mark.parametrize(
    "id", ["{:08x}-7c1f-7000-8000-0123456789ab", "ana.{}", f"{'l' * 64}.{{}}", "call_{}"]
)
def test_an_id_of_any_form_and_a_day_of_any_month_go_the_quick_way(
    monkeypatch: pytest.MonkeyPatch, id: str, day: int
) -> None:
    taken: list[bytes] = []
    monkeypatch.setattr(facts, "decode", lambda raw: taken.append(raw) or decode(raw))
    reader, due = facts.Decoder(), AT.replace(month=12, day=day)
    about: dict[str, Any] = {"lead_id": "ana", "at": AT}

    def told(number: int) -> list[bytes]:
        named = id.format(number)
        events = [
            ActivityLogged(**about, activity_id=named, kind="call", result="answered"),
            NextStepScheduled(**about, step_id=named, action="call", due=due, because="cadence"),
            TicketOpened(
                **about, ticket_id=named[-64:].replace(".", "-"), category="complaint", priority="high"
            ),
        ]
        return [encode(Recorded(f"e{number}", event, AT, number, event.aggregate)) for event in events]

    read = [reader.read(raw) for number in range(1, 5) for raw in told(number)]

    assert read == [slow(raw) for number in range(1, 5) for raw in told(number)]
    assert taken == told(1)


@pytest.mark.parametrize("time", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"])
def test_a_signal_outside_the_calendar_is_undecodable_the_quick_way_too(time: str) -> None:
    envelope = json.loads(
        encode(Recorded("one", SignalReceived(lead_id="ana", at=AT, kind="page_viewed"), AT))
    )

    with pytest.raises(Undecodable):
        READER.read(json.dumps({**envelope, "time": time}).encode())


KNOWN = [
    encode(
        Recorded(
            "018f8e1e-0000-7000-8000-0123456789ab", event, AT, sequence, aggregate, Trace(None, "request-1")
        )
    )
    for event, sequence, aggregate in (
        (
            SignalReceived(lead_id="ana", at=AT, kind="page_viewed", attributes={"page": "pricing"}),
            None,
            None,
        ),
        (
            ActivityLogged(lead_id="ana", at=AT, activity_id="call-1", kind="call", result="answered"),
            12,
            "followup:ana",
        ),
    )
]


@settings(max_examples=1000)
@given(
    st.sampled_from(KNOWN),
    st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), min_size=1, max_size=3),
)
def test_a_record_of_a_known_form_with_other_bytes_in_it_is_read_as_the_slow_way_reads_it(
    known: bytes, changes: list[tuple[int, int]]
) -> None:
    raw = bytearray(known)
    for at, byte in changes:
        raw[at % len(raw)] = byte
    reader = facts.Decoder()

    first, then, last = reader.read_all([known, bytes(raw), known])

    assert first == last == slow(known)
    assert (then.slug if isinstance(then, Undecodable) else then) == said(bytes(raw), slow)


def test_what_follows_the_data_of_one_record_is_not_taken_for_the_data_of_another() -> None:
    reader = facts.Decoder()
    one, two = (known[:-1] + b',"subject":"eva"}' for known in (KNOWN[1], KNOWN[1].replace(b"ana", b"bob")))

    for raw in (one, two, KNOWN[1], one):
        assert said(raw, reader.read) == said(raw, slow)
