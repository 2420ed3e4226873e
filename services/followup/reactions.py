"""How a follow-up follows what leads, tickets and signals tell: a pure reaction per event type, in one table."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from services.followup.domain import decisions
from services.followup.domain import playbook_change as transition
from services.followup.domain.model import Decision, FollowUp
from services.followup.domain.playbooks import UNSUBSCRIBED, Playbooks
from services.followup.store import FollowUps, PublishedPlaybooks
from shared.bus.received import Received
from shared.errors import AscuaError
from shared.events.base import Event, Recorded
from shared.events.leads import (
    LeadCaptured,
    LeadLost,
    LeadOffered,
    LeadQualified,
    LeadsMerged,
    LeadSplit,
    LeadStageChanged,
    LeadWon,
    Stage,
)
from shared.events.signals import SignalReceived
from shared.events.tickets import (
    Author,
    TicketCategory,
    TicketMerged,
    TicketOpened,
    TicketReopened,
    TicketReplied,
    TicketResolved,
)
from shared.reactions import Reactions

Reaction = Callable[[FollowUp, Recorded[Any], Playbooks], Decision]


def captured(followup: FollowUp, event: Recorded[LeadCaptured], book: Playbooks) -> Decision:
    count_from = decisions.counted_from(event.event.at, event.recorded_at)
    return decisions.captured(followup, event.event, count_from, book)


def won(followup: FollowUp, event: Recorded[LeadWon], book: Playbooks) -> Decision:
    at, is_history = event.event.at, event.is_history
    return transition.brought_up(
        followup, at, book, lambda now, book: decisions.close(now, "won", "won", at, is_history, book)
    )


def lost(followup: FollowUp, event: Recorded[LeadLost], book: Playbooks) -> Decision:
    fact, is_history = event.event, event.is_history
    return transition.brought_up(
        followup,
        fact.at,
        book,
        lambda now, book: decisions.close(now, "lost", fact.reason, fact.at, is_history, book),
    )


def merged(followup: FollowUp, event: Recorded[LeadsMerged], book: Playbooks) -> Decision:
    if event.event.survivor is None:
        return followup, []
    at = event.event.at
    return transition.brought_up(followup, at, book, lambda now, book: decisions.absorb(now, at, book))


def split(followup: FollowUp, event: Recorded[LeadSplit], book: Playbooks) -> Decision:
    if event.event.survivor is None:
        return followup, []
    at = event.event.at
    return transition.brought_up(followup, at, book, lambda now, book: decisions.release(now, at, book))


def qualified(followup: FollowUp, event: Recorded[LeadQualified], book: Playbooks) -> Decision:
    return decisions.qualify(followup, event.event)


def stage_changed(followup: FollowUp, event: Recorded[LeadStageChanged], book: Playbooks) -> Decision:
    return decisions.move_stage(followup, event.event.stage)


def offered(followup: FollowUp, event: Recorded[LeadOffered], book: Playbooks) -> Decision:
    return decisions.move_stage(followup, event.event.stage_after(Stage(followup.stage or Stage.NEW)).value)


def opened(followup: FollowUp, event: Recorded[TicketOpened], book: Playbooks) -> Decision:
    fact = event.event
    if event.is_history:
        return followup, []
    if fact.category is TicketCategory.COMPLAINT:
        return transition.brought_up(
            followup,
            fact.at,
            book,
            lambda now, book: decisions.complain(now, fact.ticket_id, fact.at, book),
        )
    said = {"category": fact.category, "priority": fact.priority}
    return transition.brought_up(
        followup,
        fact.at,
        book,
        lambda now, book: decisions.trigger(
            now, "ticket_opened", fact.at, book, f"ticket_{fact.category}", said
        ),
    )


def replied(followup: FollowUp, event: Recorded[TicketReplied], book: Playbooks) -> Decision:
    if event.is_history or event.event.author is not Author.CUSTOMER:
        return followup, []
    at = event.event.at
    return transition.brought_up(followup, at, book, lambda now, book: decisions.reply(now, at, book))


def resolved(followup: FollowUp, event: Recorded[TicketResolved], book: Playbooks) -> Decision:
    fact = event.event
    if event.is_history:
        return followup, []

    def decide(now: FollowUp, book: Playbooks) -> Decision:
        now, settled = decisions.settle(now, fact.ticket_id, fact.at, book)
        said = {"resolution": fact.resolution}
        now, entered = decisions.trigger(now, "ticket_resolved", fact.at, book, "ticket_resolved", said)
        return now, settled + entered

    return transition.brought_up(followup, fact.at, book, decide)


def reopened(followup: FollowUp, event: Recorded[TicketReopened], book: Playbooks) -> Decision:
    fact = event.event
    if event.is_history or fact.category is not TicketCategory.COMPLAINT:
        return followup, []
    return transition.brought_up(
        followup, fact.at, book, lambda now, book: decisions.complain(now, fact.ticket_id, fact.at, book)
    )


def merged_ticket(followup: FollowUp, event: Recorded[TicketMerged], book: Playbooks) -> Decision:
    return decisions.go_on_in(followup, event.event.ticket_id, event.event.into)


def signalled(followup: FollowUp, event: Recorded[SignalReceived], book: Playbooks) -> Decision:
    fact = event.event
    # A machine has answered nobody and wants nothing; but who is not to be written to is not.
    if event.is_history or (fact.automated is not None and fact.kind != UNSUBSCRIBED):
        return followup, []

    def decide(now: FollowUp, book: Playbooks) -> Decision:
        facts: list[Event] = []
        if fact.kind in book.reply_signals:
            now, facts = decisions.reply(now, fact.at, book)
        if fact.kind == UNSUBSCRIBED:
            now, facts = decisions.unsubscribe(now, fact.at, book)
        elif fact.kind == "subscribed":
            now = replace(now, unsubscribed=False)
        because, said = f"signal_{fact.kind}", {"kind": fact.kind}
        now, entered = decisions.trigger(now, "signal", fact.at, book, because, said, signal=event.id)
        return now, facts + entered

    return transition.brought_up(followup, fact.at, book, decide)


REACTIONS: Final[Mapping[type[Event], Reaction]] = {
    LeadCaptured: captured,
    LeadWon: won,
    LeadLost: lost,
    LeadsMerged: merged,
    LeadSplit: split,
    LeadQualified: qualified,
    LeadStageChanged: stage_changed,
    LeadOffered: offered,
    TicketOpened: opened,
    TicketReplied: replied,
    TicketResolved: resolved,
    TicketReopened: reopened,
    TicketMerged: merged_ticket,
    SignalReceived: signalled,
}


def react(followup: FollowUp, event: Recorded[Any], book: Playbooks) -> Decision:
    """What an event does to the follow-up of its lead under these playbooks."""
    reaction = REACTIONS.get(type(event.event))
    return (followup, []) if reaction is None else reaction(followup, event, book)


async def follow(
    followups: FollowUps, books: PublishedPlaybooks, batch: Sequence[Received]
) -> list[AscuaError | None]:
    """Follow a batch of events. Signals that mean nothing here leave no trace."""
    book = await books.current()
    meant = [
        received
        for received in batch
        if not isinstance(received.event.event, SignalReceived) or received.event.event.kind in book.signals
    ]
    reactions = Reactions(FollowUp, lambda followup, event: react(followup, event, books.now))
    errors = iter(await reactions.handle(followups, meant, books.look))
    taken = {id(received) for received in meant}
    return [next(errors) if id(received) in taken else None for received in batch]
