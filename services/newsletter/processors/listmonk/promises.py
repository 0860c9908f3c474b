"""What a clinic can promise with listmonk, and what not."""

from __future__ import annotations

from services.newsletter.processors.interface import Promise
from shared.wording import Both

PROMISES = (
    Promise(
        kept=True,
        text=Both(
            "Wie zich hier afmeldt, is daar meteen afgemeld, voor alle lijsten van de installatie.",
            "Whoever unsubscribes here is unsubscribed there at once, from every list of the installation.",
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
            "listmonk meldt niets uit zichzelf. Wij vragen het elke vijf minuten; wie zich daar afmeldt, is "
            "hier dus niet meteen afgemeld.",
            "listmonk tells nothing by itself. We ask every five minutes; whoever unsubscribes there is "
            "therefore not unsubscribed here at once.",
        ),
    ),
    Promise(
        kept=False,
        text=Both(
            "Wie daar wordt verwijderd, van de lijst gehaald of uitgezet, vinden wij zo niet; alleen "
            "vergelijken vindt dat.",
            "Whoever is deleted, taken off the list or switched off there is not found that way; only "
            "comparing finds it.",
        ),
    ),
    Promise(
        kept=False,
        text=Both(
            "Met wissen gaat ook de plaats op hun blokkeerlijst: een import daar kan iemand terugbrengen.",
            "With an erasure the place on their blocklist goes too: an import there can bring somebody back.",
        ),
    ),
)
