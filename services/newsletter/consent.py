"""What a person says yes to, word for word: the proof of consent holds the digest of exactly this text (P21)."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from shared.wording import Language

TEXTS: Mapping[Language, str] = {
    "nl": (
        "Ja, stuur mij de nieuwsbrief: eens per 6 à 8 weken een e-mail over aanbiedingen, nieuwe producten en "
        "diensten of relevante wijzigingen. Daarvoor worden mijn voornaam en e-mailadres bewaard, ook bij het "
        "e-mailprogramma, zolang ik ingeschreven ben. Afmelden kan altijd, met de link onderaan elke nieuwsbrief."
    ),
    "en": (
        "Yes, send me the newsletter: an e-mail every 6 to 8 weeks about offers, new products and services or "
        "relevant changes. For that my first name and e-mail address are kept, also at the e-mail programme, as "
        "long as I am subscribed. I can unsubscribe at any time, with the link at the end of every newsletter."
    ),
}

EARLIER: tuple[str, ...] = ()
"""Texts that people said yes to before: a changed text moves here, as long as a proof refers to it."""


def digest_of(text: str) -> str:
    """Return the SHA-256 of a text, in hex."""
    return hashlib.sha256(text.encode()).hexdigest()


def text_of(digest: str | None) -> str | None:
    """Return the text that a proof refers to."""
    return next((text for text in (*TEXTS.values(), *EARLIER) if digest_of(text) == digest), None)
