"""Heat over a span."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from contextlib import aclosing
from datetime import datetime
from typing import Final

from services.scoring.processor.fact_mapping import MappedFact, live
from services.scoring.processor.merged_replay import Merged
from services.scoring.queries.reads import Reads, unknown
from services.scoring.rules_log import RulesLog
from services.scoring.scorecard.compiled_rules import compile_rules
from shared.clock import milliseconds
from shared.errors import Refused

JUMPS_DRAWN: Final = 500


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
        raise unknown(lead_id)
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
