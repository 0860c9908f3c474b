"""The mails to staff about editions: what is wrong with one, and that the next is due."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.deadlines import ZONE, local_date
from shared.mail import OutgoingMail
from shared.wording import Both, day_in, text_in

if TYPE_CHECKING:
    from collections.abc import Mapping

    from services.newsletter.editions.records import Edition
    from shared.service import Tools
    from shared.wording import Language

SAID: Mapping[str, Both] = {
    "too-early": Both(
        "Hij komt binnen zes weken na de vorige; de privacyverklaring belooft er een per zes à acht weken (P22).",
        "It comes within six weeks after the one before; the statement promises one every six to eight weeks (P22).",
    ),
    "part-of-list": Both(
        "Hij gaat naar een deel van de lijst: een editie mag niet op behandelingen gericht zijn (P23).",
        "It goes to a part of the list: an edition may not be aimed by treatments (P23).",
    ),
    "more-than-list": Both(
        "Hij gaat ook naar mensen die niet op onze lijst staan.", "It also goes to people who are not on our list."
    ),
    "unknown": Both(
        "Het programma laat niet zien naar wie hij gaat: kijk daar na of het de hele lijst is.",
        "The programme does not show whom it goes to: look there whether it is the whole list.",
    ),
    "seed-unseen": Both(
        "Hij kwam binnen 24 uur niet in de proefmailbox aan.", "It did not reach the seed mailbox within 24 hours."
    ),
    "seed-lacking": Both(
        "Aan het exemplaar in de proefmailbox ontbreekt wat afmelden eenvoudig maakt (P24):",
        "The copy in the seed mailbox lacks what makes leaving simple (P24):",
    ),
}
LACKS: Mapping[str, Both] = {
    "list-unsubscribe": Both("een https-adres in de kop List-Unsubscribe", "an https address in List-Unsubscribe"),
    "list-unsubscribe-post": Both("de kop List-Unsubscribe-Post (RFC 8058)", "List-Unsubscribe-Post (RFC 8058)"),
    "dkim": Both("een DKIM-handtekening die beide koppen dekt", "a DKIM signature that covers both of these headers"),
    "foot-link": Both("een afmeldlink onderaan", "a link to unsubscribe at the foot"),
    "origin": Both(
        "iets waaruit blijkt dat het van het programma komt, en niet van een ander",
        "anything that shows that it is the programme's, and nobody else's",
    ),
}


def warning(tools: Tools, edition: Edition) -> OutgoingMail:
    """Return the mail about one edition, in both languages."""
    return OutgoingMail(
        reason="legal",
        about=_about(edition),
        to=tools.policy.clinic.contact,
        subject="Nieuwsbrief: kijk deze editie na / Newsletter: look at this edition",
        text="\n\n".join(_warned(edition, language) for language in ("nl", "en")) + "\n",
    )


def reminder(tools: Tools, last: Edition) -> OutgoingMail:
    """Return the mail that says that the next edition is due (P22)."""
    nl, en = (day_in(language)(local_date(last.at)) for language in ("nl", "en"))
    return OutgoingMail(
        reason="legal",
        about=_about(last),
        to=tools.policy.clinic.contact,
        subject="Nieuwsbrief: het is tijd voor een editie / Newsletter: an edition is due",
        text=f"De laatste editie is van {nl}; de privacyverklaring belooft er een per zes à acht weken.\n\n"
        f"The last edition is of {en}; the privacy statement promises one every six to eight weeks.\n",
    )


def _about(edition: Edition) -> str:
    return f"edition:{edition.processor}:{edition.campaign}"[:100]


def _warned(edition: Edition, language: Language) -> str:
    when = f"{day_in(language)(local_date(edition.at))}, {edition.at.astimezone(ZONE):%H:%M}"
    lines = [f"{edition.subject or edition.campaign} ({when})", ""]
    for code in edition.warnings:
        lines.append(f"- {text_in(language, SAID.get(code, code))}")
        if code == "seed-lacking":
            lines += [f"  - {text_in(language, LACKS.get(each, each))}" for each in edition.lacks]
    return "\n".join(lines)
