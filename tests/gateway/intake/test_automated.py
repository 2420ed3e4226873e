"""A scanner opens, clicks and views everything at once; a person does one thing after the other, and counts."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import product
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.gateway.intake.automated import AT_ONCE, MOST, QUIET, Arrivals
from services.scoring.processor.fact_mapping import map_event
from services.scoring.scorecard.defaults import (
    default_rules,
)
from shared.clock import milliseconds
from shared.commands.signals import (
    SendSignal,
)
from shared.events import Event, Recorded
from shared.events.leads import LeadCaptured
from shared.events.signals import Automated, SignalReceived
from tests.conftest import System
from tests.scoring.scorecard.explaining import explain
from tests.waiting import until

NOW = datetime(2026, 11, 23, 10, tzinfo=UTC)
SCANNED = ("email_opened", "email_clicked", "page_viewed", "pricing_viewed")
RULES = default_rules()
HOT = 60.0


def sent(kind: str, after: float = 0.0, **said: Any) -> SendSignal:
    return SendSignal(lead_id="ana", kind=kind, at=NOW + timedelta(seconds=after), **said)


def one_by_one(signals: Sequence[SendSignal], arrivals: Arrivals | None = None) -> list[Automated | None]:
    """The marks of signals that come in requests of their own, as they happen."""
    arrivals = arrivals or Arrivals()
    return [arrivals.marks([signal], signal.at or NOW)[0] for signal in signals]


def scan(apart: float, rounds: int = 40) -> list[SendSignal]:
    """What a scanner does, so many seconds apart."""
    return [
        sent(kind, number * apart, id=f"s{number}")
        for number, (_, kind) in enumerate(product(range(rounds), SCANNED))
    ]


def heat(
    signals: Sequence[SendSignal], marks: Sequence[Automated | None], lot: Random | None = None
) -> float:
    """The heat of somebody who was captured a minute before and did, or did not do, all this."""
    facts: list[Recorded[Event]] = [
        Recorded(
            "c", LeadCaptured(lead_id="ana", at=NOW - timedelta(minutes=1), channel="web"), NOW, 1, "lead:ana"
        )
    ]
    for number, (signal, mark) in enumerate(zip(signals, marks, strict=True)):
        event = SignalReceived(
            lead_id="ana", at=signal.at or NOW, kind=signal.kind, attributes=signal.attributes, automated=mark
        )
        facts.append(Recorded(f"s{number}", event, signal.at or NOW))
    if lot is not None:
        lot.shuffle(facts)
    last = max((signal.at or NOW for signal in signals), default=NOW)
    return explain([map_event(fact) for fact in facts], RULES, milliseconds(last)).heat


@pytest.mark.parametrize("apart", [0.0, 0.02, 0.2, 1.0])
def test_a_scanner_makes_nobody_hot_however_its_signals_come(apart: float) -> None:
    signals = scan(apart)
    together, alone = Arrivals().marks(signals, NOW + timedelta(minutes=5)), one_by_one(signals)

    assert alone.count(None) <= MOST
    assert heat(signals, alone) < HOT
    assert heat(signals, together) < HOT
    if apart < 0.5:
        assert together == [Automated.BURST] * len(signals)
        assert heat(signals, together) < heat([], []) + 3


def test_what_a_person_does_within_minutes_is_theirs() -> None:
    visit = [
        sent("email_opened"),
        sent("email_clicked", 3),
        sent("page_viewed", 4),
        sent("page_viewed", 11),
        sent("pricing_viewed", 19),
        sent("page_viewed", 21),
        sent("pricing_viewed", 64),
        sent("form_started", 80),
        sent("chat_message", 120),
        sent("chat_message", 124),
        sent("chat_message", 127),
        sent("chat_message", 129),
        sent("demo_requested", 200),
    ]

    assert one_by_one(visit) == [None] * len(visit)
    assert Arrivals().marks(visit, NOW + timedelta(minutes=4)) == [None] * len(visit)
    assert heat(visit, one_by_one(visit)) > HOT


def test_a_few_signals_that_a_channel_sends_together_are_theirs() -> None:
    together = [
        SendSignal(lead_id="ana", kind=kind)
        for kind in ("email_opened", "email_clicked", "page_viewed", "page_viewed", "pricing_viewed")
    ]
    assert Arrivals().marks(together, NOW) == [None] * len(together)


def test_leads_do_not_disturb_one_another() -> None:
    crowd = [SendSignal(lead_id=f"lead-{number}", kind="email_opened") for number in range(500)]
    assert Arrivals().marks(crowd, NOW) == [None] * len(crowd)


def test_a_person_counts_again_after_the_scanner_has_been() -> None:
    arrivals, scanned = Arrivals(), scan(0.02)
    one_by_one(scanned, arrivals)
    quiet = (QUIET + timedelta(seconds=10)).total_seconds()
    visit = [sent("email_opened", quiet), sent("pricing_viewed", quiet + 20)]

    assert one_by_one(visit, arrivals) == [None, None]


@pytest.mark.parametrize(
    ("said", "mark"),
    [
        ({"prefetch": True}, Automated.DECLARED),
        ({"attributes": {"automated": True}}, Automated.DECLARED),
        ({"attributes": {"automated": False, "page": "bot"}}, None),
        ({"user_agent": "Mozilla/5.0"}, Automated.AGENT),
        (
            {"user_agent": "Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)"},
            Automated.AGENT,
        ),
        ({"user_agent": "python-requests/2.32"}, Automated.AGENT),
        (
            {"user_agent": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 HeadlessChrome/131.0.0.0"},
            Automated.AGENT,
        ),
        ({"user_agent": "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15"}, None),
        ({"user_agent": "Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com)"}, None),
    ],
)
def test_what_a_channel_says_of_the_program_counts(said: dict[str, Any], mark: Automated | None) -> None:
    assert Arrivals().marks([sent("email_opened", **said)], NOW) == [mark]


def test_history_in_bulk_is_no_burst() -> None:
    signals = [sent("email_opened", id=f"h{number}") for number in range(100)]
    assert Arrivals().marks(signals, NOW + timedelta(days=30)) == [None] * 100


def test_a_signal_that_is_sent_again_keeps_its_mark() -> None:
    arrivals, signals = Arrivals(), scan(0.5, rounds=5)
    first = one_by_one(signals, arrivals)
    assert one_by_one(signals, arrivals) == first
    assert len(first) > AT_ONCE > first.count(None)


@settings(derandomize=True, deadline=None, max_examples=50)
@given(st.lists(st.tuples(st.sampled_from(SCANNED), st.floats(0, 300)), max_size=40), st.integers(0, 99))
def test_heat_is_the_same_in_whatever_order_marked_facts_come(
    drawn: list[tuple[str, float]], seed: int
) -> None:
    signals = [sent(kind, after) for kind, after in drawn]
    marks = one_by_one(signals)
    assert heat(signals, marks, Random(seed)) == heat(signals, marks)


async def test_a_mail_scanner_warms_nobody_and_the_timeline_says_who_it_was(system: System) -> None:
    async with system.client() as gateway:
        scanned, person = [
            str((await gateway.post("/v1/leads", json={"channel": "web"})).json()["id"]) for _ in range(2)
        ]
        lines = "\n".join(
            signal.model_copy(update={"lead_id": scanned, "at": None}).model_dump_json(exclude_none=True)
            for signal in scan(0.0)
        )
        answer = await gateway.post(
            "/v1/signals", content=lines, headers={"content-type": "application/x-ndjson"}
        )
        assert answer.status_code == 202, answer.text
        for kind in ("email_opened", "email_clicked", "pricing_viewed"):
            told = await gateway.post(
                "/v1/signals",
                json={
                    "lead_id": person,
                    "kind": kind,
                    "user_agent": "Mozilla/5.0 (X11; rv:132.0) Firefox/132.0",
                },
            )
            assert told.status_code == 202, told.text

        async def both_are_counted() -> bool:
            whys = [await gateway.get(f"/v1/leads/{lead}/heat/explain") for lead in (scanned, person)]
            return all(why.is_success for why in whys) and [
                len(why.json()["terms"]) + sum(rest["facts"] for rest in why.json()["rest"]) for why in whys
            ] == [161, 4]

        await until(both_are_counted, within=30)
        heats = [(await gateway.get(f"/v1/leads/{lead}/heat")).json() for lead in (scanned, person)]
        timeline = (await gateway.get(f"/v1/leads/{scanned}/timeline")).json()["items"]
        page = (await gateway.get(f"/leads/{scanned}")).text

    assert 30 < heats[0]["heat"] < 33
    assert heats[0]["band"] == "warm"  # as captured
    assert heats[1]["heat"] == pytest.approx(30 + 1 + 5 + 10, abs=0.2)
    signals = [item["data"] for item in timeline if item["type"] == "ascua.signal.received.v1"]
    assert {each["automated"] for each in signals} == {"burst"}
    assert "by a machine" in page
