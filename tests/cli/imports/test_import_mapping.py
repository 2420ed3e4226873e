"""A mapping is written by a person, so its errors name the line and what would be right."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from cli.imports.log_rows import Reject, understand
from cli.imports.mapping import ValuedSignal
from cli.imports.mapping_parser import MappingError, parse_mapping
from cli.imports.raw import Raw
from shared.commands.import_rows import (
    Activity,
    Captured,
    HistoryRow,
    Lost,
    Signal,
    StageChanged,
    Won,
)

COLUMNS = "columns: {lead: deal, time: at, activity: step}\n"


def test_entries_are_written_in_words_of_sales() -> None:
    mapping = parse_mapping(
        COLUMNS
        + """
map:
  Form: {captured: web}
  Fair: {captured: {channel: store, origin: fair_madrid}}
  Call: contacted
  "Call:missed": {contacted: no_answer}
  Mail: {contacted: {kind: email, result: done}}
  Good: {stage: qualified}
  Signed: won
  Gone: {lost: no_budget}
  Seen: {signal: page_viewed}
  Filled: {signal: {kind: form_completed, value: amount}}
"""
    )

    assert mapping.entry("Form", "") == Captured(channel="web")
    assert mapping.entry("Fair", "") == Captured(channel="store", origin="fair_madrid")
    assert mapping.entry("Call", "") == Activity(kind="call", result="answered")
    assert mapping.entry("Call", "missed") == Activity(kind="call", result="no_answer")
    assert mapping.entry("Mail", "") == Activity(kind="email", result="done")
    assert mapping.entry("Good", "") == StageChanged(stage="qualified")
    assert mapping.entry("Signed", "") == Won()
    assert mapping.entry("Gone", "") == Lost(reason="no_budget")
    assert mapping.entry("Seen", "") == ValuedSignal(kind="page_viewed")
    assert mapping.entry("Filled", "") == ValuedSignal(kind="form_completed", value="amount")
    assert mapping.entry("Other", "") is None


def test_the_most_exact_entry_counts_and_the_default_comes_last() -> None:
    mapping = parse_mapping(
        COLUMNS
        + """
map:
  "Work:done": {signal: exact}
  Work: {signal: activity}
  "*:done": {signal: any_done}
default: {signal: other}
"""
    )

    kinds = [
        getattr(mapping.entry(*what), "kind", None)
        for what in [("Work", "done"), ("Work", "begun"), ("Rest", "done"), ("Rest", "begun"), ("Rest", "")]
    ]
    assert kinds == ["exact", "activity", "any_done", "other", "other"]


def test_words_that_yaml_takes_for_something_else_stay_words() -> None:
    mapping = parse_mapping(
        "columns: {lead: 1, time: on, activity: null}\nmap:\n  NO: won\n  2011: offered\n"
    )

    assert mapping.columns is not None
    assert (mapping.columns.lead, mapping.columns.time, mapping.columns.activity) == (
        ("1",),
        ("on",),
        ("null",),
    )
    assert set(mapping.map) == {"NO", "2011"}


def test_comments_and_order_do_not_change_what_a_mapping_is() -> None:
    one = parse_mapping(COLUMNS + "map: {A: won, B: offered}")
    other = parse_mapping("# mine\nmap:\n  B: offered\n  A: won\n" + COLUMNS)
    changed = parse_mapping(COLUMNS + "map: {A: won, B: won}")

    assert one.content == other.content != changed.content


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("", 1, "begins with `columns:`"),
        ("- a\n- b", 1, "begins with `columns:`"),
        (COLUMNS + "map:\n  A: lost: declined\n", 3, "not YAML"),
        (COLUMNS + "map:\n  A: won\n  A: offered\n", 4, "A is given twice"),
        (COLUMNS + "map:\n  A: bought\n", 3, "map.A: there is no bought; write one of captured, contacted"),
        (COLUMNS + "map:\n  A: captured\n", 3, "captured needs its channel: write {captured: CHANNEL}"),
        (
            COLUMNS + "map:\n  A: {captured: fax}\n",
            3,
            "'fax' is not one of web, chat, social, store or phone",
        ),
        (COLUMNS + "map:\n  A: {stage: sold}\n", 3, "'sold' is not one of new, contacted, qualified"),
        (COLUMNS + "map:\n  A:\n    lost: No Budget!\n", 4, "'No Budget!' does not fit; write small letters"),
        (COLUMNS + "map:\n  A: {won: 12}\n", 3, "won takes nothing after it"),
        (COLUMNS + "map:\n  A: {captured: {channel: web, lead_id: x}}\n", 3, "captured has no lead_id"),
        (COLUMNS + "map:\n  A: [won]\n", 3, "map.A: write one of captured"),
        (COLUMNS, 1, "map is missing"),
        ("columns: {lead: a, time: b}\nmap: {A: won}", 1, "activity is missing"),
        (COLUMNS + "map: {A: won}\nprefix: x", 3, "there is no prefix here"),
        (COLUMNS + "map: {A: won}\nlead_prefix: a b", 3, "a b cannot begin a lead's id"),
        (COLUMNS + "map: {A: won}\ntime_zone: Madrid", 3, "Madrid is not a time zone here"),
        (COLUMNS + "map: {A: won}\ncurrency: euro", 3, "euro is not a currency"),
        (COLUMNS + "map: {A: won}\ndelimiter: '::'", 3, "a delimiter is one sign"),
        (COLUMNS + "map: {A: won}\nformat: excel", 3, "'excel' is not one of csv or xes"),
        ("map: &a {A: *a}", 1, "an alias"),
    ],
)
def test_a_wrong_mapping_is_told_by_line_and_with_what_would_be_right(
    text: str, line: int, says: str
) -> None:
    with pytest.raises(MappingError) as error:
        parse_mapping(text, "mine.yaml")

    assert says in error.value.sentence
    assert error.value.sentence.startswith(f"mine.yaml, line {line}: ")


def test_times_are_told_in_utc_and_one_without_its_zone_is_refused_or_given_it() -> None:
    without = parse_mapping("map: {A: won}")
    madrid = parse_mapping("map: {A: won}\ntime_zone: Europe/Madrid\n")
    written = parse_mapping("map: {A: won}\ntime_zone: UTC\ntime_format: '%d/%m/%Y %H:%M'\n")

    assert without.instant("2011-10-01T00:38:44.546+02:00") == datetime(2011, 9, 30, 22, 38, 44, 546_000, UTC)
    assert madrid.instant("2011-10-01 00:30") == datetime(2011, 9, 30, 22, 30, tzinfo=UTC)
    assert written.instant("01/10/2011 08:00") == datetime(2011, 10, 1, 8, tzinfo=UTC)
    with pytest.raises(ValueError, match="does not say its zone; give the mapping a time_zone"):
        without.instant("2011-10-01 00:30")
    with pytest.raises(ValueError, match="is not written as"):
        madrid.instant("yesterday")
    with pytest.raises(ValueError, match="out of range"):
        without.instant("0001-01-01T00:00:00+14:00")


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("12500", {"by": "form", "amount": 12500}),
        ("12500.00", {"by": "form", "amount": 12500}),
        ("99.5", {"by": "form", "amount": 99.5}),
        ("-3", {"by": "form", "amount": -3}),
        ("", {"by": "form"}),
        ("1000000", "1000000 is too large for an attribute; it holds at most 999,999"),
        ("much", "'much' is not an amount; write it as 1234.50"),
    ],
)
def test_a_rows_value_becomes_an_attribute_of_its_signal(value: str, told: object) -> None:
    mapping = parse_mapping(
        COLUMNS + "map:\n  Form: {signal: {kind: form_completed, attributes: {by: form}, value: amount}}\n"
    )
    raw = Raw(1, 2, "ana", "2026-11-21T09:30:00Z", "Form", "", "", value)

    (found,) = understand([raw], mapping)

    if isinstance(found, Reject):
        assert found.reason == told
    else:
        what = HistoryRow.model_validate_json(found.body).what
        assert what == Signal(kind="form_completed", attributes=told)
