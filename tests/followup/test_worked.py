"""What the gateway is told of business time: by the hours of each span's rep."""

from __future__ import annotations

from datetime import UTC, datetime

from services.followup import handlers
from services.followup.domain.playbooks import Book
from shared.commands import WorkedSpan, WorkedSpans
from tests.followup.books import book


class Shelf:
    """The playbooks of the tests, in force."""

    async def current(self) -> Book:
        return book()


async def test_a_span_is_told_in_the_hours_of_its_rep() -> None:
    friday, monday = datetime(2026, 11, 20, 13, tzinfo=UTC), datetime(2026, 11, 23, 9, tzinfo=UTC)
    asked = [WorkedSpan(rep=rep, start=friday, end=monday) for rep in ("marta", "pedro", "somebody", None)]

    told = await handlers.worked(Shelf(), WorkedSpans(spans=asked))

    office = 3_600.0 * (1 + 1)  # Friday from 14:00 to 15:00 in Madrid, Monday from 9:00 to 10:00
    assert told == [office, 68 * 3_600.0, office, office]
