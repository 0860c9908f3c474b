"""Times, days and grounds as people read them, on the clinic's clock and in their language."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

from services.console.words import GROUNDS
from shared.deadlines import ZONE
from shared.wording import text_in

if TYPE_CHECKING:
    from shared.policy import Policy
    from shared.policy.parts import Ground
    from shared.wording import Language

MONTHS = {
    "nl": ["jan", "feb", "mrt", "apr", "mei", "jun", "jul", "aug", "sep", "okt", "nov", "dec"],
    "en": ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"],
}


def moment(at: datetime, language: Language) -> str:
    """Write a time for people, on the clinic's clock: ``22 nov 2026, 14:05``."""
    local = at.astimezone(ZONE)
    return f"{day(local.date(), language)}, {local:%H:%M}"


def day(on: date, language: Language) -> str:
    """Write a day for people: ``22 nov 2026``."""
    return f"{on.day} {MONTHS[language][on.month - 1]} {on.year}"


def day_of(at: datetime, language: Language) -> str:
    """Write the day on which a time falls, on the clinic's clock: midnight here is still yesterday in UTC."""
    return day(at.astimezone(ZONE).date(), language)


def machine_time(at: datetime) -> str:
    """Write a time for the ``datetime`` of a ``<time>``."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def ground_in(language: Language, ground: Ground) -> str:
    """Return a ground of the policy with its rule: ``Fiscale bewaarplicht (art. 52(4) AWR)``."""
    return f"{ground.nl if language == 'nl' else ground.en} ({ground.law})"


def ground_named(policy: Policy, code: str, language: Language) -> str:
    """Return what a ground's code stands for, or a term that is over; text that is no code is shown as it is."""
    if ground := policy.retaining.get(code) or policy.refusing.get(code):
        return ground_in(language, ground)
    if term := policy.terms.get(code):
        return term.nl if language == "nl" else term.en
    return text_in(language, GROUNDS.get(code.partition(":")[0], code))
