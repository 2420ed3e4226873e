"""An import accounts for every row, however it goes, and tells nothing twice."""

from __future__ import annotations

import asyncio
import csv
import io
import itertools
import os
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.responses import JSONResponse, Response

from cli.imports.account import Account, Tally
from cli.imports.log_rows import Ready, understand
from cli.imports.mapping_parser import parse_mapping
from cli.imports.progress import Progress
from cli.imports.readers import Source
from cli.imports.run import run
from shared.commands.import_rows import (
    HistoryRow,
)
from shared.errors import AscuaError, Forbidden, Refused, Unavailable
from tests.cli.imports.gate import KEY, Gate, Killed

MAPPING = parse_mapping(
    """
columns: {lead: lead, time: time, activity: step, person: who, value: worth}
lead_prefix: crm-
map:
  Form: {captured: web}
  Call: contacted
  Offer: offered
  Signed: won
  Gone: {lost: no_budget}
  Seen: {signal: page_viewed}
"""
)
HEADER = "lead,time,step,who,worth\n"
DAY = "2024-05-01T"


async def import_(file: Path, gate: Gate, **options: Any) -> Account:
    settings_ = {"quiet": 0.0, "patience": 0.0, "transport": gate.transport, **options}
    return await run(file, MAPPING, "http://gate", KEY, **settings_)


@pytest.fixture
def gate() -> Gate:
    return Gate()


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str], Path]:
    def write(rows: str) -> Path:
        path = tmp_path / "deals.csv"
        path.write_text(HEADER + rows)
        return path

    return write


Write = Callable[[str], Path]


def days(leads: int) -> str:
    """The same four things happen to each of some leads."""
    steps = ("Form", "Call", "Offer", "Signed")
    return "".join(
        f"{lead},{DAY}{hour:02}:00:00Z,{step},ana,99.50\n"
        for hour, step in enumerate(steps)
        for lead in range(leads)
    )


async def test_every_row_becomes_what_the_mapping_says(write: Write, gate: Gate) -> None:
    account = await import_(write(days(1) + f"1,{DAY}09:00:00+02:00,Seen,,\n"), gate)

    assert account.model_dump(exclude={"seconds"}) == {
        "rows_read": 5,
        "events_published": 5,
        "events_already_known": 0,
        "rows_rejected": 0,
        "rows_ignored": 0,
        "rejects_file": None,
        "leads": 2,
        "warnings": [],
    }
    assert [(row.row, row.lead_id, row.at.isoformat(), row.what.action) for row in gate.order] == [
        (1, "crm-0", "2024-05-01T00:00:00+00:00", "captured"),
        (2, "crm-0", "2024-05-01T01:00:00+00:00", "activity"),
        (3, "crm-0", "2024-05-01T02:00:00+00:00", "offered"),
        (4, "crm-0", "2024-05-01T03:00:00+00:00", "won"),
        (5, "crm-1", "2024-05-01T07:00:00+00:00", "signal"),
    ]
    assert gate.order[1].what.model_dump(include={"rep"}) == {"rep": "ana"}
    assert gate.order[3].what.model_dump(include={"value"}) == {"value": {"minor": 9950, "currency": "EUR"}}


async def test_a_wrong_row_is_rejected_with_its_line_and_reason_and_the_rest_goes_on(
    write: Write, gate: Gate
) -> None:
    wrong = {
        f"1,{DAY}25:00:00Z,Form,,": "is not written as 2026-11-21T09:30:00Z",
        f"1,{DAY}08:00:00,Form,,": "does not say its zone; give the mapping a time_zone",
        "1,,Form,,": "it has no time",
        f",{DAY}08:00:00Z,Form,,": "it names no lead",
        f"{'x' * 61},{DAY}08:00:00Z,Form,,": "is not a lead's id",
        f"ana@example.com,{DAY}08:00:00Z,Form,,": "is not a lead's id",
        f"1,{DAY}08:00:00Z,Fax,,": "the mapping does not say what 'Fax' means",
        f"1,{DAY}08:00:00Z,Signed,,-1": "the amount -1 is negative",
        f"1,{DAY}08:00:00Z,Signed,,1e3": "'1e3' is not an amount",
        f"1,{DAY}08:00:00Z,Signed,,1.0051": "more decimals than EUR has",
        f"1,{DAY}08:00:00Z,Signed,,{10**14}": "is too large",
        f"1,{DAY}08:00:00Z,Call,Ana Torres,": "is not a person's id",
        f"1,{DAY}08:00:00Z": "it has 2 columns, and the header 5",
    }
    file = write("\n".join([*wrong, f"1,{DAY}08:00:00Z,Form,Ana Torres,rubbish that no one needs"]))
    account = await import_(file, gate)

    assert (account.rows_read, account.events_published, account.rows_rejected) == (14, 1, 13)
    assert account.rejects_file == f"{file}.rejects.csv"
    told = rejects_in(account)
    assert [int(row["line"]) for row in told] == list(range(2, 15))
    for row, (line, says) in zip(told, wrong.items(), strict=True):
        assert says in row["reason"]
        assert [row["lead"], row["time"], row["activity"]] == [*line.split(","), ""][:3]


async def test_what_the_services_refuse_is_rejected_with_their_reason(write: Write, gate: Gate) -> None:
    gate.refuse = lambda row: "lead crm-0 is won since 2024-05-01" if row.what.action == "offered" else None
    account = await import_(write(days(2)), gate)

    assert (account.events_published, account.rows_rejected) == (6, 2)
    assert rejects_in(account)[0] == {
        "line": "6",
        "reason": "lead crm-0 is won since 2024-05-01",
        "lead": "0",
        "time": "2024-05-01T02:00:00Z",
        "activity": "Offer",
    }


async def test_again_tells_nothing_new_and_other_content_or_meaning_is_another_import(
    write: Write, gate: Gate
) -> None:
    file = write(days(3))
    await import_(file, gate)
    again = await import_(file, gate)
    assert (again.rows_read, again.events_published, again.events_already_known) == (12, 0, 12)

    meaning = MAPPING.model_copy(update={"lead_prefix": "other-"})
    other = await run(file, meaning, "http://gate", KEY, quiet=0, transport=gate.transport)
    more = await import_(write(days(3) + f"9,{DAY}08:00:00Z,Form,,\n"), gate)
    assert (other.events_published, more.events_published) == (12, 13)


async def test_pieces_are_bounded_and_bring_each_leads_rows_together_in_the_files_order(
    write: Write, gate: Gate
) -> None:
    await import_(write(days(25)), gate, piece_rows=7)

    assert gate.pieces == 15
    assert sorted(row.row for row in gate.order) == list(range(1, 101))
    leads = [row.lead_id for row in gate.order]
    assert len([one for one, next_ in pairwise(leads) if one != next_]) == len(set(leads)) - 1
    for lead in set(leads):
        rows = [row.row for row in gate.order if row.lead_id == lead]
        assert rows == sorted(rows)


cells = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=12),
    st.sampled_from(["1", "2", f"{DAY}08:00:00Z", "Form", "Call", "Signed", "ana", "12.50", "-3"]),
)
likely = st.tuples(
    st.sampled_from(["1", "2", "", "a b"]),
    st.sampled_from([f"{DAY}08:00:00Z", f"{DAY}08:00:00", "soon"]),
    st.sampled_from(["Form", "Call", "Signed", "Fax"]),
    st.sampled_from(["ana", "", "Ana Torres"]),
    st.sampled_from(["", "12.50", "-3"]),
)


@settings(max_examples=100)
@given(st.lists(st.one_of(likely, st.lists(cells, max_size=7)), max_size=30), st.integers(0, 8))
async def test_the_account_always_adds_up(rows: list[list[str]], refuse_every: int) -> None:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    expected = sum(1 for row in csv.reader(io.StringIO(text.getvalue(), newline=""), strict=True) if row)
    gate, counter = Gate(), itertools.count(1)
    gate.refuse = lambda row: "no" if refuse_every and next(counter) % (refuse_every + 1) == 0 else None

    with TemporaryDirectory() as folder:
        file = Path(folder) / "deals.csv"
        file.write_bytes((HEADER + text.getvalue()).encode())
        account = await import_(file, gate, piece_rows=5)

        assert account.rows_read == expected
        assert (
            account.rows_read
            == account.events_published + account.events_already_known + account.rows_rejected
        )
        assert account.events_published == len(gate.remembered)
        assert account.leads == len({row.lead_id for row in gate.order})
        assert (account.rejects_file is not None) == (account.rows_rejected > 0)
        assert len(rejects_in(account)) == account.rows_rejected


@settings(max_examples=100)
@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=200))
async def test_any_text_is_accounted_for_or_refused_before_anything_is_sent(text: str) -> None:
    gate, tally = Gate(), Tally()
    with TemporaryDirectory() as folder:
        file = Path(folder) / "deals.csv"
        file.write_bytes((HEADER + text).encode())
        try:
            account = await import_(file, gate, tally=tally)
        except Refused:
            assert gate.pieces == tally.settled == 0
        else:
            assert account.rows_read == account.events_published + account.rows_rejected


@settings(max_examples=20)
@given(st.lists(st.integers(0, 40), max_size=4), st.integers(1, 9))
async def test_killed_anywhere_and_run_again_it_ends_the_same(kills: list[int], piece_rows: int) -> None:
    undisturbed, gate = Gate(), Gate()
    with TemporaryDirectory() as folder:
        file = Path(folder) / "deals.csv"
        file.write_text(HEADER + days(10))
        await import_(file, undisturbed, piece_rows=piece_rows)
        for kill in kills:
            gate.kill_after_rows = kill
            if kill < 40 and len(gate.remembered) <= kill:
                with pytest.raises(Killed):
                    await import_(file, gate, piece_rows=piece_rows)
        gate.kill_after_rows = None
        before = len(gate.remembered)
        account = await import_(file, gate, piece_rows=piece_rows)

    assert gate.remembered == undisturbed.remembered
    assert gate.order == undisturbed.order
    assert (account.events_already_known, account.events_published) == (before, 40 - before)


async def test_a_service_that_is_away_for_a_while_is_waited_for(write: Write, gate: Gate) -> None:
    answers = iter(
        [
            JSONResponse({"detail": "leads is away"}, 503),
            httpx.ReadTimeout("it took too long"),
            httpx.ConnectError("refused"),
            JSONResponse({"detail": "a bad gateway"}, 502),
        ]
    )

    def fail() -> Response | None:
        answer = next(answers, None)
        if isinstance(answer, Exception):
            raise answer
        return answer

    gate.before_piece, notes = fail, list[str]()
    account = await import_(
        write(days(2)), gate, patience=30, watch=lambda now: notes.append(now.note) if now.note else None
    )

    assert account.events_published == 8
    assert notes[0] == "waiting for the gateway: it answered 503: leads is away"
    assert len(notes) == 4


@pytest.mark.parametrize(
    ("status", "error", "says"),
    [
        (503, Unavailable, "the gateway at http://gate cannot be reached (it answered 503: no)"),
        (401, Forbidden, "the gateway refuses the key: no"),
        (422, Refused, "the gateway answers 422 to /v1/history: no"),
    ],
)
async def test_what_the_gateway_will_not_take_ends_the_import_with_the_account_so_far(
    write: Write, gate: Gate, status: int, error: type[AscuaError], says: str
) -> None:
    gate.before_piece = lambda: JSONResponse({"detail": "no"}, status) if gate.pieces == 3 else None
    tally = Tally()
    with pytest.raises(error) as raised:
        await import_(write(days(10)), gate, piece_rows=10, tally=tally)

    assert says in raised.value.sentence
    assert (tally.settled, tally.published) == (20, 20)


async def test_an_answer_about_other_rows_is_no_account(write: Write, gate: Gate) -> None:
    gate.before_piece = lambda: JSONResponse({"outcomes": [{"row": 7, "outcome": "published"}]})

    with pytest.raises(Refused, match="answered about other rows"):
        await import_(write(days(1)), gate)


async def test_a_file_that_grows_while_it_is_checked_is_refused_before_anything_is_sent(
    write: Write, gate: Gate
) -> None:
    file = write(days(1_500))

    def grow(now: Progress) -> None:
        if now.stage == "checking":
            append(file)

    with pytest.raises(Refused, match="is being written; wait until it is whole"):
        await import_(file, gate, watch=grow)
    assert gate.pieces == 0


async def test_a_file_written_a_moment_ago_must_lie_still_first(write: Write, gate: Gate) -> None:
    file = write(days(1))
    late = asyncio.ensure_future(asyncio.to_thread(append, file))

    with pytest.raises(Refused, match="is being written"):
        await import_(file, gate, quiet=1.0)
    await late
    assert gate.pieces == 0


async def test_a_file_that_changes_while_it_is_sent_stops_the_import(write: Write, gate: Gate) -> None:
    file = write(days(10))
    gate.before_piece = lambda: append(file) if gate.pieces == 2 else None

    with pytest.raises(Refused, match="is being written"):
        await import_(file, gate, piece_rows=10)
    assert len(gate.remembered) == 20


async def test_rejects_that_cannot_be_written_stop_the_import_before_their_piece_is_sent(
    write: Write, gate: Gate, tmp_path: Path
) -> None:
    with pytest.raises(Refused, match="name another file with --rejects"):
        await import_(write(days(1) + "x\n"), gate, rejects=tmp_path / "nowhere" / "rejects.csv")
    assert gate.pieces == 0


async def test_it_ends_when_heat_and_read_models_have_caught_up(write: Write, gate: Gate) -> None:
    gate.looks_until_caught_up, lags = 2, list[str]()
    await import_(
        write(days(1)), gate, watch=lambda now: lags.append(now.note) if now.stage == "catching up" else None
    )

    assert lags == ["ascua-scoring 1 behind", ""]


async def test_read_models_that_never_catch_up_are_told(write: Write, gate: Gate) -> None:
    stuck = httpx.MockTransport(lambda request: httpx.Response(200, json={"caught_up": False}))

    with pytest.raises(Unavailable, match="do not catch up"):
        await import_(write(""), gate, transport=stuck)


def test_the_bodies_are_rows_as_the_services_declare_them(tmp_path: Path) -> None:
    file = tmp_path / "deals.csv"
    file.write_text(HEADER + days(1) + f"1,{DAY}09:00:00.123456+02:00,Seen,,\n1,2024-05-01T07:01Z,Gone,,\n")
    with Source(file) as source:
        rows = [
            HistoryRow.model_validate_json(row.body)
            for row in understand(source.rows(MAPPING), MAPPING)
            if isinstance(row, Ready)
        ]

    assert [row.what.action for row in rows] == ["captured", "activity", "offered", "won", "signal", "lost"]
    assert rows[4].at.isoformat() == "2024-05-01T07:00:00.123000+00:00"


def rejects_in(account: Account) -> list[dict[str, str]]:
    if account.rejects_file is None:
        return []
    with Path(account.rejects_file).open(newline="") as rejects:
        return list(csv.DictReader(rejects))


def append(file: Path) -> None:
    with file.open("a") as growing:
        growing.write(f"9,{DAY}08:00:00Z,Form,,\n")
        growing.flush()
        os.fsync(growing.fileno())


async def test_a_row_that_lies_in_the_future_is_rejected_and_not_set_back(write: Write, gate: Gate) -> None:
    account = await import_(write(days(1) + "1,2999-01-05T12:00:00Z,Call,,\n"), gate)

    assert (account.events_published, account.rows_rejected) == (4, 1)
    assert account.rejects_file is not None
    told = await asyncio.to_thread(Path(account.rejects_file).read_text)
    assert "it lies in the future" in told
