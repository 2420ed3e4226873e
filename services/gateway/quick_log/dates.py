"""The calendar: which day a named day is, seen from today, ahead or behind."""

from __future__ import annotations

import calendar
from datetime import date, timedelta

from dateutil.easter import easter

from services.gateway.quick_log.model import (
    Away,
    Date,
    Day,
    Edge,
    Feast,
    Impossible,
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

FARTHEST = 3_660
"""Days: nobody promises a call later than in ten years."""


def checked(day: int, month: int, year: int | None, is_doubtful: bool = False) -> Day:
    """A date as it was said, or that there is none such."""
    if not 1 <= month <= 12 or (year is not None and not 1970 <= year <= 2199):
        return Impossible()
    if not 1 <= day <= calendar.monthrange(2024 if year is None else year, month)[1]:
        return Impossible()
    return Date(day, month, year, is_doubtful)


def number_fits(number: int, weekday: int, today: date, is_ahead: bool) -> bool:
    """Whether the nearest day with this number, ahead or behind, is that day of the week."""
    day = of_month(number, today, is_ahead)
    return day is not None and day.weekday() == weekday


def lean(day: Day | None, today: date) -> bool | None:
    """Whether a day lies ahead by what it says itself; None if that depends on the rest of the line."""
    match day:
        case Offset(days) if days:
            return days > 0
        case Weekday(_, which, weeks):
            if weeks:
                return weeks > 0
            return {Which.LAST: False, Which.NEXT: True, Which.COMING: True}.get(which)
        case Away(amount):
            return amount > 0
        case RelativePeriod(_, count) if count:
            return count > 0
        case Date(number, month, year) if year is not None and date(year, month, number) != today:
            return date(year, month, number) > today
    return None


def ahead(day: Day, today: date) -> date | None:
    """The day that is meant, today or later; None if there is none."""
    match day:
        case Offset(days):
            return today + timedelta(days=days) if days >= 0 else None
        case Weekday(number, which, None):
            days = (number - today.weekday()) % 7
            return (
                None if which is Which.LAST else today + timedelta(days=days or 7 * (which is not Which.THIS))
            )
        case Weekday(number, _, weeks):
            found = today + timedelta(days=7 * (weeks or 0) + number - today.weekday())
            return found if found >= today else None
        case OfMonth(number, weekday):
            found_number = of_month(number, today, True)
            is_right = weekday is None or (found_number is not None and found_number.weekday() == weekday)
            return found_number if is_right else None
        case Date(number, month, None):
            that_day = (_day(year, month, number) for year in range(today.year, today.year + 9))
            return next((each for each in that_day if each is not None and each >= today), None)
        case Date(number, month, int(year)):
            return found_date if (found_date := _day(year, month, number)) and found_date >= today else None
        case Month(number, edge, year):
            years = (today.year, today.year + 1) if year is None else (year,)
            return next((each for each in (_in_month(y, number, edge) for y in years) if each >= today), None)
        case NthWeekday():
            named = (_nth_weekday(day, year) for year in (today.year, today.year + 1))
            return next((each for each in named if each is not None and each >= today), None)
        case RelativePeriod():
            return _period(day, today)
        case Quarter(number):
            starts = (date(year, number * 3 - 2, 1) for year in (today.year, today.year + 1))
            return next(each for each in starts if each > today)
        case Away(amount, unit):
            return _away(amount, unit, today) if amount >= 0 else None
        case Feast(is_after=is_after):
            later = timedelta(days=is_after)
            feasts = (_feast(day, year) for year in (today.year - 1, today.year, today.year + 1))
            return next(each + later for each in feasts if each >= today)
    return None


def behind(day: Day, today: date) -> date | None:
    """The day that is meant, today or earlier; None if there is none."""
    match day:
        case Offset(days):
            return today + timedelta(days=days) if days <= 0 else None
        case Weekday(number, which, None):
            return today - timedelta(days=(today.weekday() - number) % 7 or 7 * (which is not Which.THIS))
        case Weekday(number, _, weeks):
            found = today + timedelta(days=7 * (weeks or 0) + number - today.weekday())
            return found if found <= today else None
        case OfMonth(number, weekday):
            found_number = of_month(number, today, False)
            is_right = weekday is None or (found_number is not None and found_number.weekday() == weekday)
            return found_number if is_right else None
        case Date(number, month, None):
            that_day = (_day(year, month, number) for year in range(today.year, today.year - 9, -1))
            return next((each for each in that_day if each is not None and each <= today), None)
        case Date(number, month, int(year)):
            return found_date if (found_date := _day(year, month, number)) and found_date <= today else None
        case Month(number, edge, year):
            years = (today.year, today.year - 1) if year is None else (year,)
            return next((each for each in (_in_month(y, number, edge) for y in years) if each <= today), None)
        case NthWeekday():
            named = (_nth_weekday(day, year) for year in (today.year, today.year - 1))
            return next((each for each in named if each is not None and each <= today), None)
        case RelativePeriod(unit, count) if count is not None and count < 0:
            return _away(count, Unit.WEEK if unit is Unit.WEEKEND else unit, today)
        case Away(amount, unit):
            return _away(amount, unit, today) if amount <= 0 else None
        case Feast():
            feasts = (_feast(day, year) for year in (today.year, today.year - 1))
            return next(each for each in feasts if each <= today)
    return None


def of_month(number: int, today: date, is_ahead: bool) -> date | None:
    """The next day with this number after today, or the last one up to today."""
    if not 1 <= number <= 31:
        return None
    for months in range(4):
        first = _months(today.replace(day=1), months if is_ahead else -months)
        found = _day(first.year, first.month, number)
        if found is not None and (found > today if is_ahead else found <= today):
            return found
    return None


def _day(year: int, month: int, day: int) -> date | None:
    is_there = day <= calendar.monthrange(year, month)[1]
    return date(year, month, day) if is_there else None


def _in_month(year: int, month: int, edge: Edge | None) -> date:
    if edge is Edge.END:
        return date(year, month, calendar.monthrange(year, month)[1])
    return date(year, month, 15 if edge is Edge.MIDDLE else 1)


def _months(day: date, months: int) -> date:
    """So many months on; the last day of a month that is too short."""
    month = day.year * 12 + day.month - 1 + months
    year, month = divmod(month, 12)
    return date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))


def _away(amount: float, unit: Unit, today: date) -> date | None:
    whole, rest = int(amount), amount - int(amount)
    if abs(amount) * {Unit.YEAR: 366, Unit.MONTH: 31, Unit.QUARTER: 92, Unit.WEEK: 7}.get(unit, 2) > FARTHEST:
        return None
    match unit:
        case Unit.WORKDAY:
            return _workdays(today, whole)
        case Unit.WEEK | Unit.WEEKEND:
            return today + timedelta(days=round(amount * 7))
        case Unit.MONTH:
            return _months(today, whole) + timedelta(days=round(rest * 30))
        case Unit.QUARTER:
            return _months(today, 3 * whole)
        case Unit.YEAR:
            return _months(today, round(amount * 12))
        case _:
            return today + timedelta(days=round(amount))


def _workdays(today: date, count: int) -> date:
    """Mondays to Fridays."""
    step = timedelta(days=1 if count > 0 else -1)
    while count:
        today += step
        count -= (1 if step.days > 0 else -1) * (today.weekday() < 5)
    return today


def _period(period: RelativePeriod, today: date) -> date | None:
    """The first day of it, its middle, or its last; of the present one its last."""
    unit, count, edge = period.unit, period.count, period.edge
    if count is None:
        near = (_of_period(unit, each, edge, today) for each in (0, 1))
        return next(each for each in near if each > today or (edge is Edge.END and each == today))
    if count < 0:
        return None
    found = _of_period(unit, count, edge or (Edge.END if count == 0 else Edge.START), today)
    return max(found, today) if count == 0 else found


def _of_period(unit: Unit, count: int, edge: Edge | None, today: date) -> date:
    if unit is Unit.DAY:
        return today + timedelta(days=count)
    if unit is Unit.WEEKEND:
        return today + timedelta(days=7 * count + 5 - today.weekday())
    if unit is Unit.WEEK:
        monday = today + timedelta(days=7 * count - today.weekday())
        return monday + timedelta(days={Edge.MIDDLE: 2, Edge.END: 4}.get(edge or Edge.START, 0))
    length = {Unit.MONTH: 1, Unit.QUARTER: 3}.get(unit, 12)
    first = _months(today.replace(day=1), -((today.month - 1) % length) + length * count)
    if edge is Edge.END:
        return _months(first, length) - timedelta(days=1)
    if edge is Edge.MIDDLE:
        return _months(first, length // 2).replace(day=15 if length % 2 else 1)
    return first


def _nth_weekday(day: NthWeekday, year: int) -> date | None:
    first = date(year, day.month, 1)
    length = calendar.monthrange(year, day.month)[1]
    first += timedelta(days=(day.weekday - first.weekday()) % 7)
    nth = (length - first.day) // 7 if day.nth < 0 else day.nth - 1
    return first + timedelta(days=7 * nth) if first.day + 7 * nth <= length else None


def _feast(feast: Feast, year: int) -> date:
    if feast.month == 0:
        sunday: date = easter(year)
        return sunday + timedelta(days=feast.day)
    if feast.day < 0:  # the n-th Thursday
        first = date(year, feast.month, 1)
        return first + timedelta(days=(3 - first.weekday()) % 7 + 7 * (-feast.day - 1))
    return date(year, feast.month, feast.day)
