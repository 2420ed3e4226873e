"""What a score may do before it is looked at again, in bounds that cost little.

They follow from the points of one exact look, for what there is only fades: the score does not rise out of its band
while facts that warm it come to less than `room`, and time alone does not take it out before `timer`. As facts come,
both are moved without another look: what warms uses up room and then brings the timer nearer, as does what cools.
"""

from __future__ import annotations

from collections.abc import Callable
from math import floor, inf, log2
from typing import Final, NamedTuple

MARGIN: Final = 1e-9  # for bounds, which are not correctly rounded


class Sure(NamedTuple):
    """Points that are there but for fading, none of them faster than by a half-life."""

    points: float
    half_life_ms: int

    def lasts(self, need: float) -> float:
        """For how many whole milliseconds, at least, they come to `need`, which is above 0."""
        if self.points <= need:
            return 0.0
        return max(0.0, floor(self.half_life_ms * log2(self.points / need) * (1.0 - MARGIN)) - 1.0)


class BandBounds:
    """The bounds of a score from a look at `at_ms`.

    The score falls out of its band when what surely warms it comes to `need`. It does not rise out of it while what
    warms comes to `room` more; where that is not above 0, it does not as long as what surely cools makes up for it.
    `melting` tells which points surely fade of all that warms, and the longest half-life (ms) of them.
    """

    __slots__ = (
        "_at_ms",
        "_cooling",
        "_melted",
        "_melting",
        "_need",
        "_reserve",
        "_warming",
        "room",
        "timer",
    )

    def __init__(
        self,
        at_ms: int,
        need: float,
        room: float,
        warming: Sure,
        cooling: Sure,
        melting: Callable[[], tuple[float, int]],
    ) -> None:
        self._at_ms = at_ms
        self._need = need
        self._warming = warming
        self._cooling = cooling
        self._melting: Callable[[], tuple[float, int]] | tuple[float, int] = melting
        self._melted = 0.0
        self.timer = self._fall()
        self._give(room - MARGIN)

    def warm(self, left: float, at_ms: int) -> None:
        """Facts up to `at_ms` left so much of the room, or spent more than it; but what warmed has faded meanwhile."""
        if not isinstance(self._melting, tuple):
            self._melting = self._melting()
        points, half_life = self._melting
        melted = points * (1.0 - MARGIN - 2.0 ** ((self._at_ms - at_ms) / half_life))
        room = left - self._reserve
        if melted > self._melted:
            room += melted - self._melted
            self._melted = melted
        self._give(room)

    def cool(self, points: float) -> None:
        """A fact takes away so many points."""
        self._need += points
        self.timer = min(self.timer, self._fall())

    def _fall(self) -> float:
        """The score does not fall out of its band before this instant (ms, or inf)."""
        return self._at_ms + self._warming.lasts(self._need) if self._need > 0.0 else inf

    def _give(self, room: float) -> None:
        """Where there is no room, what cools holds the score down: half of what it may still lose is room, too."""
        self.room, self._reserve = room, 0.0
        if room > 0.0:
            return
        missing = self._cooling.points + room
        if missing > 0.0:
            self.room = missing / 2
            self._reserve = missing / 2 - room
            self.timer = min(self.timer, self._at_ms + self._cooling.lasts(self._reserve))
        else:
            self.timer = float(self._at_ms)
