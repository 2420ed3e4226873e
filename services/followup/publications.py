"""Other playbooks: what publishing them would do to those on their way, publishing them, and what experiments show."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from services.followup import store
from services.followup.domain import playbook_change as transition
from services.followup.domain.experiments import Trial, trial
from services.followup.domain.model import FollowUp
from services.followup.domain.playbook_parser import read
from services.followup.domain.playbooks import Playbooks
from services.followup.handlers import known, under_playbooks
from services.followup.store import (
    PUBLICATIONS,
    FollowUps,
    PlaybooksPublication,
    PublicationLog,
    PublishedPlaybooks,
)
from shared.clock import Clock
from shared.commands.followup import PublishPlaybooks
from shared.documents import Decision, Step
from shared.errors import Conflict, NotFound
from shared.events.followup import PlaybooksPublished

MOVED_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Effect:
    """What other playbooks do, or did, to those on their way."""

    version: str
    previous: str
    stay: int
    move: int
    end: int
    by_playbook: dict[str, dict[str, int]]


async def preview(followups: FollowUps, books: PublishedPlaybooks, text: str, source: str) -> Effect:
    """What publishing would do now. Raises `LineError`."""
    return _effect(read(text, source), await books.current(), await _on_their_way(followups))


async def publish(
    followups: FollowUps, books: PublishedPlaybooks, command: PublishPlaybooks, clock: Clock
) -> Effect:
    """Put playbooks in force, then bring everybody on the way under them.

    Raises `LineError`; `Conflict("playbooks-differ")` when `expect` is not what would happen to those on their way.
    Doing it again does what is left to do: each follow-up is brought up also by whatever happens to it next.
    """
    book, before = read(command.text, command.source), await books.current()
    people = await _on_their_way(followups)
    effect = _effect(book, before, people)
    expected = command.expect
    if expected is not None and (expected.stay, expected.move, expected.end) != (
        effect.stay,
        effect.move,
        effect.end,
    ):
        raise Conflict(
            "playbooks-differ",
            f"meanwhile it would let {effect.stay} stay, move {effect.move} and end {effect.end}; look again",
        )
    await books.keep(book.version, command.text)
    now = clock()
    publication = PlaybooksPublication(book.version, now, effect.stay, effect.move, effect.end)

    def decide(log: PublicationLog | None) -> Decision[PublicationLog]:
        log = log or PublicationLog()
        if log.editions and log.editions[-1].version == book.version:
            return log, ()
        published = PlaybooksPublished(
            lead_id=PUBLICATIONS,
            at=now,
            playbooks=book.version,
            previous=before.version,
            stayed=effect.stay,
            moved=effect.move,
            ended=effect.end,
        )
        return log.with_one(publication), [published]

    await books.publications.change(Step(PUBLICATIONS, decide))
    ids = [followup.lead_id for followup in people]
    for some in (ids[at : at + MOVED_AT_ONCE] for at in range(0, len(ids), MOVED_AT_ONCE)):
        bring = under_playbooks(lambda state, _: (known(state), []), now, books)
        await followups.apply([Step(lead_id, bring) for lead_id in some], books.look)
    return effect


async def report(followups: FollowUps, books: PublishedPlaybooks, playbook: str, clock: Clock) -> Trial:
    """What an experiment has shown so far."""
    book = (await books.current()).playbooks.get(playbook)
    if book is None or not book.variants:
        raise NotFound("no-experiment", f"playbook {playbook} has no variants to compare")
    return trial(book, await store.of_playbook(followups, playbook), clock())


async def _on_their_way(followups: FollowUps) -> list[FollowUp]:
    ids = await store.on_their_way(followups)
    found: list[FollowUp] = []
    for some in (ids[at : at + MOVED_AT_ONCE] for at in range(0, len(ids), MOVED_AT_ONCE)):
        found += (await followups.get_many(some)).values()
    return found


def _effect(book: Playbooks, before: Playbooks, people: Sequence[FollowUp]) -> Effect:
    counted: dict[str, Counter[str]] = {}
    for followup in people:
        if followup.place is not None and (what := transition.moves(followup, book)) is not None:
            counted.setdefault(followup.place.playbook, Counter())[what] += 1
    total: Counter[str] = sum(counted.values(), Counter())
    return Effect(
        book.version,
        before.version,
        total["stay"],
        total["move"],
        total["end"],
        {name: dict(each) for name, each in sorted(counted.items())},
    )
