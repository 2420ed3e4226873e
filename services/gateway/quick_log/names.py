"""People who are called like a day or a month: `hablé con Domingo`, `met April`."""

from __future__ import annotations

from typing import Final

from services.gateway.quick_log.hours import HourReader
from services.gateway.quick_log.lexicon import Found, Sort
from services.gateway.quick_log.tokens import Shape

_NAMES: Final = frozenset(
    ("domingo", "abril", "julio", "mayo", "mar", "april", "may", "june", "august", "jan", "dom", "sabado")
)
"""Days and months that people are called."""


class NameReader(HourReader):
    """Tells a name from a time by what stands beside it."""

    def is_name(self, place: int, start: int) -> bool:
        """`hablé con Domingo`, `met April`, `Domingo no contesta`."""
        token = self.tokens[place]
        if token.text not in _NAMES:
            return False
        if place > start and self.tokens[place - 1].text in ("el", "los", "on", "este", "the", "del", "al"):
            return False
        before = self.naming(place)
        if before is not None and (before.value is None or token.is_capital):
            return True
        if token.is_capital and place > 0 and self.tokens[place - 1].shape is not Shape.BREAK:
            return not all(each.is_capital for each in self.tokens if each.shape is Shape.WORD)
        return token.is_capital and self.has(place + 1, Sort.SUBJECT) is not None

    def is_capital_name(self, place: int) -> bool:
        token = self.tokens[place]
        return token.text in _NAMES and token.is_capital and self.naming(place) is not None

    def naming(self, place: int) -> Found | None:
        """What says that a name comes next, just before it."""
        for back in (1, 2):
            if place - back >= 0 and (found := self.has(place - back, Sort.NAMING)) and found.end == place:
                return found
        return self.naming(place - 1) if place > 1 and self.tokens[place - 1].text == "." else None
