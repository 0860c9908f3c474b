"""One rights request: who asks, what was found, and the forms for what a person does about it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID  # noqa: TC003 - Flask's converter hands one in

from flask import Blueprint, redirect, request, url_for

from services.console import formats, forms
from services.console.pages.frame import caller, console, language, show, show_again
from shared.errors import ConflictError, InvalidInputError, TooLargeError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from flask import Response
    from werkzeug.wrappers import Response as BaseResponse

    from services.console.schemas import CaseDetail
    from shared.errors import DiscreetError
    from shared.policy.parts import Ground

pages = Blueprint("rights_requests", __name__)


@pages.get("/requests/<uuid:case_id>")
def show_one(case_id: UUID) -> Response:
    """Show a request as far as the role may see it."""
    case, etag = console().backend.case(caller(), str(case_id))
    return show("request.html", **_shown(case, etag))


@pages.get("/requests/<uuid:case_id>/letters/<uuid:letter_id>")
def show_letter(case_id: UUID, letter_id: UUID) -> Response:
    """Show a letter, to print it."""
    letter = console().backend.letter(caller(), str(case_id), str(letter_id))
    return show("letter.html", letter=letter, case_id=case_id)


@pages.post("/requests/<uuid:case_id>/<any(identity, grant, refusal, extension, withdrawal, delivery):form>")
def act(case_id: UUID, form: str) -> Response | BaseResponse:
    """Do what a form says and go back to the page; when it is refused, show it again with what was typed and why."""
    backend = console().backend
    case, etag = backend.case(caller(), str(case_id))
    what, body_of = FORMS[form]
    fields = {
        name.removeprefix(f"{form}-"): value for name, value in request.form.items() if name.startswith(f"{form}-")
    }
    try:
        backend.act(caller(), case.id, what, body_of(fields, case), request.form.get("version"))
    except (InvalidInputError, ConflictError, TooLargeError) as error:
        return show_again("request.html", _renamed(error, form), **_shown(case, etag))
    return redirect(url_for("console.rights_requests.show_one", case_id=case.id), 303)


def _granting(fields: Mapping[str, str], case: CaseDetail) -> dict[str, Any]:
    return forms.granting_of(fields, case.inquiry.candidates if case.inquiry else ())


FORMS: dict[str, tuple[str, Callable[[Mapping[str, str], CaseDetail], dict[str, Any]]]] = {
    "identity": ("identity", lambda fields, _case: forms.identity_of(fields)),
    "grant": ("decision", _granting),
    "refusal": ("decision", lambda fields, _case: forms.refusal_of(fields)),
    "extension": ("extension", lambda fields, _case: forms.extension_of(fields)),
    "withdrawal": ("withdrawal", lambda _fields, _case: {}),
    "delivery": ("delivery", lambda fields, _case: forms.delivery_of(fields)),
}
"""Each form of the page: which act it is for the service, and how its fields become what that takes."""


def _renamed(error: DiscreetError, form: str) -> DiscreetError:
    """Give the fields the names they have on the page, where several forms stand."""
    if isinstance(error, InvalidInputError):
        return InvalidInputError({f"{form}-{name}": texts for name, texts in error.fields.items()}, error.detail)
    return error


def _shown(case: CaseDetail, etag: str | None) -> dict[str, Any]:
    policy = console().policy
    return {
        "case": case,
        "version": etag or "",
        "retaining": _options(policy.retaining),
        "refusing": _options(policy.refusing),
        "field_of": forms.field_of,
    }


def _options(grounds: Mapping[str, Ground]) -> list[tuple[str, str]]:
    return [(code, formats.ground_in(language(), ground)) for code, ground in grounds.items()]
