"""What a policy is made of, each part as its key in the file."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal, Self

from shared.deadlines import parse_period

if TYPE_CHECKING:
    from dateutil.relativedelta import relativedelta

Start = Literal[
    "receipt",
    "sign-up",
    "sending",
    "writing",
    "last-contact",
    "last-use",
    "end",
    "erasure",
    "closing",
    "financial-year-end",
    "last-medical-change",
]
"""What a term is counted from."""

Lasting = Literal["subscribed", "installed", "record-kept"]
"""As long as what a thing without a period is kept: the subscription, this system, or the record it is about."""

RefusingGround = Literal[
    "identity-not-established",
    "not-authorised",
    "unfounded-or-excessive",
    "legal-duty",
    "legal-claim",
    "substantial-interest-of-another",
    "privacy-of-another",
    "good-care",
    "professional-judgement",
    "no-right-to-object",
    "unlawful-instruction",
]
RetainingGround = Literal[
    "fiscal-retention",
    "medical-retention",
    "substantial-interest-of-another",
    "legal-duty",
    "legal-claim",
    "good-care",
    "implant-traceability",
    "access-log",
    "backup-rotation",
    "erased-later",
]

# The first and last days of months, in leap years and others: where calendar periods differ most.
_DAYS = [datetime(year, month, day) for year in range(2023, 2028) for month in range(1, 13) for day in (1, 28)]  # noqa: DTZ001
_DAYS += [day - timedelta(days=1) for day in _DAYS if day.day == 1]


@dataclass(frozen=True, slots=True)
class Span:
    """A calendar period, as it was written (ISO 8601) and as it is added to a date."""

    text: str
    length: relativedelta = field(compare=False)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read an ISO 8601 period. Raises ValueError."""
        return cls(text, parse_period(text))

    def fits_in(self, other: Span) -> bool:
        """Whether it is never longer, whenever it starts: 28 days fit in a month, 30 do not."""
        return _fits(self, other)


@lru_cache(maxsize=1000)
def _fits(one: Span, other: Span) -> bool:
    return all(day + one.length <= day + other.length for day in _DAYS)


@lru_cache(maxsize=1000)
def sooner(one: Span, other: Span) -> Span:
    """Return the shorter of two periods, as they are now and then."""
    return min(one, other, key=lambda span: _DAYS[0] + span.length)


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    """How long a class of data is kept: a ``period`` from ``start``, or ``lasting`` as long as something else.

    ``nl`` and ``en`` name the class for people; ``law`` is where the period comes from. ``erase_after`` is
    when erasure at the processors begins, so that they too are done before the period is over (P37).
    """

    nl: str
    en: str
    period: Span | None = None
    start: Start | None = None
    lasting: Lasting | None = None
    erase_after: Span | None = None
    law: str = ""

    def public(self) -> dict[str, str]:
        """Return it as the file has it, without what it does not say."""
        said = {
            "nl": self.nl,
            "en": self.en,
            "period": self.period and self.period.text,
            "from": self.start,
            "while": self.lasting,
            "erase_after": self.erase_after and self.erase_after.text,
            "law": self.law,
        }
        return {key: value for key, value in said.items() if value}


@dataclass(frozen=True, slots=True, kw_only=True)
class Clocks:
    """How long an act may take.

    ``answer`` and ``extension`` are those of AVG art. 12(3), ``target`` is the clinic's own; a destruction is
    decided within ``destruction_decision`` whatever happens (X2). ``breach`` runs through weekends (AVG 33).
    ``newsletter_earliest`` and ``newsletter_overdue`` bound the time between two editions (P22).
    """

    answer: Span
    extension: Span
    target: Span
    destruction_decision: Span
    breach: timedelta
    calamity_working_days: int
    calamity_doubt: Span
    newsletter_earliest: Span
    newsletter_overdue: Span

    def public(self) -> dict[str, Any]:
        """Return it as the file has it."""
        return {
            "answer": self.answer.text,
            "extension": self.extension.text,
            "target": self.target.text,
            "destruction_decision": self.destruction_decision.text,
            "breach": f"PT{self.breach // timedelta(hours=1)}H",
            "calamity_working_days": self.calamity_working_days,
            "calamity_doubt": self.calamity_doubt.text,
            "newsletter_earliest": self.newsletter_earliest.text,
            "newsletter_overdue": self.newsletter_overdue.text,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """Within what time a kind of decision is answered: by an own store, and by a processor."""

    own: Span
    processor: Span


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """Why something is refused or kept, and the rule that allows it."""

    nl: str
    en: str
    law: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipient:
    """An outside party that is no processor, and when it may get something."""

    nl: str
    en: str
    law: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """Where the statement and the law disagree: what each says, and what is applied."""

    about: str
    statement: str
    law: str
    applied: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Clinic:
    """Who the clinic is in mails and letters.

    Mails come from ``sender`` and are answered to ``contact``, which people read (P58). ``forms`` gets the
    contact forms, ``privacy`` the work of the privacy coordinator, ``security`` the reports of weaknesses.
    ``statement_url`` is where the clinic publishes its privacy statement itself, if it does. ``dkim_selectors`` are
    the names under which the keys stand that its mail server signs with.
    """

    name: str
    sender: str
    contact: str
    forms: str
    privacy: str
    security: str
    statement_url: str | None = None
    dkim_selectors: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Authority:
    """Where a person can complain (P81)."""

    name: str
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """What the clinic decided where the law leaves it a choice.

    ``forwarded_forms``: mail a contact form's reference and a link, or its full text (NTA 7516 asks more of
    mail with health data than transport encryption). ``financial_year_starts`` is (month, day).
    """

    forwarded_forms: Literal["reference", "full-text"]
    financial_year_starts: tuple[int, int]

    def public(self) -> dict[str, str]:
        """Return it as the file has it."""
        month, day = self.financial_year_starts
        return {"forwarded_forms": self.forwarded_forms, "financial_year_starts": f"{month:02}-{day:02}"}
