"""The grammar of times, one for all languages: which tokens of a line name a time, and what they say of it."""

from __future__ import annotations

from typing import Final

from services.gateway.quick_log.dates import number_fits
from services.gateway.quick_log.days import AMOUNT, MONTHLY, NAMED, NUMERIC, DayReader
from services.gateway.quick_log.hours import HourReader
from services.gateway.quick_log.lexicon import Sort
from services.gateway.quick_log.model import (
    Away,
    Bound,
    Clock,
    Date,
    Day,
    DayPart,
    Mention,
    Offset,
    OfMonth,
    RelativePeriod,
    Unit,
    Weekday,
    Which,
)
from services.gateway.quick_log.tokens import Shape

_FIRST: Final = frozenset((*NUMERIC, *NAMED, *AMOUNT, *MONTHLY)) | {
    Sort.EDGE, Sort.ON, Sort.UNTIL, Sort.BEFORE, Sort.AFTER, Sort.FROM, Sort.AT, Sort.BETWEEN, Sort.HALF_TO, Sort.PART
}  # fmt: skip
"""What a time may begin with."""


class TimeReader(DayReader):
    """Reads the times of a line: a day, a time of day, a part of it, and how they bound what they are about."""

    def mention(self, start: int) -> Mention | None:
        """The time that begins at this token, as long as it goes.

        In one piece, because each branch depends on what those before it have found of the time.
        """
        if self.tokens[start].shape is Shape.WORD and _FIRST.isdisjoint(self._longest[start]):
            return None
        bound, place = self._bound(start)
        day: Day | None = None
        clock: Clock | None = None
        part: DayPart | None = None
        if_past: OfMonth | None = None
        end = start
        while True:
            if (beside := self.day(place, bound, day)) is not None and (joint := self._join(day, beside[0])):
                day, place = joint, beside[1]
            elif (
                clock is None
                and (at := self.clock(place, day is not None, bound is not Bound.ON)) is not None
            ):
                if isinstance(day, Weekday) and place == end and at[1] == place + 1:
                    if_past = self._of_month_behind(day, place)
                clock, place = at
            elif (
                day is not None
                and clock is None
                and (within := self._bound(place))[0] is not Bound.ON
                and (at := self.clock(within[1], True, True)) is not None
            ):
                clock, place = at  # `thursday before 11`
            elif (
                part is None
                and (of_day := self.part(place, day is not None or clock is not None)) is not None
            ):
                part, is_today, place = of_day
                day = Offset(0) if is_today and day is None else day
            elif (
                end > start and place == end and (beyond := self._beyond_comma(place, day, clock)) is not None
            ):
                place = beyond
                continue
            else:
                break
            end = place
            if isinstance(day, Offset) and part is None:
                part = self._part_of_offset(end)
        if end == start:
            return None
        if part is DayPart.CLOSE and day is None:
            day = Offset(0)  # the end of today, also for one who still works
        return Mention(start, end, day, clock, part, bound, if_past)

    def _of_month_behind(self, day: Weekday, place: int) -> OfMonth | None:
        """The number behind a weekday as that of a day that has been."""
        token = self.tokens[place]
        is_number = token.shape is Shape.NUMBER and number_fits(
            int(token.text), day.number, self._today, False
        )
        return OfMonth(int(token.text), day.number) if is_number else None

    def _bound(self, start: int) -> tuple[Bound, int]:
        if self.has(start, Sort.OFFSET):  # `pasado` is a day as well
            return Bound.ON, start
        for sort, bound in (
            (Sort.UNTIL, Bound.UNTIL),
            (Sort.BEFORE, Bound.BEFORE),
            (Sort.AFTER, Bound.AFTER),
        ):
            if found := self.has(start, sort):
                if bound is Bound.UNTIL and (after := self.has(found.end, Sort.AFTER)):
                    return Bound.AFTER, after.end
                return bound, found.end
        if (found := self.has(start, Sort.FROM)) and found.value:
            return Bound.FROM, found.end
        return Bound.ON, start

    def _part_of_offset(self, end: int) -> DayPart | None:
        """`anoche` is a day and its night."""
        found = self.has(end - 1, Sort.OFFSET) or self.has(end - 2, Sort.OFFSET)
        part: DayPart | None = found.value[1] if found is not None and found.end == end else None
        return part

    def _beyond_comma(self, place: int, day: Day | None, clock: Clock | None) -> int | None:
        """`next week, thursday`, `el viernes, a las 10`: the comma divides nothing."""
        if place + 1 >= len(self.tokens) or self.tokens[place].text != ",":
            return None
        beyond = place + 1
        if (
            isinstance(day, RelativePeriod | Away)
            and (then := self.day(beyond, Bound.ON, day))
            and isinstance(then[0], Weekday)
        ):
            return beyond
        if (
            day is not None
            and clock is None
            and self.has(beyond, Sort.AT)
            and self.clock(beyond, True, False)
        ):
            return beyond
        return None

    def _join(self, day: Day | None, other: Day) -> Day | None:
        """What two days beside each other say together; None if they are two."""
        match day, other:
            case None, _:
                return other
            case RelativePeriod(Unit.WEEK, count), Weekday(number, Which.NEAREST | Which.THIS):
                return Weekday(number, weeks=count or 0)
            case Weekday(number, Which.NEAREST | Which.THIS), RelativePeriod(Unit.WEEK, count) if (
                count is not None
            ):
                return Weekday(number, weeks=count)
            case Away(amount, Unit.WEEK), Weekday(number, Which.NEAREST) if amount == int(amount):
                return Weekday(number, weeks=int(amount))
            case Weekday(number, Which.NEAREST), Away(amount, Unit.WEEK) if amount == int(amount):
                return Weekday(number, weeks=int(amount))
            case Weekday(number), OfMonth(nth, weekday):
                is_fit = weekday == number or number_fits(nth, number, self._today, True)
                return (
                    OfMonth(nth, number) if is_fit or number_fits(nth, number, self._today, False) else None
                )
            case Weekday(), Date() | Offset():
                return other
            case Offset() | Date() | OfMonth(), Weekday(_, Which.NEAREST | Which.THIS):
                return day
        return None


def durations(reader: HourReader, start: int) -> tuple[int, int] | None:
    """How long something took, in seconds, and the token behind it."""
    amount = reader.amount(start)
    if amount is None or amount.unit not in (Unit.MINUTE, Unit.HOUR):
        return None
    seconds = round(amount.value * (60 if amount.unit is Unit.MINUTE else 3_600))
    return (seconds, amount.end) if 0 < seconds <= 86_400 else None
