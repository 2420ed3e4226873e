"""Where tickets are kept: one document each, and what was said and done long ago in their archive."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial

from pydantic import TypeAdapter

from services.tickets.domain.moments import UNSETTLED, Moment
from services.tickets.domain.sla import promises
from services.tickets.domain.sla.parser import default_policies, default_text, read
from services.tickets.domain.sla.policies import Policies
from services.tickets.domain.sla.record import Ended
from services.tickets.domain.ticket import KEPT, Message, Ticket, pack
from shared.answers import Answers
from shared.archive import Archive, Entry
from shared.commands.tickets import Macro
from shared.documents import Documents
from shared.errors import NotFound
from shared.events.base import Instant, rfc3339
from shared.mongo import Collection, Document, Index, Mongo, reaching
from shared.outbox import OUTBOX_INDEX

Tickets = Documents[Ticket]

_MESSAGE: TypeAdapter[Message] = TypeAdapter(Message)
_MOMENT: TypeAdapter[Moment] = TypeAdapter(Moment)
_ENDED: TypeAdapter[Ended] = TypeAdapter(Ended)
TIMER_INDEX = Index((("state.timer", 1),))


def tickets(mongo: Mongo, kept: int = KEPT) -> Tickets:
    return Documents(
        mongo.collection("tickets", (OUTBOX_INDEX, TIMER_INDEX)),
        Ticket,
        archive=Archive(mongo, "tickets"),
        pack=partial(_pack, kept),
        answers=Answers(mongo, "tickets", Ticket),
    )


def _pack(kept: int, ticket: Ticket) -> tuple[Ticket, list[Entry]]:
    packed, messages, moments = pack(ticket, kept)
    sla, ended = promises.pack(packed.sla)
    first = ticket.version - len(ticket.history)
    return replace(packed, sla=sla), [
        *(
            Entry(
                ticket.id,
                f"{ticket.id}/clock/{each.policies}/{each.clock}/{each.number}",
                _ended(ticket.id),
                each,
            )
            for each in ended
        ),
        *(
            Entry(ticket.id, f"{ticket.id}/message/{number}", _said(ticket.id, message.at), message)
            for number, message in enumerate(messages, ticket.earlier)
        ),
        *(
            Entry(ticket.id, f"{ticket.id}/moment/{number}", _moments(ticket.id), moment)
            for number, moment in enumerate(moments, first)
        ),
    ]


async def messages(tickets: Tickets, ticket: Ticket, first: int, end: int) -> tuple[Message, ...]:
    """The messages of a ticket with these numbers, from 0, `end` not among them."""
    old = [f"{ticket.id}/message/{number}" for number in range(first, min(end, ticket.earlier))]
    found: dict[str, Message] = {}
    if tickets.archive is not None:
        found = {id: _MESSAGE.validate_python(content) async for id, content in tickets.archive.entries(old)}
    here = ticket.messages[max(0, first - ticket.earlier) : max(0, end - ticket.earlier)]
    return (*(found[id] for id in old), *here)


async def old_moments(tickets: Tickets, ticket: Ticket) -> list[Moment]:
    """What of a ticket's history has left it, the oldest first."""
    away = ticket.version - len(ticket.history)
    if tickets.archive is None or away == 0:
        return []
    found: dict[int, Moment] = {}
    async for _, id, content in tickets.archive.find([_moments(ticket.id)]):
        if (number := int(id.rpartition("/")[2])) < away:
            found[number] = _MOMENT.validate_python(content)
    return [moment for _, moment in sorted(found.items())]


async def old_clocks(tickets: Tickets, ticket: Ticket) -> list[Ended]:
    """The ended clocks that have left a ticket, in no order."""
    if tickets.archive is None or ticket.sla.earlier == 0:
        return []
    here = set(ticket.sla.ended)
    found = [
        _ENDED.validate_python(content) async for _, _, content in tickets.archive.find([_ended(ticket.id)])
    ]
    return [each for each in found if each not in here]


async def to_reckon(tickets: Tickets, closed_too: bool) -> list[str]:
    """Tickets whose promises other policies may change. Looks at all: publishing policies is rare."""
    query = {} if closed_too else {"state.status": {"$in": [str(status) for status in UNSETTLED]}}
    with reaching():
        return [document["_id"] async for document in tickets.collection.find(query, {"_id": 1})]


async def words(tickets: Tickets, asked: Sequence[tuple[str, datetime]]) -> list[str | None]:
    """What was said in a ticket at an instant, or else what it is about; None of one that does not exist."""
    found = await tickets.get_many([ticket_id for ticket_id, _ in asked])
    said = {
        _said(ticket.id, message.at): message.text for ticket in found.values() for message in ticket.messages
    }
    keys = [_said(ticket_id, at) for ticket_id, at in asked]
    if tickets.archive is not None:
        packed = {id for id, ticket in found.items() if ticket.earlier}
        away = [key for key, (id, _) in zip(keys, asked, strict=True) if key not in said and id in packed]
        async for ticket_id, _, message in tickets.archive.find(away):
            said[_said(ticket_id, message["at"])] = message["text"]
    return [
        said.get(key) or (found[ticket_id].subject if ticket_id in found else None)
        for key, (ticket_id, _) in zip(keys, asked, strict=True)
    ]


def _said(ticket_id: str, at: datetime) -> str:
    return f"{ticket_id}@{rfc3339(at)}"


def _ended(ticket_id: str) -> str:
    return f"{ticket_id}/clocks"


def _moments(ticket_id: str) -> str:
    return f"{ticket_id}/moments"


class Macros:
    """What agents do again and again, by name; the last of a name counts."""

    def __init__(self, mongo: Mongo) -> None:
        self._collection: Collection[Document] = mongo.collection("macros")

    async def keep(self, macro: Macro) -> None:
        with reaching():
            await self._collection.update_one(
                {"_id": macro.name}, {"$set": {"macro": macro.model_dump(mode="json")}}, upsert=True
            )

    async def get(self, name: str) -> Macro:
        with reaching():
            found = await self._collection.find_one({"_id": name})
        if found is None:
            raise NotFound("macro-not-found", f"there is no macro {name}; GET /v1/macros lists them")
        return Macro.model_validate(found["macro"])

    async def all(self) -> list[Macro]:
        with reaching():
            found = [Macro.model_validate(each["macro"]) async for each in self._collection.find({})]
        return sorted(found, key=lambda macro: macro.name)


@dataclass(frozen=True, slots=True)
class Publication:
    """The policies in force from then on."""

    version: str
    published_at: Instant
    stayed: int = 0
    changed: int = 0


@dataclass(frozen=True, slots=True)
class PublicationLog:
    """The last publications (all are on the log), the one in force last; their texts are kept beside, by version."""

    editions: tuple[Publication, ...] = ()

    def with_one(self, publication: Publication) -> PublicationLog:
        return PublicationLog((*self.editions, publication)[-PUBLICATIONS_KEPT:])


PUBLICATIONS = "sla"
PUBLICATIONS_KEPT = 1_000
READ_KEPT = 50


class PolicyBook:
    """The policies in force. Each use looks which they are, and reads them once.

    `now` is what the last look found. A decision asks for it right after the look that follows the loading of its
    document, so no ticket is put under policies older than those it was decided under before.
    """

    def __init__(self, mongo: Mongo) -> None:
        self.publications: Documents[PublicationLog] = Documents(
            mongo.collection("sla", (OUTBOX_INDEX,)), PublicationLog
        )
        self._texts: Collection[Document] = mongo.collection("sla_texts")
        self._default = self.now = default_policies()
        self._read: dict[str, Policies] = {self._default.version: self._default}

    async def look(self) -> None:
        self.now = await self.current()

    async def current(self) -> Policies:
        editions = await self.editions()
        return await self.of(editions[-1].version) if editions else self._default

    async def at(self, at: datetime) -> Policies:
        """Those in force at an instant; of before the first publication, those that come along."""
        past = [each for each in await self.editions() if each.published_at <= at]
        return await self.of(past[-1].version) if past else self._default

    async def editions(self) -> tuple[Publication, ...]:
        log = await self.publications.get(PUBLICATIONS)
        return log.editions if log is not None else ()

    async def text(self, version: str) -> str:
        """What was published, as it was written; the default's, where nothing was."""
        with reaching():
            found = await self._texts.find_one({"_id": version})
        return str(found["text"]) if found is not None else default_text()

    async def keep(self, version: str, text: str) -> None:
        with reaching():
            await self._texts.update_one({"_id": version}, {"$set": {"text": text}}, upsert=True)

    async def of(self, version: str) -> Policies:
        if version not in self._read:
            while len(self._read) >= READ_KEPT:
                self._read.pop(next(iter(self._read)))
            self._read[version] = read(await self.text(version), f"policies {version}")
        return self._read[version]
