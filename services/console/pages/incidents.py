"""Incidents: what was reported or found out of a weakness, misuse or breach, by when, and what was done (P91, P98)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode
from uuid import UUID, uuid4

from flask import Blueprint, redirect, request, url_for

from services.console import forms, rules
from services.console.pages.frame import account, caller, console, show, show_again
from shared.errors import ConflictError, GoneError, InvalidInputError, NotFoundError

if TYPE_CHECKING:
    from flask import Response
    from werkzeug.wrappers import Response as BaseResponse

    from services.console.schemas import Incident, SecurityReport

pages = Blueprint("incidents", __name__)
ON_A_PAGE = 25


@pages.get("/incidents")
def show_list() -> Response:
    """List the open ones, or with ``closed`` the others, the latest first."""
    cursor, closed = request.args.get("cursor"), "closed" in request.args
    found = console().backend.incidents(caller(), closed=closed, cursor=cursor, limit=ON_A_PAGE)
    kept = {"closed": "1"} if closed else {}
    following = urlencode(kept | {"cursor": found.next}) if found.next else None
    return show("incidents.html", incidents=found.items, closed=closed, following=following, first=cursor is None)


@pages.get("/incidents/new")
def show_form() -> Response:
    """Show the form for what nobody reported."""
    return show("incident-new.html", key=str(uuid4()))


@pages.post("/incidents")
def enter() -> Response | BaseResponse:
    """Enter it, and go on to it; who has no other part in incidents is told its reference."""
    backend = console().backend
    try:
        entered = backend.enter_incident(caller(), forms.incident_of(request.form), request.form.get("key", ""))
    except (InvalidInputError, ConflictError) as error:
        return show_again("incident-new.html", error, key=str(uuid4()))
    if rules.may(account().roles, "read-incidents"):
        return redirect(url_for("console.incidents.show_one", incident_id=entered.id), 303)
    return show("incident-entered.html", incident=entered)


@pages.get("/incidents/<uuid:incident_id>")
def show_one(incident_id: UUID) -> Response:
    """Show an incident, and to who deals with it what was reported."""
    incident = console().backend.incident(caller(), str(incident_id))
    return show("incident.html", **_shown(incident))


@pages.post("/incidents/<uuid:incident_id>/closure")
def close(incident_id: UUID) -> Response | BaseResponse:
    """Close it, and go back to it; when that is refused, show it again with what was typed and why."""
    backend = console().backend
    body = {name: request.form.get(name, "") for name in ("found", "measures")}
    try:
        backend.close_incident(caller(), str(incident_id), body)
    except (InvalidInputError, ConflictError) as error:
        return show_again("incident.html", error, **_shown(backend.incident(caller(), str(incident_id))))
    return redirect(url_for("console.incidents.show_one", incident_id=incident_id), 303)


def _shown(incident: Incident) -> dict[str, Any]:
    return {"incident": incident, "report": _report(incident)}


def _report(incident: Incident) -> SecurityReport | None:
    """Return what was reported, None when it was erased or is not for this reader."""
    if incident.entered_by or not rules.may(account().roles, "deal-with-incidents"):
        return None
    try:
        return console().backend.security_report(caller(), incident.id)
    except (GoneError, NotFoundError):
        return None
