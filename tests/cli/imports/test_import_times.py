"""A time is read in the one way that fits, or refused with what it may be."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cli.imports.mapping_parser import MappingError, parse_mapping
from cli.imports.times import instant

MADRID = ZoneInfo("Europe/Madrid")
instants = st.datetimes(datetime(1981, 1, 1), datetime(2035, 1, 1)).map(lambda at: at.replace(microsecond=0))  # noqa: DTZ001


@pytest.mark.parametrize(
    ("text", "formats", "says"),
    [
        ("03/11/2026 09:00", (), "it may be 2026-11-03 (%d/%m/%Y) or 2026-03-11 (%m/%d/%Y)"),
        ("23/11/2026", (), "it may be 2026-11-23 (%d/%m/%Y): say it with time_format"),
        ("11/23/2026", (), "it may be 2026-11-23 (%m/%d/%Y): say it with time_format"),
        ("11/23/2026", ("%d/%m/%Y",), "is not written as %d/%m/%Y"),
        ("46340.25", (), "if it is what time_format: excel means"),
        ("1793000000", (), "if it is what time_format: epoch means"),
        ("1793000000000", (), "if it is what time_format: epoch_ms means"),
        ("20261123", ("epoch",), "lies before 1980"),
        ("1970-01-01", (), "lies before 1980"),
        ("1900-01-00", (), "is not written as"),
        ("10000101", (), "lies before 1980"),
        ("0000-00-00 00:00:00", (), "is not written as"),
        ("2026-11-23T24:00:00", (), "is not written as"),
        ("2026-11-23 09:00 CET", (), "is not written as"),
        ("2026-10-25 02:15", (), "was twice on the clocks in Europe/Madrid: it may be 00:15Z or 01:15Z"),
        ("2026-03-29 02:15", (), "was on no clock in Europe/Madrid"),
        ("9" * 400, ("epoch",), "is not written as"),
    ],
)  # fmt: skip
def test_what_may_be_another_time_or_none_is_refused(text: str, formats: tuple[str, ...], says: str) -> None:
    with pytest.raises(ValueError, match="time '") as error:
        instant(text, formats, MADRID)

    assert says in str(error.value)


def test_times_in_each_of_the_ways_that_are_said() -> None:
    at = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)
    written = {
        "20261123T093000Z": (),
        "2026-11-23 10:30": (),
        "2026-11-23T09:30:00.000+0000": ("iso",),
        "23/11/2026 10:30": ("%d/%m/%Y", "%d/%m/%Y %H:%M"),
        "11/23/2026 10:30 AM": ("%m/%d/%Y %I:%M %p",),
        str(int(at.timestamp())): ("epoch",),
        str(int(at.timestamp() * 1000)): ("epoch_ms",),
        "46349.4375": ("excel",),
    }

    for text, formats in written.items():
        assert instant(text, formats, MADRID) == at, text


@settings(derandomize=True, deadline=None)
@given(instants, st.sampled_from(["%d/%m/%Y %H:%M:%S", "%m/%d/%Y %I:%M:%S %p", "%Y-%m-%d %H:%M:%S"]))
def test_a_local_time_is_an_instant_that_the_zones_clocks_showed_so_and_no_other(
    local: datetime, format_: str
) -> None:
    """By an oracle that tries all offsets there ever were."""
    shown = [
        at
        for hours in (0, 1, 2, 3)
        if (at := (local - timedelta(hours=hours)).replace(tzinfo=UTC))
        .astimezone(MADRID)
        .replace(tzinfo=None)
        == local
    ]
    try:
        found = [instant(local.strftime(format_), (format_,), MADRID)]
    except ValueError:
        found = []

    assert found == (shown if len(shown) == 1 else [])


@pytest.mark.parametrize(
    ("format_", "says"),
    [
        ("%s", "cannot be read back"),
        ("%d/%m", "does not say day, month and year"),
        ("%m/%Y", "does not say day, month and year"),
        ("%d/%m/%Y %I:%M", "which half of the day"),
        ("%Q", "cannot be read back"),
        ("dd/mm/yyyy", "does not say day, month and year"),
    ],
)
def test_a_format_that_cannot_work_is_refused_when_the_mapping_is_read(format_: str, says: str) -> None:
    with pytest.raises(MappingError) as error:
        parse_mapping(f"map: {{A: won}}\ntime_format: '{format_}'\n")

    assert says in error.value.sentence
    assert "line 2" in error.value.sentence
