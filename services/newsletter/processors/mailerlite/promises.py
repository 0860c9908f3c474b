"""What a clinic can promise with MailerLite, and what not."""

from __future__ import annotations

from services.newsletter.processors.interface import Promise
from shared.wording import Both

PROMISES = (
    Promise(
        kept=True,
        text=Both(
            "Wie zich afmeldt, hier of daar, is daar meteen afgemeld, voor alle groepen van het account.",
            "Whoever unsubscribes, here or there, is unsubscribed there at once, from every group of the account.",
        ),
    ),
    Promise(
        kept=False,
        text=Both(
            "Wissen duurt daar tot dertig dagen. Binnen een maand na afmelden weg (P37) is dus niet te "
            "beloven; de uitvoeringsbevestiging zegt tot welke dag MailerLite iemand nog heeft.",
            "Erasing takes up to thirty days there. Gone within a month after leaving (P37) can therefore not "
            "be promised; the receipt says until which day MailerLite still has somebody.",
        ),
    ),
    Promise(
        kept=False,
        text=Both(
            "Wie zich afmeldde en terug wil, kan daar alleen terugkomen met een formulier van MailerLite zelf.",
            "Whoever unsubscribed and wants to return can come back there only by a form of MailerLite's own.",
        ),
    ),
    Promise(
        kept=False,
        text=Both(
            "MailerLite herhaalt een bericht drie keer in ongeveer twintig minuten. Zijn wij langer weg, dan "
            "vindt alleen vergelijken het.",
            "MailerLite repeats a message three times in about twenty minutes. If we are away longer, only "
            "comparing finds it.",
        ),
    ),
)
