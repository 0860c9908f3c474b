"""What a clinic can promise with Laposta, and what not."""

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
            "Wissen gebeurt meteen en wordt nagekeken: binnen een maand na afmelden weg (P37).",
            "Erasing happens at once and is looked at again: gone within a month after leaving (P37).",
        ),
    ),
    Promise(
        kept=False,
        text=Both(
            "Laposta bewaart na wissen geen lijst van wie weg wilde: een import op hun schermen kan iemand "
            "terugbrengen.",
            "After an erasure Laposta has no list of who left: an import on its screens can bring somebody back.",
        ),
    ),
    Promise(
        kept=False,
        text=Both(
            "Wat een ander programma via hun API doet, vertelt Laposta ons niet; alleen vergelijken vindt dat.",
            "What another system does through their API Laposta does not tell us; only comparing finds it.",
        ),
    ),
)
