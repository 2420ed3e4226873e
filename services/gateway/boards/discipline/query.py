"""What the discipline board is asked, by the API as by the page."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta

from services.gateway.boards.cursors import read_cursor, write_cursor
from services.gateway.boards.discipline import board as discipline
from services.gateway.boards.discipline.board import Choice
from services.gateway.boards.discipline.figures import Figure, Item, Look, Period
from services.gateway.boards.discipline.keeper import Keeper
from shared.events.base import rfc3339


@dataclass(frozen=True, slots=True)
class Question:
    """What a board is asked for: the look, the one at the period before, and whose work."""

    look: Look
    before: Look
    choice: Choice
    is_dated: bool = True

    def lasting(self, length: timedelta) -> Question:
        """The same about the time up to now."""
        period = Period(self.look.at - length, self.look.at)
        return replace(
            self,
            look=replace(self.look, period=period),
            before=replace(self.look, period=period.before, at=period.start),
        )

    def query(self) -> dict[str, str]:
        """The same question again, as of the same instant."""
        period = self.look.period
        named = {name: value for name, value in self.choice.named().items() if value is not None}
        return {
            "from": rfc3339(period.start), "to": rfc3339(period.end), "at": rfc3339(self.look.at), **named
        }  # fmt: skip


async def part(
    keeper: Keeper, figure: Figure, asked: Question, cursor: str | None, limit: int
) -> tuple[int, list[Item], str | None]:
    """How many items a figure has, a page of them, and the cursor of the next. Raises `Refused("bad-cursor")`."""
    after = None if cursor is None else read_cursor(cursor)
    count, found = await keeper.part(figure, asked.look, asked.choice, after, limit + 1)
    following = discipline.place(found[limit - 1]) if len(found) > limit else None
    return count, found[:limit], following and write_cursor(*following)
