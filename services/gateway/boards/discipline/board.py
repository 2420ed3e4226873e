"""The board: the figures summed up, by rep or source, with the period before beside them. Pure."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from services.gateway.boards.discipline.figures import HINTS, Figure, Item, Kept, Look, items
from services.gateway.boards.discipline.trail import Trail
from shared.events.leads import Money

NOBODY: Final = "nobody"
"""In place of a rep, a campaign or an origin that is not known."""


class By(StrEnum):
    """What the rows of a board are."""

    REP = "rep"
    CHANNEL = "channel"
    ORIGIN = "origin"
    CAMPAIGN = "campaign"


@dataclass(frozen=True, slots=True)
class Choice:
    """Which leads and whose work; None is all."""

    rep: str | None = None
    channel: str | None = None
    origin: str | None = None
    campaign: str | None = None

    def has(self, item: Item) -> bool:
        if self.rep is self.channel is self.origin is self.campaign is None:
            return True
        return all(chosen is None or chosen == key_of(item, By(by)) for by, chosen in self.named().items())

    def named(self) -> dict[str, str | None]:
        return {"rep": self.rep, "channel": self.channel, "origin": self.origin, "campaign": self.campaign}


@dataclass(frozen=True, slots=True)
class Speed:
    """Seconds from capture to the first real contact, of the leads that had one."""

    contacted: int
    p50: float | None
    p90: float | None
    business_p50: float | None
    business_p90: float | None


@dataclass(frozen=True, slots=True)
class Promises:
    """Steps that came due: how many were done in time, later, or not at all. `share` is that of those in time."""

    due: int
    on_time: int
    late: int
    missed: int
    share: float | None


@dataclass(frozen=True, slots=True)
class Mean:
    """`total` things on `of` leads."""

    total: int
    of: int
    mean: float | None


@dataclass(frozen=True, slots=True)
class Wasted:
    """Leads that went cold without a single try, and what it had cost to acquire them."""

    leads: int
    cost: tuple[Money, ...]


@dataclass(frozen=True, slots=True)
class Sums:
    """All figures of a row in one period."""

    leads: int
    speed: Speed
    untouched: int
    overdue: int
    attempts: Mean
    calls_after_offer: Mean
    follow_through: Promises
    late_after_offer: int
    gone_cold: Wasted


@dataclass(frozen=True, slots=True)
class FiguresRow:
    """`key` is a rep, a channel, an origin or a campaign."""

    key: str
    now: Sums
    before: Sums


@dataclass(frozen=True, slots=True)
class Hint:
    """A pattern worth a word, and how often it is there. `most` is who has most of it, and how many."""

    figure: Figure
    count: int
    most: tuple[str, int] | None


@dataclass(frozen=True, slots=True)
class Board:
    total: FiguresRow
    by: By
    rows: tuple[FiguresRow, ...]
    channels: tuple[FiguresRow, ...]
    hints: tuple[Hint, ...]


SUMMED: Final = tuple(figure for figure in Figure if figure not in HINTS)
Found = Mapping[Figure, Sequence[Item]]


def board(trails: Sequence[Trail], look: Look, before: Look, choice: Choice, by: By) -> Board:
    """The board of some leads. `before` is the look at the previous period."""
    now, earlier = _found(trails, look, choice), _found(trails, before, choice)
    return Board(
        FiguresRow("all", _sums(now), _sums(earlier)),
        by,
        _rows(now, earlier, by),
        _rows(now, earlier, By.CHANNEL),
        tuple(_hints(trails, look, choice)),
    )


def chosen(figure: Figure, trails: Iterable[Trail], look: Look, choice: Choice) -> list[Item]:
    """What a figure is made of: the longest first, of equals by id."""
    found = [item for item in items(figure, trails, look) if choice.has(item)]
    return sorted(found, key=place)


def place(item: Item) -> tuple[float, str]:
    """Where an item stands among the others of its figure."""
    return -item.seconds or float(-item.count), item.id


def key_of(item: Item, by: By) -> str:
    value = item.rep if by is By.REP else getattr(item.trail, by)
    return NOBODY if value is None else str(value)


def percentile(values: Sequence[float], share: float) -> float | None:
    """By nearest rank: one of the values, so that there is a lead behind it."""
    return sorted(values)[math.ceil(share * len(values)) - 1] if values else None


def _found(trails: Sequence[Trail], look: Look, choice: Choice) -> Found:
    return {figure: [item for item in items(figure, trails, look) if choice.has(item)] for figure in SUMMED}


def _rows(now: Found, earlier: Found, by: By) -> tuple[FiguresRow, ...]:
    """The rows in the order of their leads and steps."""
    split_now, split_earlier = _split(now, by), _split(earlier, by)
    rows = [
        FiguresRow(key, _sums(split_now.get(key, {})), _sums(split_earlier.get(key, {})))
        for key in {**split_now, **split_earlier}
    ]
    return tuple(sorted(rows, key=lambda row: (-row.now.leads, -row.before.leads, row.key)))


def _split(found: Found, by: By) -> dict[str, dict[Figure, list[Item]]]:
    split: dict[str, dict[Figure, list[Item]]] = defaultdict(lambda: defaultdict(list))
    for figure, some in found.items():
        for item in some:
            split[key_of(item, by)][figure].append(item)
    return split


def _sums(found: Found) -> Sums:
    def of(figure: Figure) -> Sequence[Item]:
        return found.get(figure, ())

    return Sums(
        leads=len(of(Figure.LEADS)),
        speed=_speed(of(Figure.SPEED)),
        untouched=len(of(Figure.UNTOUCHED)),
        overdue=len(of(Figure.OVERDUE)),
        attempts=_mean(of(Figure.ATTEMPTS)),
        calls_after_offer=_mean(of(Figure.CALLS_AFTER_OFFER)),
        follow_through=_promises(of(Figure.FOLLOW_THROUGH)),
        late_after_offer=len(of(Figure.LATE_AFTER_OFFER)),
        gone_cold=Wasted(len(of(Figure.GONE_COLD)), _cost(of(Figure.GONE_COLD))),
    )


def _speed(some: Sequence[Item]) -> Speed:
    wall = [item.seconds for item in some]
    worked = [item.worked for item in some if item.worked is not None]
    return Speed(
        len(some), percentile(wall, 0.5), percentile(wall, 0.9), percentile(worked, 0.5), percentile(worked, 0.9)
    )  # fmt: skip


def _promises(some: Sequence[Item]) -> Promises:
    on_time, late, missed = (sum(item.state == each for item in some) for each in Kept)
    return Promises(len(some), on_time, late, missed, on_time / len(some) if some else None)


def _mean(some: Sequence[Item]) -> Mean:
    total = sum(item.count for item in some)
    return Mean(total, len(some), total / len(some) if some else None)


def _cost(some: Sequence[Item]) -> tuple[Money, ...]:
    by_currency: dict[str, int] = defaultdict(int)
    for item in some:
        if item.trail.cost is not None:
            by_currency[item.trail.cost.currency] += item.trail.cost.minor
    return tuple(
        Money(minor=minor, currency=currency) for currency, minor in sorted(by_currency.items()) if minor
    )


def _hints(trails: Sequence[Trail], look: Look, choice: Choice) -> Iterable[Hint]:
    for figure in HINTS:
        some = [item for item in items(figure, trails, look) if choice.has(item)]
        if some:
            reps: dict[str, int] = defaultdict(int)
            for item in some:
                reps[key_of(item, By.REP)] += 1
            named = [each for each in reps.items() if each[0] != NOBODY]
            yield Hint(figure, len(some), max(named, key=lambda each: (each[1], each[0]), default=None))
