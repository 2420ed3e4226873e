"""A table of people comes in whole: who, how far, whose, since when, and how it ended."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cli.imports.account import Account
from cli.imports.guess import propose
from cli.imports.mapping import Mapping
from cli.imports.mapping_parser import MappingError, load_mapping, parse_mapping
from cli.imports.preview import preview
from cli.imports.run import run
from shared.commands.import_rows import (
    Person,
)
from shared.errors import Refused
from tests.cli.imports.gate import KEY, Gate

SHIPPED = Path(__file__).parents[3] / "cli/imports/mappings"
MAPPING = """
leads:
  lead: No
  name: [First, Last]
  email: Mail
  phone: [Cell, Phone]
  company: Firm
  channel: {column: From, map: {Fair: store, Site: web}}
  origin: From
  stage:
    - {column: Status, map: {Fresh: new, Talks: negotiation, Bought: won, Gone: lost, Junk: ignore}}
  owner: {column: Rep, map: {Carla Sol: carla}}
  created: Since
  last_activity: {column: Spoke, kind: meeting, result: interested}
  closed: Until
  lost_reason: Why
  value: Worth
lead_prefix: own-
time_zone: UTC
time_format: "%d.%m.%Y"
"""
HEADER = "No,First,Last,Mail,Cell,Phone,Firm,From,Status,Rep,Since,Spoke,Until,Why,Worth\n"
Import = Callable[..., Any]


@pytest.fixture
def gate() -> Gate:
    return Gate()


@pytest.fixture
def bring(tmp_path: Path, gate: Gate) -> Import:
    async def bring(content: str, mapping: Mapping | str = MAPPING) -> Account:
        file = tmp_path / "people.csv"
        file.write_text(content)
        understood = parse_mapping(mapping) if isinstance(mapping, str) else mapping
        return await run(file, understood, "http://gate", KEY, quiet=0, patience=0, transport=gate.transport)

    return bring


def people(gate: Gate) -> dict[str, dict[str, Any]]:
    return {
        row.lead_id: {"at": f"{row.at:%Y-%m-%d}", **row.what.model_dump(mode="json", exclude_none=True)}
        for row in gate.order
        if isinstance(row.what, Person)
    }


async def test_every_column_finds_its_place(bring: Import, gate: Gate) -> None:
    account = await bring(
        HEADER
        + "1,Ines,Mar,ines@example.com,,600 111 222,Faro,fair,TALKS,Carla Sol,02.09.2026,05.09.2026,,,900\n"
        + "2,Leo,,,,,,Site,Bought,ben,03.09.2026,,09.09.2026,,1200\n"
        + "3,Ada,Rio,,,,,Site,Gone,,03.09.2026,04.09.2026,,Too expensive,\n"
        + "4,Spam,,,,,,Site,Junk,,03.09.2026,,,,\n"
    )

    assert people(gate) == {
        "own-1": {
            "at": "2026-09-02",
            "action": "lead",
            "profile": {
                "name": "Ines Mar",
                "email": "ines@example.com",
                "phone": "600 111 222",
                "company": "Faro",
            },
            "channel": "store",
            "stage": "negotiation",
            "origin": "fair",
            "owner": "carla",
            "value": {"minor": 90000, "currency": "EUR"},
            "last_activity": {"at": "2026-09-05T00:00:00Z", "kind": "meeting", "result": "interested"},
        },
        "own-2": {
            "at": "2026-09-03",
            "action": "lead",
            "profile": {"name": "Leo"},
            "channel": "web",
            "stage": "new",
            "origin": "site",
            "owner": "ben",
            "value": {"minor": 120000, "currency": "EUR"},
            "end": {"at": "2026-09-09T00:00:00Z", "outcome": "won"},
        },
        "own-3": {
            "at": "2026-09-03",
            "action": "lead",
            "profile": {"name": "Ada Rio"},
            "channel": "web",
            "stage": "new",
            "origin": "site",
            "last_activity": {"at": "2026-09-04T00:00:00Z", "kind": "meeting", "result": "interested"},
            "end": {"at": "2026-09-04T00:00:00Z", "outcome": "lost", "reason": "too_expensive"},
        },
    }
    assert (account.rows_read, account.events_published, account.rows_ignored, account.leads) == (4, 3, 1, 3)
    assert account.warnings == []


async def test_what_cannot_be_kept_is_left_out_and_named_and_what_is_senseless_is_rejected(
    bring: Import, gate: Gate
) -> None:
    account = await bring(
        HEADER
        + "1,Ines,,no mail,n/a,,,Site,Odd,Carla S.,02.09.2026,,,,\n"
        + "2,,,ben@example.com; b@example.com,,,,Site,Fresh,,02.09.2026,,,,75\n"
        + "3,,,,,,,Site,Fresh,,02.09.2026,,,,\n"
        + "4,Ana,,,,,,Radio,Fresh,,02.09.2026,,,,\n"
        + "5,Ana,,,,,,Site,Fresh,,2026-09-02,,,,\n"
        + "6,Ana,,,,,,Site,Talks,,02.09.2026,,,,1.500\n"
        + "2,Ben,,,,,,Site,Fresh,,02.09.2026,,,,\n"
    )

    assert [each["profile"] for each in people(gate).values()] == [
        {"name": "Ines"},
        {"name": "ben@example.com", "email": "ben@example.com"},
    ]
    assert {(each.text, each.rows) for each in account.warnings} == {
        ("an e-mail that cannot be kept was left out", 1),
        ("a phone that cannot be kept was left out", 1),
        ("'Odd' in Status is no stage by the mapping", 1),
        ("owner 'Carla S.' has no id in owner.map: their leads come without an owner", 1),
        ("what a lead is worth was left out where there is neither an offer nor a sale yet", 1),
    }
    assert account.rejects_file is not None
    told = Path(account.rejects_file).read_text()  # noqa: ASYNC240
    for line, says in {
        4: "it names nobody",
        5: "the mapping does not say what channel 'Radio' is",
        6: "is not written as %d.%m.%Y",
        7: "may be 1.5 or 1500",
        8: "it is the same lead as in line 3",
    }.items():
        assert any(row.startswith(f"{line},") and says in row for row in told.splitlines()), (line, told)
    assert "ben@example.com" not in told


async def test_without_ids_people_are_known_by_a_digest_that_tells_nobody_who_they_are(
    bring: Import, gate: Gate
) -> None:
    mapping = MAPPING.replace("  lead: No\n", "  key: [Mail, Cell]\n  salt: nobody-knows\n")
    row = "1,Ines,,{},,,,Site,Fresh,,02.09.2026,,,,\n"
    for mail in ("ines@example.com", " INES@example.com"):
        await bring(HEADER + row.format(mail), mapping)
    await bring(HEADER + row.format("ines@example.com"), mapping.replace("nobody-knows", "another-one"))

    one, same, other = (row.lead_id for row in gate.order)
    assert one == same != other
    assert "ines" not in one.lower()


async def test_a_file_without_what_a_lead_needs_is_refused_and_what_else_it_lacks_is_named(
    bring: Import, gate: Gate
) -> None:
    for column in ("No", "Since"):
        with pytest.raises(Refused, match=f"there is no column {column}, where the mapping looks for leads"):
            await bring(HEADER.replace(column, "Else", 1) + "x\n")
    with pytest.raises(Refused, match="there is no column of those in which the mapping looks for name"):
        await bring("No,Since\n1,02.09.2026\n")
    assert gate.pieces == 0

    account = await bring("No,First,Since,From\n1,Ines,02.09.2026,Site\n")
    assert "the file has no column Rep, where the mapping looks for leads.owner" in [
        each.text for each in account.warnings
    ]


@pytest.mark.parametrize(
    ("mapping", "line", "says"),
    [
        (MAPPING.replace("  lead: No\n", ""), 2, "write either lead:"),
        (MAPPING.replace("  lead: No\n", "  key: [Mail]\n"), 2, "key: needs a salt"),
        (MAPPING.replace("Fresh: new", "Fresh: sold"), 10, "'sold' is not how a lead can stand"),
        (MAPPING.replace("{column: From, map: {Fair: store, Site: web}}", "web"), 8, "{default: web}"),
        (MAPPING.replace("Site: web", "Site: fax"), 8, "'fax' is not one of web"),
        (MAPPING.replace("Fresh: new", "Fresh: new, FRESH: contacted"), 10, "the same word here"),
        (MAPPING.replace("  created: Since\n", ""), 2, "created is missing"),
        (MAPPING + "map: {A: won}\n", 1, "keep one of both"),
        (MAPPING.replace("Carla Sol: carla", "Carla Sol: Carla Sol"), 12, "does not fit"),
    ],
)  # fmt: skip
def test_a_wrong_table_of_people_is_told_by_line(mapping: str, line: int, says: str) -> None:
    with pytest.raises(MappingError) as error:
        parse_mapping(mapping, "mine.yaml")

    assert says in error.value.sentence
    assert error.value.line == line


EXPORTS = {
    "hubspot": (
        "Record ID,First Name,Last Name,Email,Phone Number,Contact owner,Last Activity Date,Lead Status,"
        "Lifecycle Stage,Create Date,Original Source,Company name,Associated Company IDs\n"
        "70011,Ines,Mar,ines@example.com,+34 600 111 222,Carla Sol,2026-09-20 10:00,Open Deal,"
        "Opportunity,2026-09-01 09:14,Paid Social,Faro,9\n"
        "70012,Leo,Paz,leo@example.com,,Ben Oso,,Unqualified,Lead,2026-09-02 09:14,Organic Search,,\n"
        "70013,Ada,Rio,ada@example.com,,,,Connected,Customer,2026-09-03 09:14,Offline Sources,,\n",
        [("proposal", "social", "carla-sol", None), ("new", "web", "ben-oso", "lost"), ("new", "phone", None, "won")],
    ),
    "salesforce": (
        "Lead Owner,First Name,Last Name,Title,Company / Account,Email,Lead Source,Lead Status,Rating,Phone,"
        "Create Date,Last Activity,Lead ID\n"
        "Carla Sol,Ines,Mar,,Faro,ines@example.com,Trade Show,Working - Contacted,,600 111 222,"
        "25/09/2026,28/09/2026,00Q5g00000AbCdE\n"
        "Ben Oso,Leo,Paz,,Paz,leo@example.com,Web,Closed - Not Converted,,,26/09/2026,,00Q5g00000AbCdF\n",
        [("contacted", "store", "carla-sol", None), ("new", "web", "ben-oso", "lost")],
    ),
    "pipedrive": (
        "Person - Name,Person - Label,Person - Organization,Person - Email - Work,Person - Phone - Work,"
        "Person - Open deals,Person - Won deals,Person - Lost deals,Person - Owner,Person - ID,"
        "Person - Person created,Person - Last activity date\n"
        "Ines Mar,,Faro,ines@example.com,600 111 222,1,2,0,Carla Sol,31,2026-09-01 09:14:00,2026-09-20\n"
        "Leo Paz,,,leo@example.com,,0,0,1,Ben Oso,32,2026-09-02 09:14:00,\n"
        "Ada Rio,,,ada@example.com,,0,1,3,Ben Oso,33,2026-09-03 09:14:00,2026-09-04\n"
        "Noa Gil,,,noa@example.com,,0,0,0,,34,2026-09-04 09:14:00,\n",
        [
            ("proposal", "web", "carla-sol", None),
            ("new", "web", "ben-oso", "lost"),
            ("new", "web", "ben-oso", "won"),
            ("new", "web", None, None),
        ],
    ),
}  # fmt: skip


@pytest.mark.parametrize("program", EXPORTS)
async def test_the_exports_of_three_programs_come_in_as_they_are_and_are_recognised(
    bring: Import, gate: Gate, tmp_path: Path, program: str
) -> None:
    content, stand = EXPORTS[program]
    file = tmp_path / "people.csv"
    file.write_text(content)

    if program != "salesforce":  # whose reports have dates as the user writes them, and no form of its own
        account = await bring(content, load_mapping(SHIPPED / f"{program}.yaml"))
        assert (account.events_published, account.rows_rejected) == (len(stand), 0)
        gate.order.clear()
        gate.remembered.clear()
    proposal = propose(file)
    await bring(content, proposal.text)

    assert f"this looks like an export of {program}: what is shipped for it is proposed" in proposal.doubts
    assert [
        (each["stage"], each["channel"], each.get("owner"), each.get("end", {}).get("outcome"))
        for each in people(gate).values()
    ] == stand
    assert people(gate)[gate.order[0].lead_id]["profile"] == {
        "name": "Ines Mar",
        "email": "ines@example.com",
        "phone": "+34 600 111 222" if program == "hubspot" else "600 111 222",
        "company": "Faro",
    }
    assert people(gate)[gate.order[0].lead_id]["last_activity"]["at"].startswith("2026-09-2")


cells = st.sampled_from(
    [
        "",
        "1",
        "2",
        "Ines",
        "ines@example.com",
        "02.09.2026",
        "Site",
        "Fresh",
        "Bought",
        "Junk",
        "Carla Sol",
        "1.500",
    ]
) | st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
_NONE = st.just("")
_NAMES = st.sampled_from(["Ines", ""])
_STATUSES = st.sampled_from(["Fresh", "Bought", "Junk"])
likely = st.tuples(
    *(st.sampled_from(["1", "2", "3", ""]), _NAMES, _NONE, st.sampled_from(["", "i@example.com"])),
    *(_NONE, _NONE, _NONE, st.sampled_from(["Site", "Radio"]), _STATUSES, _NONE),
    *(st.sampled_from(["02.09.2026", "soon"]), _NONE, _NONE, _NONE, st.sampled_from(["", "1.500"])),
)


@settings(derandomize=True, max_examples=100, deadline=None)
@given(st.lists(likely | st.lists(cells, max_size=17), max_size=20), st.integers(0, 3))
async def test_the_account_of_people_always_adds_up_and_a_second_run_tells_nothing(
    rows: list[list[str]], refuse_every: int
) -> None:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    expected = sum(1 for row in csv.reader(io.StringIO(text.getvalue(), newline=""), strict=True) if row)
    gate, mapping = Gate(), parse_mapping(MAPPING)
    gate.refuse = lambda row: "no" if refuse_every and row.row % (refuse_every + 1) == 0 else None
    options: dict[str, Any] = {"quiet": 0, "patience": 0, "piece_rows": 3, "transport": gate.transport}

    with TemporaryDirectory() as folder:
        file = Path(folder) / "people.csv"
        file.write_bytes((HEADER + text.getvalue()).encode())
        first, again = [await run(file, mapping, "http://gate", KEY, **options) for _ in range(2)]
        seen = await preview(file, mapping, quiet=0)

    for account in (first, again):
        told = (
            account.events_published
            + account.events_already_known
            + account.rows_rejected
            + account.rows_ignored
        )
        assert account.rows_read == told == expected == seen.rows_read
    assert (again.events_published, again.events_already_known) == (0, first.events_published)
    assert first.events_published == len(gate.remembered) <= seen.rows_ready
    assert (seen.rows_ignored, again.rows_rejected) == (first.rows_ignored, first.rows_rejected)


async def test_a_dry_run_shows_ten_rows_and_counts_all(tmp_path: Path) -> None:
    file = tmp_path / "people.csv"
    rows = "".join(
        f"{n},Ines,,,,,,Site,{'Junk' if n == 2 else 'Fresh'},,02.09.2026,,,,\n" for n in range(1, 21)
    )
    file.write_text(HEADER + rows + "21,,,,,,,Site,Fresh,,02.09.2026,,,,\n")
    seen = await preview(file, parse_mapping(MAPPING), quiet=0)

    assert [row.line for row in seen.rows] == list(range(2, 12))
    assert [row.is_ignored for row in seen.rows] == [n == 1 for n in range(10)]
    assert (seen.rows[0].lead, seen.rows[0].at) == ("own-1", "2026-09-02T00:00:00.000Z")
    assert (seen.rows_read, seen.rows_ready, seen.rows_rejected, seen.rows_ignored, seen.leads) == (
        21,
        19,
        1,
        1,
        19,
    )
    assert seen.reasons == ["line 22: it names nobody: there is no name, e-mail, phone or company in it"]
