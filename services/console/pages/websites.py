"""The clinic's websites: which of their forms were refused or put aside lately, and why, without what was in them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint, request

from services.console.pages.frame import caller, console, show
from services.console.words import SUSPICIONS
from shared.web.attempts import DROPPED, SET_ASIDE
from shared.web.kinds import BY_SLUG
from shared.wording import Both

if TYPE_CHECKING:
    from flask import Response

pages = Blueprint("websites", __name__)
SHOWN = 50
WHY = {slug: kind.title for slug, kind in BY_SLUG.items()} | {
    SET_ASIDE: Both("Aangenomen en apart gezet", "Taken, and put aside"),
    DROPPED: Both("Niet bewaard", "Not kept"),
}
FORMS = {
    "contact-forms": Both("Contactformulier", "Contact form"),
    "subscriptions": Both("Aanmelding voor de nieuwsbrief", "Sign-up for the newsletter"),
}


@pages.get("/websites")
def show_attempts() -> Response:
    """Show the last attempts of one site, or of all of them and of whoever named none."""
    site = request.args.get("site") or None
    found = [
        attempt
        for service in ("intake", "newsletter")
        for attempt in console().backend.form_attempts(caller(), service, site=site, limit=SHOWN).items
    ]
    latest = sorted(found, key=lambda attempt: attempt.tried_at, reverse=True)[:SHOWN]
    return show("websites.html", attempts=latest, site=site, why=WHY, forms=FORMS, reasons=SUSPICIONS)
