"""The play on paper."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import islice, takewhile

from cli.demo.audit import FACT_OF
from cli.demo.script import BEFORE, Beat, entered_texts, script
from services.scoring.scorecard.defaults import (
    default_rules,
)
from shared.commands.followup import (
    LogActivity,
)
from shared.commands.leads import (
    CaptureLead,
)
from shared.commands.tickets import (
    OpenTicket,
    ReplyTicket,
    ResolveTicket,
)
from shared.events.base import HISTORY_AFTER

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


def beats(seed: int = 7, run: str = "r", number: int = 3_000) -> list[Beat]:
    return list(islice(script(seed, run, NOON), number))


def prologue(seed: int = 7) -> list[Beat]:
    return list(takewhile(lambda beat: beat.offset < 0, script(seed, "r", NOON)))


def test_the_same_seed_gives_the_same_day_and_another_seed_another() -> None:
    assert beats(seed=7) == beats(seed=7)
    assert [beat.what for beat in beats(seed=8)] != [beat.what for beat in beats(seed=7)]


def test_a_second_run_of_a_seed_has_leads_and_keys_of_its_own() -> None:
    first, second = beats(run="a"), beats(run="b")

    assert {beat.lead_id for beat in first}.isdisjoint(beat.lead_id for beat in second)
    assert {beat.key for beat in first}.isdisjoint(beat.key for beat in second)
    assert [beat.offset for beat in first] == [beat.offset for beat in second]


def test_beats_come_in_the_order_of_their_time_and_each_has_a_key_of_its_own() -> None:
    found = beats()

    assert [beat.offset for beat in found] == sorted(beat.offset for beat in found)
    assert len({beat.key for beat in found}) == len(found)


def test_a_lead_is_captured_before_anything_else_happens_to_it() -> None:
    begun: set[str] = set()
    opened: set[str] = set()
    for beat in beats():
        assert isinstance(beat.what, CaptureLead) == (beat.lead_id not in begun)
        begun.add(beat.lead_id)
        if isinstance(beat.what, OpenTicket):
            opened.add(beat.key)
        if isinstance(beat.what, ReplyTicket | ResolveTicket):
            assert beat.ticket in opened


def test_what_lies_before_the_curtain_has_its_own_time_and_is_not_history() -> None:
    captured: dict[str, datetime] = {}
    for beat in prologue():
        many = beat.what if isinstance(beat.what, tuple) else (beat.what,)
        for each in many:
            assert each.at is not None
            assert NOON - timedelta(seconds=BEFORE) <= each.at < NOON
            assert captured.setdefault(beat.lead_id, each.at) <= each.at
    assert timedelta(seconds=BEFORE) < HISTORY_AFTER - timedelta(hours=1)
    now = [beat.what for beat in beats() if beat.offset >= 0]
    assert all(each.at is None for what in now for each in (what if isinstance(what, tuple) else (what,)))


def test_the_board_is_full_when_the_curtain_rises() -> None:
    did = Counter(type(beat.what) for beat in prologue())

    assert did[CaptureLead] == 48
    assert all(did[kind] > 0 for kind in (*FACT_OF, tuple))
    called = {beat.lead_id for beat in prologue() if isinstance(beat.what, LogActivity)}
    assert len({beat.lead_id for beat in prologue()} - called) >= 5  # whose first call is late


def test_every_lead_is_marked_as_simulated() -> None:
    assert all(
        (beat.what.campaign or "").startswith("sim_")
        for beat in beats()
        if isinstance(beat.what, CaptureLead)
    )


def test_every_signal_of_the_script_has_points_in_the_default_rules() -> None:
    rules = default_rules()
    kinds = {signal.kind for beat in beats() if isinstance(beat.what, tuple) for signal in beat.what}

    assert {f"signal.{kind}" for kind in kinds} <= rules.heat.kinds.keys()


def test_all_that_is_entered_about_people_is_known_to_whoever_searches_the_log_for_it() -> None:
    entered = set(entered_texts(beats()))
    written = "\n".join(beat.what.model_dump_json() for beat in beats() if not isinstance(beat.what, tuple))

    assert {"Héctor", "Farol", "Héctor Farol"} <= entered or {"Amelia Beacon", "Amelia"} <= entered
    assert all(text in written for text in entered)
    for beat in beats():
        match beat.what:
            case CaptureLead(profile=profile):
                assert profile is not None
                assert {profile.name, profile.email, profile.phone} <= entered
            case OpenTicket(subject=subject, text=text):
                assert {subject, text} <= entered
            case ReplyTicket(text=text):
                assert text in entered
            case LogActivity(note=str(note)):
                assert note in entered
