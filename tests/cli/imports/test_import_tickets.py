"""A help desk's log: each row brings its ticket to where it was, and what a row repeats changes nothing."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cli.imports.command import SHIPPED
from cli.imports.log_rows import Ready, Reject, Skipped, Understood
from cli.imports.mapping_parser import MappingError, load_mapping, parse_mapping
from cli.imports.readers import Source
from cli.imports.run import FileReading
from services.tickets.domain.imported import bring_in
from services.tickets.domain.moments import Status
from services.tickets.domain.ticket import Ticket
from shared.commands.import_rows import HistoryRow, TicketRow
from shared.errors import Refused
from shared.events.base import Event

LOG = """number,state,caller_id,opened_at,sys_updated_at,closed_at,priority,assigned_to,assignment_group
7,New,31,29/2/2016 01:16,29/2/2016 01:23,5/3/2016 12:00,3,?,56
8,New,31,29/2/2016 02:00,29/2/2016 02:00,?,1,?,?
7,Active,31,29/2/2016 01:16,29/2/2016 02:10,5/3/2016 12:00,3,89,56
7,Active,31,29/2/2016 01:16,29/2/2016 02:11,5/3/2016 12:00,3,89,56
7,Awaiting User Info,31,29/2/2016 01:16,29/2/2016 03:00,5/3/2016 12:00,2,89,24
7,Resolved,31,29/2/2016 01:16,1/3/2016 09:00,5/3/2016 12:00,2,89,24
7,Active,31,29/2/2016 01:16,2/3/2016 09:00,5/3/2016 12:00,2,12,24
7,Closed,31,29/2/2016 01:16,5/3/2016 12:00,5/3/2016 12:00,2,12,24
9,New,?,29/2/2016 01:16,yesterday,?,3,?,?
"""


@pytest.fixture
def servicenow(tmp_path: Path) -> list[Understood]:
    log = tmp_path / "log.csv"
    log.write_text(LOG.replace("state", "incident_state", 1))
    return read(log, "servicenow")


def read(log: Path, name: str) -> list[Understood]:
    mapping = load_mapping(SHIPPED / f"{name}.yaml")
    with Source(log) as source:
        for _ in source.rows(mapping):
            pass
        return list(FileReading(source, mapping).rows())


def lived(rows: list[Understood], number: str) -> tuple[Ticket, list[Event]]:
    ticket: Ticket | None = None
    facts: list[Event] = []
    for each in rows:
        if isinstance(each, Ready) and each.ticket == number:
            row = HistoryRow.model_validate_json(each.body)
            assert isinstance(row.what, TicketRow)
            ticket, told = bring_in(ticket, row.lead_id, row.what, row.at)
            facts += told
    assert ticket is not None
    return ticket, facts


def test_an_audit_log_tells_the_life_of_each_ticket(servicenow: list[Understood]) -> None:
    ticket, facts = lived(servicenow, "7")

    assert [(fact.type.rpartition(".")[2], f"{fact.at:%d %H:%M}") for fact in facts] == [
        ("opened", "29 01:16"),
        ("assigned", "29 02:10"),
        ("waiting", "29 03:00"), ("classified", "29 03:00"),
        ("resolved", "01 09:00"),
        ("reopened", "02 09:00"), ("assigned", "02 09:00"),
        ("resolved", "05 12:00"), ("closed", "05 12:00"),
    ]  # fmt: skip
    assert (ticket.status, ticket.agent, ticket.queue, ticket.priority) == (
        Status.CLOSED, "12", "group_24", "high",
    )  # fmt: skip
    assert (ticket.lead_id, ticket.closed_at) == ("caller-31", datetime(2016, 3, 5, 12, tzinfo=UTC))


def test_rows_of_a_ticket_go_together_and_what_cannot_be_read_is_rejected(
    servicenow: list[Understood],
) -> None:
    ready = [each for each in servicenow if isinstance(each, Ready)]
    assert [each.ticket for each in ready] == ["7"] * 7 + ["8"]
    (reject,) = (each for each in servicenow if isinstance(each, Reject))
    assert (reject.raw.line, reject.raw.lead) == (10, "9")
    other = json.loads(ready[-1].body)
    assert other["what"]["priority"] == "urgent"
    assert "agent" not in other["what"]


def test_what_was_done_may_stand_in_place_of_a_state(tmp_path: Path) -> None:
    log = tmp_path / "log.csv"
    log.write_text("id,who,at,did\na,x,2026-01-05T09:00Z,in\na,x,2026-01-05T10:00Z,us\na,x,2026-01-05T11:00Z,them\n"
                   "a,x,2026-01-05T12:00Z,noise\na,x,2026-01-05T13:00Z,odd\n")  # fmt: skip
    text = """
tickets:
  ticket: id
  requester: who
  time: at
  state: {column: did, map: {in: opened, us: agent_replied, them: customer_replied, noise: ignore}}
"""
    mapping = parse_mapping(text)
    with Source(log) as source:
        for _ in source.rows(mapping):
            pass
        rows = list(FileReading(source, mapping).rows())
    ticket, _ = lived(rows, "a")

    assert [moment.what for moment in ticket.history] == ["opened", "agent_replied", "customer_replied"]
    assert [type(each) for each in rows if not isinstance(each, Ready)] == [Skipped, Reject]
    (gap,) = (each.gap for each in rows if isinstance(each, Reject))
    assert gap == "the mapping does not say what 'odd' means; add it to state.map, or a default"


@pytest.mark.parametrize(
    ("name", "log"),
    [
        (
            "zendesk",
            "Id,Requester id,Created at,Updated at,Solved at,Status,Priority,Group,Assignee id,Ticket type,Via\n"
            "7,31,2026-01-05 09:00,2026-01-09 09:00,2026-01-06 10:00,Closed,High,First line,12,Question,Mail\n",
        ),
        (
            "zammad",
            "number,customer_id,created_at,updated_at,close_at,state,priority,group,owner_id\n"
            "7,31,2026-01-05T09:00:00Z,2026-01-09T09:00:00Z,2026-01-06T10:00:00Z,closed,3 high,First line,12\n",
        ),
    ],
)
def test_a_table_with_a_row_a_ticket_says_when_it_was_opened_settled_and_closed(
    tmp_path: Path, name: str, log: str
) -> None:
    (tmp_path / "log.csv").write_text(log)
    ticket, facts = lived(read(tmp_path / "log.csv", name), "7")

    assert [(fact.type.rpartition(".")[2], f"{fact.at:%d %H}") for fact in facts] == [
        ("opened", "05 09"), ("resolved", "06 10"), ("closed", "09 09"),
    ]  # fmt: skip
    assert (ticket.lead_id, ticket.priority, ticket.queue) == (f"{name}-31", "high", "first_line")


def test_a_mapping_of_tickets_says_what_is_wrong_with_it(tmp_path: Path) -> None:
    with pytest.raises(MappingError, match="requester is missing"):
        parse_mapping("tickets: {ticket: a, time: b, state: c}")
    with pytest.raises(MappingError, match="is of people or of tickets"):
        parse_mapping(
            "tickets: {ticket: a, time: b, requester: r, state: c}\n"
            "leads: {lead: a, name: n, channel: {default: web}, stage: s, created: c}"
        )
    log = tmp_path / "log.csv"
    log.write_text("number,priority\n1,2\n")
    with pytest.raises(Refused, match=r"no column sys_updated_at, where the mapping looks for tickets\.time"):
        read(log, "servicenow")
