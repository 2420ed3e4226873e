"""The grammar of days: dates, weekdays, months, feasts, and so much time from now. One for all languages."""

from __future__ import annotations

import calendar
from collections.abc import Sequence
from datetime import date
from typing import Final

from services.gateway.quick_log.dates import number_fits
from services.gateway.quick_log.hours import DASHES, Hours
from services.gateway.quick_log.lexicon import Found, Sort
from services.gateway.quick_log.model import (
    Away,
    Bound,
    Date,
    Day,
    Edge,
    Feast,
    Impossible,
    Month,
    Offset,
    OfMonth,
    Period,
    Quarter,
    Unit,
    Weekday,
    Which,
)
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
    (Sort.OFFSET, *_WHICH, Sort.WEEKDAY, Sort.SHORT_TUESDAY, Sort.UNIT, Sort.PERIOD, Sort.FEAST)
)
AMOUNT: Final = frozenset((Sort.IN, Sort.SINCE, Sort.SOME, Sort.NUMBER, Sort.WHILE))
MONTHLY: Final = frozenset(
    (Sort.MONTHLY, Sort.NEXT, Sort.COMING, Sort.THIS, Sort.LAST, Sort.MONTH, Sort.FIRST)
)
"""What each rule may begin with."""
_NAMES: Final = frozenset(
    ("domingo", "abril", "julio", "mayo", "mar", "april", "may", "june", "august", "jan", "dom", "sabado")
)
"""Days and months that people are called."""


class Days(Hours):
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
        if found is None and not NAMED.isdisjoint(sorts):
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
                    return Period(Unit.MONTH, None, Edge.START), unit.end
            if month is not None and value == int(value):
                year, end = self._year(month.end)
                return _checked(int(value), month.value, year), end
        month = self.has(place, Sort.MONTH)
        if month is not None and not self._is_name(place, start):
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
                return _checked(int(day[0]), month.value, year), end
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
            return _checked(numbers[2], numbers[1], numbers[0])
        day, month, *years = numbers
        year = years[0] + (2000 if years[0] < 100 else 0) if years else None
        if month > 12 >= day and self._is_month_first:
            return _checked(month, day, year)
        return _checked(day, month, year, is_doubtful=day <= 12 and day != month)

    def _weekday_or_period(self, start: int, place: int, bound: Bound) -> Placed | None:
        if offset := self.has(place, Sort.OFFSET):
            if self._is_morning(place):
                return None
            return Offset(offset.value[0]), offset.end
        if (
            (late := self.has(place, Sort.COMING))
            and late.end == place + 1
            and self.tokens[place].text == "otro"
        ):
            return None
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
                return Period(unit.value, _COUNT[which]), end
        if period := self.has(place, Sort.PERIOD):
            return Period(*period.value), period.end
        if unit and which is not None and unit.value is Unit.DAY and which is not Which.THIS:
            return None
        if (
            (feast := self.has(at, Sort.FEAST))
            and (bound is not Bound.ON or place > start)
            and not self._is_capital_name(at)
        ):
            month, day = feast.value
            return Feast(month, day, is_after=bound is Bound.AFTER), feast.end
        return None

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
            if which is None and self._is_name(place, start):
                return None
            return found.value, found.end
        short = self.has(place, Sort.SHORT_TUESDAY)
        if short and (
            which or place > start or (self.clock(short.end, True, False) and not self._is_month_first)
        ):
            if self._is_name(place, start):
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
        if (amount := self.amount(place)) is not None:
            if ago := self.has(amount.end, Sort.AGO):
                return Away(-amount.value, amount.unit, amount.is_vague), ago.end
            if hence := self.has(amount.end, Sort.HENCE):
                return Away(amount.value, amount.unit, amount.is_vague), hence.end
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
                return Period(unit.value, None if which is None else _COUNT[which], edge.value), behind
        return None

    def _month(self, start: int, place: int, bound: Bound) -> Placed | None:
        """A month's name alone is a time only where a word before it says so: May and Abril are people, too."""
        at = monthly.end if (monthly := self.has(place, Sort.MONTHLY)) else place
        which, at = self._which(at)
        month = self.has(at, Sort.MONTH)
        if month and (monthly or which in (Which.NEXT, Which.COMING) or bound is not Bound.ON):
            if self._is_capital_name(at) and self.has(place, Sort.NAMING):
                return None
            if which is None and (behind := self._behind(month.end)) is not None:
                return Month(month.value), behind[1]
            year, end = self._year(month.end)
            return Month(month.value, None, year), end
        if self._text(place) == "q" and (number := self.number(place + 1)) and number[0] in (1, 2, 3, 4):
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
        if isinstance(beside, Weekday) and start == place and token.shape is Shape.NUMBER:
            day = int(token.text) if len(token.text) < 3 else 0
            is_hour = (
                self._minutes(place + 1)[0] is not None
                or self.has(place + 1, Sort.OCLOCK) is not None
                or self._shape(place + 1) in (Shape.HALF, Shape.SIGN)
            )
            fits = number_fits(day, beside.number, self._today, True) or (
                day > 23 and number_fits(day, beside.number, self._today, False)
            )
            if fits and not is_hour and self._ends(place + 1):
                return OfMonth(day, beside.number), place + 1
        words = [each.text for each in self.tokens[start:place]]
        is_led = bool(words) and words[-1] in ("el", "the", "dia", "on", "al", "del")
        if token.shape is Shape.DECIMAL and is_led and token.text.count(".") == 1:
            day, month = map(int, token.text.split("."))
            if month <= 12 and day <= 31 and not self._is_counted(place + 1):
                return _checked(day, month, None), place + 1
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
            return _checked(int(number[0]), int(month_number[0]), None), month_number[1]
        if not self._is_free(end, is_strict="on" in words or "el" in words or "dia" in words):
            return None
        return OfMonth(int(number[0])), end

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
            found.sort is Sort.DEED and found.value[1] == "named" for found in self.found[place]
        )
        return is_strict or not is_noun

    def _is_name(self, place: int, start: int) -> bool:
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

    def _is_capital_name(self, place: int) -> bool:
        token = self.tokens[place]
        return token.text in _NAMES and token.is_capital and self.naming(place) is not None

    def naming(self, place: int) -> Found | None:
        """What says that a name comes next, just before it."""
        for back in (1, 2):
            if place - back >= 0 and (found := self.has(place - back, Sort.NAMING)) and found.end == place:
                return found
        return None


def _checked(day: int, month: int, year: int | None, is_doubtful: bool = False) -> Day:
    if not 1 <= month <= 12 or (year is not None and not 1970 <= year <= 2199):
        return Impossible()
    if not 1 <= day <= calendar.monthrange(2024 if year is None else year, month)[1]:
        return Impossible()
    return Date(day, month, year, is_doubtful)
