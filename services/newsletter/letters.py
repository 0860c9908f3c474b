"""The mail that asks an address whether it wants the newsletter.

It repeats nothing that was typed into the form: otherwise anybody could have us mail their words to others.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shared.deadlines import ONE_DAY, local_date
from shared.mail import OutgoingMail
from shared.wording import day_in

if TYPE_CHECKING:
    from collections.abc import Mapping

    from services.newsletter.records import Subscription
    from shared.service import Tools

SUBJECTS = {
    "nl": "Bevestig je aanmelding voor de nieuwsbrief van {clinic}",
    "en": "Confirm your subscription to the newsletter of {clinic}",
}
TEXTS = {
    "nl": """\
Hallo,

Dit e-mailadres is ingevuld om de nieuwsbrief van {clinic} te ontvangen.
Klopt dat? Open dan deze pagina en bevestig je aanmelding:

{confirm}

De link werkt tot en met {until}. Doe je niets, dan ontvang je geen nieuwsbrief
en worden je gegevens daarna gewist.

Wil je dit niet, of heb je je bedacht? Hier meld je je af, nu en later:

{unsubscribe}

Je voornaam of taal aanpassen kan hier:

{preferences}

Vragen? Beantwoord deze e-mail; hij wordt door mensen gelezen.

{clinic}
""",
    "en": """\
Hello,

This e-mail address was entered to receive the newsletter of {clinic}.
Is that right? Then open this page and confirm your subscription:

{confirm}

The link works until and including {until}. If you do nothing, you will receive no
newsletter and your data will then be erased.

Did you not ask for this, or changed your mind? Here you unsubscribe, now and later:

{unsubscribe}

Your first name or language can be changed here:

{preferences}

Questions? Answer this e-mail; people read it.

{clinic}
""",
}


def confirmation(tools: Tools, subscription: Subscription, content: Mapping[str, Any]) -> OutgoingMail:
    """Return the mail with both links; mail programmes can unsubscribe from it by themselves (RFC 8058)."""
    site = f"{tools.settings.public_url}/newsletter"
    unsubscribe = f"{site}/unsubscribe/{content['unsubscribe']}"
    words = {
        "clinic": tools.policy.clinic.name,
        "confirm": f"{site}/confirm/{content['confirm']}?language={subscription.language}",
        "unsubscribe": f"{unsubscribe}?language={subscription.language}",
        "preferences": f"{site}/preferences/{content['unsubscribe']}?language={subscription.language}",
        "until": _day(subscription),
    }
    return OutgoingMail(
        reason="requested",
        about=subscription.id,
        to=content["email"],
        subject=SUBJECTS[subscription.language].format(**words),
        text=TEXTS[subscription.language].format(**words),
        headers={"List-Unsubscribe": f"<{unsubscribe}>", "List-Unsubscribe-Post": "List-Unsubscribe=One-Click"},
    )


def _day(subscription: Subscription) -> str:
    """Return the last whole day on which the link works, in words."""
    return day_in(subscription.language)(local_date(subscription.expires_at) - ONE_DAY)
