"""The trial's mails, for who tries the system without a mail server."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint

from services.console.mails import HEADERS, with_links
from services.console.pages.frame import console, has_mail_viewer, show
from shared.errors import NotFoundError
from shared.mail.folder import MailFolder

if TYPE_CHECKING:
    from flask import Response

pages = Blueprint("mail", __name__)
SHOWN = 100


@pages.get("/mail")
def show_list() -> Response:
    """List the latest mails."""
    return show("mails.html", mails=_folder().newest(SHOWN))


@pages.get("/mail/<mail_id>")
def show_one(mail_id: str) -> Response:
    """Show one mail as text; only addresses of our own can be followed."""
    mail = _folder().read(mail_id)
    origin = console().settings.public_url
    headers = [(name, value) for name, value in mail.headers if name in HEADERS]
    return show("mail.html", mail=mail, headers=headers, linked=lambda text: list(with_links(text, origin)))


def _folder() -> MailFolder:
    """Return the folder. Raises NotFoundError in live, and where mails really leave."""
    if not has_mail_viewer(console()):
        raise NotFoundError
    return MailFolder(console().settings.home / "mail")
