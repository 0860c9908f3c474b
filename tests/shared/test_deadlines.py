"""Calendar rules, against the examples of the law, a second source of holidays and any date there is."""

from __future__ import annotations

import calendar
from datetime import UTC, date, datetime, timedelta

import holidays
import pytest
from dateutil.relativedelta import relativedelta
from hypothesis import assume, given
from hypothesis import strategies as st

from shared.deadlines import (
    ZONE,
    add_period,
    due_on,
    end_of,
    financial_year_end,
    is_working_day,
    local_date,
    parse_period,
    public_holidays,
    start_of,
    working_day_from,
    working_days_later,
)

MONTH = parse_period("P1M")
DAYS = st.dates(date(2014, 1, 1), date(2090, 12, 31))
MOMENTS = st.datetimes(datetime(2014, 1, 1), datetime(2090, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001


def test_a_period_is_read_as_calendar_years_months_weeks_and_days() -> None:
    """ISO 8601 letters mean what they say, and a month is never thirty days."""
    assert parse_period("P7Y") == relativedelta(years=7)
    assert parse_period("P1Y2M3W4D") == relativedelta(years=1, months=2, days=25)
    assert parse_period("PT90M") == relativedelta(hours=1, minutes=30)


@pytest.mark.parametrize(
    "text", ["", "P", "PT", "P1DT", "P0D", "1M", "P-1M", "P1.5D", "P1M ", "p1m", "PT24H", "PT72H", "P١M", "P1H", "30"]
)
def test_what_is_not_a_period_is_refused(text: str) -> None:
    """Nothing is guessed: an empty, negative or unclear period raises, and so do days written as hours."""
    with pytest.raises(ValueError, match=r"period|hours"):
        parse_period(text)


def test_p37_a_month_from_31_january_ends_on_28_february() -> None:
    """The promise of a month is kept within 28 days when February has no more."""
    assert add_period(date(2026, 1, 31), MONTH) == date(2026, 2, 28)
    assert add_period(date(2028, 1, 31), MONTH) == date(2028, 2, 29)


def test_p37_a_promise_is_not_extended_by_a_weekend_or_a_holiday() -> None:
    """25 December 2027 is a Saturday and Christmas: the promised month ends there all the same."""
    assert add_period(date(2027, 11, 25), MONTH) == date(2027, 12, 25)


def test_a_term_keeps_its_time_of_day_when_the_clocks_change() -> None:
    """A month from 15 March, 09:30 in Amsterdam, is 15 April, 09:30 in Amsterdam."""
    start = datetime(2026, 3, 15, 9, 30, tzinfo=ZONE)
    assert add_period(start, MONTH) == datetime(2026, 4, 15, 9, 30, tzinfo=ZONE)
    assert add_period(start, MONTH).tzinfo is UTC


def test_days_are_days_in_the_netherlands() -> None:
    """A summer's day begins at 22:00 UTC the evening before, and a moment before that is the day before."""
    first = datetime(2026, 6, 30, 22, 0, tzinfo=UTC)
    assert start_of(date(2026, 7, 1)) == first
    assert [local_date(first), local_date(first - timedelta(seconds=1))] == [date(2026, 7, 1), date(2026, 6, 30)]
    assert add_period(datetime(2026, 3, 15, 8, 30, tzinfo=UTC), MONTH) == datetime(2026, 4, 15, 7, 30, tzinfo=UTC)


def test_hours_pass_as_on_a_stopwatch_when_the_clocks_change() -> None:
    """Two hours from 01:30 in the night of 29 March 2026 are two hours, not one."""
    start = datetime(2026, 3, 29, 1, 30, tzinfo=ZONE)
    assert add_period(start, parse_period("PT2H")) - start.astimezone(UTC) == timedelta(hours=2)


def test_a_time_without_a_zone_and_hours_from_a_day_are_refused() -> None:
    """Nobody knows what either means."""
    with pytest.raises(ValueError, match="zone"):
        add_period(datetime(2026, 1, 1), MONTH)  # noqa: DTZ001
    with pytest.raises(ValueError, match="hours"):
        add_period(date(2026, 1, 1), parse_period("PT1H"))


@given(MOMENTS, st.integers(1, 600))
def test_adding_months_to_a_moment_adds_them_to_its_day_in_amsterdam(moment: datetime, months: int) -> None:
    """A moment's term ends on the day on which its date's term ends."""
    period = relativedelta(months=months)
    assert local_date(add_period(moment, period)) == add_period(local_date(moment), period)


@given(DAYS, st.integers(1, 240))
def test_a_promise_ends_on_the_same_date_or_the_last_day_of_a_shorter_month(day: date, months: int) -> None:
    """Counted by hand: the month is that many further, the day is the same or the month's last."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    last = calendar.monthrange(year, month + 1)[1]
    assert add_period(day, relativedelta(months=months)) == date(year, month + 1, min(day.day, last))


@pytest.mark.parametrize(
    ("received", "due"),
    [
        (date(2026, 3, 5), date(2026, 4, 7)),  # 5 April is Easter Sunday, 6 April Easter Monday
        (date(2026, 1, 31), date(2026, 3, 2)),  # 28 February is a Saturday
        (date(2026, 8, 31), date(2026, 9, 30)),  # September has no 31st
        (date(2026, 4, 5), date(2026, 5, 6)),  # 5 May counts every year
        (date(2026, 11, 25), date(2026, 12, 28)),  # Christmas on Friday and Saturday, then Sunday
        (date(2027, 3, 27), date(2027, 4, 28)),  # King's Day on a Tuesday
        (date(2026, 3, 3), date(2026, 4, 7)),  # Good Friday, 3 April 2026, is equated with a holiday
    ],
)
def test_an_answer_is_due_as_regulation_1182_71_counts(received: date, due: date) -> None:
    """The day of receipt does not count, and no term for an answer ends on a day that is no working day."""
    assert due_on(received, MONTH) == due


@given(DAYS)
def test_an_answer_is_never_due_before_the_month_is_over_and_never_a_week_after(day: date) -> None:
    """The end only moves forward, to a working day, over nothing but days that are none."""
    due, end = due_on(day, MONTH), add_period(day, MONTH)
    assert end <= due < end + timedelta(days=6)
    assert is_working_day(due)
    assert not any(is_working_day(end + timedelta(days=n)) for n in range((due - end).days))


@given(st.integers(2014, 2090))
def test_the_holidays_are_those_of_an_independent_source_plus_those_of_the_law(year: int) -> None:
    """The `holidays` package has the same days, but for 5 May in most years and two Sundays."""
    theirs = {day for day in holidays.NL(years=year) if day.weekday() != calendar.SUNDAY}
    ours = {day for day in public_holidays(year) if day.weekday() != calendar.SUNDAY}
    assert ours - {date(year, 5, 5)} == theirs - {date(year, 5, 5)}
    assert date(year, 5, 5) in public_holidays(year)


def test_kings_day_on_a_sunday_is_kept_the_day_before() -> None:
    """27 April 2025 was a Sunday: Saturday the 26th was King's Day."""
    assert date(2025, 4, 26) in public_holidays(2025)
    assert date(2025, 4, 27) not in public_holidays(2025)


def test_p44_three_working_days_after_a_friday_is_wednesday() -> None:
    """A calamity established on Friday is reported by Wednesday; a holiday in between gives one day more."""
    assert working_days_later(date(2026, 9, 4), 3) == date(2026, 9, 9)
    assert working_days_later(date(2026, 4, 24), 3) == date(2026, 4, 30)


@given(DAYS, st.integers(1, 30))
def test_working_days_are_counted_one_by_one(day: date, count: int) -> None:
    """Between a day and its n-th working day lie n working days, the last included."""
    later = working_days_later(day, count)
    between = (day + timedelta(days=n) for n in range(1, (later - day).days + 1))
    assert is_working_day(later)
    assert sum(map(is_working_day, between)) == count


@given(DAYS)
def test_a_working_day_is_its_own_next_working_day(day: date) -> None:
    """A term that ends on a working day is not moved."""
    assume(is_working_day(day))
    assert working_day_from(day) == day


def test_p38_the_fiscal_term_runs_from_the_end_of_the_financial_year() -> None:
    """An invoice of 1 March 2026 is kept through 31 December 2033, and not a day longer."""
    assert add_period(financial_year_end(date(2026, 3, 1)), parse_period("P7Y")) == date(2034, 1, 1)
    assert financial_year_end(date(2026, 12, 31)) == date(2027, 1, 1)
    assert financial_year_end(date(2027, 1, 1)) == date(2028, 1, 1)


def test_a_broken_financial_year_ends_when_the_clinic_says() -> None:
    """With a year that starts on 1 July, June belongs to the year that ends, July to the next."""
    assert financial_year_end(date(2026, 6, 30), (7, 1)) == date(2026, 7, 1)
    assert financial_year_end(date(2026, 7, 1), (7, 1)) == date(2027, 7, 1)


@given(DAYS)
def test_a_day_starts_and_ends_in_amsterdam(day: date) -> None:
    """The first moment of a day is in it, the first after it is not, and days join without a gap."""
    assert local_date(start_of(day)) == day
    assert local_date(end_of(day) - timedelta(microseconds=1)) == day
    assert end_of(day) == start_of(day + timedelta(days=1))
