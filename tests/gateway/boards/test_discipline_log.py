"""The board on the real log, against the same figures computed straight from its rows.

ASCUA_FAULTS=long does it with the whole log.
"""

from __future__ import annotations

import csv
import gzip
import math
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from cli.imports.mapping_parser import load_mapping
from cli.imports.run import run
from shared.events.base import rfc3339
from tests.conftest import System
from tests.e2e import histories
from tests.names import drawn

CALLS = {
    "W_Afhandelen leads",
    "W_Completeren aanvraag",
    "W_Nabellen offertes",
    "W_Nabellen incomplete dossiers",
}
ENDS = {"A_ACTIVATED", "A_DECLINED", "A_CANCELLED"}
PATIENCE = timedelta(days=5)
WITH_IT = timedelta(hours=1)
LAST = datetime(2012, 4, 1, tzinfo=UTC)
LONG_AGO = timedelta(days=1461)


@dataclass(slots=True)
class Case:
    """An application as its rows tell it."""

    captured: datetime
    calls: list[datetime] = field(default_factory=list)
    offers: list[datetime] = field(default_factory=list)
    end: datetime | None = None

    def over(self, at: datetime) -> datetime:
        return at if self.end is None or self.end > at else self.end

    def called(self, start: datetime, at: datetime) -> list[datetime]:
        return [each for each in self.calls if start <= each <= self.over(at)]


def cases(file: Path, prefix: str) -> dict[str, Case]:
    opened = gzip.open if file.suffix == ".gz" else open
    found: dict[str, Case] = {}
    with opened(file, "rt", encoding="utf-8", newline="") as text:
        for row in csv.DictReader(text):
            at = datetime.fromisoformat(row["timestamp"])
            lead, what = f"{prefix}{row['case_id']}", row["activity"]
            if what == "A_SUBMITTED":
                found[lead] = Case(at)
            elif what in CALLS and row["lifecycle"] == "COMPLETE":
                found[lead].calls.append(at)
            elif what == "O_SENT":
                found[lead].offers.append(at)
            elif what in ENDS and found[lead].end is None:
                found[lead].end = at
    return found


def rank(values: list[float], percent: int) -> float | None:
    return sorted(values)[math.ceil(len(values) * percent / 100) - 1] if values else None


async def opened(
    gateway: httpx.AsyncClient, board: dict[str, Any], figure: str, limit: int
) -> list[dict[str, Any]]:
    """All items behind a figure, page by page."""
    found: list[dict[str, Any]] = []
    cursor: str | None = None
    while True:
        params = {"limit": limit, **({"cursor": cursor} if cursor else {})}
        url = httpx.URL(board["opens"][figure]).copy_merge_params(params)
        page = (await gateway.get(url)).raise_for_status().json()
        found += page["items"]
        if (cursor := page["next_cursor"]) is None:
            assert page["count"] == len({each["id"] for each in found}) == len(found)
            return found


async def compare(
    gateway: httpx.AsyncClient,
    of: dict[str, Case],
    start: datetime,
    end: datetime,
    at: datetime,
    page: int = 37,
) -> tuple[int, int, int]:
    """The board of a period as of an instant, with all that is behind it, and the same from the rows.

    Returns how many contacts, offers and late offers were compared.
    """
    asked = {"from": rfc3339(start), "to": rfc3339(end), "at": rfc3339(at), "by": "channel"}
    board = (await gateway.get("/v1/boards/discipline", params=asked)).raise_for_status().json()
    seen = {lead: case for lead, case in of.items() if start <= case.captured < end and case.captured <= at}

    speed = {
        lead: (calls[0] - case.captured).total_seconds()
        for lead, case in seen.items()
        if (calls := case.called(case.captured, at))
    }
    total = board["total"]["now"]
    assert (total["leads"], total["untouched"]) == (
        len(seen),
        sum(case.over(at) == at and not case.called(case.captured, at) for case in seen.values()),
    )
    assert total["speed"]["contacted"] == len(speed)
    assert total["speed"]["p50"] == rank(list(speed.values()), 50)
    assert total["speed"]["p90"] == rank(list(speed.values()), 90)
    assert {each["lead_id"]: each["seconds"] for each in await opened(gateway, board, "speed", page)} == speed

    offered = {
        lead: min(case.offers)
        for lead, case in of.items()
        if case.offers and start <= min(case.offers) < end and min(case.offers) <= at
    }
    calls = {lead: len(of[lead].called(since + WITH_IT, at)) for lead, since in offered.items()}
    told = await opened(gateway, board, "calls_after_offer", page)
    assert {each["lead_id"]: each["count"] for each in told} == calls
    assert total["calls_after_offer"]["total"] == sum(calls.values())

    late = sorted(
        (lead, seconds)
        for lead, case in of.items()
        for offer in case.offers
        if start <= offer < end and offer <= at
        if (
            seconds := (
                min([*case.called(offer + WITH_IT, at)[:1], case.over(at)]) - offer - PATIENCE
            ).total_seconds()
        )
        > 0
    )
    told = await opened(gateway, board, "late_after_offer", page)
    assert sorted((each["lead_id"], each["seconds"]) for each in told) == late
    return len(speed), len(calls), len(late)


def long_ago(file: Path) -> Path:
    """The same cases four years earlier: a board counts all leads of its period."""
    with file.open(encoding="utf-8", newline="") as text:
        columns, *rows = csv.reader(text)
    with file.open("w", encoding="utf-8", newline="") as text:
        writer = csv.writer(text)
        writer.writerow(columns)
        for at, *rest in rows:
            writer.writerow([(datetime.fromisoformat(at) - LONG_AGO).isoformat(), *rest])
    return file


def looks(of: dict[str, Case], many: int, last: datetime) -> Iterator[tuple[datetime, datetime, datetime]]:
    """Periods and instants all over the log: halves, and from within."""
    first = min(case.captured for case in of.values())
    piece = timedelta(seconds=(last - first) // timedelta(seconds=3 * many))  # asked for to the millisecond
    for number in range(1, many + 1):
        end = first + 3 * number * piece
        yield first, end, end
        yield end - 3 * piece, end, end - piece
    yield first, last, last


@pytest.mark.skipif(not histories.REAL_LOG.exists(), reason=histories.NO_REAL_LOG)
async def test_the_board_of_the_real_log_is_what_its_rows_say(system: System, tmp_path: Path) -> None:
    file = long_ago(histories.real(tmp_path / "real.csv", 900))
    of = await imported(system, file)
    async with system.client() as gateway:
        compared = [await compare(gateway, of, *look) for look in looks(of, 2, LAST - LONG_AGO)]
        assert all(max(counts) > 5 for counts in zip(*compared, strict=True)), compared


@pytest.mark.faults
@pytest.mark.timeout(1_200)
@pytest.mark.skipif(
    os.environ.get("ASCUA_FAULTS") != "long", reason="the long form runs under make test-faults"
)
@pytest.mark.skipif(not histories.REAL_LOG.exists(), reason=histories.NO_REAL_LOG)
async def test_the_board_of_the_whole_real_log_is_what_its_rows_say(system: System) -> None:
    of = await imported(system, histories.REAL_LOG)
    async with system.client() as gateway:
        compared = [await compare(gateway, of, *look, page=500) for look in looks(of, 2, LAST)]
        assert all(max(counts) > 5 for counts in zip(*compared, strict=True)), compared


async def imported(system: System, file: Path) -> dict[str, Case]:
    """Bring the cases in as leads of their own."""
    prefix = drawn("log-")
    mapping = load_mapping(histories.MAPPING).model_copy(update={"lead_prefix": prefix})
    account = await run(file, mapping, system.gateway, system.key, quiet=0.0)
    assert account.rows_rejected == 0
    return cases(file, prefix)
