"""The clock of the steps, by a clock that the test sets."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from random import Random
from time import monotonic

import pytest

from services.followup import reactions
from services.followup.domain.model import FollowUp
from services.followup.handlers import timers as timers_of
from services.followup.store import PublishedPlaybooks, followups
from shared.bus.outgoing import Outgoing
from shared.bus.received import Received
from shared.documents import Decision, Documents, Look, Outcome, Step
from shared.errors import Refused
from shared.events.base import Event, Recorded, decode
from shared.events.followup import StepDue
from shared.events.leads import Channel, LeadCaptured
from shared.mongo import Mongo
from shared.outbox import Relay
from tests.waiting import until

STOPPED = datetime(2026, 3, 2, 10, tzinfo=UTC)
PROMISE = timedelta(minutes=5)
"""Within which the default playbooks call a lead from the web."""


class Log:
    """What relays published, each fact once, in their order: a repeat is known by its sequence."""

    def __init__(self) -> None:
        self.facts: dict[tuple[str, int | None], Event] = {}

    async def publish_all(self, records: Sequence[Outgoing]) -> list[tuple[int, int]]:
        for recorded in (decode(record.value or b"") for record in records):
            self.facts.setdefault((recorded.lead_id, recorded.sequence), recorded.event)
        return [(0, 0)] * len(records)

    def due(self) -> list[StepDue]:
        return [event for event in self.facts.values() if isinstance(event, StepDue)]


@pytest.fixture
async def kept(mongo: Mongo) -> Documents[FollowUp]:
    own = followups(mongo)
    await mongo.start()
    return own


async def captured(
    own: Documents[FollowUp], books: PublishedPlaybooks, first_dues: Sequence[datetime]
) -> None:
    batch = []
    for number, due in enumerate(first_dues):
        event = LeadCaptured(lead_id=f"lead-{number}", at=due - PROMISE, channel=Channel.WEB)
        recorded = Recorded(f"e{number}", event, event.at, 1, event.aggregate)
        batch.append(Received(recorded, "leads", 0, number))
    assert await reactions.follow(own, books, batch) == [None] * len(batch)


async def test_what_came_due_in_a_stop_of_ten_minutes_is_told_once_the_oldest_first(
    kept: Documents[FollowUp], mongo: Mongo
) -> None:
    dues = [STOPPED + timedelta(seconds=2 * number) for number in range(301)]  # the last one after the stop
    Random(4).shuffle(dues)
    books, log = PublishedPlaybooks(mongo), Log()
    relay = Relay("followup", kept, log, "followup")  # type: ignore[arg-type]
    await relay.start()
    await captured(kept, books, dues)
    await until(lambda: len(log.facts) == 301)

    now = STOPPED + timedelta(minutes=10) - timedelta(seconds=1)
    timers = timers_of(kept, books, lambda: now)
    await timers.start()
    await until(lambda: len(log.due()) == 300)
    now += timedelta(seconds=1)
    await until(lambda: len(log.due()) == 301)
    await timers.stop()
    await relay.stop()

    assert [event.due for event in log.due()] == sorted(dues)
    assert len({event.step_id for event in log.due()}) == 301


async def test_two_processes_that_look_at_once_tell_each_step_once(
    kept: Documents[FollowUp], mongo: Mongo
) -> None:
    books = PublishedPlaybooks(mongo)
    await captured(kept, books, [STOPPED] * 250)
    log, relays, timers = Log(), [], []
    for own in (Documents(kept.collection, FollowUp) for _ in range(2)):
        relays.append(Relay("followup", own, log, "followup"))  # type: ignore[arg-type]
        timers.append(timers_of(own, books, lambda: STOPPED))
    for part in (*relays, *timers):
        await part.start()
    await until(lambda: len(log.due()) == 250)
    for part in (*timers, *relays):
        await part.stop()

    assert sorted(event.step_id for event in log.due()) == sorted(f"lead-{n}.1" for n in range(250))
    assert {sequence for _, sequence in log.facts} == {1, 2}


async def test_a_timer_that_is_refused_rests_is_not_counted_and_keeps_nobody_waiting(
    kept: Documents[FollowUp], mongo: Mongo
) -> None:
    books = PublishedPlaybooks(mongo)
    await captured(kept, books, [STOPPED] * 5)
    looks: Counter[str] = Counter()

    def broken(step: Step[FollowUp]) -> Step[FollowUp]:
        def decide(_: FollowUp | None) -> Decision[FollowUp]:
            raise Refused("not-now", "this cannot be told before the cause is mended")

        return Step(step.id, decide)

    class Watched(Documents[FollowUp]):
        async def apply(
            self, steps: Sequence[Step[FollowUp]], look: Look | None = None
        ) -> list[Outcome[FollowUp]]:
            looks.update(step.id for step in steps)
            return await super().apply(
                [broken(step) if step.id == "lead-3" else step for step in steps], look
            )

    timers = timers_of(Watched(kept.collection, FollowUp), books, lambda: STOPPED)
    await timers.start()
    await until(lambda: timers.status()["fired"] == 4)
    await until(lambda: looks["lead-3"] == 2)
    before = monotonic()
    await until(lambda: looks["lead-3"] == 3)
    waited = monotonic() - before
    await timers.stop()

    assert waited > 1.4  # twice as long as the second before
    assert timers.status()["refused"] == 1
    assert (timers.status()["fired"], looks["lead-1"]) == (4, 1)
