"""What is to be done on a rep's day, page by page."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import chain
from typing import Final
from zoneinfo import ZoneInfo

from services.gateway.boards.cursors import read_cursor, write_cursor
from services.gateway.boards.day.plan import Day, end_of_day, is_to_do, plan
from services.gateway.views.store import AfterStep, Views, place_of_step
from services.gateway.views.view import TEAM, LeadView
from shared.clock import from_milliseconds, milliseconds
from shared.errors import Refused
from shared.events.scoring import Band

LONGEST_LATE = timedelta(days=366)
STEPS = 100
"""Steps on a page."""
STAGES: Final = ((Band.HOT,), (Band.WARM,), (Band.COLD, None))
"""Whose steps are shown before those of the others, where a page does not hold them all."""


@dataclass(frozen=True, slots=True)
class DayPage:
    """A part of a day: its steps from number `first` on, and the cursor of the part that follows."""

    day: Day
    first: int
    more: str | None

    @property
    def last(self) -> int:
        return self.first - 1 + self.day.count


@dataclass(frozen=True, slots=True)
class _Place:
    """Behind so many steps, of which the last was of this stage."""

    stage: int = 0
    after: AfterStep | None = None
    shown: int = 0


async def day(views: Views, rep: str, zone: ZoneInfo, now: datetime, cursor: str | None = None) -> DayPage:
    """A rep's steps up to midnight on their wall, the late ones too, and those that are nobody's yet.

    Those of the hot leads come on the first pages, then those of the warm ones and of all others, the longest due
    first; a page has its own in the order in which they are worth doing. Whoever follows the cursors meets every step
    that does not move meanwhile, once. Raises `Refused("bad-cursor")`.
    """
    until = end_of_day(now, zone) - timedelta(milliseconds=1)
    place = _Place() if cursor is None else _read(cursor)
    found: dict[str, tuple[int, LeadView]] = {}
    stage, after = place.stage, place.after
    while stage < len(STAGES) and len(found) <= STEPS:
        wanted = STEPS + 1 - len(found)
        some = await asyncio.gather(
            *(
                views.steps(owner, now - LONGEST_LATE, until, wanted, bands=STAGES[stage], after=after)
                for owner in dict.fromkeys((rep, TEAM, None))
            )
        )
        ordered = sorted(chain.from_iterable(some), key=place_of_step)[:wanted]
        for view in ordered:
            if is_to_do(view):
                found.setdefault(view.lead_id, (stage, view))
        if len(ordered) == wanted:
            after = place_of_step(ordered[-1])
        else:
            stage, after = stage + 1, None
    shown = list(found.values())[:STEPS]
    more = _write(*shown[-1], place.shown + len(shown)) if len(found) > STEPS else None
    return DayPage(plan((view for _, view in shown), now), place.shown + 1, more)


def _write(stage: int, view: LeadView, shown: int) -> str:
    due, id = place_of_step(view)
    return write_cursor(milliseconds(due), f"{stage}~{shown}~{id}")


def _read(cursor: str) -> _Place:
    due, rest = read_cursor(cursor)
    stage, _, rest = rest.partition("~")
    shown, _, id = rest.partition("~")
    try:
        place = _Place(int(stage), (from_milliseconds(int(due)), id), int(shown))
    except (ValueError, OverflowError):
        place = _Place(len(STAGES))
    if not (0 <= place.stage < len(STAGES) and place.shown >= 0 and id):
        raise Refused("bad-cursor", "this is not a cursor of this day; begin without one")
    return place
