"""Where an open lead stands on the board "who to call now", in a form that an index keeps in order. Pure.

First comes what is to be done now, the warmest first; then what has its time later, the soonest first. Heat fades, and
hours come, without any fact: a standing says until when it is right, and is made anew then.
"""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from services.gateway.boards.day.plan import ready_from
from services.gateway.views.view import LeadStatus, LeadView, ShownHeat, Standing

EXACT: Final = 0.005
"""The share by which heat may differ from what its place in the order says, before it is placed anew."""
LEAST: Final = 0.05
"""Points that never matter."""
SHORTEST: Final = timedelta(seconds=10)
LONGEST: Final = timedelta(days=366)
HOUR: Final = 3_600


class Turn(StrEnum):
    """Why a lead has its place."""

    LATE = "late"
    DUE = "due"
    UNPLANNED = "unplanned"
    LATER = "later"


def turn(view: LeadView, now: datetime) -> Turn:
    """`unplanned` leads have no next step: somebody has to say what it is. `later` ones need nobody yet."""
    step = view.next_step
    if step is None:
        return Turn.UNPLANNED
    if step.is_automatic or now < ready_from(step):
        return Turn.LATER
    return Turn.LATE if step.due < now else Turn.DUE


def placed(view: LeadView, now: datetime) -> LeadView:
    """The view with its standing as of `now`; it has none while nobody would look for it on the board."""
    return replace(view, standing=_stand(view, now))


def _stand(view: LeadView, now: datetime) -> Standing | None:
    heat, step = view.heat, view.next_step
    if view.status is not LeadStatus.OPEN or view.survivor is not None or heat is None:
        return None
    if step is None or turn(view, now) is not Turn.LATER:
        points = heat.now(now)
        return Standing(heat.band, -points, _sure_until(heat, points, now))
    # The step of an automation leaves the view when it is handed over: no time of ours changes its turn.
    until = ready_from(step) if not step.is_automatic else None
    return Standing(heat.band, step.due.timestamp() / HOUR, until)


def _sure_until(heat: ShownHeat, points: float, now: datetime) -> datetime | None:
    """Until when heat is surely about what it is; None if it is so for ever.

    No sum of fading points moves faster than all of them together would, and no cap makes it faster.
    """
    elapsed = max(0.0, (now - heat.at).total_seconds())
    parts = heat.parts if heat.groups is None else [part for group in heat.groups for part in group.parts]
    left = [(half_life, abs(told) * math.exp2(-elapsed / half_life)) for half_life, told in parts]
    tolerance = max(LEAST, EXACT * points)
    if sum(each for _, each in left) <= tolerance:
        return None
    speed = sum(math.log(2) * each / half_life for half_life, each in left)
    seconds = tolerance / speed if speed else math.inf
    return now + max(SHORTEST, timedelta(seconds=min(seconds, LONGEST.total_seconds())))
