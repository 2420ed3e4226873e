"""Where follow-ups are kept, one document per lead, and the playbooks they follow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

from pydantic import TypeAdapter

from services.followup.domain.model import KEPT, Enrolment, FollowUp, pack
from services.followup.domain.playbook_parser import default_book, default_text, read
from services.followup.domain.playbooks import Playbooks
from shared.answers import Answers
from shared.archive import Archive, Entry
from shared.documents import Documents
from shared.events.base import Instant
from shared.mongo import Collection, Document, Index, Mongo, reaching
from shared.outbox import OUTBOX_INDEX

FollowUps = Documents[FollowUp]

TIMER_INDEX = Index((("state.timer", 1),))
PUBLICATIONS_KEPT = 1_000
_ENROLMENT: TypeAdapter[Enrolment] = TypeAdapter(Enrolment)


def followups(mongo: Mongo, kept: int = KEPT) -> FollowUps:
    # Two at most: each one that more queries would like makes every write of the embedded store a sixth slower.
    return Documents(
        mongo.collection("followups", (OUTBOX_INDEX, TIMER_INDEX)),
        FollowUp,
        archive=Archive(mongo, "followups"),
        pack=partial(_pack, kept),
        answers=Answers(mongo, "followups", FollowUp),
    )


def _pack(kept: int, followup: FollowUp) -> tuple[FollowUp, list[Entry]]:
    lead_id = followup.lead_id
    followup, activities, runs = pack(followup, kept)
    old = [
        Entry(lead_id, id, id, activity)
        for activity in activities
        for id in [_of_activity(lead_id, activity.id)]
    ]
    for run in runs:
        id = f"{lead_id}/run/{run.playbook}/{run.entered_at.isoformat()}/{run.ended_at}"
        old.append(Entry(lead_id, id, _of_runs(run.playbook), run))
    return followup, old


def _of_activity(lead_id: str, activity_id: str) -> str:
    return f"{lead_id}/activity/{activity_id}"


def _of_runs(playbook: str) -> str:
    return f"run/{playbook}"


async def notes(followups: FollowUps, lead_id: str, activity_ids: Sequence[str]) -> dict[str, str]:
    """What was written about these activities of a lead, of those that have a note."""
    followup = await followups.get(lead_id)
    here = {activity.id: activity.note for activity in followup.activities} if followup is not None else {}
    found = {id: here[id] for id in activity_ids if id in here}
    if followups.archive is not None:
        away = {_of_activity(lead_id, id): id for id in activity_ids if id not in here}
        async for _, id, activity in followups.archive.find(list(away)):
            found[away[id]] = activity["note"]
    return {id: note for id, note in found.items() if note}


async def on_their_way(followups: FollowUps) -> list[str]:
    """Leads that are in a cadence. Looks at all: publishing playbooks is rare."""
    with reaching():
        cursor = followups.collection.find({"state.place.playbook": {"$gt": ""}}, {"_id": 1})
        return [document["_id"] async for document in cursor]


async def of_playbook(followups: FollowUps, playbook: str) -> list[FollowUp]:
    """Everybody who ever was in a playbook, with all their ways through it. Looks at all."""
    found = dict(await followups.find({"state.runs.playbook": playbook}))
    if followups.archive is not None:
        async for lead_id, _, content in followups.archive.find([_of_runs(playbook)]):
            followup, run = found[lead_id], _ENROLMENT.validate_python(content)
            if run not in followup.runs:  # it is here and there until the next change
                found[lead_id] = replace(followup, runs=(run, *followup.runs))
    return list(found.values())


@dataclass(frozen=True, slots=True)
class PlaybooksPublication:
    """The playbooks in force from then on."""

    version: str
    published_at: Instant
    stayed: int = 0
    moved: int = 0
    ended: int = 0


@dataclass(frozen=True, slots=True)
class PublicationLog:
    """The last publications (all are on the log), the one in force last; their texts are kept beside, by version."""

    editions: tuple[PlaybooksPublication, ...] = ()

    def with_one(self, publication: PlaybooksPublication) -> PublicationLog:
        return PublicationLog((*self.editions, publication)[-PUBLICATIONS_KEPT:])


PUBLICATIONS = "playbooks"


class PublishedPlaybooks:
    """The playbooks in force. Each use looks which they are, and reads them once.

    `now` is what the last look found. A decision asks for it right after the look that follows the loading of its
    document, so no document is put under playbooks older than those it was decided under before.
    """

    def __init__(self, mongo: Mongo) -> None:
        self.publications: Documents[PublicationLog] = Documents(
            mongo.collection("playbooks", (OUTBOX_INDEX,)), PublicationLog
        )
        self._texts: Collection[Document] = mongo.collection("playbook_texts")
        self._read: dict[str, Playbooks] = {}
        self._default = self.now = default_book()

    async def look(self) -> None:
        self.now = await self.current()

    async def current(self) -> Playbooks:
        log = await self.publications.get(PUBLICATIONS)
        if log is None or not log.editions:
            return self._default
        return await self._book(log.editions[-1].version)

    async def editions(self) -> tuple[PlaybooksPublication, ...]:
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

    async def _book(self, version: str) -> Playbooks:
        if version not in self._read:
            self._read = {version: read(await self.text(version), f"playbooks {version}")}
        return self._read[version]
