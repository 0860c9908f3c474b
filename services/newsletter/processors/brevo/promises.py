"""What a clinic can promise with Brevo, and what not."""

from __future__ import annotations

from services.newsletter.processors.interface import Promise
from shared.wording import Both

PROMISES = (
    Promise(
        kept=True,
        text=Both(
            "Wie zich afmeldt, hier of daar, is daar meteen afgemeld, voor alle lijsten van het account.",
            "Whoever unsubscribes, here or there, is unsubscribed there at once, from every list of the account.",
        ),
    ),
    Promise(
        kept=True,
        text=Both(
            "Wissen gebeurt meteen en wordt nagekeken: binnen een maand na afmelden weg (P37).",
            "Erasing happens at once and is looked at again: gone within a month after leaving (P37).",
        ),
    ),
    Promise(
        kept=False,
        text=Both(
            "Met wissen gaat ook de plaats op hun blokkeerlijst: een import daar kan iemand terugbrengen.",
            "With an erasure the place on their blocklist goes too: an import there can bring somebody back.",
        ),
    ),
    Promise(
        kept=False,
        text=Both(
            "Berichten van Brevo zijn niet ondertekend: een geheim in het adres en in een header is het enige bewijs.",
            "What Brevo tells is not signed: a secret in the address and in a header is the only proof.",
        ),
    ),
    Promise(
        kept=False,
        text=Both(
            "Brevo biedt een bericht vijf keer aan, in ongeveer elf uur. Zijn wij langer weg, dan vindt alleen "
            "vergelijken het.",
            "Brevo offers a message five times in about eleven hours. If we are away longer, only comparing finds it.",
        ),
    ),
)
