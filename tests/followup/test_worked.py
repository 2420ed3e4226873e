"""What the gateway is told of business time: by the hours of each span's rep."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from services.followup import handlers
from services.followup.domain.playbooks import Playbooks
from shared.commands.followup import (
    WorkedBeyond,
    WorkedSpan,
    WorkedSpans,
)
from tests.followup.books import book


class Shelf:
    """The playbooks of the tests, in force."""

    async def current(self) -> Playbooks:
        return book()


async def test_a_span_is_told_in_the_hours_of_its_rep() -> None:
    friday, monday = datetime(2026, 11, 20, 13, tzinfo=UTC), datetime(2026, 11, 23, 9, tzinfo=UTC)
    asked = [WorkedSpan(rep=rep, start=friday, end=monday) for rep in ("marta", "pedro", "somebody", None)]

    told = await handlers.worked(Shelf(), WorkedSpans(spans=asked))

    office = 3_600.0 * (1 + 1)  # Friday from 14:00 to 15:00 in Madrid, Monday from 9:00 to 10:00
    assert told.seconds == [office, 68 * 3_600.0, office, office]
    assert told.playbooks == book().version


async def test_from_when_on_it_was_more_is_when_the_office_opens_again() -> None:
    friday = datetime(2026, 11, 20, 13, tzinfo=UTC)  # an hour before the office closes
    hour = [WorkedBeyond(rep=rep, start=friday, seconds=3_600) for rep in ("marta", "pedro")]

    told = await handlers.worked(Shelf(), WorkedSpans(beyond=hour))

    a_moment = timedelta(milliseconds=1)
    monday = datetime(2026, 11, 23, 8, tzinfo=UTC)
    assert told.instants == [monday + a_moment, friday + timedelta(hours=1) + a_moment]
