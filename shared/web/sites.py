"""Forms that stand on the clinic's websites: which site a form came from, and what a browser may see of the answer.

A site is known by the origin that a browser says, or by the signature of the site's own server::

    Discreet-Site: www
    Discreet-Signature: t=1764200000,v1=<HMAC-SHA256 over "1764200000." and the body, in hex>

``?site=`` names one where neither is there, which says where a visitor goes next and spares nobody what a site demands.
"""

from __future__ import annotations

import hmac
import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, cast

from flask import Response, request

from shared.errors import ForbiddenError, UnauthenticatedError
from shared.web.pages import wants_page
from shared.wording import Both

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flask import Flask

    from shared.policy import Policy
    from shared.policy.sites import Bringer, Site
    from shared.service import Tools
    from shared.web.registry import Mounted

SITE, SIGNATURE = "Discreet-Site", "Discreet-Signature"
TOLERANCE = timedelta(minutes=5)
HIDDEN = "null"
"""The origin of a browser that does not say where it was."""
PREFLIGHT_SECONDS = "600"
MAY_SEND = "Content-Type, Accept-Language, Idempotency-Key"
_SIGNED = re.compile(r"t=([0-9]{1,12}),v1=([0-9a-f]{64})")


def site_of(policy: Policy, body: bytes, now: datetime) -> tuple[Site | None, Bringer]:
    """Return which of the clinic's websites this call came from or names, if any, and who brought it.

    Raises ForbiddenError for another's website or one that is not there, UnauthenticatedError for a signature
    that does not hold.
    """
    if name := request.headers.get(SITE):
        return _signed(policy, name, body, now), "site-server"
    named = request.args.get("site")
    origin = request.headers.get("Origin", HIDDEN)
    if origin == HIDDEN or origin.partition("://")[2] == request.host:
        return _named(policy, named) if named else None, _brought_by()
    site = policy.site_at(origin)
    if site is None or named not in (None, site.id):
        raise ForbiddenError(
            Both("Deze website staat niet op de lijst van de kliniek.", "This website is not on the clinic's list.")
        )
    return site, "site-page"


def claimed(policy: Policy) -> str | None:
    """Return which site a call says that it comes from, proved or not, where the policy knows one of that name."""
    named = request.headers.get(SITE) or request.args.get("site") or ""
    site = policy.sites.get(named) or policy.site_at(request.headers.get("Origin", ""))
    return site.id if site else None


def sign(key: bytes, body: bytes, at: datetime) -> str:
    """Return the header with which a site's server says that it passed this body on, at that time (aware)."""
    seconds = str(int(at.timestamp()))
    return f"t={seconds},v1={_mac(key, seconds, body)}"


def share_with_sites(app: Flask, routes: Sequence[Mounted]) -> None:
    """Let pages of the clinic's websites call the routes that are for them, and read the answers (CORS)."""
    shared = [each for each in routes if each.route.sites]
    if not shared:
        return
    policy = cast("Tools", shared[0].mount.tools).policy
    paths = {each.path for each in shared}
    endpoints = {each.endpoint for each in shared} | {_preflight_at(path) for path in paths}

    @app.after_request
    def allow(response: Response) -> Response:
        if request.endpoint in endpoints:
            response.headers.add("Vary", "Origin")
            origin = request.headers.get("Origin", "")
            if policy.site_at(origin):
                response.headers["Access-Control-Allow-Origin"] = origin
                response.headers["Access-Control-Expose-Headers"] = "Retry-After"
        return response

    def preflight() -> Response:
        response = Response(status=204)
        if policy.site_at(request.headers.get("Origin", "")):
            response.headers["Access-Control-Allow-Methods"] = "GET, POST"
            response.headers["Access-Control-Allow-Headers"] = MAY_SEND
            response.headers["Access-Control-Max-Age"] = PREFLIGHT_SECONDS
        return response

    for path in sorted(paths):
        app.add_url_rule(path, _preflight_at(path), preflight, methods=["OPTIONS"], provide_automatic_options=False)


def _preflight_at(path: str) -> str:
    return f"OPTIONS {path}"


def _brought_by() -> Bringer:
    """Return who brought a form that no site's origin came with.

    Every browser of today sends an Origin with a POST (Fetch, section 3.2), if only to say that it hides it, as it does
    on our pages, which ask for no referrer; it then still says that page and address are of one origin (Fetch
    Metadata, section 2.3).
    """
    origin = request.headers.get("Origin")
    if origin not in (None, HIDDEN) or request.headers.get("Sec-Fetch-Site") == "same-origin":
        return "our-page"
    return "program" if origin is None and not wants_page() else "unknown"


def _named(policy: Policy, name: str) -> Site:
    site = policy.sites.get(name)
    if site is None:
        raise ForbiddenError(Both("Deze website kennen we niet.", "There is no such website here."))
    return site


def _signed(policy: Policy, name: str, body: bytes, now: datetime) -> Site:
    site = policy.sites.get(name)
    found = _SIGNED.fullmatch(request.headers.get(SIGNATURE, ""))
    if site is None or site.server_key_file is None or found is None:
        raise UnauthenticatedError(f"{SITE} wants a site that has a server key, and {SIGNATURE}: t=…,v1=….")
    seconds, mac = found.groups()
    if not hmac.compare_digest(mac, _mac(site.server_key(), seconds, body)):
        raise UnauthenticatedError(f"{SIGNATURE} does not hold for this body.")
    if abs(now - datetime.fromtimestamp(int(seconds), UTC)) > TOLERANCE:
        raise UnauthenticatedError(f"{SIGNATURE} is of another time: is the clock of the site's server right?")
    return site


def _mac(key: bytes, seconds: str, body: bytes) -> str:
    return hmac.digest(key, f"{seconds}.".encode() + body, "sha256").hex()
