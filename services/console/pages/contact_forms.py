"""Contact forms: the list, and one of them as it was sent; the mail about a form leads here (P52, P59)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode
from uuid import UUID  # noqa: TC003 - Flask's converter hands one in

from flask import Blueprint, redirect, request, url_for

from services.console.pages.frame import caller, console, show, show_again
from shared.errors import ConflictError, ForbiddenError, InvalidInputError, NotFoundError, UnavailableError
from shared.wording import Both

if TYPE_CHECKING:
    from flask import Response
    from werkzeug.wrappers import Response as BaseResponse

    from services.console.schemas import ContactForm

pages = Blueprint("contact_forms", __name__)
ON_A_PAGE = 25
GONE = Both(
    "Dit contactformulier is er niet, of niet meer: formulieren worden na hun bewaartermijn gewist.",
    "There is no such contact form, or no longer: forms are erased when their term is over.",
)


@pages.get("/forms")
def show_list() -> Response:
    """List contact forms, the latest first, without what is in them."""
    return _list(quarantined=False)


@pages.get("/forms/quarantine")
def show_quarantine() -> Response:
    """List those that may be unwanted and wait for somebody to look."""
    return _list(quarantined=True)


def _list(*, quarantined: bool) -> Response:
    cursor = request.args.get("cursor")
    found = console().backend.contact_forms(caller(), quarantined=quarantined, cursor=cursor, limit=ON_A_PAGE)
    following = urlencode({"cursor": found.next}) if found.next else None
    return show(
        "contact-forms.html",
        forms=found.items,
        following=following,
        first=cursor is None,
        quarantined=quarantined,
    )


@pages.get("/forms/<uuid:form_id>")
def show_one(form_id: UUID) -> Response:
    """Show what was sent, word for word, and what was answered."""
    return show("contact-form.html", form=_form(form_id))


@pages.get("/forms/<uuid:form_id>/answer")
def show_answering(form_id: UUID) -> Response:
    """Show the page on which an answer is written."""
    return show("contact-form-answer.html", **_answering(form_id))


@pages.post("/forms/<uuid:form_id>/answer")
def answer(form_id: UUID) -> Response | BaseResponse:
    """Have it mailed, and go back to the form; when it is refused, show it again with what was typed and why."""
    body = {name: value for name in ("message", "client") if (value := request.form.get(name, ""))}
    try:
        console().backend.answer_form(caller(), str(form_id), body)
    except (InvalidInputError, ConflictError) as error:
        return show_again("contact-form-answer.html", error, **_answering(form_id))
    return redirect(url_for("console.contact_forms.show_one", form_id=form_id), 303)


@pages.post("/forms/<uuid:form_id>/release")
def release(form_id: UUID) -> BaseResponse:
    """Let it out of quarantine, and go back to it."""
    console().backend.release(caller(), str(form_id))
    return redirect(url_for("console.contact_forms.show_one", form_id=form_id), 303)


@pages.post("/forms/<uuid:form_id>/handled")
def mark_handled(form_id: UUID) -> BaseResponse:
    """Note that somebody dealt with it, and go back to it."""
    console().backend.mark_handled(caller(), str(form_id))
    return redirect(url_for("console.contact_forms.show_one", form_id=form_id), 303)


def _form(form_id: UUID) -> ContactForm:
    try:
        return console().backend.contact_form(caller(), str(form_id))
    except NotFoundError:
        raise NotFoundError(GONE) from None


def _answering(form_id: UUID) -> dict[str, Any]:
    """Return the form, and who in the dossier may have sent it: somebody says who, an address alone never does."""
    form = _form(form_id)
    try:
        clients = console().backend.clients_with(caller(), form.email)
    except (ForbiddenError, UnavailableError):
        clients = []
    return {"form": form, "clients": [(each.id, each.name or each.email or each.id) for each in clients]}
