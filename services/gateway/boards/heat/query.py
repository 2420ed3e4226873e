"""Who to call now: the leads of a band in the order of the board."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from services.gateway.boards.cursors import read_cursor, write_cursor
from services.gateway.boards.heat.standing import Turn, turn
from services.gateway.views.store import Views, order_of
from services.gateway.views.view import LeadView
from shared.events.scoring import Band


@dataclass(frozen=True, slots=True)
class Ranked:
    """A line of the board: a lead, its heat at the board's instant, and why it has its place."""

    view: LeadView
    heat: float
    turn: Turn


@dataclass(frozen=True, slots=True)
class Ranking:
    """A page of the board of one band."""

    at: datetime
    band: Band
    lines: list[Ranked]
    next_cursor: str | None


async def ranking(views: Views, band: Band, cursor: str | None, limit: int, now: datetime) -> Ranking:
    """Who to call now: open leads of a band, first those with whom something is to be done, the warmest first.

    Those whose step comes later follow, the soonest first. A page is right to within `standing.EXACT` of the heat, and
    in itself by the heat at `now`. Whoever follows the cursors meets every lead that does not move meanwhile, once.
    Raises `Refused("bad-cursor")`.
    """
    found = await views.standing(band, read_cursor(cursor) if cursor is not None else None, limit + 1)
    page = found[:limit]
    lines = [
        Ranked(view, view.heat.now(now) if view.heat is not None else 0.0, turn(view, now)) for view in page
    ]
    ready = [line for line in lines if line.turn is not Turn.LATER]
    ready.sort(key=lambda line: (-line.heat, line.view.lead_id))
    last = page[-1] if len(found) > limit else None
    following = write_cursor(order_of(last), last.lead_id) if last is not None else None
    return Ranking(now, band, [*ready, *(line for line in lines if line.turn is Turn.LATER)], following)


def to_do_first(rankings: Sequence[Ranking], limit: int) -> tuple[list[Ranked], list[Ranking]]:
    """What is to be done now in all bands, the warmest first; and of each band what has its time later.

    Of the cold, what comes later is shown where there is nothing else, as after an import. A lead that has changed its
    band between two looks stands where it was seen first.
    """
    seen = set[str]()
    ready: list[Ranked] = []
    later: list[Ranking] = []
    for each in rankings:
        lines = [line for line in each.lines if line.view.lead_id not in seen]
        seen |= {line.view.lead_id for line in lines}
        ready += [line for line in lines if line.turn is not Turn.LATER]
        later.append(replace(each, lines=[line for line in lines if line.turn is Turn.LATER]))
    ready.sort(key=lambda line: (-line.heat, line.view.lead_id))
    glows = bool(ready) or any(each.lines for each in later if each.band is not Band.COLD)
    return ready[:limit], [each for each in later if each.band is not Band.COLD or not glows]
