"""Headers that every answer carries, and the way from plain HTTP to TLS."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from flask import redirect, request

from shared.web.routes import HTML

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flask import Flask, Response
    from werkzeug.wrappers import Response as BaseResponse

    from shared.settings import Settings

API_POLICY = "default-src 'none'; frame-ancestors 'none'"
YEAR = 31_536_000


def page_policy(form_to: Sequence[str] = (), framed_by: Sequence[str] = (), *, scripted: bool = False) -> str:
    """Content-Security-Policy of a page: everything from here, no scripts and no frames around it but where allowed.

    Browsers hold redirects after a form against form-action too, hence ``form_to``.
    """
    targets = " ".join(("'self'", *form_to))
    ancestors = " ".join(framed_by) or "'none'"
    ours = "script-src 'self'; connect-src 'self'; " if scripted else ""
    return (
        f"default-src 'none'; {ours}style-src 'self'; img-src 'self'; font-src 'self'; base-uri 'none'; "
        f"frame-ancestors {ancestors}; form-action {targets}"
    )


def harden(app: Flask, settings: Settings, never_redirect: set[str]) -> None:
    """Send callers who came over plain HTTP to https, and put the headers on every answer.

    Whether they did is what the edge says in X-Forwarded-Proto. Without an edge nobody says it; a caller
    who says it himself only redirects himself. ``never_redirect`` are endpoints whose callers follow no redirect.
    """
    host = urlsplit(settings.public_url).netloc

    @app.before_request
    def to_https() -> BaseResponse | None:
        if _came_over() != "http" or request.endpoint in never_redirect:
            return None
        return redirect(f"https://{host}{request.full_path.rstrip('?')}", 308)

    @app.after_request
    def add_headers(response: Response) -> Response:
        page = response.mimetype == HTML
        response.headers.setdefault("Content-Security-Policy", page_policy() if page else API_POLICY)
        response.headers.setdefault("Referrer-Policy", "no-referrer")
        response.headers.setdefault("X-Content-Type-Options", "nosniff")
        response.headers.setdefault("Cache-Control", "no-store")
        response.headers.setdefault("Cross-Origin-Opener-Policy", "same-origin")
        if _came_over() == "https":
            response.headers.setdefault("Strict-Transport-Security", f"max-age={YEAR}")
        return response


def _came_over() -> str:
    """Return the scheme the nearest edge saw: the last one in the header is its own."""
    return request.headers.get("X-Forwarded-Proto", "").rpartition(",")[2].strip().lower()
