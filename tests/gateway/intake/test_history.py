"""Rows of an import that the gateway takes itself: those that cannot be are rejected one by one."""

from __future__ import annotations

from tests.conftest import System
from tests.names import drawn


async def test_a_signal_outside_the_calendar_is_rejected_alone(system: System) -> None:
    lead = drawn("history-")
    what = [
        ("2012-03-01T09:30:00Z", {"action": "captured", "channel": "web"}),
        ("9999-12-31T23:59:59-12:00", {"action": "signal", "kind": "page_viewed"}),
        ("2012-03-01T09:31:00Z", {"action": "signal", "kind": "page_viewed"}),
    ]
    rows = [{"row": n, "lead_id": lead, "at": at, "what": action} for n, (at, action) in enumerate(what, 1)]
    piece = {"import_id": drawn("c" * 20), "rows": rows}
    async with system.client() as gateway:
        answers = [await gateway.post("/v1/history", json=piece) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [200, 200], answers[0].text
    first, again = (answer.json()["outcomes"] for answer in answers)
    assert [row["outcome"] for row in first] == ["published", "rejected", "published"]
    assert "years 2 to 9998" in first[1]["reason"]
    assert [row["outcome"] for row in again] == ["known", "rejected", "known"]
