"""From the ledger's answers to the words of an uitvoeringsbevestiging: who did what, and how that is known."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from shared.deadlines import local_date
from shared.errors import NotFoundError
from shared.events import UNCONFIRMED
from shared.wording import Both, text_in

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from services.requests.ledger.records import ExpectedAnswer
    from shared.policy import Policy
    from shared.policy.parts import Ground
    from shared.propagation.register import Register
    from shared.wording import Language

STORES = {
    "intake": Both("Bij ons, contactformulieren", "With us, contact forms"),
    "dossier": Both("Bij ons, dossier", "With us, dossier"),
    "newsletter": Both("Bij ons, nieuwsbrief", "With us, newsletter"),
    "requests": Both("Bij ons, eerdere verzoeken", "With us, earlier requests"),
}
OWN = {
    "done": Both("gewist", "erased"),
    "nothing-held": Both("niets te wissen", "nothing to erase"),
    "retained": Both("gewist, op wat hieronder staat na", "erased, but for what is named below"),
}
THEIRS = {
    "done": Both("gewist", "erased"),
    "nothing-held": Both("had niets van jou", "had nothing of yours"),
    "retained": Both("houdt een deel, zoals hieronder staat", "keeps a part, as named below"),
    "refused": Both("weigert", "refuses"),
}
GRADES = {
    "processor-signed": Both(
        "deze partij bevestigde het met haar handtekening", "this party confirmed it under its signature"
    ),
    "re-read": Both(
        "wij keken daarna bij deze partij, en er was niets meer", "we looked at this party afterwards and found nothing"
    ),
    "api-confirmed": Both(
        "het systeem van deze partij meldde het; zelf konden wij het niet nakijken",
        "this party's system reported it; we could not check it ourselves",
    ),
    "statement": Both(
        "een met name bekende medewerker van deze partij verklaarde het", "a named person at this party declared it"
    ),
    "recounted": Both("wij telden daarna opnieuw, op een andere manier", "we counted again afterwards, in another way"),
}
SCOPES = {
    "own-forwarded-copies": Both(
        "Dit gaat over de berichten die wij zelf naar onze mailbox bij deze partij stuurden. Antwoorden daarop, "
        "kopieën in andere mailboxen en reservekopieën van deze partij konden wij niet zien.",
        "This is about the messages that we sent to our mailbox with this party ourselves. Replies to them, copies in "
        "other mailboxes and this party's backups we could not see.",
    ),
}
CLOSED = {
    "bankrupt": Both("failliet", "bankrupt"),
    "dissolved": Both("opgeheven", "no longer exists"),
    "unreachable": Both("onbereikbaar", "cannot be reached"),
    "no-answer": Both("antwoordt niet", "does not answer"),
    "system-gone": Both("het systeem bestaat niet meer", "its system no longer exists"),
}
"""Why an answer was closed that nobody gave, after the party's name."""
CATEGORIES = {
    "invoices": Both("Facturen", "Invoices"),
    "payments": Both("Betalingen", "Payments"),
    "quotes": Both("Offertes", "Quotes"),
    "appointments": Both("Afspraken", "Appointments"),
    "clients": Both("Naam- en contactgegevens", "Name and contact details"),
    "contact-forms": Both("Contactformulieren", "Contact forms"),
    "security-reports": Both("Meldingen van een zwakke plek of misbruik", "Reports of a weakness or misuse"),
    "subscriptions": Both("Inschrijving voor de nieuwsbrief", "Newsletter subscription"),
}
DOSSIER_PART = Both("Een deel van je dossier", "A part of your dossier")
"""A letter goes by mail: it names no medical category (NTA 7516)."""


@dataclass(frozen=True, slots=True)
class Line:
    """What one party did; ``covers`` is a sentence where that is not about everything it may have."""

    party: str
    said: str
    known: str
    covers: str
    on: date | None


@dataclass(frozen=True, slots=True)
class Kept:
    """What stays, why, and until when; the same for several records is said once."""

    what: str
    ground: str
    law: str
    until: date | None


def facts(answers: Sequence[ExpectedAnswer], language: Language, register: Register, policy: Policy) -> dict[str, Any]:
    """Return ``lines``, ``kept``, ``unconfirmed`` and ``untouched``: nobody is told more than is known."""

    def party(answer: ExpectedAnswer) -> str:
        return _party(answer, language, register)

    telling = [a for a in answers if a.outcome in ({*OWN} if not a.processor else {*THEIRS})]
    return {
        "lines": [_line(answer, party(answer), language, policy) for answer in telling],
        "kept": kept_parts([part for answer in telling for part in answer.retained], language, policy),
        "unconfirmed": [
            party(a) + _closed(a, language) for a in answers if a.outcome != "not-addressed" and a not in telling
        ],
        "untouched": [party(a) for a in answers if a.outcome == "not-addressed"],
    }


def kept_parts(parts: Iterable[Mapping[str, Any]], language: Language, policy: Policy) -> list[Kept]:
    """Return what stays, in words; ``parts`` are RetainedParts as they stand in events."""
    return sorted(
        {_kept(part, language, policy) for part in parts}, key=lambda kept: (kept.what, kept.ground, str(kept.until))
    )


def _party(answer: ExpectedAnswer, language: Language, register: Register) -> str:
    if not answer.processor:
        return text_in(language, STORES.get(answer.service, answer.service))
    try:
        return register.get(answer.processor).name
    except NotFoundError:
        return answer.processor


def _closed(answer: ExpectedAnswer, language: Language) -> str:
    if answer.outcome != UNCONFIRMED or answer.ground not in CLOSED:
        return ""
    return f" ({text_in(language, CLOSED[answer.ground])})"


def _line(answer: ExpectedAnswer, party: str, language: Language, policy: Policy) -> Line:
    words = THEIRS if answer.processor else OWN
    said = text_in(language, words[answer.outcome or ""])
    if answer.outcome == "refused" and (rule := _rule(policy, answer.ground)):
        said = f"{said}: {_named(rule, language)} ({rule.law})"
    known = text_in(language, GRADES[answer.evidence]) if answer.evidence in GRADES else ""
    covers = text_in(language, SCOPES[answer.covers]) if answer.covers in SCOPES else ""
    return Line(party, said, known, covers, local_date(answer.acted_at) if answer.acted_at else None)


def _kept(part: Mapping[str, Any], language: Language, policy: Policy) -> Kept:
    store = DOSSIER_PART if part["service"] == "dossier" else STORES.get(part["service"], DOSSIER_PART)
    what = text_in(language, CATEGORIES.get(part["category"], store))
    until = local_date(datetime.fromisoformat(part["until"])) if part.get("until") else None
    rule = _rule(policy, part["ground"])
    return Kept(what, _named(rule, language) if rule else part["ground"], rule.law if rule else "-", until)


def _rule(policy: Policy, ground: str | None) -> Ground | None:
    return policy.retaining.get(ground or "") or policy.refusing.get(ground or "")


def _named(rule: Ground, language: Language) -> str:
    return rule.nl if language == "nl" else rule.en
