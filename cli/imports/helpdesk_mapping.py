"""What the columns of a help desk's log mean: `tickets:` in a mapping, each row something that happened to a ticket.

tickets:
  ticket: Number
  requester: {column: Caller, default: unknown}   # whose lead it is, with lead_prefix
  time: Updated
  opened: Created                       # when the ticket began, where the rows of a ticket repeat it
  resolved: Solved                      # when it was settled, and when closed, for rows that say so
  closed: Closed
  state:
    column: State                       # or what was done
    map: {New: opened, In work: open, Asked back: waiting_for_customer, Solved: resolved, Done: closed}
  agent: Assignee
  priority: {column: Priority, map: {High: high}, default: normal}
  category: {default: incident}
  queue: {column: Group, prefix: group_}
  empty: ["?"]                          # cells that say nothing
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

from cli.imports.people_mapping import Meanings, Names, Section, WordMeanings
from shared.commands.followup import PersonId
from shared.events.base import LeadId
from shared.events.leads import Channel
from shared.events.tickets import Priority, TicketCategory

Means = Literal[
    "opened",
    "open",
    "assigned",
    "customer_replied",
    "agent_replied",
    "waiting_for_customer",
    "waiting_for_third_party",
    "resolved",
    "reopened",
    "closed",
    "ignore",
]
"""What a state or an activity of a help desk means."""


def _column(entry: object) -> object:
    return {"column": entry} if isinstance(entry, str | list | tuple) else entry


class Requester(Section):
    default: LeadId | None = Field(None, description="For rows that do not say it.")


class Queue(WordMeanings):
    prefix: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_.-]{0,31}$")] | None = None
    """Before the cell's own word, where that is a number."""


class Tickets(BaseModel):
    """Where a row says what about its ticket. What a row repeats changes nothing."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    ticket: Names
    requester: Annotated[Requester, BeforeValidator(_column)]
    time: Names
    opened: Names | None = None
    resolved: Names | None = None
    closed: Names | None = None
    state: Annotated[Meanings[Means], BeforeValidator(_column)]
    agent: Annotated[Meanings[PersonId] | None, BeforeValidator(_column)] = None
    priority: Annotated[Meanings[Priority] | None, BeforeValidator(_column)] = None
    category: Annotated[Meanings[TicketCategory] | None, BeforeValidator(_column)] = None
    queue: Annotated[Queue | None, BeforeValidator(_column)] = None
    tier: Annotated[WordMeanings | None, BeforeValidator(_column)] = None
    channel: Annotated[Meanings[Channel] | None, BeforeValidator(_column)] = None
    empty: tuple[str, ...] = ()

    @property
    def parts(self) -> dict[str, tuple[Names, ...]]:
        """The columns each part is looked for in."""
        found: dict[str, tuple[Names, ...]] = {}
        for field in type(self).model_fields:
            value = getattr(self, field)
            if field == "empty" or value is None:
                continue
            column = value.column if isinstance(value, Section) else value
            if column is not None:
                found[field] = (column,)
        return found

    @property
    def needed(self) -> tuple[str, ...]:
        """The parts without whose columns a file says nothing."""
        return (
            ("ticket", "time", "requester", "state") if self.state.column else ("ticket", "time", "requester")
        )

    @property
    def wanted(self) -> tuple[str, ...]:
        """Every column there may be, once."""
        names = (name for groups in self.parts.values() for group in groups for name in group)
        return tuple(dict.fromkeys(names))
