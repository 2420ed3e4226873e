"""A rep's day, as a board of the gateway."""

from __future__ import annotations

from services.gateway.boards.day import page
from services.gateway.boards.mounting import Ground, Mounted


def mount(ground: Ground) -> Mounted:
    return Mounted([page.router(ground)])
