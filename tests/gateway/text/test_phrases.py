from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.gateway.quick_log import Language
from services.gateway.text import durations, phrases
from services.gateway.text.catalogue import sayer
from shared.events.base import known_events, rfc3339, wire_type
from shared.events.leads import Money

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
ENGLISH = sayer(Language.EN)


@pytest.mark.parametrize(
    ("seconds", "ago", "due"),
    [
        (0, "just now", "now"),
        (44, "just now", "now"),
        (60, "1 min ago", "1 min late"),
        (3_540, "59 min ago", "59 min late"),
        (7_200, "2 h ago", "2 h late"),
        (3 * 86_400, "3 days ago", "3 days late"),
    ],
)
def test_how_long_ago_is_said_in_one_word_or_two(seconds: int, ago: str, due: str) -> None:
    assert durations.ago(NOON - timedelta(seconds=seconds), NOON, ENGLISH) == ago
    assert durations.due(NOON - timedelta(seconds=seconds), NOON, ENGLISH) == due


def test_what_is_not_due_yet_says_when() -> None:
    assert durations.due(NOON + timedelta(minutes=5), NOON, ENGLISH) == "in 5 min"


def test_money_is_shown_to_the_cent() -> None:
    assert phrases.money(Money(minor=123_456_705)) == "1,234,567.05 EUR"


@given(st.floats(0, 1e6), st.floats(0, 1e6))
def test_a_hotter_ember_never_glows_less_and_none_is_full_before_it_is_very_hot(
    one: float, other: float
) -> None:
    low, high = sorted((one, other))

    assert 0 <= phrases.level(low) <= phrases.level(high) <= 100
    assert phrases.level(300) < 100


def test_every_event_there_is_can_be_told() -> None:
    for event in known_events():
        fact = phrases.fact({"type": wire_type(event), "at": rfc3339(NOON), "data": {}})

        assert fact.title
        assert "ascua" not in fact.title.lower()
        assert "_" not in fact.title


def test_reasons_come_weightiest_first_and_what_rounds_to_nothing_is_left_out() -> None:
    terms = [
        ("signal.page_viewed", 2.0),
        ("ticket.replied", -15.0),
        ("angry_complaint", -12.0),
        ("lead.captured", 30.0),
        ("signal.x", 0.001),
    ]
    why = {
        "terms": [{"kind": kind, "at": rfc3339(NOON), "points": points} for kind, points in terms],
        "rest": [
            {"kind": "signal.page_viewed", "facts": 56_900, "points": 24.0, "last_at": rfc3339(NOON)},
            {"kind": "signal.x", "facts": 3, "points": 0.002, "last_at": rfc3339(NOON)},
        ],
        "fit": [{"attribute": "authority", "value": "decides", "points": 10.0}],
        "caps": [{"group": "browsing", "points": -4.0}],
        "base": 20.0,
    }

    assert [(each.title, each.points, each.share) for each in phrases.reasons(why)] == [
        ("Captured", 30.0, 100.0),
        ("Page viewed, 56,900 smaller ones", 24.0, 80.0),
        ("What everybody has", 20.0, 66.7),
        ("Ticket replied", -15.0, 50.0),
        ("Angry complaint", -12.0, 40.0),
        ("Authority: decides", 10.0, 33.3),
        ("Browsing counts only so much", -4.0, 13.3),
        ("Page viewed", 2.0, 6.7),
    ]
