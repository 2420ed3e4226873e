"""The heat board, as a board of the gateway."""

from __future__ import annotations

from functools import partial
from typing import Final

from services.gateway.boards.heat import api, page
from services.gateway.boards.heat.placement import place_again, place_first
from services.gateway.boards.heat.words import WORDS
from services.gateway.boards.mounting import Ground, MountableBoard, Mounted
from services.gateway.pages.rendering import Page
from shared.timers import Timers

PLACED_EVERY: Final = 1.0
"""Seconds between two looks for leads that time has moved on the board."""


def mount(ground: Ground) -> Mounted:
    views, clock = ground.views, ground.clock
    standings = Timers(
        partial(place_again, views, clock), clock, PLACED_EVERY, partial(place_first, views, clock)
    )
    return Mounted([api.router(ground), page.router(ground)], {"standings": standings})


HEAT: Final = MountableBoard(Page("board", "/", WORDS), mount)
