"""Rows of an import: to their owners, leads first, and signals into the log."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import datetime

from services.gateway.clients import Upstreams
from services.gateway.intake.import_progress import Imports
from services.gateway.intake.signals import publish, recorded_signal
from shared.bus.publisher import Publisher
from shared.clock import Clock
from shared.commands.import_rows import (
    Activity,
    Captured,
    HistoryRow,
    HistoryRows,
    Person,
    RowOutcome,
    RowOutcomes,
    Signal,
    TicketRow,
)
from shared.commands.tickets import ORIGIN
from shared.errors import Refused
from shared.events.base import Recorded
from shared.events.leads import Channel
from shared.events.signals import SignalReceived
from shared.ids import derived_id


async def take_history(
    publisher: Publisher, upstreams: Upstreams, imports: Imports, piece: HistoryRows, clock: Clock
) -> RowOutcomes:
    """Take a piece of an import: rows go to their owners, leads first; signals into the log.

    Which rows are done is kept here, and of a piece that was interrupted by the services; so what came before is
    known, and what was rejected is tried again.
    """
    now = clock()
    done = await imports.known(piece.import_id, [row.row for row in piece.rows])
    outcomes = [RowOutcome(row=row, outcome="known") for row in done]
    rows = [row for row in piece.rows if row.row not in done]
    signals = [row for row in rows if isinstance(row.what, Signal)]
    activities = [row for row in rows if isinstance(row.what, Activity)]
    tickets = [row for row in rows if isinstance(row.what, TicketRow)]
    others = [row for row in rows if not isinstance(row.what, Signal | Activity | TicketRow)]
    held = {each.row: each for each in await _ask(upstreams, "leads", piece.import_id, others)}
    unknown = await upstreams.unknown([row.lead_id for row in (*signals, *activities)])
    outcomes += [
        RowOutcome(row=row.row, outcome="rejected", reason=f"there is no lead {row.lead_id}")
        for row in (*signals, *activities)
        if row.lead_id in unknown
    ]
    activities = [row for row in activities if row.lead_id not in unknown]
    followed = [_without_person(row) for row in others if _goes_on(row, held)]
    fresh: dict[int, Recorded[SignalReceived]] = {}
    for row in signals:
        if row.lead_id not in unknown:
            try:
                fresh[row.row] = _signal_of_row(piece.import_id, row, now)
            except Refused as error:
                outcomes.append(RowOutcome(row=row.row, outcome="rejected", reason=error.sentence))
    await _capture(upstreams, piece.import_id, tickets)
    logged, kept, _ = await asyncio.gather(
        _ask(upstreams, "followup", piece.import_id, activities + followed),
        _ask(upstreams, "tickets", piece.import_id, tickets),
        publish(publisher, list(fresh.values())),
    )
    for each in (*logged, *kept):
        held[each.row] = _both(held.get(each.row), each)
    outcomes += [*held.values(), *(RowOutcome(row=row, outcome="published") for row in fresh)]
    await imports.mark(
        piece.import_id,
        [each.row for each in outcomes if each.outcome != "rejected" and each.row not in done],
    )
    return RowOutcomes(outcomes=sorted(outcomes, key=lambda outcome: outcome.row))


async def _capture(upstreams: Upstreams, import_id: str, tickets: list[HistoryRow]) -> None:
    """Let leads know those who have tickets and are no leads yet: each by the first row that tells of them."""
    unknown = await upstreams.unknown([row.lead_id for row in tickets])
    first = {row.lead_id: row for row in reversed(tickets) if row.lead_id in unknown}
    captured = [
        row.model_copy(update={"what": Captured(channel=_channel(row), origin=ORIGIN)})
        for row in first.values()
    ]
    await _ask(upstreams, "leads", import_id, captured)
    for lead_id in first:
        upstreams.remember(lead_id)


def _channel(row: HistoryRow) -> Channel:
    assert isinstance(row.what, TicketRow)
    return row.what.channel or Channel.PHONE


def _goes_on(row: HistoryRow, held: Mapping[int, RowOutcome]) -> bool:
    """Whether followup has a share in what leads has taken."""
    return isinstance(row.what, Person) and row.what.concerns_followup and held[row.row].outcome != "rejected"


def _without_person(row: HistoryRow) -> HistoryRow:
    assert isinstance(row.what, Person)
    return row.model_copy(update={"what": row.what.model_copy(update={"profile": None})})


def _both(first: RowOutcome | None, then: RowOutcome) -> RowOutcome:
    """A row of two owners is rejected by either, and known when both knew it."""
    if first is not None and first.outcome == "published" and then.outcome == "known":
        return first
    return then


async def _ask(
    upstreams: Upstreams, service: str, import_id: str, rows: list[HistoryRow]
) -> list[RowOutcome]:
    if not rows:
        return []
    return (await upstreams.history(service, HistoryRows(import_id=import_id, rows=rows))).outcomes


def _signal_of_row(import_id: str, row: HistoryRow, now: datetime) -> Recorded[SignalReceived]:
    assert isinstance(row.what, Signal)
    id = derived_id("signal", import_id, str(row.row))
    return recorded_signal(id, row.lead_id, row.at, row.what.kind, row.what.attributes, now)
