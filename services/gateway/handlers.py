"""What the gateway does: it follows the services' events, takes signals and imports, and reads its views."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from itertools import chain
from typing import Any
from zoneinfo import ZoneInfo

from services.gateway.backends import Backends
from services.gateway.day import Day, end_of_day, plan
from services.gateway.discipline.trail import Trail, trace
from services.gateway.domain import TEAM, LeadView, follow
from services.gateway.keeper import Keeper
from services.gateway.store import Imports, Trails, Views
from shared.bus import Outgoing, Publisher, Received
from shared.clock import Clock, clamp, new_id
from shared.commands import (
    Activity,
    ActivityOutcome,
    ActivityOutcomes,
    HistoryRow,
    HistoryRows,
    LogActivities,
    Profile,
    RowOutcome,
    RowOutcomes,
    SendSignal,
    Signal,
    derived_id,
)
from shared.documents import Decision
from shared.errors import AscuaError, NotFound, Refused, Unavailable
from shared.events.base import Event, Recorded, encode
from shared.events.leads import LeadCaptured
from shared.events.scoring import Band
from shared.events.signals import SignalReceived
from shared.logs import current_trace
from shared.reactions import Reactions
from shared.tasks import Pace

PROJECTED = ("leads", "followup", "tickets", "heat")
"""The topics the views follow."""
TRACED = ("leads", "followup", "scoring")
"""The topics the trails follow."""
LONGEST_LATE = timedelta(days=366)
STEPS = 200
"""Steps of a rep, and of nobody, on a day's page: the longest due first."""
TRACER = "gateway-trails"
"""The consumer of the trails: apart from the views, so that either can be built anew without the other."""


async def project(views: Views, backends: Backends, batch: Sequence[Received]) -> list[AscuaError | None]:
    """Follow a batch of events. Profiles are not in the log: those of new leads are fetched from their owner."""
    captured = [
        received.event.lead_id for received in batch if isinstance(received.event.event, LeadCaptured)
    ]
    profiles = await backends.profiles(captured) if captured else {}
    return await Reactions(LeadView, otherwise=partial(_follow, profiles)).handle(views, batch)


def _follow(profiles: Mapping[str, Profile], view: LeadView, recorded: Recorded[Event]) -> Decision[LeadView]:
    view = follow(view, recorded.event)
    if isinstance(recorded.event, LeadCaptured):
        view = view.named(profiles.get(view.lead_id))
    return view, ()


async def follow_trails(trails: Trails, keeper: Keeper, batch: Sequence[Received]) -> list[AscuaError | None]:
    """Take a batch of events into the trails of their leads, and the trails into the board that is kept."""
    tracing = Reactions(Trail, otherwise=_traced)
    outcomes = await trails.apply([tracing.step(received) for received in batch])
    await keeper.take([outcome.state for outcome in outcomes if outcome.state is not None])
    return [outcome.error for outcome in outcomes]


def _traced(trail: Trail, recorded: Recorded[Event]) -> Decision[Trail]:
    return trace(trail, recorded.event), ()


async def take_signals(
    publisher: Publisher, backends: Backends, signals: Sequence[SendSignal], clock: Clock
) -> list[str]:
    """Put signals into the log, all or none of them checked first, and return their ids once the broker has them.

    Raises `NotFound` when a lead is not known, `Unavailable` when not all were acknowledged: sending the same ids
    again is safe.
    """
    if unknown := await backends.unknown([signal.lead_id for signal in signals]):
        some = ", ".join(sorted(unknown)[:5])
        raise NotFound("lead-not-found", f"there is no lead {some}; capture it first with POST /v1/leads")
    now = clock()
    recorded = [
        _signal(signal.id or new_id(), signal.lead_id, signal.at or now, signal.kind, signal.attributes, now)
        for signal in signals
    ]
    await _publish(publisher, recorded)
    return [each.id for each in recorded]


async def log_many(backends: Backends, command: LogActivities, key: str | None) -> ActivityOutcomes:
    """Log activities of the leads that exist; the others are refused one by one."""
    unknown = await backends.unknown([each.lead_id for each in command.activities])
    # What has no key of its own has its place among all, so that it is the same when sent again.
    known = [
        each if each.key or key is None else each.model_copy(update={"key": f"{key}.{place}"})
        for place, each in enumerate(command.activities)
        if each.lead_id not in unknown
    ]
    taken: list[ActivityOutcome] = []
    if known:
        asked = LogActivities(activities=known)
        taken = ActivityOutcomes.model_validate(
            await backends.call("followup", "POST", "/activities", asked)
        ).outcomes
    outcomes = iter(taken)
    return ActivityOutcomes(
        outcomes=[
            ActivityOutcome(
                lead_id=each.lead_id,
                outcome="refused",
                error="lead-not-found",
                reason=f"there is no lead {each.lead_id}; capture it first with POST /v1/leads",
            )
            if each.lead_id in unknown
            else next(outcomes)
            for each in command.activities
        ]
    )


async def take_history(
    publisher: Publisher, backends: Backends, imports: Imports, piece: HistoryRows, clock: Clock
) -> RowOutcomes:
    """Take a piece of an import: rows go to their owners, leads first; signals into the log.

    A piece that came before is taken without effect: services know a row by its number, and which signals were
    published is kept here.
    """
    now = clock()
    signals = [row for row in piece.rows if isinstance(row.what, Signal)]
    activities = [row for row in piece.rows if isinstance(row.what, Activity)]
    others = [row for row in piece.rows if not isinstance(row.what, Signal | Activity)]
    outcomes = await _ask(backends, "leads", piece.import_id, others)
    unknown = await backends.unknown([row.lead_id for row in (*signals, *activities)])
    outcomes += [
        RowOutcome(row=row.row, outcome="rejected", reason=f"there is no lead {row.lead_id}")
        for row in (*signals, *activities)
        if row.lead_id in unknown
    ]
    activities = [row for row in activities if row.lead_id not in unknown]
    signals = [row for row in signals if row.lead_id not in unknown]
    known = await imports.known(piece.import_id, [row.row for row in signals])
    outcomes += [RowOutcome(row=row, outcome="known") for row in known]
    fresh: dict[int, Recorded[SignalReceived]] = {}
    for row in signals:
        if row.row not in known:
            try:
                fresh[row.row] = _signal_of_row(piece.import_id, row, now)
            except Refused as error:
                outcomes.append(RowOutcome(row=row.row, outcome="rejected", reason=error.sentence))
    logged, _ = await asyncio.gather(
        _ask(backends, "followup", piece.import_id, activities),
        _publish(publisher, list(fresh.values())),
    )
    outcomes += logged
    outcomes += [RowOutcome(row=row, outcome="published") for row in fresh]
    await imports.mark(piece.import_id, list(fresh))
    return RowOutcomes(outcomes=sorted(outcomes, key=lambda outcome: outcome.row))


async def _ask(backends: Backends, service: str, import_id: str, rows: list[HistoryRow]) -> list[RowOutcome]:
    if not rows:
        return []
    return (await backends.history(service, HistoryRows(import_id=import_id, rows=rows))).outcomes


def _signal_of_row(import_id: str, row: HistoryRow, now: datetime) -> Recorded[SignalReceived]:
    assert isinstance(row.what, Signal)
    id = derived_id("signal", import_id, str(row.row))
    return _signal(id, row.lead_id, row.at, row.what.kind, row.what.attributes, now)


def _signal(
    id: str, lead_id: str, at: datetime, kind: str, attributes: Mapping[str, Any], now: datetime
) -> Recorded[SignalReceived]:
    event = SignalReceived(lead_id=lead_id, at=clamp(at, now), kind=kind, attributes=dict(attributes))
    return Recorded(id, event, now, trace=current_trace())


async def _publish(publisher: Publisher, signals: Sequence[Recorded[SignalReceived]]) -> None:
    records, pace = list[Outgoing](), Pace()
    for signal in signals:
        records.append(Outgoing(SignalReceived.topic, signal.lead_id, encode(signal)))
        await pace()
    results = await publisher.publish_all(records)
    for result in results:
        if isinstance(result, AscuaError):
            raise result


async def view(views: Views, backends: Backends, lead_id: str) -> LeadView:
    """The 360 view; a lead that was just captured has an empty one until its event has come through."""
    found = await views.get(lead_id)
    if found is None:
        await backends.must_exist(lead_id)
        return LeadView(lead_id)
    return found


@dataclass(frozen=True, slots=True)
class Warm:
    """A line of the heat board: a lead, and its heat at the board's instant."""

    view: LeadView
    heat: float


@dataclass(frozen=True, slots=True)
class Board:
    at: datetime
    band: Band
    lines: list[Warm]
    next_below: float | None


async def heat_board(views: Views, band: Band, below: float | None, limit: int, now: datetime) -> Board:
    """The warmest open leads of a band, `limit` of them, by their heat at `now`.

    Pages follow the heat that was last told, which scoring tells again whenever a lead changes its band; within a
    page leads stand by their heat now. `next_below` is where the next page begins.
    """
    found = await views.warmest(band, below, limit)
    lines = [Warm(view, view.heat.now(now)) for view in found if view.heat is not None]
    lines.sort(key=lambda line: (-line.heat, line.view.lead_id))
    last = found[-1].heat if len(found) == limit else None
    return Board(now, band, lines, last.points if last is not None else None)


async def day(views: Views, rep: str, zone: ZoneInfo, now: datetime) -> Day:
    """A rep's steps up to midnight on their wall, the late ones too, and those that are nobody's yet."""
    until = end_of_day(now, zone)
    owners = dict.fromkeys((rep, TEAM, None))
    found = await asyncio.gather(*(views.steps(owner, now - LONGEST_LATE, until, STEPS) for owner in owners))
    return plan(chain.from_iterable(found), now)


async def timeline(backends: Backends, lead_id: str, cursor: str | None, limit: int) -> dict[str, Any]:
    """All that happened to a lead and its members: facts from scoring's ledger, with the words their owners keep."""
    await backends.must_exist(lead_id)
    path = f"/leads/{lead_id}/timeline"
    facts = await backends.call("scoring", "GET", path, before=cursor, limit=limit)
    notes: dict[str, str] = {}
    words: dict[tuple[str | None, str | None], str] = {}
    leads = sorted({entry["lead_id"] for entry in facts["entries"]})
    for some, others in await asyncio.gather(
        *(asyncio.gather(_notes(backends, each), _words(backends, each)) for each in leads)
    ):
        notes |= some
        words |= others
    for entry in facts["entries"]:
        data, at = entry["data"], entry["at"]
        text = notes.get(data.get("activity_id")) if entry["type"].startswith("ascua.activity.") else None
        if entry["type"].startswith("ascua.ticket."):
            text = words.get((data["ticket_id"], at)) or words.get((data["ticket_id"], None))
        if text is not None:
            entry["text"] = text
    return {"lead_id": lead_id, "items": facts["entries"], "next_cursor": facts["next"]}


async def _notes(backends: Backends, lead_id: str) -> dict[str, str]:
    try:
        followup = await backends.call("followup", "GET", f"/leads/{lead_id}")
    except (NotFound, Unavailable):
        return {}
    return {each["id"]: each["note"] for each in followup["activities"] if each["note"]}


async def _words(backends: Backends, lead_id: str) -> dict[tuple[str | None, str | None], str]:
    """What was written in tickets, by (ticket, when), and their subjects, by (ticket, None)."""
    try:
        tickets = await backends.call("tickets", "GET", f"/leads/{lead_id}/tickets")
    except Unavailable:
        return {}
    words: dict[tuple[str | None, str | None], str] = {}
    for ticket in tickets:
        words[ticket["id"], None] = ticket["subject"]
        for message in ticket["messages"]:
            words[ticket["id"], message["at"]] = message["text"]
    return words
