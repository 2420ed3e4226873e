"""The smaller half of the grammar of times: numbers, amounts of time, times and parts of the day."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from services.gateway.quick_log.lexicon import Found, Sort
from services.gateway.quick_log.model import Clock, DayPart, Unit
from services.gateway.quick_log.tokens import Shape, Token

_WEAK: Final = frozenset(
    (DayPart.MORNING, DayPart.AFTERNOON, DayPart.EVENING, DayPart.NIGHT, DayPart.LUNCH, DayPart.DAWN)
)
"""Their names alone are no time: `llegó tarde`, `good morning`."""
DASHES: Final = ("-", "\u2013")
_CURRENCIES: Final = frozenset("$€£")


@dataclass(frozen=True, slots=True)
class Amount:
    """So many of a unit, and the token behind it."""

    value: float
    unit: Unit
    end: int
    is_vague: bool = False


class HourReader:
    """Reads from a row of tokens, of which `found` has what may begin at each."""

    def __init__(self, tokens: Sequence[Token], found: Sequence[Sequence[Found]]) -> None:
        self.tokens = tokens
        self.found = found
        self._longest: list[dict[Sort, Found]] = [
            {each.sort: each for each in reversed(here)} for here in found
        ]
        self._longest += [{}] * 16  # a look behind the last token finds nothing
        self._amounts: dict[int, Amount | None] = {}

    def has(self, place: int, sort: Sort) -> Found | None:
        """The longest of that sort that begins there."""
        return self._longest[place].get(sort)

    def _text(self, place: int) -> str:
        return self.tokens[place].text if place < len(self.tokens) else ""

    def _shape(self, place: int) -> Shape | None:
        return self.tokens[place].shape if place < len(self.tokens) else None

    # Numbers

    def number(self, place: int) -> tuple[float, int] | None:
        """A whole number in digits or words, if no sign of money stands before it."""
        if place >= len(self.tokens):
            return None
        token = self.tokens[place]
        if token.shape is Shape.NUMBER and len(token.text) <= 4:
            is_paid = place > 0 and self.tokens[place - 1].text in _CURRENCIES
            return None if is_paid else (int(token.text), place + 1)
        found = self.has(place, Sort.NUMBER)
        return (found.value, found.end) if found else None

    def ordinal(self, place: int) -> tuple[int, int] | None:
        if place >= len(self.tokens):
            return None
        if self.tokens[place].shape is Shape.ORDINAL:
            digits = re.match(r"\d+", self.tokens[place].text)
            return (int(digits[0]), place + 1) if digits else None
        found = self.has(place, Sort.FIRST)
        return (found.value, found.end) if found else None

    def _is_counted(self, place: int) -> bool:
        """Something is counted or paid here: `15 euros`, `10 %`."""
        if place >= len(self.tokens):
            return False
        return self._text(place) in ("%", "€", "$", "£") or self.has(place, Sort.COUNTED) is not None

    # Amounts

    def amount(self, place: int) -> Amount | None:
        """`2 horas y media`, `1h30`, `a couple of days`, `half an hour`."""
        if place not in self._amounts:
            self._amounts[place] = self._amount(place)
        return self._amounts[place]

    def _amount(self, place: int) -> Amount | None:
        if place >= len(self.tokens):
            return None
        if whole := self.has(place, Sort.WHILE):
            if whole.value % 86_400 == 0:
                return Amount(whole.value // 86_400, Unit.DAY, whole.end)
            return Amount(whole.value // 60, Unit.MINUTE, whole.end)
        token = self.tokens[place]
        if token.shape is Shape.HOURS:
            hours, more = map(int, token.text.split("h"))
            unit = self.has(place + 1, Sort.UNIT)
            end = unit.end if unit and unit.value is Unit.MINUTE else place + 1
            return Amount(hours * 60 + more, Unit.MINUTE, end)
        value, end, is_vague = self._count(place)
        if value is None:
            unit = self.has(place, Sort.UNIT)
            half = self._half(und.end) if unit and (und := self.has(unit.end, Sort.AND)) else None
            return Amount(1.5, unit.value, half) if unit and half else None  # `mes y medio`
        if (und := self.has(end, Sort.AND)) and (half := self._half(und.end)):
            value, end = value + 0.5, half  # `two and a half hours`
        unit = self.has(end, Sort.UNIT)
        if unit is None:
            if self._text(end) == "'" and value == int(value):
                return Amount(value, Unit.MINUTE, end + 1)
            return None
        if unit.value in (Unit.WEEKEND, Unit.QUARTER):
            return None
        end = unit.end
        if (und := self.has(end, Sort.AND)) and (half := self._half(und.end)):
            return Amount(value + 0.5, unit.value, half, is_vague)
        if unit.value is Unit.HOUR and (longer := self._and_minutes(value, end)):
            return longer
        return Amount(value, unit.value, end, is_vague)

    def _and_minutes(self, hours: float, end: int) -> Amount | None:
        """`1 hour and 20 minutes`, `1 h 20`."""
        und = self.has(end, Sort.AND)
        at = und.end if und else end
        minutes = self.number(at)
        if not minutes or not 0 < minutes[0] < 60:
            return None
        behind = self.has(minutes[1], Sort.UNIT)
        if behind and behind.value is Unit.MINUTE:
            return Amount(hours * 60 + minutes[0], Unit.MINUTE, behind.end)
        if not und and (
            behind is None and self.tokens[at].shape is Shape.NUMBER and len(self._text(end - 1)) <= 3
        ):
            return Amount(hours * 60 + minutes[0], Unit.MINUTE, minutes[1])
        return None

    def _count(self, place: int) -> tuple[float | None, int, bool]:
        token = self.tokens[place]
        if token.shape is Shape.DECIMAL and re.fullmatch(r"\d{1,3}[.,]\d{1,2}", token.text):
            return float(token.text.replace(",", ".")), place + 1, False
        if some := self.has(place, Sort.SOME):
            return some.value, some.end, some.value > 2
        if number := self.number(place):
            return number[0], number[1], False
        return None, place, False

    def _half(self, place: int) -> int | None:
        """`media`, `medio`, `a half`."""
        if (found := self.has(place, Sort.HALF_PAST)) and found.value == 30:
            return found.end
        if self._text(place) == "a" and self._text(place + 1) == "half":
            return place + 2
        return None

    # Times of day

    def clock(self, place: int, is_beside_day: bool, is_bounded: bool) -> tuple[Clock, int] | None:
        """A time of day, with the end of the span it may begin (`de 9 a 11`), and the token behind it."""
        is_led = is_bounded
        is_span = False
        if between := self.has(place, Sort.BETWEEN):
            place, is_led, is_span = between.end, True, True
        elif (span := self.has(place, Sort.FROM)) and self._is_span(span.end):
            place, is_led, is_span = span.end, True, True
        for _ in range(2):
            if at := self.has(place, Sort.AT):
                place, is_led = at.end, True
            elif is_beside_day and (near := self.has(place, Sort.NEAR)):
                place = near.end
            elif is_led and self._text(place) in ("las", "la", "the"):
                place += 1
        read = self._hour(place, is_led, is_beside_day, is_span)
        if read is None:
            return None
        clock, end = read
        return self._span(clock, end, is_span, is_led or is_beside_day)

    def _is_span(self, place: int) -> bool:
        """`de 9 a 11`: a number, `a`, a number."""
        at = place + (self._text(place) in ("las", "la"))
        first = self._hour(at, True, True, True)
        return first is not None and self._span(first[0], first[1], True, True)[1] > first[1]

    def _span(self, clock: Clock, end: int, is_span: bool, is_led: bool) -> tuple[Clock, int]:
        at = end
        if self._text(at) in DASHES:
            at += 1
        elif (
            (to := self.has(at, Sort.TO) or (self.has(at, Sort.AND) if is_span else None))
            and is_led
            and (is_span or self._text(at) in ("a", "to", "till", "til", "until", "hasta"))
        ):
            at = to.end
        else:
            return clock, end
        led = self.has(at, Sort.AT)
        at = led.end if led else at + (self._text(at) in ("las", "la"))
        last = self._hour(at, True, True)
        if last is None:
            return clock, end
        until = last[0]
        if until.half and not clock.half and not clock.is_exact:
            is_same = clock.hour % 12 <= until.hour % 12 or until.half == "am"
            clock = replace(clock, half=until.half if is_same else "am")
        return clock, last[1]

    def _hour(
        self, place: int, is_led: bool, is_beside_day: bool, is_span: bool = False
    ) -> tuple[Clock, int] | None:
        if place >= len(self.tokens):
            return None
        token = self.tokens[place]
        if token.shape is Shape.CLOCK:
            hour, minute = map(int, token.text.split(":")[:2])
            return self._marked(hour, minute, place + 1, is_exact=token.text[0] == "0" or len(token.text) > 5)
        if token.shape is Shape.HOURS:
            hour, minute = map(int, token.text.split("h"))
            is_time = is_led or is_beside_day or hour >= 8
            return self._marked(hour, minute, place + 1, is_exact=True) if is_time else None
        if token.shape is Shape.DECIMAL:
            match = re.fullmatch(r"(\d{1,2})\.(\d{2})", token.text)
            if not match or not (is_led or is_beside_day) or self._is_counted(place + 1):
                return None
            if place > 0 and self._text(place - 1) in _CURRENCIES:
                return None
            return self._marked(int(match[1]), int(match[2]), place + 1, is_exact=token.text[0] == "0")
        if (
            (half := self.has(place, Sort.HALF_TO))
            and (number := self.number(half.end))
            and 1 <= number[0] <= 12
        ):
            if (
                not (is_led or is_beside_day)
                and self._text(place) == "half"
                and self._text(place + 1) != "past"
            ):
                return None
            hour, minute = int(number[0]) - (half.value < 0), half.value % 60
            return self._marked(hour or 12, minute, number[1], is_exact=hour == 7 and half.value < 0)
        if (
            (number := self.number(place)) is None
            or number[0] > 24
            or (len(token.text) > 2 and token.shape is Shape.NUMBER)
        ):
            return None
        return self._bare_hour(place, int(number[0]), number[1], is_led, is_beside_day, is_span)

    def _bare_hour(
        self, place: int, hour: int, end: int, is_led: bool, is_beside_day: bool, is_span: bool
    ) -> tuple[Clock, int] | None:
        minute, is_set, is_early = 0, False, False
        if is_led or is_beside_day:
            minutes, behind = self._minutes(end, is_span)
            if minutes is not None:
                is_early = minutes < 0 and hour == 8  # a quarter to eight is no time of the evening
                hour, minute, end, is_set = (
                    (hour - 1 or 12) if minutes < 0 else hour,
                    minutes % 60,
                    behind,
                    True,
                )
        read = self._marked(hour, minute, end, is_exact=self._text(place)[:1] == "0" or hour == 0 or is_early)
        if read is None:
            return None
        clock, behind = read
        if clock.half or is_set:
            return read
        if behind > end:  # `h`, `o'clock`
            word = self._text(end)
            is_unit = word in ("horas", "hours", "hrs", "hr", "h", "hs")
            if is_led or is_beside_day or not is_unit or (hour >= 8 and word not in ("horas", "hours")):
                return read
            return None
        if self._is_counted(end) or self.has(end, Sort.UNIT):
            return None
        if is_led:
            return None if self._is_plural(end) else read
        if is_beside_day:
            is_loose = self.tokens[place].shape is Shape.NUMBER or end >= len(self.tokens)
            return read if is_loose and self._ends(end) else None
        part = self.part(end, True)
        return read if part is not None and part[0] in _WEAK | {DayPart.NOON} and 1 <= hour <= 12 else None

    def _minutes(self, place: int, is_span: bool = False) -> tuple[int | None, int]:
        """`y media`, `menos cuarto`, `y veinte`, `treinta`, `30`: minutes, less than none before the hour."""
        if und := self.has(place, Sort.AND):
            if half := self.has(und.end, Sort.HALF_PAST):
                return half.value, half.end
            number = self.number(und.end)
            if number and 0 < number[0] < 60 and self._ends(number[1]) and not is_span:
                return int(number[0]), number[1]
            return None, place
        if less := self.has(place, Sort.MINUS):
            if half := self.has(less.end, Sort.HALF_PAST):
                return -half.value, half.end
            number = self.number(less.end)
            return (-int(number[0]), number[1]) if number and 0 < number[0] < 60 else (None, place)
        if half := self.has(place, Sort.HALF_PAST):
            return (half.value, half.end) if self._text(place) == "media" else (None, place)
        number = self.number(place)
        if number and 5 <= number[0] < 60 and len(self._text(place)) >= 2 and self._ends(number[1]):
            return int(number[0]), number[1]
        return None, place

    def _ends(self, place: int) -> bool:
        """Nothing behind a number takes it for its own."""
        if place >= len(self.tokens):
            return True
        token = self.tokens[place]
        if self._is_counted(place) or self.has(place, Sort.UNIT) or token.text in DASHES:
            return token.text in DASHES
        return token.shape is not Shape.WORD or bool(self.found[place]) or token.is_capital

    def _is_plural(self, place: int) -> bool:
        """A noun in the plural: `a las 3 tiendas`."""
        if place >= len(self.tokens):
            return False
        token = self.tokens[place]
        return token.shape is Shape.WORD and not self.found[place] and token.text.endswith("s")

    def _marked(self, hour: int, minute: int, end: int, is_exact: bool) -> tuple[Clock, int] | None:
        """With the marks that may follow: `h`, `am`, `en punto`."""
        if hour > 24 or minute > 59 or hour * 60 + minute > 24 * 60:
            return None
        half = None
        if (mark := self.has(end, Sort.OCLOCK)) is not None:
            is_exact = is_exact or self._text(end) in ("h", "hs", "hr", "hrs", "horas", "hours")
            end = mark.end
        if end < len(self.tokens) and self.tokens[end].shape is Shape.HALF:
            if not 1 <= hour <= 12:
                return (Clock(hour, minute, None, True), end + 1) if hour > 12 else None
            half, end = self.tokens[end].text[0] + "m", end + 1
        return Clock(hour, minute, half, is_exact or hour > 12 or hour == 0), end

    def part(self, place: int, is_beside: bool) -> tuple[DayPart, bool, int] | None:
        """A part of the day, whether it is today's (`esta tarde`), and the token behind it."""
        is_today = is_led = False
        for _ in range(3):
            if self._is_morning(place) and is_led:
                return DayPart.MORNING, is_today, place + 1
            if (found := self.has(place, Sort.PART)) and self._is_time(place, found, is_led or is_beside):
                return found.value, is_today, found.end
            if this := self.has(place, Sort.THIS):
                is_today, place = not is_beside, this.end
                is_led = True
            elif prefix := self.has(place, Sort.ON):
                place, is_led = prefix.end, True
            else:
                return None
        return None

    def _is_time(self, place: int, found: Found, is_led: bool) -> bool:
        is_half = self.tokens[place].shape is Shape.HALF or self._text(place) == "am"
        return is_led or (found.value not in _WEAK and not is_half)

    def _is_morning(self, place: int) -> bool:
        """`la mañana`, `esta mañana`: not tomorrow."""
        offset = self.has(place, Sort.OFFSET)
        return (
            offset is not None
            and offset.value == (1, None)
            and self._text(place).startswith("m")
            and place > 0
            and self._text(place - 1) in ("la", "esta", "las", "media")
        )
