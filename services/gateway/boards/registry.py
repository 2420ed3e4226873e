"""The boards there are: a new one is a package, and a line here."""

from __future__ import annotations

from typing import Final

from services.gateway.boards.day import mount as day
from services.gateway.boards.discipline import mount as discipline
from services.gateway.boards.heat import mount as heat
from services.gateway.boards.mounting import Mount

BOARDS: Final[tuple[Mount, ...]] = (heat.mount, discipline.mount, day.mount)
