"""What is to be done on a rep's day."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from itertools import chain
from zoneinfo import ZoneInfo

from services.gateway.boards.day.plan import Day, end_of_day, plan
from services.gateway.views.store import Views
from services.gateway.views.view import TEAM

LONGEST_LATE = timedelta(days=366)
STEPS = 200
"""Steps of a rep, and of nobody, on a day's page: the longest due first."""


async def day(views: Views, rep: str, zone: ZoneInfo, now: datetime) -> Day:
    """A rep's steps up to midnight on their wall, the late ones too, and those that are nobody's yet."""
    until = end_of_day(now, zone) - timedelta(milliseconds=1)
    owners = dict.fromkeys((rep, TEAM, None))
    found = await asyncio.gather(*(views.steps(owner, now - LONGEST_LATE, until, STEPS) for owner in owners))
    return plan(chain.from_iterable(found), now)
