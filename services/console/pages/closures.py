"""Closing an answer that nobody gives: one person proposes it here, and another confirms it."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID  # noqa: TC003 - Flask's converter hands one in

from flask import Blueprint, redirect, request, url_for

from services.console.pages.frame import caller, console, show

if TYPE_CHECKING:
    from flask import Response
    from werkzeug.wrappers import Response as BaseResponse

pages = Blueprint("closures", __name__)


@pages.get("/decisions/<uuid:decision_id>/closures")
def show_list(decision_id: UUID) -> Response:
    """Show what was proposed, and let somebody else than who proposed it confirm it."""
    found = console().backend.closures(caller(), str(decision_id))
    return show("closures.html", closures=found.items, decision_id=decision_id)


@pages.post("/decisions/<uuid:decision_id>/closures")
def propose(decision_id: UUID) -> BaseResponse:
    """Propose to close an answer; nothing happens until another confirms."""
    body = {name: request.form.get(name, "") for name in ("service", "processor", "reason")}
    console().backend.propose_closure(caller(), str(decision_id), body)
    return redirect(url_for("console.closures.show_list", decision_id=decision_id), 303)


@pages.post("/decisions/<uuid:decision_id>/closures/<uuid:closure_id>/confirmation")
def confirm(decision_id: UUID, closure_id: UUID) -> BaseResponse:
    """Confirm what somebody else proposed."""
    console().backend.confirm_closure(caller(), str(decision_id), str(closure_id))
    return redirect(url_for("console.closures.show_list", decision_id=decision_id), 303)
