"""The app builder: one Flask app for one service, or for all of them on one origin, with the same paths."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from flask import Flask, request
from werkzeug.middleware.proxy_fix import ProxyFix

from shared.clock import system_clock
from shared.errors import NotFoundError
from shared.web.failures import answer_failures
from shared.web.headers import hardened, redirect_to_https
from shared.web.pages import serve_templates
from shared.web.registry import mounted_routes
from shared.web.sites import share_with_sites
from shared.web.trace import traced
from shared.web.views import view_of

LOG = logging.getLogger(__name__)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from shared.clock import Clock
    from shared.web.mounts import Mount


class App(Flask):
    """Flask, without its own line about an error, which repeats the path."""

    def log_exception(self, exc_info: Any) -> None:
        """Log type and frames only; Flask comes here when even an error could not be answered."""
        LOG.error("an error could not be answered", exc_info=exc_info)

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """Take a view or hook as it is: none of ours is async, and Flask would look at each for every call."""
        return func


def build_app(
    mounts: Sequence[Mount],
    *,
    asyncapi: Callable[[], Mapping[str, Any]] | None = None,
    limits: Clock | None = system_clock,
) -> Flask:
    """Put services on one app, each under its own path.

    ``asyncapi`` describes the events at /asyncapi.json. ``limits`` is the clock that
    calls are counted by: the machine's, since one that stands still, for trying terms, would never end a window. None
    counts none, for measuring.
    """
    settings = mounts[0].tools.settings
    # Never plain "requests": Flask would share its logger with the library.
    app = App("services" if len(mounts) > 1 else f"services.{mounts[0].name}", static_folder=None)
    app.url_map.strict_slashes = False
    app.url_map.merge_slashes = False
    routes = mounted_routes(mounts, asyncapi)
    redirect_to_https(app, settings, {mounted.endpoint for mounted in routes if mounted.route.never_redirect})
    app.before_request(_refuse_nul)
    answer_failures(app, mounts)
    serve_templates(app, {mount.name: mount.templates for mount in mounts if mount.templates})
    shared_paths = {mounted.path for mounted in routes if mounted.route.sites}
    for mounted in routes:
        view = view_of(app, mounted.route, mounted.mount, limits=limits)
        # A path that the clinic's websites may call answers OPTIONS itself, below.
        own_options = False if mounted.path in shared_paths else None
        app.add_url_rule(
            mounted.path,
            mounted.endpoint,
            view,
            methods=[mounted.route.method],
            provide_automatic_options=own_options,
        )
    share_with_sites(app, routes)
    for mount in mounts:
        if mount.extend:
            mount.extend(app)
    cookies = frozenset(name for mount in mounts for name in mount.cookies)
    app.wsgi_app = traced(hardened(app.wsgi_app, cookies))  # type: ignore[assignment, method-assign]
    if settings.public_url.startswith("https:"):
        # TLS ends at an edge, which alone may say who the caller is.
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=1, x_proto=1)  # type: ignore[method-assign]
    return app


def _refuse_nul() -> None:
    """PostgreSQL cannot compare with NUL: nothing can be at such an address."""
    if "\0" in request.path:
        raise NotFoundError
