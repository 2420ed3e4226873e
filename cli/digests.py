"""`ascua verify`: digests of all that Ascua keeps, so that two systems, or one before and after, can be compared.

Two systems that took the same facts have the same digests, in whatever order the facts came and whatever died
meanwhile. So a digest covers what the facts determine:

- leads, tickets: the whole state of each document; of tickets also every message and what happened, wherever it stands,
  and nothing of their promises, which follow the policies and the time;
- followup: channel, why it is closed, whether a next step is due, and every activity, wherever it stands;
- views: the 360 view of each lead, of its next step and its heat only that there is one;
- ledger: every fact of the services and every signal by lead, aggregate, type, kind, time and data, with how often it
  is there;
- heat: the decayed counts of each lead, and what it counts of which members, from the newest state records in the
  log, to the byte.

It leaves out what belongs to one run: ids of events, positions, versions, sequences, outboxes and what guards against
repeats; when something was recorded; which next step was chosen, whose it is, when it is due and what was told of it,
since that of history counts from the import and from what was heard first; and bands, crossings and heat as told,
which follow the order of arrival.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b, sha256
from typing import TYPE_CHECKING, Any

import typer

from cli.answer import AsJson, answer

if TYPE_CHECKING:
    from cli.addresses import (
        Addresses,
        ServerAddresses,
    )
    from shared.bus.topics import Topics
    from shared.mongo import Collection

State = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Digests:
    """`leads` is how many there are; `digests` has a SHA-256, in hexadecimal, by what it covers."""

    leads: int
    digests: dict[str, str]


def add_to(app: typer.Typer) -> None:
    app.command(epilog="Example: ascua verify --json")(verify)


def verify(as_json: AsJson = False) -> None:
    """Show digests of every read model and of the heat state: equal in two systems that took the same facts."""
    found = asyncio.run(_verify())

    def draw(console: Any) -> None:
        console.print(f"{found.leads:,} leads")
        for name, digest in found.digests.items():
            console.print(f"{name:9} {digest}")

    answer({"leads": found.leads, "digests": found.digests}, as_json, draw)


async def _verify() -> Digests:
    """Raises `Refused` while facts are on their way: what is in motion has no digest."""
    from cli.operator_key import operator_key
    from cli.system import system
    from shared.errors import Refused

    async with system() as addresses:
        if not (addresses.kafka.bootstrap and addresses.mongo_url):
            raise Refused(
                "servers-unknown",
                "digests are taken from the servers: set ASCUA_KAFKA_BOOTSTRAP and ASCUA_MONGO_URL as well",
            )
        if not await _is_at_rest(addresses, operator_key()):
            raise Refused(
                "not-at-rest", "facts are still on their way; run this again once nothing comes in any more"
            )
        return await digests(addresses)


async def _is_at_rest(addresses: Addresses, key: str, within: float = 10.0) -> bool:
    """Whether everything has caught up, or does so within some seconds."""
    import httpx

    from shared.errors import Unavailable

    until = time.monotonic() + within
    async with httpx.AsyncClient(timeout=30, headers={"Authorization": f"Bearer {key}"}) as client:
        while True:
            try:
                response = await client.get(f"{addresses.gateway}/v1/status")
                response.raise_for_status()
            except httpx.HTTPError as error:
                raise Unavailable(
                    "gateway-unreachable",
                    f"the gateway at {addresses.gateway} does not tell how it stands ({error}); try `ascua doctor`",
                ) from error
            if response.json()["caught_up"]:
                return True
            if time.monotonic() > until:
                return False
            await asyncio.sleep(0.5)


async def digests(of: Addresses | ServerAddresses) -> Digests:
    """The digests of a system by its servers; it need not run, and nothing may be on its way.

    Raises `Unavailable` when a server is away.
    """
    from shared.mongo import Mongo

    async def digest(
        service: str,
        collection: str,
        covered: Callable[[State], object],
        history: Callable[[State], Mapping[str, State]] = lambda _: {},
    ) -> tuple[int, str]:
        mongo = Mongo(of.mongo_url, f"{of.database_prefix}_{service}")
        try:
            archive = mongo.collection(f"{collection}_archive")
            return await _of_documents(mongo.collection(collection), archive, covered, history)
        finally:
            await mongo.stop()

    count, leads = await digest("leads", "leads", _state)
    return Digests(
        count,
        {
            "leads": leads,
            "followup": (await digest("followup", "followups", _followup, _activities))[1],
            "tickets": (await digest("tickets", "tickets", _ticket, _messages))[1],
            "views": (await digest("gateway", "views", _view))[1],
            "trails": (await digest("gateway", "trails", _trail))[1],
            "ledger": (await digest("scoring", "ledger", _fact))[1],
            "heat": await _of_heat(of.topics),
        },
    )


def _state(document: State) -> object:
    return document["state"]


def _followup(document: State) -> object:
    state = document["state"]
    return {
        "channel": state.get("channel"), "closed_because": state.get("closed_because"),
        "step": state["step"] is not None,
    }  # fmt: skip


def _activities(document: State) -> dict[str, State]:
    """By the id that each has in the archive, or would have."""
    return {f"{document['_id']}/activity/{each['id']}": each for each in document["state"]["activities"]}


def _ticket(document: State) -> object:
    left_out = ("messages", "earlier", "history", "sla", "timer", "escalated_to")
    return {**document["state"], **dict.fromkeys(left_out)}


def _messages(document: State) -> dict[str, State]:
    """By the id that each has in the archive, or would have."""
    state = document["state"]
    messages = enumerate(state.get("messages", ()), state.get("earlier", 0))
    history = state.get("history", ())
    moments = enumerate(history, state.get("version", 0) - len(history))
    return {
        **{f"{document['_id']}/message/{number}": message for number, message in messages},
        **{f"{document['_id']}/moment/{number}": moment for number, moment in moments},
    }


_HISTORIES = ("/activity/", "/message/", "/moment/")


def _view(document: State) -> object:
    state = document["state"]
    tickets = sorted(state["tickets"], key=lambda ticket: ticket["id"])
    return {
        **state, "tickets": tickets, "next_step": state["next_step"] is not None, "heat": state["heat"] is not None,
        "standing": None,
    }  # fmt: skip


def _trail(document: State) -> object:
    state = document["state"]
    is_promised = any(promise["ended_at"] is None for promise in state["promises"])
    return {**state, "promises": is_promised, "owners": None, "crossings": None}


_CHOSEN = (
    "step_id", "action", "due", "because", "owner", "playbook", "step", "variant", "template", "automatic",
)  # fmt: skip
"""What a next step is, in the facts about it."""
_TIMELY = ("ascua.next_step.due.", "ascua.next_step.overdue.", "ascua.next_step.escalated.", "ascua.cadence.",
           "ascua.owner.")  # fmt: skip
"""Facts that depend on when something was heard, and on what was heard before."""


def _fact(document: State) -> object:
    if document["topic"] == "scoring" or document["type"].startswith(_TIMELY):
        return None
    data = document["data"]
    if document["type"].startswith("ascua.next_step."):
        data = {name: value for name, value in data.items() if name not in _CHOSEN}
    return [
        document["lead_id"], document["aggregate"], document["type"], document["kind"], document["at_ms"], data,
    ]  # fmt: skip


async def _of_documents(
    collection: Collection[State],
    archive: Collection[State],
    covered: Callable[[State], object],
    history: Callable[[State], Mapping[str, State]],
) -> tuple[int, str]:
    """How many documents there are, and the digest of what is covered of them and of their history."""
    from shared.mongo import reaching

    found, entries = [], {}
    with reaching():
        async for document in archive.find({}):
            if any(kind in document["_id"] for kind in _HISTORIES) and "content" in document:
                entries[document["_id"]] = _digest(_canonical({**document["content"], "step_id": None}))
        async for document in collection.find({}):
            if (what := covered(document)) is not None:
                found.append(_digest(_canonical(what)))
            for id, entry in history(document).items():
                entries[id] = _digest(_canonical({**entry, "step_id": None}))
    return len(found), _of_all([*found, *entries.values()])


async def _of_heat(topics: Topics) -> str:
    from services.scoring.processor.fold import TIES
    from services.scoring.processor.lead import ScoredLead
    from services.scoring.runtime.partition import POSITIONS
    from services.scoring.scorecard.ties import Ties

    def covered(key: str, value: bytes) -> bytes:
        return (
            Ties.decode(value).digest()
            if key.endswith(TIES)
            else ScoredLead.decode(key, value).state.counts_digest()
        )

    states: dict[str, bytes] = {}
    async for key, value in _records(topics, "scoring-state"):
        if value is None:
            states.pop(key.decode(), None)
        elif key != POSITIONS:
            states[key.decode()] = value
    return _of_all([_digest(key.encode() + b" " + covered(key, value)) for key, value in states.items()])


async def _records(topics: Topics, topic: str) -> AsyncIterator[tuple[bytes, bytes | None]]:
    """Key and value of every committed record of a topic, each partition in its order, up to its end now."""
    from aiokafka import AIOKafkaConsumer, TopicPartition

    from shared.bus.cluster import admin

    name = topics.name(topic)
    async with admin(topics.brokers) as client:
        (described,) = await client.describe_topics([name])
    async with AIOKafkaConsumer(
        **topics.brokers.client,
        isolation_level="read_committed",
        auto_offset_reset="earliest",
        fetch_max_wait_ms=50,
    ) as reader:
        waiting = {TopicPartition(name, each["partition"]) for each in described["partitions"]}
        reader.assign(waiting)
        ends = await reader.end_offsets(waiting)
        while waiting := {tp for tp in waiting if await reader.position(tp) < ends[tp]}:
            for batch in (await reader.getmany(*waiting, timeout_ms=200)).values():
                for record in batch:
                    yield record.key, record.value


def _canonical(what: object) -> bytes:
    def plain(value: object) -> str:
        assert isinstance(value, datetime), f"{type(value).__name__} has no canonical form"
        return value.isoformat()

    return json.dumps(what, sort_keys=True, separators=(",", ":"), default=plain).encode()


def _digest(data: bytes) -> bytes:
    return blake2b(data, digest_size=32).digest()


def _of_all(found: list[bytes]) -> str:
    """Of all together, in whatever order they were found; twice the same is not once."""
    return sha256(b"".join(sorted(found))).hexdigest()
