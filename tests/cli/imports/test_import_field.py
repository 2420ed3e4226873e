"""Files as they come from the field: each trouble is read right, or named by its line."""

from __future__ import annotations

import csv
from collections.abc import Callable
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest

from cli.imports.account import Account
from cli.imports.log_rows import Ready, understand
from cli.imports.mapping_parser import MappingError, parse_mapping
from cli.imports.ordering import by_lead
from cli.imports.run import run
from shared.commands.import_rows import (
    Offered,
    Won,
)
from shared.errors import Refused
from tests.cli.imports.gate import KEY, Gate

COLUMNS = "columns: {lead: id, time: when, activity: what, value: worth}\ntime_zone: Europe/Lisbon\n"
MEANS = """
map: {Entrada: {captured: web}, Presupuesto: offered, Vendido: won, "Teléfono": contacted, Nada: ignore}
"""
HEADER = "id,when,what,worth,remark\n"
Import = Callable[..., Any]


@pytest.fixture
def gate() -> Gate:
    return Gate()


@pytest.fixture
def bring(tmp_path: Path, gate: Gate) -> Import:
    async def bring(content: str | bytes, mapping: str = COLUMNS + MEANS, name: str = "log.csv") -> Account:
        file = tmp_path / name
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
        understood = parse_mapping(mapping)
        return await run(file, understood, "http://gate", KEY, quiet=0, patience=0, transport=gate.transport)

    return bring


def worth(gate: Gate) -> list[int]:
    """In cents, by row."""
    rows = sorted(gate.order, key=lambda row: row.row)
    return [row.what.value.minor for row in rows if isinstance(row.what, Offered | Won) and row.what.value]


def reasons(account: Account) -> dict[int, str]:
    assert account.rejects_file is not None
    with Path(account.rejects_file).open(newline="") as rejects:
        return {int(row["line"]): row["reason"] for row in csv.DictReader(rejects)}


def actions(gate: Gate) -> list[str]:
    return [row.what.action for row in gate.order]


async def test_an_amount_of_two_readings_is_never_silently_one_of_them(bring: Import, gate: Gate) -> None:
    rows = (
        HEADER
        + "a,2026-09-01T08:00,Entrada,,\n"
        + "".join(
            f'a,2026-09-0{day}T08:00,Presupuesto,"{amount}",\n'
            for day, amount in enumerate(["17.500", "4.000", "2,500.75", "3.000.000", "0.250"], 2)
        )
    )
    account = await bring(rows)

    assert worth(gate) == [250075, 300000000, 25]
    assert reasons(account) == {
        3: '\'17.500\' may be 17.5 or 17500; say which with decimal: "." or decimal: "," in the mapping',
        4: '\'4.000\' may be 4 or 4000; say which with decimal: "." or decimal: "," in the mapping',
    }

    gate.order.clear()
    again = await bring(rows, COLUMNS + 'decimal: ","' + MEANS)
    assert worth(gate) == [1750000, 400000, 300000000]
    assert set(reasons(again)) == {5, 7}


async def test_a_table_parted_by_semicolons_is_read_with_the_comma_that_its_other_amounts_show(
    bring: Import, gate: Gate
) -> None:
    header = HEADER.replace(",", ";")
    rows = "b;2026-09-01T08:00;Entrada;;\nb;2026-09-02T08:00;Presupuesto;3.450,25;\n"
    unclear = "b;2026-09-03T08:00;Presupuesto;2.345;\nb;2026-09-03T09:00;Presupuesto;1 500 €;\n"
    mapping = COLUMNS + 'delimiter: ";"' + MEANS

    account = await bring(header + rows + unclear, mapping)
    assert worth(gate) == [345025, 234500, 150000]
    assert [each.text for each in account.warnings] == [
        'amounts are read with the decimal sign ",", which others in the file show'
    ]

    other = await bring(header + rows + "b;2026-09-04T08:00;Presupuesto;0.5;\n" + unclear, mapping)
    assert list(reasons(other)) == [5]  # where both signs are shown, neither is taken


async def test_empty_cells_may_be_missing_at_the_end_or_stand_there_in_surplus(
    bring: Import, gate: Gate
) -> None:
    account = await bring(
        HEADER + "c,2026-09-01T08:00,Entrada\nc,2026-09-02T08:00,Presupuesto,80,,,\nc,2026-09-03T08:00\n"
        "c,2026-09-03T08:00,Vendido,80,,,more\n"
    )

    assert actions(gate) == ["captured", "offered"]
    assert reasons(account) == {
        4: "it has 2 columns, and the header 5",
        5: "it has 7 columns, and the header 5",
    }


async def test_activities_and_columns_are_found_composed_or_not_in_either_case_and_with_any_space(
    bring: Import, gate: Gate
) -> None:
    decomposed, hard = "Tele\u0301fono", "\N{NO-BREAK SPACE}"
    await bring(
        f"ID,when{hard},\N{ZERO WIDTH SPACE}What,worth,remark\nd,2026-09-01T08:00,ENTRADA,,\n"
        f"d,2026-09-02T08:00,{decomposed}{hard},,\nd,2026-09-03T08:00,\N{ZERO WIDTH SPACE}vendido,7,\n"
    )

    assert actions(gate) == ["captured", "activity", "won"]


def test_two_activities_that_would_be_the_same_are_refused_when_the_mapping_is_read() -> None:
    with pytest.raises(MappingError, match="line 2: map: Form and FORM are the same activity here"):
        parse_mapping("columns: {lead: a, time: b, activity: c}\nmap: {Form: won, FORM: offered}\n")


async def test_by_time_within_a_lead_however_the_file_is_ordered(bring: Import, gate: Gate) -> None:
    rows = [
        "e,2026-09-09T08:00,Vendido,500,\n",
        "e,2026-09-09T08:00,Presupuesto,400,\n",
        "e,2026-09-02T08:00,Teléfono,,\n",
        "e,2026-09-01T08:00,Entrada,,\n",
    ]
    for order in permutations(rows):
        gate.order.clear()
        gate.remembered.clear()
        await bring(HEADER + "".join(order))
        assert actions(gate) == ["captured", "activity", "offered", "won"]


def test_a_file_longer_than_what_is_held_in_memory_is_sorted_all_the_same() -> None:
    from cli.imports.raw import Raw

    mapping = parse_mapping(COLUMNS + MEANS)
    raws = [
        Raw(number, number, f"lead{number * 7 % 5}", f"2026-09-{number * 11 % 28 + 1:02}T08:00", "Teléfono")
        for number in range(1, 101)
    ]
    rows = [row for row in by_lead(understand(raws, mapping), window=7) if isinstance(row, Ready)]

    assert len(rows) == 100
    assert rows == sorted(rows, key=lambda row: (row.lead_id, row.turn, row.raw.row))


async def test_a_refused_row_is_refused_again_and_taken_when_it_can_be(bring: Import, gate: Gate) -> None:
    content = (
        HEADER
        + "f,2026-09-01T08:00,Entrada,,\nf,2026-09-02T08:00,Presupuesto,5,\nf,2026-09-03T08:00,Teléfono,,\n"
    )
    gate.refuse = lambda row: "lead f is closed" if row.what.action == "offered" else None
    for known in (0, 2):
        account = await bring(content)
        assert (account.events_already_known, account.rows_rejected) == (known, 1)

    gate.refuse = lambda row: None
    account = await bring(content)
    assert (account.events_published, account.events_already_known, account.rows_rejected) == (1, 2, 0)


async def test_what_the_mapping_lacks_is_named_once_with_its_count_and_ignored_is_counted(
    bring: Import, gate: Gate
) -> None:
    account = await bring(
        HEADER + "g,2026-09-01T08:00,Entrada,,\n" + "g,2026-09-02T08:00,Feria,,\n" * 3 + "g,,Nada,,\n" * 2
    )

    assert [(each.text, each.rows) for each in account.warnings] == [
        ("the mapping does not say what 'Feria' means; add it to map, or a default", 3)
    ]
    assert (account.rows_read, account.events_published, account.rows_rejected, account.rows_ignored) == (
        6,
        1,
        3,
        2,
    )


async def test_a_large_column_that_nobody_maps_does_not_matter(bring: Import, gate: Gate) -> None:
    account = await bring(HEADER + f"h,2026-09-01T08:00,Entrada,,{'x' * 300_000}\n")

    assert account.events_published == 1


@pytest.mark.parametrize(("encoding", "says"), [("utf-16-le", "utf-16-le"), ("utf-16-be", "utf-16-be")])
async def test_utf_16_without_its_mark_is_named_and_read_when_the_mapping_says_it(
    bring: Import, gate: Gate, encoding: str, says: str
) -> None:
    content = (HEADER + "i,2026-09-01T08:00,Entrada,,café\n").encode(encoding)
    with pytest.raises(
        Refused, match=f"line 1 has NUL bytes as UTF-16 .* say encoding: {says} in the mapping"
    ):
        await bring(content)

    assert (await bring(content, COLUMNS + f"encoding: {encoding}" + MEANS)).events_published == 1


async def test_utf_16_with_its_mark_is_read(bring: Import) -> None:
    assert (await bring((HEADER + "j,2026-09-01T08:00,Entrada,,é\n").encode("utf-16"))).events_published == 1


async def test_what_is_not_utf_8_is_named_with_how_it_would_read(bring: Import, gate: Gate) -> None:
    content = (HEADER + "k,2026-09-01T08:00,Teléfono,,\n").encode("windows-1252")
    with pytest.raises(Refused, match=r"line 2 is not UTF-8; .* as windows-1252 it would read '.*Teléfono"):
        await bring(content)
    assert gate.pieces == 0

    await bring(content, COLUMNS + "encoding: windows-1252" + MEANS)
    assert actions(gate) == ["activity"]


async def test_a_nul_byte_is_named_by_its_line_and_the_rest_goes_on(bring: Import) -> None:
    account = await bring(HEADER + "l,2026-09-01T08:00,Entrada,,a\0b\nl,2026-09-01T08:00,Entrada,,\n")

    assert account.events_published == 1
    assert reasons(account) == {
        2: "it has a NUL byte, which no text has; export the file again, or take it out"
    }


async def test_offsets_of_an_xes_log_are_exact_and_its_amounts_have_a_point(
    bring: Import, gate: Gate
) -> None:
    events = [
        ("Entrada", "2026-09-01T10:00:00.000+05:30", ""),
        ("Presupuesto", "2026-09-02T10:00:00.1239999-06:00", '<float key="worth" value="12.500"/>'),
        ("Vendido", "2026-09-03T10:00:00", ""),
    ]
    log = "".join(
        f'<event><string key="concept:name" value="{name}"/><date key="time:timestamp" value="{at}"/>{more}</event>'
        for name, at, more in events
    )
    trace = f'<log><trace><string key="concept:name" value="m"/>{log}</trace></log>'
    columns = 'columns: {lead: "case:concept:name", time: "time:timestamp", activity: "concept:name", value: worth}\n'
    await bring(trace, columns + "time_zone: Europe/Lisbon" + MEANS, "log.xes")

    assert [row.at.isoformat(timespec="milliseconds") for row in gate.order] == [
        "2026-09-01T04:30:00.000+00:00",
        "2026-09-02T16:00:00.123+00:00",
        "2026-09-03T09:00:00.000+00:00",
    ]
    assert worth(gate) == [1250]


async def test_an_xes_log_need_not_have_what_the_standard_leaves_open(bring: Import, gate: Gate) -> None:
    event = (
        '<event><string key="concept:name" value="Entrada"/>'
        '<date key="time:timestamp" value="2026-09-01T10:00Z"/></event>'
    )
    await bring(f'<log><trace><string key="concept:name" value="n"/>{event}</trace></log>', MEANS, "log.xes")

    assert actions(gate) == ["captured"]


async def test_a_header_in_one_piece_names_the_delimiter_that_would_part_it(bring: Import) -> None:
    with pytest.raises(Refused, match='if ; parts its columns, say delimiter: ";"'):
        await bring(HEADER.replace(",", ";") + "o;2026-09-01T08:00;Entrada;;\n")
