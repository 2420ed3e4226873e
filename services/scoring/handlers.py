"""The ledger's consumer, and the answers that are computed from it."""

from __future__ import annotations

import base64
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby

from msgspec.structs import replace

from services.scoring.domain import settle
from services.scoring.happened import Happened, happened, live
from services.scoring.merging import Merged, absorbed_in, lead_at
from services.scoring.rulebook import Rulebook
from services.scoring.store import Entry, Ledger
from shared.bus import Handle, Received
from shared.clock import AHEAD, Clock, from_milliseconds, milliseconds
from shared.errors import AscuaError, NotFound, Refused
from shared.events import wire_type
from shared.events.base import data_of
from shared.events.scoring import Band, RiskBand
from shared.scorecard import heat as scorecard
from shared.scorecard.heat import Explanation, gauges
from shared.scorecard.members import Ties
from shared.scorecard.rules import HEAT, Rules

GROUP = "scoring-ledger"
JUMPS_DRAWN = 500


def ledger_handler(ledger: Ledger) -> Handle:
    async def keep(batch: Sequence[Received]) -> Sequence[AscuaError | None]:
        outcomes: list[AscuaError | None] = []
        entries = []
        for received in batch:
            try:
                entries.append(entry_of(received))
                outcomes.append(None)
            except AscuaError as error:
                outcomes.append(error)
        if entries:
            await ledger.add(entries)
        return outcomes

    return keep


def entry_of(received: Received) -> Entry:
    recorded = received.event
    fact = happened(recorded)
    return Entry(
        lead_id=recorded.lead_id,
        event_id=fact.id,
        type=wire_type(type(recorded.event)),
        kind=fact.kind,
        at_ms=fact.at_ms,
        recorded_ms=milliseconds(recorded.recorded_at),
        aggregate=fact.aggregate,
        sequence=fact.sequence,
        topic=received.topic,
        partition=received.partition,
        offset=received.offset,
        data=data_of(recorded.event),
    )


async def facts_at(
    ledger: Ledger, lead_id: str, at: datetime | None, clock: Clock
) -> tuple[list[Entry], int]:
    """What is known at an instant, and that instant in milliseconds; without one, at this moment.

    It is the facts of the lead and of those that were ever merged into it, each lead's newest first. Raises `NotFound`
    when nothing at all is known of the lead.
    """
    at_ms = milliseconds(at or clock())
    # A fact may be a little ahead of the clock; it counts now, as it does in the stream.
    until_ms = at_ms if at is not None else milliseconds(clock() + AHEAD)
    return await _with_others(ledger, lead_id, until_ms), at_ms


async def _with_others(ledger: Ledger, lead_id: str, until_ms: int) -> list[Entry]:
    entries = [entry async for entry in ledger.of_leads([lead_id], until_ms)]
    if not entries and not await ledger.knows(lead_id):
        raise NotFound("lead-unknown", f"no fact about a lead {lead_id} has reached scoring")
    if absorbed := absorbed_in(entry.fact for entry in entries):
        entries += [entry async for entry in ledger.of_leads(absorbed, until_ms)]
    return entries


@dataclass(frozen=True, slots=True)
class Explained:
    """A score with its reasons; `counts` is the decayed count of each kind, `places` each fact by its term's id."""

    score: Explanation
    band: Band | RiskBand
    counts: Mapping[str, float]
    places: Mapping[str, Entry]


async def explain(
    ledger: Ledger, lead_id: str, at: datetime | None, rules: Rules, clock: Clock, card: str = HEAT
) -> Explained:
    """Heat, or another score, at an instant: that of a lead with its members, or of an absorbed one by itself.

    Raises `Refused` when the rules have no such scorecard, and for the risk of a lead that was not won by then.
    """
    entries, at_ms = await facts_at(ledger, lead_id, at, clock)
    in_order = sorted(entries, key=lambda entry: (entry.recorded_ms, entry.topic, entry.offset))
    lead = lead_at(lead_id, (_happened(entry) for entry in in_order), gauges(rules), at_ms)
    counted = {lead_id, *(member for member, _ in (lead.ties or Ties()).counted())}
    places = {entry.name: entry for entry in entries if entry.lead_id in counted}
    facts = (replace(entry.fact, id=name) for name, entry in places.items())
    score = scorecard.explain(facts, rules, at_ms, lead.whole.attributes, card)
    settle(lead, score.at_ms, gauges(rules))
    gauge = gauges(rules).of(card)
    if card == HEAT:
        # An absorbed lead stands where it was last told to; split off now, it would be looked at.
        band: Band | RiskBand = Band(gauge.band(lead.heat.band, score.heat))
    elif lead.risk is not None and lead.whole.is_customer:
        band = RiskBand(gauge.band(lead.risk.band, score.heat))
    else:
        raise Refused(
            "no-customer", f"lead {lead_id} had not become a customer; only a customer can be at risk"
        )
    counts, known = lead.whole.counts, lead.whole.counts.codes()
    found = {
        kind.name: counts.value(kind.counter.code, kind.half_life_ms, score.at_ms)
        for kind in gauge.scorecard.kinds.values()
        if kind.counter.code in known
    }
    return Explained(score, band, found, places)


def _happened(entry: Entry) -> Happened:
    return live(entry.lead_id, entry.fact)


async def curve(
    ledger: Ledger, lead_id: str, start: datetime, end: datetime, points: int, rulebook: Rulebook
) -> list[tuple[int, float]]:
    """Heat at `points` even steps of a span, and right before and at its jumps when they are not too many.

    Pairs of an instant in milliseconds and heat, each under the rules in force then. An instant to come is heat as it
    fades until then.
    """
    start_ms, end_ms = milliseconds(start), milliseconds(end)
    if end_ms <= start_ms:
        raise Refused("empty-span", "`from` must be before `to`")
    entries = await _with_others(ledger, lead_id, end_ms)
    facts = sorted(map(_happened, entries), key=lambda fact: fact.at_ms)
    instants = {start_ms + (end_ms - start_ms) * step // (points - 1) for step in range(points)}
    jumps = {fact.at_ms for fact in facts} | {each.effective_ms for each in rulebook.versions()}
    jumps = {at_ms for at_ms in jumps if start_ms < at_ms <= end_ms}
    if len(jumps) <= JUMPS_DRAWN:
        instants |= jumps | {at_ms - 1 for at_ms in jumps}
    drawn: list[tuple[int, float]] = []
    for publication, stretch in groupby(sorted(instants), rulebook.in_force):
        drawn += _drawn(Merged(lead_id, gauges(publication.rules)), facts, list(stretch))
    return drawn


def _drawn(merged: Merged, facts: Sequence[Happened], instants: Sequence[int]) -> list[tuple[int, float]]:
    """Heat at instants, ascending, under rules as if they had always been in force."""
    waiting = deque(facts)
    drawn = []
    for instant in instants:
        while waiting and waiting[0].at_ms <= instant:
            merged.take_in(waiting.popleft())
        drawn.append((instant, merged.heat(instant)))
    return drawn


async def timeline(
    ledger: Ledger, lead_id: str, before: str | None, limit: int
) -> tuple[list[Entry], str | None]:
    """A page of the facts of a lead and its members from the newest, behind the cursor `before`; and the next one."""
    last = _read_cursor(before) if before is not None else None
    page: list[Entry] = []
    ties = Ties()
    for tying in await ledger.tying(lead_id):
        ties.hear(tying.fact)
    until_ms = last[0] if last else milliseconds(from_milliseconds(2**45))
    async for entry in ledger.of_leads([lead_id, *ties.members], until_ms):
        if last is not None and entry.place >= last:
            continue
        if len(page) == limit:
            return page, _cursor(page[-1])
        page.append(entry)
    return page, None


def _cursor(entry: Entry) -> str:
    return (
        base64.urlsafe_b64encode(f"{entry.at_ms} {entry.recorded_ms} {entry.name}".encode())
        .decode()
        .rstrip("=")
    )


def _read_cursor(cursor: str) -> tuple[int, int, str]:
    try:
        text = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode()
        at_ms, recorded_ms, name = text.split(" ", 2)
        return int(at_ms), int(recorded_ms), name
    except ValueError:
        raise Refused("bad-cursor", "this is not a cursor of this timeline; begin without one") from None
