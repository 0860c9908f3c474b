"""What is decided about clients and invoices by looking at dates, numbers and texts only."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from dateutil.relativedelta import relativedelta

SLACK = timedelta(days=3)
"""A period counted back can end up to three days before the same period counted forward: 28 and 31 February."""

MONTHS = (
    ("januari", "january", "jan"),
    ("februari", "february", "feb"),
    ("maart", "march", "mrt", "mar"),
    ("april", "apr"),
    ("mei", "may"),
    ("juni", "june", "jun"),
    ("juli", "july", "jul"),
    ("augustus", "august", "aug"),
    ("september", "sept", "sep"),
    ("oktober", "october", "okt", "oct"),
    ("november", "nov"),
    ("december", "dec"),
)
_NUMBERS = {name: number for number, names in enumerate(MONTHS, start=1) for name in names}
_WRITTEN_DATE = re.compile(rf"\b(\d{{1,2}})[ -]({'|'.join(_NUMBERS)})\.?[ -]((?:19|20)\d\d)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Line:
    """What is invoiced: ``unit_cents`` is the price of one in euro cents, VAT included, as a consumer is told it."""

    quantity: int
    unit_cents: int
    vat_percent: int

    @property
    def cents(self) -> int:
        """The price of the line, VAT included."""
        return self.quantity * self.unit_cents


@dataclass(frozen=True, slots=True)
class VatTotal:
    """What is charged at one rate; the rate and never its reason, which could tell that it was care (P26)."""

    vat_percent: int
    net_cents: int
    vat_cents: int


def vat_totals(lines: Iterable[Line]) -> list[VatTotal]:
    """Return the totals by rate, the highest first; VAT is rounded once a rate, half a cent away from zero."""
    gross: defaultdict[int, int] = defaultdict(int)
    for line in lines:
        gross[line.vat_percent] += line.cents
    totals = []
    for percent, cents in sorted(gross.items(), reverse=True):
        vat = _rounded(cents * percent, 100 + percent)
        totals.append(VatTotal(percent, cents - vat, vat))
    return totals


def financial_year(day: date, starts: tuple[int, int]) -> int:
    """Return the calendar year in which the financial year of a day began."""
    return day.year if day >= date(day.year, *starts) else day.year - 1


def invoice_number(year: int, position: int) -> str:
    """Return the number of the n-th invoice of a financial year."""
    return f"{year}-{position:04}"


def over_before(today: date, term: relativedelta, starts: tuple[int, int]) -> date:
    """Return the day before which whatever is dated is past a term that runs from the end of its financial year.

    On 1 January 2034 and with seven years that is 1 January 2027: all of 2026 is over (P38).
    """
    start = date(today.year, *starts)
    while start + term > today:
        start = date(start.year - 1, *starts)
    return start


def full_name(name: str | None, parts: Sequence[str | None]) -> str | None:
    """Return the name as it was given or, where only its parts were, those in order."""
    return name or " ".join(part for part in parts if part) or None


def with_numeric_dates(text: str) -> str:
    """Write dates with the month in words, Dutch or English, in digits: 14 februari 1980 as 14-02-1980."""
    return _WRITTEN_DATE.sub(lambda found: f"{found[1]}-{_NUMBERS[found[2].lower()]:02}-{found[3]}", text)


def _rounded(numerator: int, denominator: int) -> int:
    sign = -1 if numerator < 0 else 1
    return sign * ((2 * abs(numerator) + denominator) // (2 * denominator))
