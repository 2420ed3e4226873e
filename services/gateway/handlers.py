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

from pydantic import BaseModel

from services.gateway.boards.cursors import read_cursor, write_cursor
from services.gateway.boards.day.plan import Day, end_of_day, plan
from services.gateway.boards.discipline.keeper import Keeper
from services.gateway.boards.discipline.trail import Trail, trace
from services.gateway.boards.heat.standing import Turn, placed, turn
from services.gateway.clients import Backends
from services.gateway.intake.automated import Arrivals
from services.gateway.store import Imports, Trails, Views, order_of
from services.gateway.views.view import TEAM, LeadView, follow
from shared.bus import Outgoing, Publisher, Received
from shared.clock import Clock, clamp, new_id
from shared.commands import (
    Activity,
    ActivityOutcome,
    ActivityOutcomes,
    HistoryRow,
    HistoryRows,
    LogActivities,
    Person,
    Profile,
    RowOutcome,
    RowOutcomes,
    SendSignal,
    Signal,
    derived_id,
)
from shared.documents import Decision, Step
from shared.errors import AscuaError, NotFound, Refused, Unavailable
from shared.events.base import Event, Recorded, encode
from shared.events.leads import LeadCaptured
from shared.events.scoring import Band
from shared.events.signals import Automated, SignalReceived
from shared.logs import current_trace
from shared.reactions import Reactions
from shared.tasks import Pace

LONGEST_LATE = timedelta(days=366)
STEPS = 200
"""Steps of a rep, and of nobody, on a day's page: the longest due first."""
AT_ONCE = 1_000
"""Leads that are placed on the board at one time."""


async def project(
    views: Views, backends: Backends, clock: Clock, batch: Sequence[Received]
) -> list[AscuaError | None]:
    """Follow a batch of events. Profiles are not in the log: those of new leads are fetched from their owner."""
    captured = [
        received.event.lead_id for received in batch if isinstance(received.event.event, LeadCaptured)
    ]
    profiles = await backends.profiles(captured) if captured else {}
    return await Reactions(LeadView, otherwise=partial(_follow, profiles, clock())).handle(views, batch)


def _follow(
    profiles: Mapping[str, Profile], now: datetime, view: LeadView, recorded: Recorded[Event]
) -> Decision[LeadView]:
    view = follow(view, recorded.event)
    if isinstance(recorded.event, LeadCaptured):
        view = view.named(profiles.get(view.lead_id))
    return placed(view, now), ()


async def place_again(views: Views, clock: Clock) -> int:
    """Give leads whose standing is no longer right another one; return how many there were."""
    found = await views.unsteady(clock(), AT_ONCE)
    await _place(views, found, clock())
    return len(found)


async def place_first(views: Views, clock: Clock) -> None:
    """Give a standing to leads that have none from older versions."""
    found = await views.unplaced()
    for some in range(0, len(found), AT_ONCE):
        await _place(views, found[some : some + AT_ONCE], clock())


async def _place(views: Views, lead_ids: Sequence[str], now: datetime) -> None:
    def decide(view: LeadView | None) -> Decision[LeadView]:
        if view is None:
            raise NotFound("lead-not-found", "the view is gone")
        return placed(view, now), ()

    await views.apply([Step(lead_id, decide) for lead_id in lead_ids])


async def follow_trails(trails: Trails, keeper: Keeper, batch: Sequence[Received]) -> list[AscuaError | None]:
    """Take a batch of events into the trails of their leads, and the trails into the board that is kept."""
    tracing = Reactions(Trail, otherwise=_traced)
    outcomes = await trails.apply([tracing.step(received) for received in batch])
    await keeper.take([outcome.state for outcome in outcomes if outcome.state is not None])
    return [outcome.error for outcome in outcomes]


def _traced(trail: Trail, recorded: Recorded[Event]) -> Decision[Trail]:
    return trace(trail, recorded.event), ()


async def take_signals(
    publisher: Publisher,
    backends: Backends,
    arrivals: Arrivals,
    signals: Sequence[SendSignal],
    clock: Clock,
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
        _signal(
            signal.id or new_id(), signal.lead_id, signal.at or now, signal.kind, signal.attributes, now, mark
        )
        for signal, mark in zip(signals, arrivals.marks(signals, now), strict=True)
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

    Which rows are done is kept here, and of a piece that was interrupted by the services; so what came before is
    known, and what was rejected is tried again.
    """
    now = clock()
    done = await imports.known(piece.import_id, [row.row for row in piece.rows])
    outcomes = [RowOutcome(row=row, outcome="known") for row in done]
    rows = [row for row in piece.rows if row.row not in done]
    signals = [row for row in rows if isinstance(row.what, Signal)]
    activities = [row for row in rows if isinstance(row.what, Activity)]
    others = [row for row in rows if not isinstance(row.what, Signal | Activity)]
    held = {each.row: each for each in await _ask(backends, "leads", piece.import_id, others)}
    unknown = await backends.unknown([row.lead_id for row in (*signals, *activities)])
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
    logged, _ = await asyncio.gather(
        _ask(backends, "followup", piece.import_id, activities + followed),
        _publish(publisher, list(fresh.values())),
    )
    for each in logged:
        held[each.row] = _both(held.get(each.row), each)
    outcomes += [*held.values(), *(RowOutcome(row=row, outcome="published") for row in fresh)]
    await imports.mark(
        piece.import_id,
        [each.row for each in outcomes if each.outcome != "rejected" and each.row not in done],
    )
    return RowOutcomes(outcomes=sorted(outcomes, key=lambda outcome: outcome.row))


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


async def _ask(backends: Backends, service: str, import_id: str, rows: list[HistoryRow]) -> list[RowOutcome]:
    if not rows:
        return []
    return (await backends.history(service, HistoryRows(import_id=import_id, rows=rows))).outcomes


def _signal_of_row(import_id: str, row: HistoryRow, now: datetime) -> Recorded[SignalReceived]:
    assert isinstance(row.what, Signal)
    id = derived_id("signal", import_id, str(row.row))
    return _signal(id, row.lead_id, row.at, row.what.kind, row.what.attributes, now)


def _signal(
    id: str,
    lead_id: str,
    at: datetime,
    kind: str,
    attributes: Mapping[str, Any],
    now: datetime,
    automated: Automated | None = None,
) -> Recorded[SignalReceived]:
    event = SignalReceived(
        lead_id=lead_id, at=clamp(at, now), kind=kind, attributes=dict(attributes), automated=automated
    )
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
class Line:
    """A line of the board: a lead, its heat at the board's instant, and why it has its place."""

    view: LeadView
    heat: float
    turn: Turn


@dataclass(frozen=True, slots=True)
class Board:
    at: datetime
    band: Band
    lines: list[Line]
    next_cursor: str | None


async def heat_board(views: Views, band: Band, cursor: str | None, limit: int, now: datetime) -> Board:
    """Who to call now: open leads of a band, first those with whom something is to be done, the warmest first.

    Those whose step comes later follow, the soonest first. A page is right to within `standing.EXACT` of the heat, and
    in itself by the heat at `now`. Whoever follows the cursors meets every lead that does not move meanwhile, once.
    Raises `Refused("bad-cursor")`.
    """
    found = await views.standing(band, read_cursor(cursor) if cursor is not None else None, limit + 1)
    page = found[:limit]
    lines = [
        Line(view, view.heat.now(now) if view.heat is not None else 0.0, turn(view, now)) for view in page
    ]
    ready = [line for line in lines if line.turn is not Turn.LATER]
    ready.sort(key=lambda line: (-line.heat, line.view.lead_id))
    last = page[-1] if len(found) > limit else None
    following = write_cursor(order_of(last), last.lead_id) if last is not None else None
    return Board(now, band, [*ready, *(line for line in lines if line.turn is Turn.LATER)], following)


async def day(views: Views, rep: str, zone: ZoneInfo, now: datetime) -> Day:
    """A rep's steps up to midnight on their wall, the late ones too, and those that are nobody's yet."""
    until = end_of_day(now, zone) - timedelta(milliseconds=1)
    owners = dict.fromkeys((rep, TEAM, None))
    found = await asyncio.gather(*(views.steps(owner, now - LONGEST_LATE, until, STEPS) for owner in owners))
    return plan(chain.from_iterable(found), now)


async def timeline(backends: Backends, lead_id: str, cursor: str | None, limit: int) -> dict[str, Any]:
    """All that happened to a lead and its members: facts from scoring's ledger, with the words their owners keep."""
    await backends.must_exist(lead_id)
    path = f"/leads/{lead_id}/timeline"
    facts = await backends.call("scoring", "GET", path, before=cursor, limit=limit)
    activities = [entry for entry in facts["entries"] if entry["type"].startswith("ascua.activity.")]
    tickets = [entry for entry in facts["entries"] if entry["type"].startswith("ascua.ticket.")]
    notes, words = await asyncio.gather(_notes(backends, activities), _words(backends, tickets))
    for entry, text in chain(zip(activities, notes, strict=True), zip(tickets, words, strict=True)):
        if text is not None:
            entry["text"] = text
    return {"lead_id": lead_id, "items": facts["entries"], "next_cursor": facts["next"]}


async def _notes(backends: Backends, entries: Sequence[Mapping[str, Any]]) -> list[str | None]:
    """What was written about each of these activities."""
    ids: dict[str, list[str]] = {}
    for entry in entries:
        ids.setdefault(entry["lead_id"], []).append(entry["data"]["activity_id"])

    async def of_lead(lead_id: str) -> dict[str, str]:
        asked = _ActivityIds(ids=ids[lead_id])
        try:
            notes: dict[str, str] = await backends.call("followup", "POST", f"/leads/{lead_id}/notes", asked)
        except Unavailable:
            return {}
        return notes

    notes = dict(zip(ids, await asyncio.gather(*map(of_lead, ids)), strict=True))
    return [notes[entry["lead_id"]].get(entry["data"]["activity_id"]) for entry in entries]


async def _words(backends: Backends, entries: Sequence[Mapping[str, Any]]) -> list[str | None]:
    """What was said in tickets with each of these facts, or else what its ticket is about."""
    nothing: list[str | None] = [None] * len(entries)
    if not entries:
        return nothing
    asked = _Asked(words=[{"ticket_id": each["data"]["ticket_id"], "at": each["at"]} for each in entries])
    try:
        words: list[str | None] = await backends.call("tickets", "POST", "/words", asked)
    except Unavailable:
        return nothing
    return words


class _ActivityIds(BaseModel):
    ids: list[str]


class _Asked(BaseModel):
    words: list[dict[str, str]]
