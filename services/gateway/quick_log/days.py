"""The grammar of days: dates, weekdays, months, feasts, and so much time from now. One for all languages."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Final

from services.gateway.quick_log.dates import checked, number_fits
from services.gateway.quick_log.hours import DASHES
from services.gateway.quick_log.lexicon import Found, Sort
from services.gateway.quick_log.model import (
    Away,
    Bound,
    Day,
    Edge,
    Feast,
    Month,
    NthWeekday,
    Offset,
    OfMonth,
    Quarter,
    RelativePeriod,
    Unit,
    Weekday,
    Which,
)
from services.gateway.quick_log.names import NameReader
from services.gateway.quick_log.tokens import Shape, Token

Placed = tuple[Day, int]
"""A day, and the token behind it."""

_WHICH: Final = {
    Sort.THIS: Which.THIS,
    Sort.NEXT: Which.NEXT,
    Sort.COMING: Which.COMING,
    Sort.LAST: Which.LAST,
    Sort.PAST: Which.LAST,
}
_COUNT: Final = {Which.THIS: 0, Which.NEXT: 1, Which.COMING: 1, Which.LAST: -1}
NUMERIC: Final = frozenset((Sort.NUMBER, Sort.FIRST, Sort.MONTH))
NAMED: Final = frozenset(
    (Sort.OFFSET, *_WHICH, Sort.WEEKDAY, Sort.SHORT_TUESDAY, Sort.FIRST, Sort.UNIT, Sort.PERIOD, Sort.FEAST)
)
AMOUNT: Final = frozenset((Sort.IN, Sort.SINCE, Sort.SOME, Sort.NUMBER, Sort.WHILE))
MONTHLY: Final = frozenset(
    (Sort.MONTHLY, Sort.QUARTER, Sort.NEXT, Sort.COMING, Sort.THIS, Sort.LAST, Sort.MONTH, Sort.FIRST)
)
"""What each rule may begin with."""


class DayReader(NameReader):
    """Reads days. `is_month_first` where a writer may say the month before the day."""

    def __init__(
        self, tokens: Sequence[Token], found: Sequence[Sequence[Found]], today: date, is_month_first: bool
    ) -> None:
        super().__init__(tokens, found)
        self._today = today
        self._is_month_first = is_month_first

    def day(self, start: int, bound: Bound, beside: Day | None) -> Placed | None:
        place = start
        for _ in range(4):
            if (found := self._named_day(start, place, bound, beside)) is not None:
                return found
            prefix = self.has(place, Sort.ON) or (self.has(place, Sort.OF) if beside is not None else None)
            if prefix is None:
                return None
            place = prefix.end
        return None

    def _named_day(self, start: int, place: int, bound: Bound, beside: Day | None) -> Placed | None:
        if place >= len(self.tokens):
            return None
        sorts, is_digit = self._longest[place], self.tokens[place].shape is not Shape.WORD
        found: Placed | None = None
        if is_digit or not NUMERIC.isdisjoint(sorts):
            found = self._written_date(start, place)
        if found is None and (is_digit or not NAMED.isdisjoint(sorts)):
            found = self._weekday_or_period(start, place, bound)
        if found is None and (is_digit or not AMOUNT.isdisjoint(sorts)):
            found = self._away(place)
        if found is None and Sort.EDGE in sorts:
            found = self._edge(place)
        if found is None and (is_digit or not MONTHLY.isdisjoint(sorts) or bound is not Bound.ON):
            found = self._month(start, place, bound)
        if found is None and (is_digit or not NUMERIC.isdisjoint(sorts)):
            found = self._number(start, place, beside)
        return found

    def _written_date(self, start: int, place: int) -> Placed | None:
        token = self.tokens[place]
        if token.shape is Shape.DATE:
            return self._numeric(token.text), place + 1
        number = self.number(place)
        ordinal = self.ordinal(place)
        if (first := ordinal or number) is not None:
            value, end = first
            month = self.has(end, Sort.MONTH)
            if month is None and (of := self.has(end, Sort.OF)):
                month = self.has(of.end, Sort.MONTH)
                if (
                    month is None
                    and ordinal is not None
                    and (unit := self.has(of.end, Sort.UNIT))
                    and unit.value is Unit.MONTH
                ):
                    return RelativePeriod(Unit.MONTH, None, Edge.START), unit.end
            if month is not None and value == int(value):
                year, end = self._year(month.end)
                return checked(int(value), month.value, year), end
        month = self.has(place, Sort.MONTH)
        if month is not None and not self.is_name(place, start):
            if token.text == "mar" and not self._is_month_first:
                return None
            end = month.end
            if (article := self.has(end, Sort.ON)) and self.tokens[end].text == "the":
                end = article.end
            end += end < len(self.tokens) and self.tokens[end].text == "."
            if (
                (day := self.ordinal(end) or self.number(end)) is not None
                and day[0] == int(day[0])
                and day[0] <= 31
            ):
                if self._is_counted(day[1]):
                    return None
                year, end = self._year(day[1])
                return checked(int(day[0]), month.value, year), end
        return None

    def _year(self, place: int) -> tuple[int | None, int]:
        at = place
        if at < len(self.tokens) and (self.has(at, Sort.OF) or self.tokens[at].text == ","):
            at += 1
        if at < len(self.tokens) and self.tokens[at].shape is Shape.NUMBER:
            text = self.tokens[at].text
            if len(text) == 4 and text[:2] in ("19", "20"):
                return int(text), at + 1
        return None, place

    def _numeric(self, text: str) -> Day:
        separator = next(letter for letter in text if not letter.isdecimal())
        numbers = [int(number) for number in text.split(separator)]
        if len(text.split(separator)[0]) == 4:
            return checked(numbers[2], numbers[1], numbers[0])
        day, month, *years = numbers
        year = years[0] + (2000 if years[0] < 100 else 0) if years else None
        if month > 12 >= day and self._is_month_first:
            return checked(month, day, year)
        return checked(day, month, year, is_doubtful=day <= 12 and day != month)

    def _weekday_or_period(self, start: int, place: int, bound: Bound) -> Placed | None:
        if offset := self.has(place, Sort.OFFSET):
            if self._is_morning(place):
                return None
            return Offset(offset.value[0]), offset.end
        late = self.has(place, Sort.COMING)
        if late and late.end == place + 1 and self.tokens[place].text == "otro":
            return None
        if (nth := self._nth_weekday(place)) is not None:
            return nth
        which, at = self._which(place)
        if weekday := self._weekday(at, start, which):
            number, end = weekday
            if (behind := self._behind(end)) is not None:
                which, end = behind
            week = self.has(end, Sort.UNIT)
            if week and week.value is Unit.WEEK and self.tokens[end].text in ("week", "wk"):
                weeks = 1 + (number <= self._today.weekday())
                return Weekday(number, weeks=weeks), week.end  # British `monday week`
            return Weekday(number, which or Which.NEAREST), end
        unit = self.has(at, Sort.UNIT)
        if unit and unit.value not in (Unit.MINUTE, Unit.HOUR, Unit.DAY, Unit.WORKDAY):
            end = unit.end
            if which is None and (behind := self._behind(end)) is not None:
                which, end = behind
            if which is not None:
                return RelativePeriod(unit.value, _COUNT[which]), end
        if period := self.has(place, Sort.PERIOD):
            return RelativePeriod(*period.value), period.end
        if unit and which is not None and unit.value is Unit.DAY and which is not Which.THIS:
            return None
        if (
            (feast := self.has(at, Sort.FEAST))
            and (bound is not Bound.ON or place > start)
            and not self.is_capital_name(at)
        ):
            month, day = feast.value
            return Feast(month, day, is_after=bound is Bound.AFTER), feast.end
        return None

    def _nth_weekday(self, place: int) -> Placed | None:
        """`the last friday of november`, `el primer lunes de enero`."""
        last = self.has(place, Sort.LAST)
        nth = (-1, last.end) if last else self.ordinal(place)
        weekday = self.has(nth[1], Sort.WEEKDAY) if nth and nth[0] in (-1, 1, 2, 3, 4, 5) else None
        of = self.has(weekday.end, Sort.OF) if weekday else None
        if nth is None or weekday is None or of is None:
            return None
        which, at = self._which(of.end + (self._text(of.end) in ("the", "el")))
        if month := self.has(at, Sort.MONTH):
            return NthWeekday(nth[0], weekday.value, month.value), month.end
        unit = self.has(at, Sort.UNIT)
        if unit is None or unit.value is not Unit.MONTH:
            return None
        behind = self._behind(unit.end)
        number = (
            self._today.month % 12 + 1 if which in (Which.NEXT, Which.COMING) or behind else self._today.month
        )
        return NthWeekday(nth[0], weekday.value, number), behind[1] if behind else unit.end

    def _which(self, place: int) -> tuple[Which | None, int]:
        which = None
        for _ in range(2):
            found = next(
                (f for sort in _WHICH if sort is not Sort.PAST and (f := self.has(place, sort))), None
            )
            if found is None:
                break
            which = which if which in (Which.NEXT, Which.COMING, Which.LAST) else _WHICH[found.sort]
            place = found.end
        return which, place

    def _behind(self, place: int) -> tuple[Which, int] | None:
        """`que viene`, `pasado`."""
        if (found := self.has(place, Sort.COMING)) and found.value:
            return Which.COMING, found.end
        offset = self.has(place, Sort.OFFSET)
        if (found := self.has(place, Sort.PAST)) and (offset is None or offset.end == found.end):
            return Which.LAST, found.end
        return None

    def _weekday(self, place: int, start: int, which: Which | None) -> tuple[int, int] | None:
        if found := self.has(place, Sort.WEEKDAY):
            if which is None and self.is_name(place, start):
                return None
            return found.value, found.end
        short = self.has(place, Sort.SHORT_TUESDAY)
        if short and (
            which or place > start or (self.clock(short.end, True, False) and not self._is_month_first)
        ):
            if self.is_name(place, start):
                return None
            return 1, short.end
        return None

    def _away(self, place: int) -> Placed | None:
        if before := self.has(place, Sort.IN):
            if (amount := self.amount(before.end)) is not None:
                end = hence.end if (hence := self.has(amount.end, Sort.HENCE)) else amount.end
                return Away(amount.value, amount.unit, amount.is_vague), end
            return None
        if (since := self.has(place, Sort.SINCE)) and (amount := self.amount(since.end)) is not None:
            return Away(-amount.value, amount.unit, amount.is_vague), amount.end
        amount = self.amount(place)
        if amount is None:
            return None
        if ago := self.has(amount.end, Sort.AGO):
            return Away(-amount.value, amount.unit, amount.is_vague), ago.end
        is_long = amount.unit not in (Unit.MINUTE, Unit.HOUR)
        if (hence := self.has(amount.end, Sort.HENCE)) or (is_long and self._text(amount.end) == "today"):
            return Away(amount.value, amount.unit, amount.is_vague), hence.end if hence else amount.end + 1
        weekday = self.has(amount.end + 1, Sort.WEEKDAY) if self._text(amount.end) == "on" else None
        if amount.unit is Unit.WEEK and weekday is not None:  # British `a week on thursday`
            weeks = int(amount.value) + (weekday.value <= self._today.weekday())
            return Weekday(weekday.value, weeks=weeks), weekday.end
        return None

    def _edge(self, place: int) -> Placed | None:
        edge = self.has(place, Sort.EDGE)
        if edge is None:
            return None
        for end in {found.end for found in self.found[place] if found.sort is Sort.EDGE}:
            at = end
            while (article := self.has(at, Sort.ON)) and at < end + 2 and not self.has(at, Sort.MONTH):
                at = article.end
            which, at = self._which(at)
            if month := self.has(at, Sort.MONTH):
                year, behind = self._year(month.end)
                return Month(month.value, edge.value, year), behind
            if (unit := self.has(at, Sort.UNIT)) and unit.value in (
                Unit.WEEK,
                Unit.MONTH,
                Unit.QUARTER,
                Unit.YEAR,
            ):
                behind = unit.end
                if which is None and (after := self._behind(behind)) is not None:
                    which, behind = after
                return RelativePeriod(
                    unit.value, None if which is None else _COUNT[which], edge.value
                ), behind
        return None

    def _month(self, start: int, place: int, bound: Bound) -> Placed | None:
        """A month's name alone is a time only where a word before it says so: May and Abril are people, too."""
        at = monthly.end if (monthly := self.has(place, Sort.MONTHLY)) else place
        which, at = self._which(at)
        month = self.has(at, Sort.MONTH)
        if month and (monthly or which in (Which.NEXT, Which.COMING) or bound is not Bound.ON):
            if self.is_capital_name(at) and self.has(place, Sort.NAMING):
                return None
            if which is None and (behind := self._behind(month.end)) is not None:
                return Month(month.value), behind[1]
            year, end = self._year(month.end)
            day = self.ordinal(end) or self.number(end)
            if year is None and day is not None and day[0] <= 31 and not self._is_counted(day[1]):
                return None  # `by dec 4` is a date behind its preposition
            return Month(month.value, None, year), end
        if self.has(place, Sort.QUARTER) and (number := self.number(place + 1)) and number[0] in (1, 2, 3, 4):
            return Quarter(int(number[0])), number[1]
        if (
            (nth := self.ordinal(place))
            and nth[0] <= 4
            and (unit := self.has(nth[1], Sort.UNIT))
            and unit.value is Unit.QUARTER
        ):
            return Quarter(int(nth[0])), unit.end
        return None

    def _number(self, start: int, place: int, beside: Day | None) -> Placed | None:
        """`el 15`, `the 24th`, `el 3-12`."""
        token = self.tokens[place]
        if isinstance(beside, Weekday) and start == place and (found := self._of_weekday(place, beside)):
            return found, place + 1
        words = [each.text for each in self.tokens[start:place]]
        is_led = bool(words) and words[-1] in ("el", "the", "dia", "on", "al", "del")
        if token.shape is Shape.DECIMAL and is_led and token.text.count(".") == 1:
            day, month = map(int, token.text.split("."))
            if month <= 12 and day <= 31 and not self._is_counted(place + 1):
                return checked(day, month, None), place + 1
        number: tuple[float, int] | None = None
        if (ordinal := self.ordinal(place)) is not None and (token.shape is Shape.ORDINAL or ordinal[0] >= 4):
            number = ordinal
        is_loose = number is not None and token.shape is Shape.ORDINAL and token.text[-1] in "tdh"
        if (
            number is None
            and is_led
            and (plain := self.number(place)) is not None
            and self._is_digit_or_spanish(place)
        ):
            number = plain
        if (
            number is None
            or not (is_led or is_loose)
            or not 1 <= number[0] <= 31
            or number[0] != int(number[0])
        ):
            return None
        end = number[1]
        if (
            token.shape is Shape.NUMBER
            and self._text(end) in DASHES
            and (month_number := self.number(end + 1))
        ):
            return checked(int(number[0]), int(month_number[0]), None), month_number[1]
        if not self._is_free(end, is_strict="on" in words or "el" in words or "dia" in words):
            return None
        return OfMonth(int(number[0])), end

    def _of_weekday(self, place: int, beside: Weekday) -> OfMonth | None:
        """`friday 12`, where it is that day of a month and no hour."""
        token = self.tokens[place]
        day = int(token.text) if token.shape is Shape.NUMBER and len(token.text) < 3 else 0
        is_hour = (
            self._minutes(place + 1)[0] is not None
            or self.has(place + 1, Sort.OCLOCK) is not None
            or self._shape(place + 1) in (Shape.HALF, Shape.SIGN)
        )
        fits = number_fits(day, beside.number, self._today, True) or (
            day > 23 and number_fits(day, beside.number, self._today, False)
        )
        return OfMonth(day, beside.number) if fits and not is_hour and self._ends(place + 1) else None

    def _is_digit_or_spanish(self, place: int) -> bool:
        return self.tokens[place].shape is Shape.NUMBER or self.tokens[place - 1].text in (
            "el",
            "dia",
            "al",
            "del",
        )

    def _is_free(self, place: int, is_strict: bool) -> bool:
        """What stands behind a number does not claim it: no unit, no noun."""
        if place >= len(self.tokens) or self.tokens[place].shape is Shape.BREAK:
            return True
        if self._is_counted(place) or self.has(place, Sort.UNIT):
            return False
        token = self.tokens[place]
        if token.shape is Shape.WORD and not self.found[place]:
            return token.is_capital
        is_noun = self.has(place, Sort.THING) or any(
            found.sort is Sort.TASK and found.value[1] == "named" for found in self.found[place]
        )
        return is_strict or not is_noun
