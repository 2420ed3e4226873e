"""Tables as CSV: a header, and a row a line."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Sequence
from typing import Final, TextIO

from cli.imports.helpdesk_mapping import Tickets
from cli.imports.mapping import Mapping
from cli.imports.people_mapping import Leads
from cli.imports.raw import FIELDS, FileWrong, Raw
from cli.imports.text import clean, same

_LARGEST_CELL: Final = 64 * 1024 * 1024
"""In characters: what nobody maps may be large."""

_NEEDED: Final = 3
"""Of `FIELDS`, how many a row cannot do without."""


def csv_rows(text: TextIO, mapping: Mapping, on_header: Callable[[tuple[str, ...]], None]) -> Iterator[Raw]:
    """The rows below the header. Empty cells may be missing at a row's end, or stand there in surplus.

    Raises `FileWrong` for a header that lacks what the mapping needs, and for quotes that are wrong.
    """
    csv.field_size_limit(_LARGEST_CELL)
    reader = csv.reader(text, delimiter=mapping.delimiter, strict=True)
    line = 1
    try:
        header = [clean(name) for name in next(reader, [])]
        on_header(tuple(header))
        places, needed = _places(header, mapping)
        row, width = 0, len(header)
        line = reader.line_num + 1
        for cells in reader:
            if cells:
                row += 1
                wrong = _wrong(cells, width, needed)
                told = [clean(cells[place]) if -1 < place < len(cells) else "" for place in places]
                yield _raw(row, line, told, wrong, mapping)
            line = reader.line_num + 1
    except csv.Error as error:
        raise FileWrong(f"line {line}: a quote is wrong here or never closed ({error}); correct it") from None


def _raw(row: int, line: int, told: list[str], wrong: str | None, mapping: Mapping) -> Raw:
    if mapping.table is None:
        lead, time, activity, lifecycle, person, value = told
        return Raw(row, line, lead, time, activity, lifecycle, person, value, wrong)
    return Raw(row, line, wrong=wrong, cells=tuple(told))


def _wrong(cells: Sequence[str], width: int, needed: int) -> str | None:
    if any("\0" in cell for cell in cells):
        return "it has a NUL byte, which no text has; export the file again, or take it out"
    if len(cells) <= needed or any(cell.strip() for cell in cells[width:]):
        return f"it has {len(cells)} columns, and the header {width}"
    return None


def _places(header: list[str], mapping: Mapping) -> tuple[list[int], int]:
    """Where each of a row's words stands, -1 for those the file does not have; and the last place every row needs."""
    if mapping.tickets is not None:
        return _of_tickets(header, mapping.tickets, mapping)
    if mapping.leads is not None:
        return _of_people(header, mapping)
    assert mapping.columns is not None
    places = [_place(header, field, mapping) for field in FIELDS]
    return places, max(places[:_NEEDED])


def _place(header: list[str], field: str, mapping: Mapping) -> int:
    names = getattr(mapping.columns, field)
    if names is None:
        return -1
    wanted = {same(name) for name in names}
    found = [place for place, name in enumerate(header) if same(name) in wanted]
    if len(found) != 1:
        how = "no column" if not found else "more than one column"
        raise FileWrong(
            f"line 1: there is {how} {' or '.join(names)}, where the mapping looks for the {field}; "
            f"the file has {_shown(header, mapping)}"
        )
    return found[0]


def _of_people(header: list[str], mapping: Mapping) -> tuple[list[int], int]:
    """Of a table of people only the id, the time it came and something of the person have to be there."""
    leads = mapping.leads
    assert leads is not None
    found = _columns(header, leads.wanted)
    for part in ("lead" if leads.lead else "key", "created"):
        missing = lacking(leads, header, part)
        if missing and not (part == "created" and leads.created.default):
            raise FileWrong(
                f"line 1: there is no column {missing[0]}, where the mapping looks for leads.{part}; "
                f"the file has {_shown(header, mapping)}"
            )
    told = ("name", "email", "phone")
    if not any(set(map(same, group)) & found.keys() for part in told for group in leads.parts.get(part, ())):
        raise FileWrong(
            "line 1: there is no column of those in which the mapping looks for name, email and phone; "
            f"the file has {_shown(header, mapping)}"
        )
    ids = [found[same(name)] for name in leads.lead or () if same(name) in found]
    return [found.get(same(name), -1) for name in leads.wanted], min(ids, default=0)


def _of_tickets(header: list[str], tickets: Tickets, mapping: Mapping) -> tuple[list[int], int]:
    """Of a help desk's log the ticket, whose it is, the time and the state have to be there."""
    found = _columns(header, tickets.wanted)
    for part in tickets.needed:
        missing = lacking(tickets, header, part)
        if missing and not (part == "requester" and tickets.requester.default):
            raise FileWrong(
                f"line 1: there is no column {missing[0]}, where the mapping looks for tickets.{part}; "
                f"the file has {_shown(header, mapping)}"
            )
    needed = (found[same(name)] for name in (*tickets.ticket, *tickets.time) if same(name) in found)
    return [found.get(same(name), -1) for name in tickets.wanted], max(needed)


def _columns(header: list[str], wanted: Sequence[str]) -> dict[str, int]:
    """Where each column stands."""
    found: dict[str, int] = {}
    for place, name in enumerate(header):
        if same(name) in found and any(same(each) == same(name) for each in wanted):
            raise FileWrong(
                f"line 1: there is more than one column {name}; rename all but the one that counts"
            )
        found.setdefault(same(name), place)
    return found


def absent(table: Leads | Tickets, name: str, header: Sequence[str]) -> list[str]:
    """What the mapping looks for and the file does not have."""
    return [
        f"the file has no column {missing}, where the mapping looks for {name}.{part}"
        for part in table.parts
        for missing in lacking(table, header, part)
    ]


def lacking(leads: Leads | Tickets, header: Sequence[str], part: str) -> list[str]:
    """The columns of a part that a file does not have: one of each group is enough, of a key one at all."""
    has = {same(name) for name in header}
    groups = leads.parts.get(part, ())
    missing = [" or ".join(group) for group in groups if not any(same(name) in has for name in group)]
    return missing if len(missing) == len(groups) or part == "name" else []


def _shown(header: list[str], mapping: Mapping) -> str:
    shown = ", ".join(header)[:300] or "none"
    other = next(
        (
            sign
            for sign in (";", ",", "\t", "|")
            if sign != mapping.delimiter and len(header) == 1 and sign in shown
        ),
        None,
    )
    named = "tab" if other == "\t" else other
    return f'{shown}; if {named} parts its columns, say delimiter: "{named}"' if other else shown
