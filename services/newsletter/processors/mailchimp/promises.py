"""What a clinic can promise with Mailchimp, and what not."""

from __future__ import annotations

from services.newsletter.processors.interface import Promise
from shared.wording import Both

PROMISES = (
    Promise(
        kept=True,
        text=Both(
            "Wie zich afmeldt, hier of daar, is daar meteen afgemeld.",
            "Whoever unsubscribes, here or there, is unsubscribed there at once.",
        ),
    ),
    Promise(
        kept=True,
        text=Both(
            "Wissen gebeurt meteen, voorgoed, en wordt nagekeken: binnen een maand na afmelden weg (P37).",
            "Erasing happens at once, for good, and is looked at again: gone within a month after leaving (P37).",
        ),
    ),
    Promise(
        kept=False,
        text=Both(
            "Wie gewist is, kan daar alleen terugkomen met een formulier van Mailchimp zelf.",
            "Whoever was erased can come back there only by a form of Mailchimp's own.",
        ),
    ),
    Promise(
        kept=False,
        text=Both(
            "Wie zich daar zelf afmeldde en bij ons terugkomt, krijgt van Mailchimp nog een eigen vraag om te "
            "bevestigen.",
            "Whoever left there themselves and comes back with us gets Mailchimp's own question to confirm as well.",
        ),
    ),
    Promise(
        kept=False,
        text=Both(
            "Wie op hun schermen wordt verwijderd, staat in hun archief: daar bewaart Mailchimp iemand tot wij wissen.",
            "Whoever is deleted on their screens is in their archive: there Mailchimp keeps somebody until we erase.",
        ),
    ),
)
