"""Other policies: what publishing them would change, publishing them, and why a deadline is as it is."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from services.tickets import store
from services.tickets.domain.decisions import known
from services.tickets.domain.moments import Moment
from services.tickets.domain.sla import promises
from services.tickets.domain.sla.effect import Change, compare
from services.tickets.domain.sla.explanation import Explanation, explain
from services.tickets.domain.sla.parser import read
from services.tickets.domain.sla.policies import Policies
from services.tickets.domain.ticket import Decision as TicketDecision
from services.tickets.domain.ticket import Ticket
from services.tickets.handlers import get
from services.tickets.store import PUBLICATIONS, PolicyBook, Publication, PublicationLog, Tickets
from shared.clock import Clock
from shared.commands.tickets import PublishPolicies
from shared.documents import Decision, Step
from shared.errors import Conflict, NotFound
from shared.events.tickets import SlaPublished
from shared.tasks import Pace

AT_ONCE: Final = 200
CHANGES_SHOWN: Final = 50


@dataclass(frozen=True, slots=True)
class Effect:
    """What other policies do, or did, to the clocks of tickets; `changes` shows the first of those that change."""

    version: str
    previous: str
    stayed: int
    changed: int
    begun: int
    dropped: int
    missed: int
    """Ended clocks that are missed now, and were not."""
    kept: int
    """Ended clocks that are kept now, and were not."""
    changes: tuple[Change, ...]


async def preview(tickets: Tickets, book: PolicyBook, command: PublishPolicies, clock: Clock) -> Effect:
    """What publishing would do now. Raises `LineError`."""
    before, policies = await book.current(), read(command.text, command.source)
    return await _effect(tickets, before, policies, command.closed_too, clock())


async def publish(tickets: Tickets, book: PolicyBook, command: PublishPolicies, clock: Clock) -> Effect:
    """Put policies in force, then reckon all open clocks by them; with `closed_too` those that ended, too.

    Raises `LineError`; `Conflict("policies-differ")` when `expect` is not how many clocks would change. Doing it
    again does what is left to do; each ticket is reckoned anew also by whatever happens to it next.
    """
    policies, before, now = read(command.text, command.source), await book.current(), clock()
    effect = await _effect(tickets, before, policies, command.closed_too, now)
    if command.expect is not None and command.expect.changed != effect.changed:
        raise Conflict("policies-differ", f"meanwhile it would change {effect.changed} clocks; look again")
    await book.keep(policies.version, command.text)

    def decide(log: PublicationLog | None) -> Decision[PublicationLog]:
        log = log or PublicationLog()
        if log.editions and log.editions[-1].version == policies.version and not command.closed_too:
            return log, ()
        published = SlaPublished(
            lead_id=PUBLICATIONS,
            at=now,
            policies=policies.version,
            previous=before.version,
            stayed=effect.stayed,
            changed=effect.changed,
            closed_too=command.closed_too,
        )
        return log.with_one(Publication(policies.version, now, effect.stayed, effect.changed)), [published]

    await book.publications.change(Step(PUBLICATIONS, decide))
    async for some in _tickets(tickets, command.closed_too):
        steps = [Step(ticket.id, _anew(whole, book, now, command.closed_too)) for ticket, whole in some]
        await tickets.apply(steps, book.look)
    return effect


async def explanation(tickets: Tickets, book: PolicyBook, ticket_id: str, at: datetime) -> Explanation:
    """Why the deadlines of a ticket are as they were at an instant. Raises `NotFound`."""
    ticket = known(await get(tickets, ticket_id))
    if at < ticket.opened_at:
        raise NotFound("not-opened", f"ticket {ticket_id} was opened later than that")
    history = (*await store.old_moments(tickets, ticket), *ticket.history)
    ended = (*await store.old_clocks(tickets, ticket), *ticket.sla.ended)
    versions = {each.policies: await book.of(each.policies) for each in ended}
    return explain(ticket_id, history, ended, versions, await book.at(at), at)


def _anew(
    whole: Sequence[Moment], book: PolicyBook, now: datetime, closed_too: bool
) -> Callable[[Ticket | None], TicketDecision]:
    """Reckons a ticket by the policies in force, from its history, of which `whole` was there a moment ago."""

    def decide(ticket: Ticket | None) -> TicketDecision:
        ticket = known(ticket)
        away = ticket.version - len(ticket.history)
        if away > len(whole):  # much has happened meanwhile: by these policies
            return promises.kept(ticket, book.now, now)
        return promises.anew(ticket, whole[:away], book.now, now, closed_too)

    return decide


async def _effect(
    tickets: Tickets, before: Policies, policies: Policies, closed_too: bool, now: datetime
) -> Effect:
    count, changes, pace = 0, list[Change](), Pace()
    async for some in _tickets(tickets, closed_too):
        for ticket, whole in some:
            old = whole[: len(whole) - len(ticket.history)]
            after, _ = promises.anew(ticket, old, policies, now, closed_too)
            stayed, changed = compare(ticket, after)
            count, changes = count + stayed, changes + changed
            await pace()
    kinds = Counter(map(_kind, changes))
    return Effect(
        policies.version,
        before.version,
        count,
        len(changes),
        kinds["begun"],
        kinds["dropped"],
        kinds["missed"],
        kinds["kept"],
        tuple(changes[:CHANGES_SHOWN]),
    )


def _kind(change: Change) -> str:
    if change.met_before is not change.met_after and None not in (change.met_before, change.met_after):
        return "kept" if change.met_after else "missed"
    if change.due_before is None:
        return "begun"
    return "dropped" if change.due_after is None else "moved"


async def _tickets(tickets: Tickets, closed_too: bool) -> AsyncIterator[list[tuple[Ticket, list[Moment]]]]:
    """All whose promises may change, each with its whole history."""
    ids = await store.to_reckon(tickets, closed_too)
    for some in (ids[at : at + AT_ONCE] for at in range(0, len(ids), AT_ONCE)):
        found = map(known, (await tickets.get_many(some)).values())
        yield [(ticket, [*await store.old_moments(tickets, ticket), *ticket.history]) for ticket in found]
