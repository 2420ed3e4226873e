"""Rows of an import that leads cannot take are rejected one by one, and the rest of the piece is taken."""

from __future__ import annotations

from services.leads import handlers
from services.leads.store import leads
from shared.clock import utc_now
from shared.commands.import_rows import (
    HistoryRows,
)
from shared.commands.leads import (
    Profile,
)
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
    assert [(each.outcome, each.reason) for each in again] == [
        ("known", None) if each.outcome == "published" else (each.outcome, each.reason) for each in first
    ]


async def test_a_row_that_was_rejected_is_taken_once_it_can_be(mongo: Mongo) -> None:
    """Also when rows after it were taken meanwhile."""
    store = leads(mongo)

    def piece(*rows: tuple[int, str, dict[str, str]]) -> HistoryRows:
        told = [{"row": n, "lead_id": "berta", "at": at, "what": what} for n, at, what in rows]
        return HistoryRows.model_validate({"import_id": "1" * 32, "rows": told})

    won = (1, "2012-03-09T09:30:00Z", {"action": "won"})
    captured = (2, "2012-03-01T09:30:00Z", {"action": "captured", "channel": "web"})
    first = (await handlers.take_rows(store, piece(won, captured), utc_now)).outcomes
    again = (await handlers.take_rows(store, piece(captured, won), utc_now)).outcomes
    last = (await handlers.take_rows(store, piece(captured, won), utc_now)).outcomes

    assert [each.outcome for each in first] == ["rejected", "published"]
    assert [each.outcome for each in again] == ["known", "published"]
    assert [each.outcome for each in last] == ["known", "known"]


async def test_a_person_is_brought_in_once_by_whatever_file_and_as_it_stands(mongo: Mongo) -> None:
    store = leads(mongo)
    person = {
        "action": "lead",
        "channel": "store",
        "stage": "proposal",
        "profile": {"name": "Carla Sol"},
        "value": {"minor": 125000, "currency": "EUR"},
    }
    lost = {"at": "2012-02-01T00:00:00Z", "outcome": "lost", "reason": "no_budget"}
    rows = [
        {"row": 1, "lead_id": "carla", "at": "2012-03-01T09:30:00Z", "what": person},
        {"row": 2, "lead_id": "dora", "at": "2012-03-01T09:30:00Z", "what": {**person, "end": lost}},
    ]

    for import_id, outcome in (("2" * 32, "published"), ("3" * 32, "known")):
        piece = HistoryRows.model_validate({"import_id": import_id, "rows": rows})
        told = (await handlers.take_rows(store, piece, utc_now)).outcomes
        assert [each.outcome for each in told] == [outcome] * 2

    found = await store.get_many(["carla", "dora"])
    assert (found["carla"].status, found["carla"].stage, found["carla"].profile) == (
        "open",
        "proposal",
        Profile(name="Carla Sol"),
    )
    assert (found["dora"].status, found["dora"].lost_because) == ("lost", "no_budget")
    assert found["dora"].closed_at == found["dora"].captured_at  # nobody ends before it begins
