"""Headers that every answer carries, and the way from plain HTTP to TLS."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from flask import redirect, request

from shared.web.cookies import keep_to_register
from shared.web.routes import HTML

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Sequence
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

    from _typeshed import OptExcInfo
    from flask import Flask
    from werkzeug.wrappers import Response as BaseResponse

    from shared.settings import Settings

    Write = Callable[[bytes], object]

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


PAGE_POLICY = page_policy()
ALWAYS = (
    ("Referrer-Policy", "no-referrer"),
    ("X-Content-Type-Options", "nosniff"),
    ("Cache-Control", "no-store"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
)
ALWAYS_TLS = ("Strict-Transport-Security", f"max-age={YEAR}")


def redirect_to_https(app: Flask, settings: Settings, never: set[str]) -> None:
    """Send callers who came over plain HTTP to https.

    Whether they did is what the edge says in X-Forwarded-Proto. Without an edge nobody says it; a caller
    who says it himself only redirects himself. ``never`` are endpoints whose callers follow no redirect.
    """
    host = urlsplit(settings.public_url).netloc

    @app.before_request
    def to_https() -> BaseResponse | None:
        if _came_over(request.environ) != "http" or request.endpoint in never:
            return None
        return redirect(f"https://{host}{request.full_path.rstrip('?')}", 308)


def hardened(app: WSGIApplication, cookies: Collection[str]) -> WSGIApplication:
    """Put our headers on every answer of an app, where it did not choose its own, and let only these cookies out.

    Around the app, since Flask sets its session's cookie after all hooks.
    """

    def harden(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        secure = _came_over(environ) == "https"

        def start(status: str, headers: list[tuple[str, str]], failure: OptExcInfo | None = None) -> Write:
            said = {name.lower(): value for name, value in headers}
            if "set-cookie" in said:
                headers = keep_to_register(headers, cookies)
            page = said.get("content-type", "").partition(";")[0].strip() == HTML
            ours = [("Content-Security-Policy", PAGE_POLICY if page else API_POLICY), *ALWAYS]
            if secure:
                ours.append(ALWAYS_TLS)
            missing = [(name, value) for name, value in ours if name.lower() not in said]
            return start_response(status, headers + missing, failure)

        return app(environ, start)

    return harden


def _came_over(environ: WSGIEnvironment) -> str:
    """Return the scheme the nearest edge saw: the last one in the header is its own."""
    said: str = environ.get("HTTP_X_FORWARDED_PROTO", "")
    return said.rpartition(",")[2].strip().lower()
