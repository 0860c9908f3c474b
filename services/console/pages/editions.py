"""Editions of the newsletter: which were planned or sent, what is wrong with them, and planning the next (P22, P23)."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlencode

from flask import Blueprint, redirect, request, url_for

from services.console import forms, rules
from services.console.pages.frame import account, caller, console, show, show_again
from shared.errors import ConflictError, InvalidInputError, UnavailableError

if TYPE_CHECKING:
    from typing import Any

    from flask import Response
    from werkzeug.wrappers import Response as BaseResponse

    from services.console.schemas import DraftList, EditionList

pages = Blueprint("editions", __name__)
ON_A_PAGE = 25


@pages.get("/editions")
def show_list() -> Response:
    """List them, the latest first, with the form to plan one."""
    return show("editions.html", **_shown(request.args.get("cursor")))


@pages.post("/editions")
def plan() -> Response | BaseResponse:
    """Plan one, and go back to the list; when that is refused, show it again with what was typed and why."""
    try:
        console().backend.plan_edition(caller(), forms.edition_of(request.form))
    except (InvalidInputError, ConflictError, UnavailableError) as error:
        return show_again("editions.html", error, **_shown(None))
    return redirect(url_for("console.editions.show_list"), 303)


def _shown(cursor: str | None) -> dict[str, Any]:
    found = console().backend.editions(caller(), cursor=cursor, limit=ON_A_PAGE)
    following = urlencode({"cursor": found.next}) if found.next else None
    return {"found": found, "drafts": _drafts(found), "following": following, "first": cursor is None}


def _drafts(found: EditionList) -> DraftList | None:
    """Return what can be planned; None where there is no programme, or this reader plans nothing."""
    if found.programme is None or not rules.may(account().roles, "plan-editions"):
        return None
    return console().backend.drafts(caller())
