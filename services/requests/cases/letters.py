"""The letters of a request, in Dutch and English: plain text, in which nothing stands that is not known."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from shared.wording import Both, day_in, text_in

if TYPE_CHECKING:
    from dateutil.relativedelta import relativedelta

    from shared.policy import Policy
    from shared.wording import Language

TEXTS = Path(__file__).parent.parent / "templates" / "letters"
UNITS = (
    ("years", Both("jaar", "year"), Both("jaar", "years")),
    ("months", Both("maand", "month"), Both("maanden", "months")),
    ("days", Both("dag", "day"), Both("dagen", "days")),
)
DOUBTS = {
    "contradicting-data": Both("de gegevens elkaar tegenspreken", "the data contradict each other"),
    "unreadable-copy": Both("wat je toonde niet te lezen was", "what you showed could not be read"),
    "no-answer": Both("wij je niet konden bereiken", "we could not reach you"),
    "address-not-known": Both(
        "wij niet zeker weten dat dit adres van jou is", "we are not certain that this address is yours"
    ),
    "document-expired": Both("het getoonde document niet meer geldig is", "the document shown is no longer valid"),
    "other": Both("wij daarover twijfelen", "we have doubts about that"),
}
EXTENSIONS = {
    "complexity": Both("het verzoek ingewikkeld is", "the request is complex"),
    "number": Both("wij van jou meer verzoeken kregen", "we received several requests from you"),
}


@dataclass(frozen=True, slots=True)
class Written:
    """A letter as it is sent."""

    subject: str
    text: str


def write(kind: str, language: Language, policy: Policy, **facts: Any) -> Written:
    """Write a letter of a kind from what it has to say; a fact that its text needs and nobody gave is an error."""
    text = (
        _texts()
        .get_template(f"{kind}.{language}.txt")
        .render(**facts, clinic=policy.clinic, authority=policy.authority, day=day_in(language))
    )
    subject, _, body = text.partition("\n")
    return Written(subject, body.strip() + "\n")


def doubt_in(language: Language, reason: str) -> str:
    """Return why somebody's identity is in doubt, to follow "because"."""
    return text_in(language, DOUBTS[reason])


def extension_in(language: Language, reason: str) -> str:
    """Return why an answer takes longer, to follow "because"."""
    return text_in(language, EXTENSIONS[reason])


def period_in(language: Language, period: relativedelta) -> str:
    """Return a calendar period in words, such as 35 days."""
    counts = [(getattr(period, unit), one, more) for unit, one, more in UNITS]
    return " ".join(f"{count} {text_in(language, one if count == 1 else more)}" for count, one, more in counts if count)


@cache
def _texts() -> Environment:
    return Environment(  # noqa: S701 - plain text, nothing to escape
        loader=FileSystemLoader(TEXTS),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
