"""The trails follow what the services tell, and the board that is kept follows the trails."""

from __future__ import annotations

from collections.abc import Sequence

from services.gateway.boards.discipline.keeper import Keeper
from services.gateway.boards.discipline.store import Trails
from services.gateway.boards.discipline.trail import Trail, trace
from shared.bus.received import Received
from shared.documents import Decision
from shared.errors import AscuaError
from shared.events.base import Event, Recorded
from shared.reactions import Reactions


async def follow_trails(trails: Trails, keeper: Keeper, batch: Sequence[Received]) -> list[AscuaError | None]:
    """Take a batch of events into the trails of their leads, and the trails into the board that is kept."""
    tracing = Reactions(Trail, _traced)
    outcomes = await trails.apply([tracing.step(received) for received in batch])
    await keeper.take([outcome.state for outcome in outcomes if outcome.state is not None])
    return [outcome.error for outcome in outcomes]


def _traced(trail: Trail, recorded: Recorded[Event]) -> Decision[Trail]:
    return trace(trail, recorded.event), ()
