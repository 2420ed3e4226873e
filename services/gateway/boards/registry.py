"""The boards there are: a new one is a package, and a line here."""

from __future__ import annotations

from typing import Final

from services.gateway.boards.day.mount import DAY
from services.gateway.boards.discipline.mount import DISCIPLINE
from services.gateway.boards.heat.mount import HEAT
from services.gateway.boards.mounting import MountableBoard

BOARDS: Final[tuple[MountableBoard, ...]] = (
    HEAT,
    DAY,
    DISCIPLINE,
)
