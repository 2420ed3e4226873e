"""The discipline board, as a board of the gateway: with trails of its own that follow the services."""

from __future__ import annotations

from typing import Final

from services.gateway.boards.discipline import api, page
from services.gateway.boards.discipline.keeper import Keeper
from services.gateway.boards.discipline.store import Trails
from services.gateway.boards.discipline.tracer import follow_trails
from services.gateway.boards.discipline.words import WORDS
from services.gateway.boards.mounting import Ground, MountableBoard, Mounted
from services.gateway.pages.rendering import Page
from shared.bus.consumer import Consumer
from shared.installation import TRAILS


def mount(ground: Ground) -> Mounted:
    trails = Trails(ground.mongo)
    tracer = Consumer(
        ground.topics,
        ground.publisher,
        TRAILS.name,
        TRAILS.topics,
        lambda batch: follow_trails(trails, keeper, batch),
        batch=2_000,
        gather=TRAILS.gather,
        dead_letter_limit=ground.dead_letter_limit,
    )
    keeper = Keeper(trails, ground.upstreams, lambda: tracer.alone_since)
    return Mounted(
        [api.router(ground, keeper), page.router(ground, keeper)], {"tracer": tracer, "keeper": keeper}
    )


DISCIPLINE: Final = MountableBoard(Page("discipline", "/discipline", WORDS), mount)
