"""A rep's day, as a board of the gateway."""

from __future__ import annotations

from typing import Final

from services.gateway.boards.day import page
from services.gateway.boards.day.words import WORDS
from services.gateway.boards.mounting import Ground, MountableBoard, Mounted
from services.gateway.pages.rendering import Page


def mount(ground: Ground) -> Mounted:
    return Mounted([page.router(ground)])


DAY: Final = MountableBoard(Page("day", "/day", WORDS), mount)
