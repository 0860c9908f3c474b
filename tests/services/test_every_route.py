"""Every route of every service by every role: who comes in is exactly what the route says, and nothing else is open."""

from __future__ import annotations

import html
import re
import uuid
from urllib.parse import urljoin

import pytest
from openapi_spec_validator import validate as validate_openapi

from services import registry
from services.web import service_mount
from shared.auth import ROLES, issue_token
from shared.keys import KeyStore
from shared.settings import SERVICES
from shared.web.app import build_app
from shared.web.registry import mounted_routes
from tests.kit.installation import Installation

OPEN = {
    "GET /",
    "GET /.well-known/security.txt",
    "GET /asyncapi.json",
    "GET /healthz",
    "GET /intake/contact",
    "GET /intake/security",
    "GET /intake/thanks",
    "GET /metrics",
    "GET /newsletter/confirm/<token>",
    "GET /newsletter/again/<token>",
    "GET /newsletter/done/<what>",
    "GET /newsletter/preferences/<token>",
    "GET /newsletter/sign-up",
    "GET /newsletter/thanks",
    "GET /newsletter/unsubscribe/<token>",
    "GET /newsletter/v1/webhooks/<processor>/<secret>",
    "GET /privacy",
    "GET /privacy/automatic",
    "GET /privacy/cookies",
    "GET /privacy/versions",
    "GET /privacy/versions/<version>",
    "GET /problems/<slug>",
    "GET /readyz",
    "GET /requests/",
    "GET /intake/v1/contact-forms.schema.json",
    "GET /newsletter/v1/subscriptions.schema.json",
    "POST /intake/v1/contact-forms",
    "POST /newsletter/again/<token>",
    "POST /intake/v1/security-reports",
    "POST /newsletter/confirm/<token>",
    "POST /newsletter/preferences/<token>",
    "POST /newsletter/unsubscribe/<token>",
    "GET /intake/v1/form-token",
    "GET /intake/v1/proof-of-work.js",
    "GET /newsletter/v1/form-token",
    "GET /newsletter/v1/proof-of-work.js",
    "POST /newsletter/v1/subscriptions",
    "POST /newsletter/v1/webhooks/<processor>/<secret>",
    "POST /requests/v1/requests",
}
"""What anybody may call, beside what every service has: a new line here is a decision."""

OPEN_EVERYWHERE = {
    "GET /<service>/by-hand/<token>",
    "GET /<service>/healthz",
    "GET /<service>/metrics",
    "GET /<service>/openapi.json",
    "GET /<service>/readyz",
    "GET /<service>/static/<name>",
    "GET /<service>/v1/policy",
    "POST /<service>/by-hand/<token>",
    "POST /<service>/v1/opendsr/callbacks",
}


@pytest.fixture(scope="module")
def installation(tmp_path_factory):
    """Make a trial installation of all services."""
    made = Installation(tmp_path_factory.mktemp("home"), registry.load_all())
    yield made
    made.close()


@pytest.fixture(scope="module")
def mounts(installation):
    """Put every service on the origin."""
    return [service_mount(name, installation.tools[name]) for name in SERVICES]


@pytest.fixture(scope="module")
def http(mounts):
    """Make a client of the embedded origin."""
    return build_app(mounts, asyncapi=dict, limits=None).test_client()


@pytest.fixture(scope="module")
def closed(mounts):
    """List the routes that are not open to everybody."""
    routes = [mounted for mounted in mounted_routes(mounts, dict) if not mounted.route.who.anyone]
    assert routes
    return routes


@pytest.fixture(scope="module")
def headers(installation):
    """Return what makes the header of a caller in one role, for one service."""
    store = KeyStore(installation.settings.keys)

    def make(role: str, service: str) -> dict[str, str]:
        key = store.for_service("intake").claims if role == "service" else store.for_command()
        subject = "intake" if role == "service" else "anna"
        now = installation.clock()
        token = issue_token(key.private_key, key.key_id, subject=subject, roles=[role], audience=service, now=now)
        return {"Authorization": f"Bearer {token}"}

    return make


def call(http, mounted, headers) -> int:
    """Call a route with something in the place of its names; return the status."""
    path = re.sub(r"<[^>]+>", str(uuid.UUID(int=7)), mounted.path)
    return http.open(path, method=mounted.route.method, headers=headers).status_code


def test_p4_only_what_is_on_the_list_is_open(mounts) -> None:
    """Opening a route to everybody takes a line in this file."""
    everywhere = {line.replace("<service>", name) for line in OPEN_EVERYWHERE for name in SERVICES}
    opened = {mounted.endpoint for mounted in mounted_routes(mounts, dict) if mounted.route.who.anyone}
    assert opened <= OPEN | everywhere


def test_p4_without_a_token_every_other_route_is_closed(http, closed) -> None:
    """Whatever comes after it: the body is not even read."""
    assert {mounted.endpoint: call(http, mounted, {}) for mounted in closed} == {
        mounted.endpoint: 401 for mounted in closed
    }


def test_p4_a_token_for_one_service_opens_no_other(http, closed, headers) -> None:
    """The audience is part of what is signed."""
    others = {"intake": "dossier", "dossier": "newsletter", "newsletter": "requests", "requests": "dossier"}
    for mounted in closed:
        role = min(mounted.route.who.roles)
        assert call(http, mounted, headers(role, others[mounted.mount.name])) == 401, mounted.endpoint


@pytest.mark.parametrize("role", sorted(ROLES))
def test_p4_a_role_comes_in_where_it_is_named_and_nowhere_else(http, closed, headers, role) -> None:
    """What a route answers to those who come in is its own business, as long as it is not about who they are."""
    for mounted in closed:
        status = call(http, mounted, headers(role, mounted.mount.name))
        expected = role in mounted.route.who.roles
        assert (status not in {401, 403}) == expected, f"{mounted.endpoint} as {role}: {status}"


def test_no_route_fails_when_called_with_nothing(http, mounts) -> None:
    """An empty call is a mistake of the caller's, never a fault of ours."""
    for mounted in mounted_routes(mounts, dict):
        assert call(http, mounted, {}) < 500 or mounted.path.endswith("/readyz"), mounted.endpoint


@pytest.mark.parametrize("service", SERVICES)
def test_every_service_describes_itself_in_valid_openapi(http, service) -> None:
    """Read by somebody else's reader; and every operation has words of its own."""
    description = http.get(f"/{service}/openapi.json").json
    validate_openapi(description)
    for path in description["paths"].values():
        for operation in path.values():
            assert " " in operation["summary"], operation


def test_every_public_page_leads_to_itself_in_the_other_language(http, mounts) -> None:
    """Also a page about a problem, and one that answers a button."""
    seen = set()
    for mounted in mounted_routes(mounts, dict):
        if mounted.route.who.anyone and mounted.route.for_people:
            path = re.sub(r"<[^>]+>", "unsubscribed", mounted.path)
            page = http.open(path, method=mounted.route.method, headers={"Accept": "text/html"})
            [link] = re.findall(r'<a href="([^"]+)" hreflang="en" lang="en">English</a>', page.text)
            other = http.get(urljoin(path, html.unescape(link)), headers={"Accept": "text/html"})
            assert (other.headers["Content-Language"], 'hreflang="nl"' in other.text) == ("en", True), mounted.endpoint
            seen.add(mounted.endpoint)
    assert {"GET /privacy", "POST /newsletter/unsubscribe/<token>", "GET /intake/contact"} <= seen
