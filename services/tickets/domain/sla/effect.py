"""What other policies change: each deadline before and after."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from services.tickets.domain.sla.record import Ended, Promise, Sla
from services.tickets.domain.ticket import Ticket
from shared.events.base import Instant
from shared.events.tickets import SlaClock


@dataclass(frozen=True, slots=True)
class Change:
    """A clock that begins, is dropped, or has another deadline or outcome."""

    ticket_id: str
    clock: SlaClock
    number: int
    due_before: Instant | None
    due_after: Instant | None
    met_before: bool | None = None
    met_after: bool | None = None


def compare(before: Ticket, after: Ticket) -> tuple[int, list[Change]]:
    """How many clocks stay as they are, and those that do not."""
    old, new = _clocks(before.sla), _clocks(after.sla)
    nothing: _Side = (None, None, None)
    changes = []
    for key in sorted(old.keys() | new.keys()):
        if (was := old.get(key)) != (will := new.get(key)):
            (due_before, met_before, _), (due_after, met_after, _) = was or nothing, will or nothing
            changes.append(Change(before.id, *key, due_before, due_after, met_before, met_after))
    return len(old.keys() | new.keys()) - len(changes), changes


_Side = tuple[Instant | None, bool | None, int | None]


def _clocks(sla: Sla) -> dict[tuple[SlaClock, int], _Side]:
    clocks: Sequence[Promise | Ended] = (*sla.ended, *sla.promises)
    return {
        (each.clock, each.number): (each.due_at, each.met, each.business_ms)
        if isinstance(each, Ended)
        else (each.due_at, None, None)
        for each in clocks
    }
