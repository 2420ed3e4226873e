"""The ledger's consumer, and the answers that are computed from it."""

from __future__ import annotations

import asyncio
import base64
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from msgspec.structs import replace

from services.scoring.ledger import Entry, Ledger
from services.scoring.processor.fact_mapping import MappedFact, live, map_event
from services.scoring.processor.lead import settle
from services.scoring.processor.merging import Merged, absorbed_in
from services.scoring.rules_log import RulesLog
from services.scoring.scorecard.compiled_rules import (
    compile_rules,
)
from services.scoring.scorecard.explanation import LISTED, Explanation, Tally, explained
from services.scoring.scorecard.members import Ties
from services.scoring.scorecard.model import (
    HEAT,
)
from shared.bus import Handle, Received
from shared.clock import AHEAD, Clock, milliseconds
from shared.errors import AscuaError, NotFound, Refused, Unavailable
from shared.events import wire_type
from shared.events.base import data_of
from shared.events.scoring import Band, RiskBand

JUMPS_DRAWN: Final = 500
HEAVY: Final = 2_000
"""Reading more facts than these for one answer is heavy."""


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
    fact = map_event(recorded)
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


class Heavy:
    """A lane for what takes long: reads of leads with very many facts go on one by one.

    So many of them wait at most, and so long; who comes then is told to come again (`Unavailable`). Others do not
    notice: they work in portions and make room after each.
    """

    def __init__(self, waiting: int = 8, patience: float = 5.0) -> None:
        self._lane = asyncio.Semaphore(1)
        self._room = waiting
        self._patience = patience

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        if self._lane.locked() and self._room == 0:
            raise _busy()
        self._room -= 1
        try:
            async with asyncio.timeout(self._patience):
                await self._lane.acquire()
        except TimeoutError:
            raise _busy() from None
        finally:
            self._room += 1
        try:
            yield
        finally:
            self._lane.release()


def _busy() -> Unavailable:
    return Unavailable(
        "scoring-busy", "other leads with very many facts are being read; try again in a moment"
    )


@dataclass(frozen=True, slots=True)
class Reads:
    """What answers are computed from."""

    ledger: Ledger
    rulebook: RulesLog
    clock: Clock
    heavy: Heavy = field(default_factory=Heavy)

    async def facts(self, lead_ids: Sequence[str], until_ms: int) -> AsyncGenerator[list[Entry], None]:
        """The facts of leads up to an instant, the oldest first, in portions; many of them in the lane for that."""
        read = 0
        async with AsyncExitStack() as stack:
            async for entries in self.ledger.upwards(lead_ids, until_ms):
                if read <= HEAVY < read + len(entries):
                    await stack.enter_async_context(self.heavy.turn())
                read += len(entries)
                yield entries
                await asyncio.sleep(0)

    async def whole(self, lead_id: str, until_ms: int) -> list[str]:
        """The lead and those that were ever merged into it up to an instant: the leads whose facts it may count."""
        return [lead_id, *absorbed_in(entry.fact for entry in await self.ledger.tying(lead_id, until_ms))]


@dataclass(frozen=True, slots=True)
class Explained:
    """A score with its reasons; `counts` is the decayed count of each kind. Terms are about entries of the ledger."""

    score: Explanation
    band: Band | RiskBand
    counts: Mapping[str, float]


async def explain(
    reads: Reads,
    lead_id: str,
    at: datetime | None,
    card: str = HEAT,
    most: int = LISTED,
) -> Explained:
    """Heat, or another score, at an instant: that of a lead with its members, or of an absorbed one by itself.

    Without an instant it is as of now, with all that is known. At most `most` terms are listed. Raises `NotFound` when
    nothing at all is known of the lead, `Refused` when the rules have no such scorecard, and for the risk of a lead
    that was not won by then.
    """
    at_ms = milliseconds(at or reads.clock())
    # A fact may be a little ahead of the clock; it counts now, as it does in the stream.
    until_ms = at_ms if at is not None else milliseconds(reads.clock() + AHEAD)
    rules = reads.rulebook.at(at_ms)
    compiled = compile_rules(rules).of(card)
    merged = Merged(lead_id, compile_rules(rules))
    tallies: dict[str, Tally] = {}
    async with aclosing(reads.facts(await reads.whole(lead_id, until_ms), until_ms)) as portions:
        async for entries in portions:
            for entry in entries:
                tally = tallies.get(entry.lead_id)
                if tally is None:
                    tally = tallies[entry.lead_id] = Tally(rules, card, most)
                fact = entry.fact
                merged.take_in(live(entry.lead_id, fact))
                tally.add(replace(fact, id=entry.name), entry)
    if not tallies and not await reads.ledger.knows(lead_id):
        raise _unknown(lead_id)
    lead = merged.lead
    settle(lead, at_ms, compile_rules(rules))
    counted = [lead_id, *(member for member, _ in (lead.ties or Ties()).counted())]
    whole = lead.whole
    score = explained(
        (tallies[each] for each in counted if each in tallies),
        whole.counts, rules, at_ms, whole.attributes, card, most,
    )  # fmt: skip
    settle(lead, score.at_ms, compile_rules(rules))
    if card == HEAT:
        # An absorbed lead stands where it was last told to; split off now, it would be looked at.
        band: Band | RiskBand = Band(compiled.band(lead.heat.band, score.heat))
    elif lead.risk is not None and whole.is_customer:
        band = RiskBand(compiled.band(lead.risk.band, score.heat))
    else:
        raise Refused(
            "no-customer", f"lead {lead_id} had not become a customer; only a customer can be at risk"
        )
    known = whole.counts.codes()
    found = {
        kind.name: whole.counts.value(kind.counter.code, kind.half_life_ms, score.at_ms)
        for kind in compiled.scorecard.kinds.values()
        if kind.counter.code in known
    }
    return Explained(score, band, found)


def _unknown(lead_id: str) -> NotFound:
    return NotFound("lead-unknown", f"no fact about a lead {lead_id} has reached scoring")


async def curve(
    reads: Reads, lead_id: str, start: datetime, end: datetime, points: int
) -> list[tuple[int, float]]:
    """Heat at `points` even steps of a span, and right before and at its jumps when they are not too many.

    Pairs of an instant in milliseconds and heat, each under the rules in force then. An instant to come is heat as it
    fades until then.
    """
    start_ms, end_ms = milliseconds(start), milliseconds(end)
    if end_ms <= start_ms:
        raise Refused("empty-span", "`from` must be before `to`")
    steps = {start_ms + (end_ms - start_ms) * step // (points - 1) for step in range(points)}
    turns = [
        each.effective_ms for each in reads.rulebook.versions() if start_ms < each.effective_ms <= end_ms
    ]
    drawing = _Drawing(lead_id, reads.rulebook, sorted(steps.union(turns, (turn - 1 for turn in turns))))
    is_known = False
    async with aclosing(reads.facts(await reads.whole(lead_id, end_ms), end_ms)) as portions:
        async for entries in portions:
            is_known = True
            for entry in entries:
                drawing.take_in(live(entry.lead_id, entry.fact), is_jump=start_ms < entry.at_ms <= end_ms)
    if not is_known and not await reads.ledger.knows(lead_id):
        raise _unknown(lead_id)
    return drawing.drawn()


class _Drawing:
    """Heat at ascending instants, while facts come in their order; under each rules as if always in force."""

    def __init__(self, lead_id: str, rulebook: RulesLog, instants: Sequence[int]) -> None:
        self._rulebook = rulebook
        self._waiting = deque(instants)
        self._steps: list[tuple[int, float]] = []
        self._jumps: dict[int, float] = {}
        self._merged = {
            each: Merged(lead_id, compile_rules(each.rules))
            for each in {rulebook.in_force(instant) for instant in instants}
        }
        self._now_ms: int | None = None
        self._is_jump = False

    def take_in(self, fact: MappedFact, is_jump: bool) -> None:
        if fact.at_ms != self._now_ms:
            self._look(fact.at_ms)
            if is_jump:
                self._jump(fact.at_ms - 1)
            self._now_ms, self._is_jump = fact.at_ms, is_jump
        for merged in self._merged.values():
            merged.take_in(fact)

    def drawn(self) -> list[tuple[int, float]]:
        self._look(None)
        jumps = self._jumps if len(self._jumps) <= 2 * JUMPS_DRAWN else {}
        return sorted({**jumps, **dict(self._steps)}.items())

    def _look(self, before_ms: int | None) -> None:
        """Look at the instants before one, with the facts that have come; and at that of the last of these."""
        if self._is_jump and self._now_ms is not None:
            self._jump(self._now_ms)
        self._is_jump = False
        while self._waiting and (before_ms is None or self._waiting[0] < before_ms):
            instant = self._waiting.popleft()
            self._steps.append((instant, self._heat(instant)))

    def _jump(self, instant_ms: int) -> None:
        if len(self._jumps) <= 2 * JUMPS_DRAWN:
            self._jumps[instant_ms] = self._heat(instant_ms)

    def _heat(self, instant_ms: int) -> float:
        return self._merged[self._rulebook.in_force(instant_ms)].heat(instant_ms)


async def timeline(
    reads: Reads, lead_id: str, before: str | None, limit: int
) -> tuple[list[Entry], str | None]:
    """A page of the facts of a lead and its members from the newest, behind the cursor `before`; and the next one."""
    last = _read_cursor(before) if before is not None else None
    ties = Ties()
    for tying in await reads.ledger.tying(lead_id):
        ties.hear(tying.fact)
    page = await reads.ledger.downwards([lead_id, *ties.members], last, limit + 1)
    return page[:limit], _cursor(page[limit - 1]) if len(page) > limit else None


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
