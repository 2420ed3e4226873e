"""The account can fail: what is taken away from a perfect run is lost, what is added is doubled."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cli.demo.audit import Shown, Verdict, judge
from cli.demo.player import PlayedBeat
from cli.demo.script import Beat
from shared.commands.followup import (
    LogActivity,
)
from shared.commands.leads import (
    CaptureLead,
)
from shared.commands.signals import (
    SendSignal,
)
from shared.commands.tickets import (
    OpenTicket,
)
from shared.events.base import Event, Recorded, Trace
from shared.events.followup import ActivityKind, ActivityLogged, ActivityResult, NextStepScheduled
from shared.events.leads import Channel, LeadCaptured
from shared.events.signals import SignalReceived
from shared.events.tickets import Priority, TicketCategory, TicketOpened

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
LEAD = "sim-7-r-0"
ABOUT: dict[str, Any] = {"lead_id": LEAD, "at": NOON}


def fact(event: Event, id: str, key: str, sequence: int | None = None) -> Recorded[Event]:
    aggregate = event.aggregate if sequence is not None else None
    return Recorded(id, event, NOON, sequence, aggregate, Trace(correlation_id=key))


class Run:
    """A perfect run of one lead: captured, called, a signal, a complaint."""

    def __init__(self) -> None:
        self.played = [
            PlayedBeat(beat, acknowledged=True)
            for beat in (
                Beat(0, LEAD, "k0", CaptureLead(lead_id=LEAD, channel=Channel.WEB)),
                Beat(1, LEAD, "k1", (SendSignal(id="s1", lead_id=LEAD, kind="chat_message"),)),
                Beat(2, LEAD, "k2", LogActivity(kind=ActivityKind.CALL)),
                Beat(
                    3,
                    LEAD,
                    "k3",
                    OpenTicket(lead_id=LEAD, category=TicketCategory.COMPLAINT, subject="Which?"),
                ),
            )
        ]
        called, call, soon = ActivityResult.DONE, ActivityKind.CALL, NOON + timedelta(days=3)
        step: dict[str, Any] = {"action": call, "due": soon, "because": "new_lead"}
        self.log = [
            fact(LeadCaptured(**ABOUT, channel=Channel.WEB), "e1", "k0", 1),
            fact(NextStepScheduled(**ABOUT, step_id="x.1", **step), "e2", "k0", 1),
            fact(SignalReceived(**ABOUT, kind="chat_message"), "s1", "k1"),
            fact(ActivityLogged(**ABOUT, activity_id="a", kind=call, result=called), "e3", "k2", 2),
            fact(NextStepScheduled(**ABOUT, step_id="x.2", **step), "e4", "k2", 3),
            fact(
                TicketOpened(
                    **ABOUT, ticket_id="t", category=TicketCategory.COMPLAINT, priority=Priority.NORMAL
                ),
                "e5",
                "k3",
                1,
            ),
        ]
        self.view: dict[str, Any] = {
            "status": "open",
            "stage": "new",
            "activities": 1,
            "tickets": [{"id": "t"}],
            "next_step": {"id": "x.2"},
            "heat": {"points": 22.0},
        }
        self.explained: dict[str, Any] = {
            "heat": 22.0,
            "terms": [{"event_id": id} for id in ("e1", "s1", "e3", "e5")],
        }

    def judged(self) -> Verdict:
        return judge(self.played, self.log, {LEAD: Shown(self.view, self.explained)})

    def without(self, id: str) -> Run:
        self.log = [each for each in self.log if each.id != id]
        return self

    def again(self, of: str, **changes: Any) -> Run:
        (found,) = [each for each in self.log if each.id == of]
        self.log.append(replace(found, **changes))
        return self


def test_a_run_in_which_nothing_went_wrong_is_found_so() -> None:
    assert Run().judged() == Verdict(events=6)


def test_a_ticket_that_is_no_complaint_counts_for_no_heat() -> None:
    run, question = Run(), {"category": TicketCategory.QUESTION}
    run.log[-1] = replace(run.log[-1], event=run.log[-1].event.model_copy(update=question))
    assert run.judged().doubled == 1

    run.explained["terms"].pop()
    assert run.judged() == Verdict(events=6)


@pytest.mark.parametrize("id", ["e1", "e2", "s1", "e3", "e4", "e5"])
def test_a_fact_that_was_published_again_is_the_same_fact(id: str) -> None:
    assert Run().again(id).judged() == Verdict(events=6)


@pytest.mark.parametrize("id", ["e1", "s1", "e3", "e5"])
def test_an_acknowledged_fact_that_is_not_in_the_log_is_lost(id: str) -> None:
    assert Run().without(id).judged().lost > 0


@pytest.mark.parametrize("id", ["e2", "e3"])
def test_a_hole_in_a_sequence_is_a_loss(id: str) -> None:
    verdict = Run().without(id).judged()

    assert verdict.lost > 0
    assert any("number" in finding for finding in verdict.findings)


def test_a_command_that_took_effect_twice_is_doubled() -> None:
    twice = Run().again("e3", id="e6", sequence=4)
    twice.view["activities"] = 2
    twice.explained["terms"].append({"event_id": "e6"})

    assert (twice.judged().lost, twice.judged().doubled) == (0, 1)


def test_two_facts_with_one_number_are_doubled() -> None:
    assert Run().again("e4", id="e6").judged().doubled == 1


def test_a_command_that_was_not_acknowledged_may_have_taken_effect_once_or_not() -> None:
    run = Run()
    run.played[2] = replace(run.played[2], acknowledged=False)
    assert run.judged() == Verdict(events=6)

    run.log = [each for each in run.log if each.id not in ("e3", "e4")]
    run.view["activities"] = 0
    run.explained["terms"] = [term for term in run.explained["terms"] if term["event_id"] != "e3"]
    assert run.judged() == Verdict(events=4)


@pytest.mark.parametrize(
    ("field", "value", "lost", "doubled"),
    [
        ("activities", 0, 1, 0),
        ("activities", 3, 0, 2),
        ("status", "won", 1, 0),
        ("stage", "proposal", 1, 0),
        ("next_step", None, 1, 0),
        ("tickets", [], 1, 0),
        ("tickets", [{"id": "t"}, {"id": "t"}], 0, 1),
        ("tickets", [{"id": "t"}, {"id": "u"}], 0, 1),
        ("heat", None, 1, 0),
        ("heat", {"points": 16.0}, 1, 0),
        ("heat", {"points": 28.0}, 0, 1),
    ],
)
def test_a_view_that_differs_from_the_log_is_found(
    field: str, value: object, lost: int, doubled: int
) -> None:
    run = Run()
    run.view[field] = value

    assert (run.judged().lost, run.judged().doubled) == (lost, doubled)


def test_a_fact_that_does_not_count_in_heat_is_lost_and_one_that_counts_twice_is_doubled() -> None:
    missing, twice = Run(), Run()
    missing.explained["terms"] = missing.explained["terms"][1:]
    twice.explained["terms"] = [*twice.explained["terms"], deepcopy(twice.explained["terms"][1])]

    assert (missing.judged().lost, missing.judged().doubled) == (1, 0)
    assert (twice.judged().lost, twice.judged().doubled) == (0, 1)


def test_a_lead_that_is_not_shown_is_lost() -> None:
    run = Run()

    assert judge(run.played, run.log, {}).lost == 1
