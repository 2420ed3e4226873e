"""The discipline board, kept as facts arrive by the process that follows the trails; see ADR 0025.

What is kept is read from the trails when this process begins to follow all of them, and follows each change of one
from then on, before the change's position is committed. Until then, and while others follow some of the trails, the
board is computed from those that were open in its time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from threading import Lock
from time import monotonic
from typing import Final, TypeVar

from services.gateway.boards.discipline import board as discipline
from services.gateway.boards.discipline.board import Board, By, Choice
from services.gateway.boards.discipline.figures import FIRST_TRY, Figure, Item, Look, items, spans
from services.gateway.boards.discipline.kept import WINDOWS, BoardPlace, KeptBoard, Wanted
from services.gateway.boards.discipline.snapshots import Window
from services.gateway.boards.discipline.spells import FOREVER
from services.gateway.boards.discipline.store import Trails
from services.gateway.boards.discipline.trail import Trail
from services.gateway.clients import Upstreams
from shared.clock import milliseconds, utc_now
from shared.commands.followup import (
    Worked,
    WorkedBeyond,
    WorkedSpan,
    WorkedSpans,
)
from shared.errors import AscuaError, Unavailable
from shared.logs import logger
from shared.tasks import ended

T = TypeVar("T")

ASKED_AT_ONCE: Final = 1_000
"""Spans of business time in one question to followup."""
LOOK_SECONDS: Final = 0.5
"""How often it is looked who follows the trails, and which business time is not known yet."""
HOURS_SECONDS: Final = 5.0
"""How often followup is asked whether its hours are still the same, while no business time is lacking."""
SUMS_STAND: Final = 600_000
"""Milliseconds for which sums are made beforehand, again and again for what was asked within as many."""
AHEAD: Final = 60_000
"""So many milliseconds before their end they are made for the time that follows."""
NEAR: Final = 10_000
"""Milliseconds by which questions differ that are about the same time from now."""
BEHIND: Final = 20_000
"""When so many rows have come or gone since, sums are made anew."""
TIMED: Final = (Figure.SPEED, Figure.UNTOUCHED, Figure.OVERDUE)
"""The figures that are measured in business time; the hints lean on these."""


class Keeper:
    """Tells boards and what is behind them; a part of the gateway.

    `alone_since` is the assignment in which this process follows all trails, or None while it does not.
    """

    def __init__(self, trails: Trails, upstreams: Upstreams, alone_since: Callable[[], int | None]) -> None:
        self._trails, self._backends, self._alone_since = trails, upstreams, alone_since
        self._kept: KeptBoard | None = None
        self._assignment: int | None = None
        self._is_whole = False
        self._fed: set[str] = set()
        self._asked_at = float("-inf")
        self._lags: dict[int, float] = {}
        self._lock = Lock()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="keeper")

    async def stop(self) -> None:
        if self._task is not None:
            await ended(self._task)

    async def check(self) -> None:
        """While nothing is kept, boards take longer."""
        if self._task is None or self._task.done():
            raise Unavailable("keeper-down", "the discipline board is not kept")

    @property
    def task(self) -> asyncio.Task[None] | None:
        return self._task

    def status(self) -> dict[str, object]:
        return {"kept": self._kept is not None and self.is_whole, "leads": len(self._kept or ())}

    @property
    def is_whole(self) -> bool:
        """Whether what is kept is all there is."""
        return self._is_whole and self._assignment == self._alone_since()

    async def take(self, trails: Sequence[Trail]) -> None:
        """Follow trails as they stand after a change, or after one that was known already."""
        if trails and self._kept is not None:
            await asyncio.to_thread(self._taken, self._kept, trails)

    def _taken(self, kept: KeptBoard, trails: Iterable[Trail], *, is_read: bool = False) -> None:
        with self._lock:
            if is_read:  # what came meanwhile is newer
                trails = [trail for trail in trails if trail.lead_id not in self._fed]
            elif not self._is_whole:
                self._fed.update(trail.lead_id for trail in trails)
            kept.take(list(trails))

    # --- answers

    async def board(self, look: Look, before: Look, choice: Choice, by: By) -> Board:
        if self._kept is None or not self.is_whole:
            return await self._computed(look, before, choice, by)
        is_timed = await self._reckon(self._kept, (look, before))
        for each in (look, before):
            self._note(each)
        return await self._ask(
            self._kept, lambda kept: kept.board(look, before, choice, by, is_timed=is_timed)
        )

    async def part(
        self, figure: Figure, look: Look, choice: Choice, after: tuple[float, str] | None, limit: int
    ) -> tuple[int, list[Item]]:
        """How many items a figure has, and up to `limit` of them after a place, the longest first."""
        if self._kept is None or not self.is_whole:
            return await self._computed_part(figure, look, choice, after, limit)
        is_timed = figure is not Figure.NO_FIRST_TRY or await self._reckon(self._kept, (look,))
        count, places = await self._ask(
            self._kept, lambda kept: kept.part(figure, look, choice, after, limit, is_timed=is_timed)
        )
        return count, await self._items(figure, look, places)

    async def _items(self, figure: Figure, look: Look, places: Sequence[BoardPlace]) -> list[Item]:
        """What stands at these places, read from the trails of a page; one that has just changed may be gone."""
        found = await self._trails.get_many([place.lead_id for place in places])
        trails = list(found.values())
        (look,) = await self._worked((figure,), trails, look)
        by_id = {item.id: item for item in items(figure, trails, look)}
        return [by_id[place.id] for place in places if place.id in by_id]

    async def _ask(self, kept: KeptBoard, question: Callable[[KeptBoard], T]) -> T:
        def asked() -> T:
            with self._lock:
                return question(kept)

        return await asyncio.to_thread(asked)

    # --- what is asked again and again

    def _note(self, look: Look) -> None:
        """Remember how long ago the instant is as of which a board was asked for: the next may be as long ago."""
        lag = (milliseconds(utc_now()) - milliseconds(look.at)) // NEAR
        self._lags.pop(lag, None)
        self._lags[lag] = monotonic()
        for oldest in list(self._lags)[:-WINDOWS]:
            del self._lags[oldest]

    async def _sum(self, kept: KeptBoard) -> None:
        """Make the sums beforehand for boards like those that were asked for lately."""
        for lag, asked_at in list(self._lags.items()):
            if monotonic() - asked_at > SUMS_STAND / 1_000:
                self._lags.pop(lag, None)
                continue
            at = milliseconds(utc_now()) - lag * NEAR
            if await self._ask(kept, partial(_is_summed, at=at + AHEAD)):
                continue
            window = kept.open_window(at - 2 * NEAR, at + SUMS_STAND)
            for figure in kept.figures:
                await self._ask(kept, partial(_fill, window=window, figure=figure))

    # --- the same from trails

    async def _computed(self, look: Look, before: Look, choice: Choice, by: By) -> Board:
        trails = await self._trails.open_since(before.period.start)
        look, before = await self._worked(TIMED, trails, look, before)
        return await asyncio.to_thread(discipline.board, trails, look, before, choice, by)

    async def _computed_part(
        self, figure: Figure, look: Look, choice: Choice, after: tuple[float, str] | None, limit: int
    ) -> tuple[int, list[Item]]:
        trails = await self._trails.open_since(look.period.start)
        (look,) = await self._worked((figure,), trails, look)
        found = await asyncio.to_thread(discipline.chosen, figure, trails, look, choice)
        page = [item for item in found if after is None or discipline.place(item) > after]
        return len(found), page[:limit]

    async def _worked(self, figures: Sequence[Figure], trails: Sequence[Trail], *looks: Look) -> list[Look]:
        """The looks with the business hours that followup keeps; without them while it does not answer."""
        wanted = await asyncio.to_thread(
            lambda: list(dict.fromkeys(span for look in looks for span in spans(figures, trails, look)))
        )
        known = dict[object, timedelta]()
        try:
            for some in _portions(wanted):
                asked = WorkedSpans(
                    spans=[WorkedSpan(rep=rep, start=start, end=end) for rep, start, end in some]
                )
                seconds = (await self._backends.worked(asked)).seconds
                known |= {span: timedelta(seconds=each) for span, each in zip(some, seconds, strict=True)}
        except AscuaError:
            return list(looks)
        return [replace(look, hours=lambda rep, start, end: known[rep, start, end]) for look in looks]

    # --- keeping

    async def _run(self) -> None:
        while True:
            try:
                await self._follow()
            except Unavailable as error:
                logger().warning("keeper_waits", because=error.slug)
            await asyncio.sleep(LOOK_SECONDS)

    async def _follow(self) -> None:
        alone_since = self._alone_since()
        if alone_since != self._assignment or (alone_since is not None and not self._is_whole):
            self._kept, self._assignment, self._is_whole = None, alone_since, False
            if alone_since is not None:
                await self._read()
        if self._kept is not None:
            await self._reckon(self._kept)
            await self._sum(self._kept)

    async def _read(self) -> None:
        """Take all trails, while those that change meanwhile are taken by `take`."""
        kept = self._kept = KeptBoard()
        self._fed.clear()
        async for trails in self._trails.stream({}):
            await asyncio.to_thread(self._taken, kept, trails, is_read=True)
        self._is_whole = True
        self._fed.clear()
        logger().info("board_kept", leads=len(kept))

    async def _reckon(self, kept: KeptBoard, looks: Sequence[Look] = ()) -> bool:
        """Ask followup for the business time that is lacking; False while it does not answer."""
        while True:
            wanted = await self._ask(kept, lambda kept: kept.lacking(ASKED_AT_ONCE, looks))
            if not wanted and (looks or monotonic() - self._asked_at < HOURS_SECONDS):
                return True
            self._asked_at = monotonic()
            try:
                answer = await self._backends.worked(_question(wanted))
            except AscuaError:
                return False
            await self._ask(kept, partial(_learn, wanted=wanted, answer=answer))
            if not wanted:
                return True


def _is_summed(kept: KeptBoard, at: int) -> bool:
    return kept.window(at, BEHIND) is not None


def _fill(kept: KeptBoard, window: Window, figure: Figure) -> None:
    kept.fill(window, figure)


def _learn(kept: KeptBoard, wanted: Sequence[Wanted], answer: Worked) -> None:
    seconds, instants = iter(answer.seconds), iter(answer.instants)
    reckoned = [
        round(next(seconds) * 1_000) if each.end is not None else _or_never(next(instants)) for each in wanted
    ]
    kept.learn(answer.playbooks, wanted, reckoned)


def _or_never(instant: datetime | None) -> int:
    return FOREVER if instant is None else milliseconds(instant)


def _question(wanted: Sequence[Wanted]) -> WorkedSpans:
    hour = FIRST_TRY // timedelta(seconds=1)
    return WorkedSpans(
        spans=[
            WorkedSpan(rep=each.rep, start=each.start, end=each.end)
            for each in wanted
            if each.end is not None
        ],
        beyond=[
            WorkedBeyond(rep=each.rep, start=each.start, seconds=hour) for each in wanted if each.end is None
        ],
    )


def _portions(some: Sequence[T]) -> Iterable[Sequence[T]]:
    return (some[at : at + ASKED_AT_ONCE] for at in range(0, len(some), ASKED_AT_ONCE))
