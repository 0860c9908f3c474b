"""The console on the shared app builder: alone, or beside the services on one origin."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from flask import Blueprint
from flask_wtf.csrf import CSRFProtect

from services.console import sessions
from services.console.pages import (
    closures,
    contact_forms,
    decisions,
    dossier,
    editions,
    frame,
    incidents,
    mail,
    refused_mails,
    rights_requests,
    sign_in,
    today,
    websites,
)
from services.console.service import assemble
from shared.errors import ConfigurationError
from shared.policy.cookies import OURS
from shared.settings import Settings
from shared.web.app import build_app
from shared.web.mounts import Mount

if TYPE_CHECKING:
    from flask import Flask

    from services.console.service import Console

HERE = Path(__file__).parent


def create_app(settings: Settings | None = None) -> Flask:
    """Make the console's own app; gunicorn calls this without arguments."""
    return build_app([console_mount(settings or Settings.from_environ(os.environ))])


def console_mount(settings: Settings) -> Mount:
    """Return the console as a part of an app, with its pages under /console/.

    Raises ConfigurationError, also for a policy that does not register the console's cookie.
    """
    console = assemble(settings)
    cookies = console.policy.cookies_set_by(OURS)
    if sessions.COOKIE not in cookies:
        raise ConfigurationError(f"{settings.policy} registers no cookie {sessions.COOKIE}: nobody could sign in.")

    def check_accounts() -> None:
        console.accounts.all()

    return Mount(
        name="console",
        tools=console,
        templates=HERE / "templates",
        checks={"accounts": check_accounts},
        cookies=cookies,
        extend=partial(_add_pages, console),
    )


def _add_pages(console: Console, app: Flask) -> None:
    app.extensions["discreet.console"] = console
    app.config.update(
        SECRET_KEY=console.keys.secret("sessions"),
        SESSION_COOKIE_NAME=sessions.COOKIE,
        SESSION_COOKIE_PATH="/console",
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_SECURE=console.settings.public_url.startswith("https:"),
        WTF_CSRF_CHECK_DEFAULT=False,  # the services beside us take tokens, and no cookie
        WTF_CSRF_TIME_LIMIT=None,  # a form lives as long as its session
        WTF_CSRF_SSL_STRICT=False,  # it wants a Referer, which our pages tell browsers not to send
    )
    app.session_interface = sessions.OnConsolePaths()
    csrf = CSRFProtect(app)
    pages = Blueprint("console", __name__, url_prefix="/console")
    pages.before_request(partial(frame.admit, csrf))
    pages.register_error_handler(Exception, frame.show_error)
    for part in (
        sign_in,
        today,
        contact_forms,
        incidents,
        decisions,
        closures,
        rights_requests,
        dossier,
        websites,
        editions,
        refused_mails,
        mail,
    ):
        pages.register_blueprint(part.pages)
    app.register_blueprint(pages)
