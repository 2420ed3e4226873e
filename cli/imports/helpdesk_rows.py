"""The rows of a help desk's log, each on its way to a ticket."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import datetime
from functools import lru_cache, partial
from typing import Final, TypeVar

from cli.imports.helpdesk_mapping import Means
from cli.imports.log_rows import Ready, Reject, Skipped, Understood, checked_id, happened
from cli.imports.mapping import Mapping
from cli.imports.people_mapping import Meanings, Names, WordMeanings
from cli.imports.people_rows import slug
from cli.imports.raw import Raw
from cli.imports.tables import absent
from cli.imports.text import same
from shared.clock import milliseconds
from shared.commands.import_rows import TicketRow, TicketState
from shared.events.base import rfc3339

T = TypeVar("T")

_OPAQUE: Final = re.compile(r"[a-z0-9_-]{1,64}|(?=.*\d)[A-Za-z0-9_-]{1,64}")
_STATES: Final[dict[Means, TicketState]] = {
    "opened": "open",
    "open": "open",
    "reopened": "open",
    "waiting_for_customer": "waiting_for_customer",
    "waiting_for_third_party": "waiting_for_third_party",
    "resolved": "resolved",
    "closed": "closed",
}
_KEPT: Final = 200
"""Different warnings that are counted; what else is to be said is counted as one."""


class Requests:
    """Reads rows by a mapping with `tickets:`. `warnings` counts what was left out."""

    def __init__(self, mapping: Mapping, header: tuple[str, ...]) -> None:
        assert mapping.tickets is not None
        self._mapping, self._tickets = mapping, mapping.tickets
        self._wanted = mapping.tickets.wanted
        self._empty = {same(word) for word in mapping.tickets.empty}
        self._happened = lru_cache(maxsize=65_536)(
            partial(happened, mapping)
        )  # rows repeat the times of a ticket
        self.warnings: Counter[str] = Counter()
        self.absent = absent(mapping.tickets, "tickets", header)

    def understand(self, raws: Iterable[Raw]) -> Iterator[Understood]:
        for raw in raws:
            cells = {
                name: "" if same(word) in self._empty else word
                for name, word in zip(self._wanted, raw.cells, strict=True)
            }
            ticket, time = _first(cells, self._tickets.ticket), _first(cells, self._tickets.time)
            raw = raw._replace(lead=ticket, time=time, activity=_first(cells, self._tickets.state.column))
            try:
                if raw.wrong is not None:
                    raise ValueError(raw.wrong)
                yield self._row(raw, cells)
            except ValueError as error:
                yield Reject(raw, str(error))

    def _row(self, raw: Raw, cells: dict[str, str]) -> Understood:
        tickets, mapping = self._tickets, self._mapping
        means = tickets.state.means(raw.activity) or tickets.state.default
        if means is None:
            gap = f"the mapping does not say what {raw.activity[:80]!r} means; add it to state.map, or a default"
            return Reject(raw, gap, gap=gap)
        if means == "ignore":
            return Skipped(raw)
        ticket_id = checked_id("", raw.lead)
        lead_id = checked_id(
            mapping.lead_prefix, _first(cells, tickets.requester.column) or tickets.requester.default or ""
        )
        at = self._happened(raw.time)
        resolved = self._moment(cells, tickets.resolved) if means in ("resolved", "closed") else None
        at = {"resolved": resolved, "closed": self._moment(cells, tickets.closed)}.get(means) or at
        row = TicketRow(
            ticket_id=ticket_id,
            wrote={"customer_replied": "customer", "agent_replied": "agent"}.get(means),
            state=_STATES.get(means),
            opened_at=self._moment(cells, tickets.opened),
            resolved_at=resolved,
            category=self._choice(cells, "category", tickets.category),
            priority=self._choice(cells, "priority", tickets.priority),
            queue=self._word(cells, "queue", tickets.queue, tickets.queue.prefix if tickets.queue else None),
            tier=self._word(cells, "tier", tickets.tier),
            agent=self._agent(cells),
            channel=self._choice(cells, "channel", tickets.channel),
        )
        what = row.model_dump_json(exclude_none=True)
        body = f'{{"row":{raw.row},"lead_id":"{lead_id}","at":"{rfc3339(at)}","what":{what}}}'
        return Ready(raw, lead_id, body.encode(), (0, milliseconds(at), means == "closed"), ticket_id)

    def _choice(self, cells: dict[str, str], part: str, choice: Meanings[T] | None) -> T | None:
        if choice is None:
            return None
        word = _first(cells, choice.column)
        found = (choice.means(word) if word else None) or choice.default
        if word and found is None:
            self._warn(f"{part} {word[:40]!r} has no meaning by the mapping and was left out")
        return found

    def _word(
        self, cells: dict[str, str], part: str, choice: WordMeanings | None, prefix: str | None = None
    ) -> str | None:
        if choice is None:
            return None
        word = _first(cells, choice.column)
        found = (choice.means(word) or slug(f"{prefix or ''}{word}") if word else None) or choice.default
        if word and found is None:
            self._warn(f"{part} {word[:40]!r} is no word of a list and was left out")
        return found

    def _agent(self, cells: dict[str, str]) -> str | None:
        agent = self._tickets.agent
        if agent is None:
            return None
        word = _first(cells, agent.column)
        found = agent.means(word) or agent.default or (word if _OPAQUE.fullmatch(word) else None)
        if word and found is None:
            self._warn(f"agent {word[:40]!r} has no id in agent.map: their tickets come without an agent")
        return found

    def _moment(self, cells: dict[str, str], column: Names | None) -> datetime | None:
        word = _first(cells, column)
        return self._happened(word) if word else None

    def _warn(self, text: str) -> None:
        self.warnings[
            text if text in self.warnings or len(self.warnings) < _KEPT else "and other things"
        ] += 1


def _first(cells: dict[str, str], columns: Names | None) -> str:
    """The first of the columns that says something."""
    return next((word for name in columns or () if (word := cells[name])), "")
