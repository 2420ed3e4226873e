"""A digest sees what the facts determine, and nothing that belongs to one run."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from datetime import UTC, datetime
from typing import Any

import pytest

from cli.addresses import (
    ServerAddresses,
)
from cli.digests import digests
from shared.bus.topics import Topics
from shared.mongo import Mongo
from tests.names import drawn
from tests.servers import Addresses

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
STEP = {"id": "ana.1", "action": "call", "due": NOON, "because": "new_lead"}
FACT = {
    "lead_id": "ana", "event_id": "1", "type": "ascua.lead.captured.v1", "kind": "lead.captured", "at_ms": 5,
    "recorded_ms": 6, "aggregate": "lead:ana", "sequence": 1, "topic": "leads", "partition": 0, "offset": 0,
    "data": {"channel": "web"},
}  # fmt: skip
KEPT: dict[str, tuple[str, dict[str, Any]]] = {
    "leads": ("leads", {"version": 1, "outbox": [], "state": {"id": "ana", "captured_at": NOON}}),
    "followup": (
        "followups",
        {"seen": {}, "state": {"activities": [{"id": "1", "kind": "call"}], "step": STEP, "steps": 1}},
    ),
    "tickets": ("tickets", {"version": 1, "state": {"id": "t", "subject": "It is late"}}),
    "gateway": (
        "views",
        {"state": {"tickets": [], "next_step": STEP, "heat": {"points": 3.0, "at": NOON}, "activities": 1}},
    ),
    "scoring": ("ledger", FACT),
}

Change = Callable[[dict[str, Any]], None]


@pytest.fixture
async def place(servers: Addresses, topics: Topics) -> ServerAddresses:
    return ServerAddresses(servers.kafka, servers.mongo_url, topics.prefix, drawn())


async def kept(place: ServerAddresses, change: Change = lambda _: None) -> dict[str, str]:
    """The digests of a system that keeps one document of each kind, after a change to them."""
    documents = deepcopy({service: document for service, (_, document) in KEPT.items()})
    change(documents)
    for service, (name, _) in KEPT.items():
        mongo = Mongo(place.mongo_url, f"{place.database_prefix}_{service}")
        await mongo.collection(name).delete_many({})
        await mongo.collection(name).insert_one({"_id": drawn(), **documents[service]})
        await mongo.stop()
    return (await digests(place)).digests


@pytest.mark.parametrize(
    ("change", "seen_by"),
    [
        (lambda kept: kept["leads"].update(version=7, outbox=["waits"]), None),
        (
            lambda kept: kept["followup"]["state"].update(
                step={**STEP, "because": "after_answered"}, steps=2
            ),
            None,
        ),
        (lambda kept: kept["gateway"]["state"]["heat"].update(points=2.5), None),
        (lambda kept: kept["scoring"].update(event_id="2", offset=9, recorded_ms=8, sequence=3), None),
        (lambda kept: kept["leads"]["state"].update(captured_at=NOON.replace(second=1)), "leads"),
        (lambda kept: kept["followup"]["state"].update(step=None), "followup"),
        (
            lambda kept: kept["followup"]["state"]["activities"].append({"id": "2", "kind": "call"}),
            "followup",
        ),
        (lambda kept: kept["tickets"]["state"].update(subject="It is here"), "tickets"),
        (lambda kept: kept["gateway"]["state"].update(next_step=None), "views"),
        (lambda kept: kept["gateway"]["state"].update(heat=None), "views"),
        (lambda kept: kept["scoring"].update(at_ms=6), "ledger"),
        (lambda kept: kept["scoring"].update(data={"channel": "store"}), "ledger"),
    ],
)
async def test_a_digest_changes_with_what_it_covers_alone(
    place: ServerAddresses, change: Change, seen_by: str | None
) -> None:
    before, after = await kept(place), await kept(place, change)

    assert [name for name in before if before[name] != after[name]] == ([seen_by] if seen_by else [])


async def test_a_fact_kept_twice_is_not_a_fact_kept_once(place: ServerAddresses) -> None:
    before = await kept(place)
    mongo = Mongo(place.mongo_url, f"{place.database_prefix}_scoring")
    await mongo.collection("ledger").insert_one({"_id": "again", **FACT, "sequence": 2})
    await mongo.stop()

    assert (await digests(place)).digests["ledger"] != before["ledger"]
