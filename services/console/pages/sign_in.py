"""Signing in and out, and the console's style sheet: all that somebody unknown may see."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint, g, make_response, redirect, request, session, url_for

from services.console import actions, sessions
from services.console.pages.frame import STATIC, console, show, show_again
from shared.errors import ForbiddenError, TooManyRequestsError, UnauthenticatedError
from shared.wording import Both

if TYPE_CHECKING:
    from flask import Response
    from werkzeug.wrappers import Response as BaseResponse

pages = Blueprint("sign_in", __name__)
DAY = 86_400


@pages.get("/sign-in")
def show_form() -> Response | BaseResponse:
    """Show the form, or go on for who is signed in already."""
    return show("sign-in.html") if g.account is None else redirect(url_for("console.today.show_today"), 303)


@pages.post("/sign-in")
def receive() -> Response | BaseResponse:
    """Sign in, and go on to the page that was wanted."""
    now = console().clock()
    name, password = request.form.get("name", "").strip().lower(), request.form.get("password", "")
    try:
        account = actions.sign_in(
            console().accounts, console().sign_ins, name, password, address=request.remote_addr or "", now=now
        )
    except TooManyRequestsError as error:
        minutes = error.retry_after // 60 + 1
        error.detail = Both(
            f"Te veel mislukte pogingen. Probeer het over {minutes} minuten opnieuw.",
            f"Too many failed attempts. Try again in {minutes} minutes.",
        )
        return show_again("sign-in.html", error)
    except (UnauthenticatedError, ForbiddenError) as error:
        return show_again("sign-in.html", error)
    sessions.begin(account, now)
    return redirect(session.pop("wanted", None) or url_for("console.today.show_today"), 303)


@pages.post("/sign-out")
def sign_out() -> BaseResponse:
    """Sign out."""
    sessions.end(console(), console().clock())
    return redirect(url_for("console.sign_in.show_form"), 303)


@pages.get("/console.css")
def style() -> Response:
    """Give the style sheet; its address changes with its content."""
    response = make_response((STATIC / "console.css").read_bytes())
    response.content_type = "text/css; charset=utf-8"
    response.headers["Cache-Control"] = f"max-age={DAY}"
    return response
