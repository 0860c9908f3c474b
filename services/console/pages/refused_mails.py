"""Mails that nobody got, of all services: what they were about, and sending them again or letting them go."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast
from uuid import UUID

from flask import Blueprint, redirect, url_for

from services.console.pages.frame import caller, console, show
from shared.errors import UnavailableError
from shared.settings import SERVICES

if TYPE_CHECKING:
    from flask import Response
    from werkzeug.wrappers import Response as BaseResponse

    from shared.events import ServiceName

pages = Blueprint("refused_mails", __name__)
MOST = 50  # of each service: whoever has more has another problem than a wrong address
PLACES = {"intake": "/console/forms/", "requests": "/console/requests/"}
INCIDENT = "incident:"


@pages.get("/refused-mails")
def show_list() -> Response:
    """List them by service; a service that cannot be reached is named, and holds up none of the others."""
    refused, down = [], []
    for name in SERVICES:
        try:
            found = console().backend.refused_mails(caller(), cast("ServiceName", name), limit=MOST)
        except UnavailableError:
            down.append(name)
        else:
            refused += [(name, mail, _place_of(name, mail.about)) for mail in found.items]
    return show("refused-mails.html", refused=sorted(refused, key=lambda each: each[1].created_at)[::-1], down=down)


@pages.post(f"/refused-mails/<any({', '.join(SERVICES)}):service>/<uuid:mail_id>/<any('retry', 'letting-go'):what>")
def act(service: ServiceName, mail_id: UUID, what: str) -> BaseResponse:
    """Have one sent again, or let it go, and go back to the list."""
    console().backend.see_to_mail(caller(), service, str(mail_id), what)
    return redirect(url_for("console.refused_mails.show_list"), 303)


def _place_of(service: str, about: str) -> str | None:
    """Return the page of what a mail was about, where there is one."""
    if about.startswith(INCIDENT):
        return f"/console/incidents/{about.removeprefix(INCIDENT)}"
    try:
        UUID(about)
    except ValueError:
        return None
    return f"{PLACES[service]}{about}" if service in PLACES else None
