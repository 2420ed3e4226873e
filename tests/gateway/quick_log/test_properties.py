"""What is true of every line, whatever stands in it."""

from __future__ import annotations

import time
import unicodedata
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from services.gateway.quick_log import Assumed, parse
from services.gateway.quick_log.reading import read
from services.gateway.quick_log.tokens import Shape
from tests.gateway.quick_log.test_lines import LINES
from tests.gateway.quick_log.test_reading import TABLE, TUESDAY_11

WORDS = sorted(
    {
        word
        for line in (*(row["line"] for row in LINES), *(line for line, _ in TABLE))
        for word in line.split()
    }
)
LINE = st.one_of(st.text(max_size=200), st.lists(st.sampled_from(WORDS), max_size=24).map(" ".join))
NOW = st.integers(946_684_800, 3_786_825_600).map(lambda at: datetime.fromtimestamp(at, UTC))
ZONE = st.sampled_from(
    ["Europe/Madrid", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "UTC"]
).map(ZoneInfo)


@settings(max_examples=200, deadline=None)
@given(LINE, NOW, ZONE)
@example("İ ﬁ ß ǅ 5 min ½ ٣", TUESDAY_11, ZoneInfo("UTC"))
@example("llamar en 99999999 años 9999-12-31 hace 9999 meses 24:00", TUESDAY_11, ZoneInfo("UTC"))
def test_a_step_is_never_in_the_past_and_what_was_done_never_in_the_future(
    line: str, now: datetime, zone: ZoneInfo
) -> None:
    proposal = parse(line, now, zone)

    assert proposal == parse(line, now, zone)
    if proposal.next_step is not None:
        assert now < proposal.next_step.due < now + timedelta(days=366 * 200)
    if proposal.at is not None:
        assert proposal.at <= now
    assert proposal.duration_seconds is None or 0 < proposal.duration_seconds <= 86_400
    assert len(set(proposal.assumed)) == len(proposal.assumed)


@settings(max_examples=200, deadline=None)
@given(LINE, NOW)
def test_no_word_is_lost_each_is_understood_or_told_as_not_understood(line: str, now: datetime) -> None:
    reading = read(line, now, ZoneInfo("Europe/Madrid"))
    normal = unicodedata.normalize("NFC", line)
    left = list(reading.unread())

    for place, token in enumerate(reading.tokens):
        is_told = any(start <= token.start and token.end <= end for start, end in left)
        assert place in reading.read or is_told or reading.is_empty(place), (token, left)
        assert token.shape is Shape.BREAK or not (place in reading.read and is_told)
    letters = {at for token in reading.tokens for at in range(token.start, token.end)}
    assert all(at in letters for at, letter in enumerate(normal) if letter.isalpha() and letter.isascii())


@pytest.mark.parametrize(
    "piece",
    [
        "a ",
        "1h",
        "el lunes ",
        "in a ",
        "de 9 a ",
        "no quiere ",
        "y ",
        "9-11 ",
        "...",
        "1/2/",
        "p. m. ",
        "llamé el 3 de ",
    ],
)
def test_a_long_line_takes_no_longer_than_a_blink(piece: str) -> None:
    line = (piece * 2000)[:2000]
    parse(line, TUESDAY_11, ZoneInfo("UTC"))
    spent = []
    for _ in range(5):
        started = time.thread_time()
        parse(line, TUESDAY_11, ZoneInfo("UTC"))
        spent.append(time.thread_time() - started)

    assert min(spent) < 0.1  # 14 ms at most where this was measured; a square would take seconds


@pytest.mark.parametrize("hour", range(24))
def test_what_is_due_today_is_still_today(hour: int) -> None:
    now = datetime(2026, 11, 24, hour, 59, 30, tzinfo=UTC)
    for line in ("llamar hoy", "call by EOD", "send quote today", "call tonight", "llamar esta tarde"):
        step = parse(line, now, ZoneInfo("UTC")).next_step

        assert step is not None
        assert step.due > now
        assert step.due.date() == now.date() or hour == 23


def test_a_word_that_was_misspelt_is_read_and_told() -> None:
    proposal = parse("llamar el miercoels a las 10", TUESDAY_11, ZoneInfo("Europe/Madrid"))

    assert proposal.next_step is not None
    assert proposal.next_step.due == datetime(2026, 11, 25, 9, tzinfo=UTC)
    assert Assumed.SPELLING in proposal.assumed
