"""The kept board follows the trails in the store: through restarts, repeats, and while another process follows some."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from random import Random
from typing import Any

from services.gateway.boards.discipline import board as discipline
from services.gateway.boards.discipline.board import Board, By, Choice
from services.gateway.boards.discipline.figures import Figure, Look, Period
from services.gateway.boards.discipline.keeper import Keeper
from services.gateway.boards.discipline.store import Trails
from services.gateway.boards.discipline.tracer import follow_trails
from shared.bus.received import Received
from shared.clock import milliseconds
from shared.commands.followup import (
    Worked,
    WorkedSpans,
)
from shared.errors import Unavailable
from shared.events.base import Event, Recorded
from shared.mongo import Mongo
from tests.followup.histories import HAPPENS, NOON, history
from tests.waiting import until


class Followup:
    """Reckons that half of all time is business time, or a third under other playbooks, or does not answer."""

    def __init__(self) -> None:
        self.playbooks, self.share, self.is_away, self.asked = "half", 2, False, Counter[str]()

    async def worked(self, asked: WorkedSpans) -> Worked:
        if self.is_away:
            raise Unavailable("followup-unreachable", "it does not answer")
        self.asked["spans"] += len(asked.spans) + len(asked.beyond)
        return Worked(
            playbooks=self.playbooks,
            seconds=[
                (milliseconds(each.end) - milliseconds(each.start)) // self.share / 1_000
                for each in asked.spans
            ],
            instants=[
                each.start + timedelta(milliseconds=(each.seconds * 1_000 + 1) * self.share)
                for each in asked.beyond
            ],
        )


def received(event: Event, numbers: Counter[str]) -> Received:
    numbers[event.aggregate] += 1
    number = numbers[event.aggregate]
    return Received(
        Recorded(f"{event.aggregate}.{number}", event, event.at, number, event.aggregate), event.topic, 0, 0
    )


class World:
    """Trails in a store, the facts of some leads in the order of the log, and who follows them."""

    def __init__(self, mongo: Mongo, seed: int = 1, leads: int = 12) -> None:
        self.rng, self.trails, self.followup = Random(seed), Trails(mongo), Followup()
        self.assignment: int | None = 1
        numbers = Counter[str]()
        self.log = [
            received(fact, numbers)
            for number in range(leads)
            for moment in history(seed, f"lead-{number}", self.rng.choices(HAPPENS, k=12))
            for fact in moment.facts
            if fact.topic in ("leads", "followup", "scoring")
        ]

    @asynccontextmanager
    async def keeper(self) -> AsyncIterator[Keeper]:
        keeper = Keeper(self.trails, self.followup, lambda: self.assignment)  # type: ignore[arg-type]
        await keeper.start()
        try:
            yield keeper
        finally:
            await keeper.stop()

    async def follow(self, keeper: Keeper, batch: Sequence[Received]) -> None:
        assert await follow_trails(self.trails, keeper, batch) == [None] * len(batch)

    def looks(self) -> tuple[Look, Look]:
        at = NOON + timedelta(hours=self.rng.randint(10, 3_000))

        def hours(rep: str | None, start: datetime, end: datetime) -> timedelta:
            return timedelta(milliseconds=(milliseconds(end) - milliseconds(start)) // self.followup.share)

        period = Period(at - timedelta(days=30), at)
        known = None if self.followup.is_away else hours
        return Look(period, at, known), Look(period.before, period.start, known)

    async def computed(self, look: Look, before: Look, by: By) -> Board:
        found = [trail async for some in self.trails.stream({}) for trail in some]
        return discipline.board(found, look, before, Choice(), by)

    async def agree(self, keeper: Keeper) -> None:
        look, before = self.looks()
        by = self.rng.choice(list(By))
        assert await keeper.board(look, before, Choice(), by) == await self.computed(look, before, by)


async def begun(mongo: Mongo) -> World:
    world = World(mongo)
    await mongo.start()
    return world


async def test_whatever_comes_again_or_dies_the_kept_board_is_that_of_the_trails(mongo: Mongo) -> None:
    world = await begun(mongo)
    taken = 0
    while taken < len(world.log):
        async with world.keeper() as keeper:
            if world.rng.random() < 0.7:
                await until(lambda: keeper.is_whole)
            for _ in range(world.rng.randint(1, 4)):
                again = max(0, taken - world.rng.choice([0, 0, 10]))
                upto = taken + world.rng.randint(1, 40)
                await world.follow(keeper, world.log[again:upto])
                taken = min(upto, len(world.log))
            await until(lambda: keeper.is_whole)
            for _ in range(3):
                await world.agree(keeper)


async def test_what_another_process_follows_is_seen_all_the_same(mongo: Mongo) -> None:
    world = await begun(mongo)
    half = len(world.log) // 2
    async with world.keeper() as keeper:
        await until(lambda: keeper.is_whole)
        await world.follow(keeper, world.log[:half])
        world.assignment = None
        async with world.keeper() as other:
            await world.follow(other, world.log[half:])
        assert not keeper.is_whole
        await world.agree(keeper)
        world.assignment = 3
        await until(lambda: keeper.is_whole)
        await world.agree(keeper)


async def test_other_playbooks_have_other_business_hours_and_without_followup_there_are_none(
    mongo: Mongo,
) -> None:
    world = await begun(mongo)
    async with world.keeper() as keeper:
        await until(lambda: keeper.is_whole)
        await world.follow(keeper, world.log)
        await world.agree(keeper)
        reckoned = world.followup.asked["spans"]
        await world.agree(keeper)
        assert world.followup.asked["spans"] == reckoned  # what is known is not asked again

        world.followup.playbooks, world.followup.share = "third", 3
        await until(lambda: world.followup.asked["spans"] >= 2 * reckoned)
        await world.agree(keeper)


async def test_every_number_opens_to_its_items_page_by_page(mongo: Mongo) -> None:
    world = await begun(mongo)
    async with world.keeper() as keeper:
        await until(lambda: keeper.is_whole)
        await world.follow(keeper, world.log)
        trails = [trail async for some in world.trails.stream({}) for trail in some]
        for figure in Figure:
            look, _ = world.looks()
            expected = discipline.chosen(figure, trails, look, Choice())
            found: list[Any] = []
            after = None
            while True:
                count, page = await keeper.part(figure, look, Choice(), after, 3)
                assert count == len(expected)
                found += page
                if len(page) < 3:
                    break
                after = discipline.place(page[-1])
            assert found == expected
