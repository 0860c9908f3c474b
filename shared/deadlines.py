"""Calendar rules: when a term ends, which days count, and what a month is.

Two ways of counting that must not be confused. A *promise* ("within one month") ends on the calendar day
itself, holiday or not: `add_period`. A *legal time limit* for an answer is counted as Regulation (EEC,
Euratom) 1182/71 does and moves to the next working day: `due_on`. Days are days in the Netherlands.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, overload
from zoneinfo import ZoneInfo

from dateutil.easter import easter
from dateutil.relativedelta import relativedelta

if TYPE_CHECKING:
    from collections.abc import Iterator

ZONE = ZoneInfo("Europe/Amsterdam")
ONE_DAY = timedelta(days=1)
SATURDAY, SUNDAY = 5, 6
PERIOD = re.compile(
    r"P(?=.)(?:(?P<years>\d+)Y)?(?:(?P<months>\d+)M)?(?:(?P<weeks>\d+)W)?(?:(?P<days>\d+)D)?"
    r"(?:T(?=.)(?:(?P<hours>\d+)H)?(?:(?P<minutes>\d+)M)?)?",
    re.ASCII,
)


def parse_period(text: str) -> relativedelta:
    """Read an ISO 8601 period such as ``P1M``, ``P7Y``, ``P14D`` or ``PT1H``.

    Raises ValueError for anything else, for nothing at all (``P0D``), and for 24 hours or more: a day is
    not 24 hours when the clocks change, so write days.
    """
    match = PERIOD.fullmatch(text)
    if match is None:
        raise ValueError("not an ISO 8601 period such as P1M, P7D or PT1H")
    parts = {name: int(number) for name, number in match.groupdict(default="0").items()}
    if not any(parts.values()):
        raise ValueError("a period of nothing")
    if parts["hours"] * 60 + parts["minutes"] >= 24 * 60:
        raise ValueError("24 hours or more: write days")
    return relativedelta(**parts)  # type: ignore[arg-type]


@overload
def add_period(start: datetime, period: relativedelta) -> datetime: ...
@overload
def add_period(start: date, period: relativedelta) -> date: ...
def add_period(start: date | datetime, period: relativedelta) -> date | datetime:
    """Return when ``period`` from ``start`` is over: 31 January and a month is 28 February, or 29.

    An aware datetime keeps its time of day in Amsterdam when the clocks change, and the answer is in UTC;
    hours and minutes pass as they do on a stopwatch. Never moved for a weekend or a holiday (P37).
    """
    if not isinstance(start, datetime):
        if period.hours or period.minutes:
            raise ValueError("a day and a number of hours")
        return start + period
    if start.tzinfo is None:
        raise ValueError("a time without a zone")
    days = relativedelta(years=period.years, months=period.months, days=period.days)
    moved = (start.astimezone(ZONE) + days).astimezone(UTC)
    return moved + timedelta(hours=period.hours, minutes=period.minutes)


def due_on(received_on: date, period: relativedelta) -> date:
    """Return the last day to answer what came in on ``received_on`` (AVG art. 12(3); Regulation 1182/71 art. 3).

    The day of receipt is not counted; a month ends on the same date, or on the last day of a month that
    lacks it; a weekend or public holiday moves the end to the next working day. For an extended term add
    the periods first: both run from the receipt.
    """
    return working_day_from(received_on + period)


def working_day_from(day: date) -> date:
    """Return ``day``, or the first working day after it."""
    while not is_working_day(day):
        day += ONE_DAY
    return day


def working_days_later(day: date, count: int) -> date:
    """Return the ``count``-th working day after ``day``: three after a Friday is Wednesday."""
    for _ in range(count):
        day = working_day_from(day + ONE_DAY)
    return day


def is_working_day(day: date) -> bool:
    """Whether it is neither a Saturday, nor a Sunday, nor a public holiday in the Netherlands."""
    return day.weekday() not in (SATURDAY, SUNDAY) and day not in public_holidays(day.year)


@lru_cache(maxsize=64)
def public_holidays(year: int) -> frozenset[date]:
    """Return the days of article 3 of the Algemene termijnenwet that can fall on a weekday, as of 2014.

    Liberation Day counts every year, not only when employers give it; Good Friday is equated with them.
    Days that the Crown equates by decree are left out: a due date then comes earlier, never later.
    """
    return frozenset(_holidays(year))


def _holidays(year: int) -> Iterator[date]:
    sunday = easter(year)
    yield date(year, 1, 1)
    yield sunday - 2 * ONE_DAY  # Good Friday
    yield sunday + ONE_DAY  # Easter Monday
    yield sunday + 39 * ONE_DAY  # Ascension
    yield sunday + 50 * ONE_DAY  # Whit Monday
    kings_day = date(year, 4, 27)
    yield kings_day - ONE_DAY if kings_day.weekday() == SUNDAY else kings_day
    yield date(year, 5, 5)
    yield date(year, 12, 25)
    yield date(year, 12, 26)


def local_date(moment: datetime) -> date:
    """Return the day in Amsterdam on which an aware datetime falls."""
    if moment.tzinfo is None:
        raise ValueError("a time without a zone")
    return moment.astimezone(ZONE).date()


def start_of(day: date) -> datetime:
    """Return the first moment of a day in Amsterdam, in UTC."""
    return datetime.combine(day, time(), ZONE).astimezone(UTC)


def end_of(day: date) -> datetime:
    """Return the first moment after a day in Amsterdam, in UTC: before it, the day is not over."""
    return start_of(day + ONE_DAY)


def financial_year_end(day: date, starts: tuple[int, int] = (1, 1)) -> date:
    """Return the first day after the financial year that ``day`` belongs to; ``starts`` is (month, day).

    The fiscal term runs from there (AWR art. 52): of an invoice of 1 March 2026 seven years end with
    31 December 2033 (P38).
    """
    first = date(day.year, *starts)
    return first if day < first else date(day.year + 1, *starts)
