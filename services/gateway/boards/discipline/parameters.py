"""The question to the discipline board as an address holds it."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any

from fastapi import Depends, Query

from services.gateway.boards.discipline.board import Choice
from services.gateway.boards.discipline.figures import Look, Period
from services.gateway.boards.discipline.query import Question
from shared.clock import Clock, clamp
from shared.errors import Refused
from shared.events.base import LeadId, Slug
from shared.events.leads import Channel
from shared.fields import Time

USUAL = timedelta(days=30)
LONGEST = timedelta(days=3_700)


def asking(clock: Clock) -> Any:
    """A dependency that reads the question."""

    def asked(
        start: Annotated[Time | None, Query(alias="from")] = None,
        end: Annotated[Time | None, Query(alias="to")] = None,
        at: Annotated[Time | None, Query(description="As of when; now, if absent.")] = None,
        rep: LeadId | None = None,
        channel: Channel | None = None,
        origin: Slug | None = None,
        campaign: Slug | None = None,
    ) -> Question:
        now, is_dated = clock(), start is not None or end is not None
        seen = now if at is None else min(clamp(at, now), now)
        end = seen if end is None else clamp(end, now + LONGEST)
        start = end - USUAL if start is None else clamp(start, now + LONGEST)
        if not timedelta(0) < end - start <= LONGEST:
            raise Refused("bad-period", "`from` must lie before `to`, and not more than ten years")
        period = Period(start, end)
        choice = Choice(rep, channel, origin, campaign)
        before = period.before
        return Question(Look(period, min(seen, end)), Look(before, min(seen, before.end)), choice, is_dated)

    return Depends(asked)
