"""Decisions: the list, one of them with everybody who must answer, and its proof."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlencode
from uuid import UUID  # noqa: TC003 - Flask's converter hands one in

from flask import Blueprint, make_response, request

from services.console.pages.frame import caller, console, show
from services.console.words import DECISION_STATES
from shared.errors import NotFoundError
from shared.events import DECISION_KINDS
from shared.wording import Both

if TYPE_CHECKING:
    from flask import Response

pages = Blueprint("decisions", __name__)
ON_A_PAGE = 25
NOT_YET = Both(
    "Dit besluit is er niet, of het is net genomen en nog niet vastgelegd. Kijk over een paar tellen opnieuw.",
    "There is no such decision, or it was only just taken and is not registered yet. Look again in a few seconds.",
)


@pages.get("/decisions")
def show_list() -> Response:
    """List decisions, the latest first, by state and kind."""
    wanted = {name: request.args.get(name, "") for name in ("state", "kind")}
    chosen = {name: value for name, value in wanted.items() if value}
    found = console().backend.decisions(caller(), chosen, cursor=request.args.get("cursor"), limit=ON_A_PAGE)
    return show(
        "decisions.html",
        decisions=found.items,
        wanted=wanted,
        start=urlencode(chosen),
        following=urlencode({**chosen, "cursor": found.next}) if found.next else None,
        states=list(DECISION_STATES),
        kinds=list(DECISION_KINDS),
        first="cursor" not in request.args,
    )


@pages.get("/decisions/<uuid:decision_id>")
def show_one(decision_id: UUID) -> Response:
    """Show every service and processor: state, evidence, time, and what is overdue."""
    try:
        decision = console().backend.decision(caller(), str(decision_id))
    except NotFoundError:
        raise NotFoundError(NOT_YET) from None
    return show("decision.html", decision=decision)


@pages.get("/decisions/<uuid:decision_id>/proof")
def download_proof(decision_id: UUID) -> Response:
    """Give the proof as a file, byte for byte as the requests service made it."""
    response = make_response(console().backend.proof(caller(), str(decision_id)))
    response.content_type = "application/json"
    response.headers.set("Content-Disposition", "attachment", filename=f"proof-{decision_id}.json")
    return response
