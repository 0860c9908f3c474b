"""What all pages share: who may come in, in which language, and how a page or an error is shown."""

from __future__ import annotations

import hashlib
import logging
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlencode

from flask import current_app, g, redirect, request, session, url_for
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import HTTPException

from services.console import formats, rules, sessions, words
from services.console.backend import Caller
from shared.errors import ForbiddenError, UnavailableError
from shared.web.calls import Page
from shared.web.pages import page_words, readable, render
from shared.web.problems import Problem, problem_of
from shared.wording import Both, text_in

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flask import Response
    from flask_wtf.csrf import CSRFProtect
    from werkzeug.wrappers import Response as BaseResponse

    from services.console.records import Account
    from services.console.service import Console
    from shared.wording import Language

LOG = logging.getLogger(__name__)
STATIC = Path(__file__).parent.parent / "static"
OPEN_TO_ALL = {"console.sign_in.show_form", "console.sign_in.receive", "console.sign_in.style"}
DOWN = {
    "requests": Both(
        "Het onderdeel Verzoeken (besluiten en uitvoeringsbevestigingen) is nu niet te bereiken.",
        "The Requests part (decisions and receipts) cannot be reached now.",
    ),
    "intake": Both(
        "Het onderdeel Contactformulieren is nu niet te bereiken.",
        "The Contact forms part cannot be reached now.",
    ),
    "newsletter": Both(
        "Het onderdeel Nieuwsbrief is nu niet te bereiken.", "The Newsletter part cannot be reached now."
    ),
    "dossier": Both("Het onderdeel Dossier is nu niet te bereiken.", "The Dossier part cannot be reached now."),
    "console": Both(
        "Er zijn nu te veel schermen tegelijk geopend.",
        "Too many pages are being opened at once.",
    ),
}


def console() -> Console:
    """Return what the pages may use."""
    return cast("Console", current_app.extensions["discreet.console"])


def account() -> Account:
    """Return who is signed in; ``admit`` lets nobody else this far."""
    return cast("Account", g.account)


def caller() -> Caller:
    """Return in whose name, and for a reader of which language, the services are asked."""
    return Caller(account(), language())


def language() -> Language:
    """Return the language the visitor chose, else Dutch."""
    return "en" if session.get("language") == "en" else "nl"


def admit(csrf: CSRFProtect) -> BaseResponse | None:
    """Let in who is signed in, and anybody to the sign-in page; take no form from another site."""
    g.account = sessions.current(console(), console().clock())
    if request.method == "POST":
        csrf.protect()
        if request.headers.get("Sec-Fetch-Site", "same-origin") not in {"same-origin", "none"}:
            raise ForbiddenError(Both("Dit formulier kwam van elders.", "This form came from elsewhere."))
    elif request.args.get("lang") in {"nl", "en"}:
        session["language"] = request.args["lang"]
        kept = {name: value for name, value in request.args.items() if name != "lang"}
        return redirect(f"{request.path}?{urlencode(kept)}".rstrip("?"), 303)
    if g.account is not None or request.endpoint in OPEN_TO_ALL:
        return None
    if request.method == "GET":
        session["wanted"] = request.path
    return redirect(url_for("console.sign_in.show_form"), 303)


def show(template: str, status: int = 200, **context: Any) -> Response:
    """Show one of the console's pages."""
    return render(current_app, Page(f"console/{template}", context), _words(), status)


def show_again(template: str, error: Exception, **context: Any) -> Response:
    """Show a form again with what was typed, and what is wrong with it."""
    problem = problem_of(error)
    response = show(template, problem.kind.status, **_about(problem), typed=request.form, **context)
    response.headers.update(problem.headers)
    return response


def show_error(error: Exception) -> Response | BaseResponse:
    """Answer whatever went wrong with a page that says what, and nothing of the inside."""
    if isinstance(error, HTTPException) and (error.code is None or error.code < 400):
        return error.get_response()
    if isinstance(error, CSRFError):
        error = ForbiddenError(
            Both(
                "Dit formulier is verlopen, of de browser houdt geen cookies bij. Open de pagina opnieuw.",
                "This form has expired, or the browser keeps no cookies. Open the page again.",
            )
        )
    problem = problem_of(error)
    if problem.kind.status == 500:
        LOG.error("a page failed", exc_info=error)
    part = DOWN.get(error.part) if isinstance(error, UnavailableError) else None
    response = show("problem.html", problem.kind.status, **_about(problem), part=part)
    response.headers.update(problem.headers)
    return response


def _about(problem: Problem) -> dict[str, Any]:
    """Say a problem in the reader's language; a detail in English only is for who reads that."""
    known = isinstance(problem.detail, Both) or (problem.detail and language() == "en")
    return {
        "problem": problem.kind,
        "detail": text_in(language(), problem.detail if known else problem.kind.meaning),
        "errors": readable(problem.fields, language()),
    }


def _words() -> Mapping[str, Any]:
    chosen = language()
    who = g.get("account")
    return {
        **page_words(console().settings, chosen, "console"),
        "account": who,
        "may": lambda what: who is not None and rules.may(who.roles, what),
        "named": lambda group, code: text_in(chosen, words.named(group, code)),
        "decision_name": lambda each: text_in(chosen, words.decision_name(each.kind, each.ground)),
        "ground": lambda code: formats.ground_named(console().policy, code, chosen),
        "options": lambda group: words.options(group, chosen),
        "moment": lambda at: formats.moment(at, chosen),
        "day": lambda on: formats.day(on, chosen),
        "day_of": lambda at: formats.day_of(at, chosen),
        "machine_time": formats.machine_time,
        "style": f"{url_for('console.sign_in.style')}?{_version()}",
        "here": request.path,
        "in_other_language": f"?{urlencode({**request.args, 'lang': 'nl' if chosen == 'en' else 'en'})}",
        "mail_viewer": has_mail_viewer(console()),
    }


def has_mail_viewer(console: Console) -> bool:
    """Tell whether mails stay on this machine, where a trial's visitors can read them."""
    return console.settings.mode == "trial" and console.settings.smtp_url is None


@cache
def _version() -> str:
    return hashlib.sha256((STATIC / "console.css").read_bytes()).hexdigest()[:12]
