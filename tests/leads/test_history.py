"""Rows of an import that leads cannot take are rejected one by one, and the rest of the piece is taken."""

from __future__ import annotations

from services.leads import handlers
from services.leads.store import leads
from shared.clock import utc_now
from shared.commands import HistoryRows
from shared.mongo import Mongo


async def test_a_row_that_cannot_be_is_rejected_with_its_reason_and_the_others_are_taken(
    mongo: Mongo,
) -> None:
    store = leads(mongo)
    captured = {"action": "captured", "channel": "web"}
    what = [
        ("2012-03-01T09:30:00Z", captured),
        ("9999-12-31T23:59:59-12:00", {"action": "won"}),
        ("2012-03-01T09:31:00Z", {"action": "activity", "kind": "call"}),
        ("2012-03-01T09:32:00Z", captured),
        ("2012-03-01T09:33:00Z", {"action": "won"}),
    ]
    rows = [{"row": n, "lead_id": "ana", "at": at, "what": action} for n, (at, action) in enumerate(what, 1)]
    piece = HistoryRows.model_validate({"import_id": "0" * 32, "rows": rows})

    first = (await handlers.take_rows(store, piece, utc_now)).outcomes
    again = (await handlers.take_rows(store, piece, utc_now)).outcomes

    assert [each.outcome for each in first] == ["published", "rejected", "rejected", "rejected", "published"]
    assert ["years 2 to 9998" in (first[1].reason or ""), first[2].reason, first[3].reason] == [
        True, "leads does not take activity", "lead ana was captured before",
    ]  # fmt: skip
    assert [each.outcome for each in again] == ["known"] * 5
