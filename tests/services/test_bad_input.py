"""Bad input on every route: each call is answered precisely, changes nothing, and nothing of it is said or logged."""

from __future__ import annotations

import io
import json
import logging
import re
import uuid

import pytest
import sqlalchemy as sa

from services import registry
from services.web import service_mount
from shared.auth import issue_token
from shared.keys import KeyStore
from shared.log import JsonLines
from shared.settings import SERVICES
from shared.web.app import build_app
from shared.web.registry import mounted_routes
from tests.kit.installation import Installation

WORD = "Geheim"
FORM = "application/x-www-form-urlencoded"
BODIES = [
    *(b"", b"{", b"[]", b"null", b"1", b"{}garbage", b"\xff\xfe", b"\xef\xbb\xbf{}", b"[" * 100_000),
    *(b'{"Geheim": 1, "Geheim": 2}', b'{"a": NaN}', b'{"a": 1e999}', b'{"a":' + b"9" * 6000 + b"}"),
    *(b'{"a":' * 2000 + b"1" + b"}" * 2000, b'{"\\ud800": 1}', b'{"a": "\\u0000"}', b'"Geheim"'),
    *("{}".encode("utf-16"), b"%ff=%ff", b"a=1&a=2", b"a=%00", b"&".join(b"a%d=1" % n for n in range(500))),
    b"Geheim" * 100_000,
]
MEDIA = ["application/json", FORM, "multipart/form-data; boundary=xx"]
OTHER_MEDIA = ["multipart/form-data", "application/json; charset=utf-16", "text/plain; charset=Geheim", "Geheim/x", ""]
QUERIES = ["Geheim%00=1", "x=%ff", "limit=0", "limit=1e3", "limit=99999999999999999999", "limit=1&limit=2"]
QUERIES += ["cursor=Geheim", "cursor=%C3%A9", "cursor=====", "cursor=" + "A" * 9000, "geheim@voorbeeld.example=1"]
QUERIES += ["state=Geheim", "format=Geheim", "&".join(f"a{n}=1" for n in range(500))]
HEADERS = [
    {"Accept": "text/html;q=Geheim, */*;q=,;;"},
    {"Accept-Language": "nl;q=Geheim, " + "," * 500},
    {"traceparent": "Geheim", "X-Request-Id": "Geheim", "User-Agent": "Geheim", "Referer": "Geheim"},
    {"Idempotency-Key": "Geheim" * 50},
    {"If-Match": 'W/"Geheim"'},
    {"Content-Encoding": "Geheim", "Content-Type": "application/json"},
    {"Host": "geheim.example", "X-Forwarded-Host": "geheim.example"},
]
PATHS = ["%00", "%ff", "..%2f..%2fGeheim", "geheim@voorbeeld.example", "x" * 5000, "%0d%0aGeheim:1", "%ed%a0%80", "'"]
WRONG = [{"Geheim": 1}, [[["Geheim"]]], "Geheim\0", "\ud800Geheim", "Geheim" * 90_000, 10**400]
"""Wrong for a field of whatever type, and as a whole never more than a caller's mistake."""
PLAUSIBLE = {
    "email": "anna@voorbeeld.example",
    "phone": "0612345678",
    "birth_date": "1980-02-14",
    "country": "NL",
    "issued_on": "2026-11-01",
    "paid_on": "2026-11-01",
    "received_on": "2026-11-01",
    "sent_on": "2026-11-01",
    "until": "2034-01-01",
    "at": "2026-11-01T00:00:00Z",
    "language": "nl",
    "privacy_version": "2024-07-01",
    "track_code": "ABC12345",
    "id": "3f1c0000-0000-4000-8000-000000000001",
    "website": "",
}
NOTED = "form_attempts"
"""What a refused form of a website does leave: that it was, and why (tests/services/intake/test_attempts.py)."""
PROBLEMS = ("application/problem+json", "text/html; charset=utf-8")


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
    app = build_app(mounts, asyncapi=dict, limits=None)
    return app.test_client()


@pytest.fixture
def log():
    """Give what is logged, as it is written."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonLines())
    root = logging.getLogger()
    before = root.level
    root.addHandler(handler)
    root.setLevel("INFO")
    yield stream
    root.setLevel(before)
    root.removeHandler(handler)


@pytest.fixture
def bearer(installation):
    """Return what makes the header of somebody whom a route lets in."""
    store = KeyStore(installation.settings.keys)

    def make(mounted) -> dict[str, str]:
        roles = mounted.route.who.roles
        if not roles:
            return {}
        role = next((each for each in ("privacy-coordinator", "front-desk", "service") if each in roles), min(roles))
        key = store.for_service("intake").claims if role == "service" else store.for_command()
        subject = "intake" if role == "service" else "anna"
        token = issue_token(
            key.private_key,
            key.key_id,
            subject=subject,
            roles=[role],
            audience=mounted.mount.name,
            now=installation.clock(),
        )
        return {"Authorization": f"Bearer {token}"}

    return make


@pytest.fixture
def refused(http, log):
    """Return what makes a call that must be refused, and looks at the answer; ``harmless``, it may be answered."""

    def make(method: str, path: str, *, harmless: bool = False, **options) -> None:
        log.seek(0)
        log.truncate()
        answer = http.open(path, method=method, **options)

        def what() -> str:
            said = f"{answer.status_code} {answer.text[:200]}{log.getvalue()}"
            return f"{method} {path[:80]} {str(options)[:200]}: {said}"

        assert answer.status_code < 500 or path.partition("?")[0].endswith("/readyz"), what()
        assert harmless or answer.status_code >= 400, what()
        assert answer.status_code < 400 or answer.headers["Content-Type"] in PROBLEMS, what()
        assert answer.status_code < 400 or WORD.lower() not in answer.text.lower(), what()
        assert WORD.lower() not in log.getvalue().lower(), what()

    return make


def routes(mounts, *, receiving: bool = False):
    """Return every route, or those that take a body."""
    found = [each for each in mounted_routes(mounts, dict) if each.route.receives or not receiving]
    assert len(found) > 25
    return found


def path_of(mounted, part: str = "") -> str:
    """Return a route's path with something in the place of its names."""
    return re.sub(r"<[^>]+>", part or str(uuid.UUID(int=7)), mounted.path)


def everything(installation) -> list[str]:
    """Return every row of every database; of forms that were refused only whether anything of them is said there."""
    rows = []
    for tools in installation.tools.values():
        engine = tools.database.engine()
        for table in sa.inspect(engine).get_table_names():
            with engine.connect() as connection:
                rows += [f"{table} {row}" for row in connection.exec_driver_sql(f'SELECT * FROM "{table}"')]  # noqa: S608
    noted = [row for row in rows if row.startswith(NOTED)]
    assert not any(WORD.lower() in row.lower() for row in noted)
    return sorted(set(rows) - set(noted))


def test_a_body_that_is_none_is_a_mistake_of_the_callers(installation, mounts, refused, bearer) -> None:
    """Every broken body as every kind of media, on every route that takes one; some need none, and do nothing."""
    before = everything(installation)
    for mounted in routes(mounts, receiving=True):
        token = bearer(mounted)
        browser = token | {"Content-Type": FORM, "Accept": "text/html"}
        for media in OTHER_MEDIA:
            headers = browser | {"Content-Type": media}
            refused(mounted.route.method, path_of(mounted), harmless=True, data=b"{}", headers=headers)
        for content in BODIES:
            for media in MEDIA:
                headers = token | {"Content-Type": media}
                refused(mounted.route.method, path_of(mounted), harmless=True, data=content, headers=headers)
            refused(mounted.route.method, path_of(mounted), harmless=True, data=content, headers=browser)
    assert everything(installation) == before


def test_a_field_of_a_wrong_kind_is_a_mistake_of_the_callers(installation, http, mounts, refused, bearer) -> None:
    """One field at a time, beside others that could be right, as the description of the service names them."""
    before = everything(installation)
    tried = 0
    descriptions = {mount.name: http.get(f"/{mount.name}/openapi.json").json for mount in mounts}
    for mounted in routes(mounts, receiving=True):
        description = descriptions[mounted.mount.name]
        rule = re.sub(r"<([^>]+)>", r"{\1}", mounted.route.rule)
        operation = description["paths"][rule][mounted.route.method.lower()]
        content = operation.get("requestBody", {}).get("content", {}).get("application/json")
        if content is None:
            continue
        shape = _resolved(description, content["schema"])
        fields = {name: _plausible(description, name, part) for name, part in shape["properties"].items()}
        headers = bearer(mounted) | {"Content-Type": "application/json", "If-Match": '"1"'}
        for name in fields:
            for wrong in WRONG:
                body = json.dumps(fields | {name: wrong}).encode("utf-8", "surrogatepass")
                refused(mounted.route.method, path_of(mounted), data=body, headers=headers)
                tried += 1
    assert tried > 500
    assert everything(installation) == before


def test_odd_paths_queries_and_headers_are_answered(installation, mounts, refused, bearer) -> None:
    """They are refused, or make no difference."""
    before = everything(installation)
    for mounted in routes(mounts):
        method, token = mounted.route.method, bearer(mounted)
        for part in PATHS if "<" in mounted.path else ():
            refused(method, path_of(mounted, part), harmless=True, headers=token)
        for query in QUERIES:
            refused(method, f"{path_of(mounted)}?{query}", harmless=True, headers=token)
        for headers in HEADERS:
            refused(method, path_of(mounted), harmless=True, headers=token | headers)
    assert everything(installation) == before


def _plausible(description, name: str, part):
    part = _resolved(description, part)
    if name in PLAUSIBLE:
        return PLAUSIBLE[name]
    if part.get("enum"):
        return part["enum"][0]
    kinds = part.get("type", "string")
    kind = next(each for each in ([kinds] if isinstance(kinds, str) else kinds) if each != "null")
    if kind == "array":
        return [_plausible(description, "", part["items"])]
    if kind == "object":
        return {key: _plausible(description, key, each) for key, each in part.get("properties", {}).items()}
    return {"string": "abc", "integer": 1, "number": 1, "boolean": True}[kind]


def _resolved(description, part):
    if "$ref" in part:
        return description["components"]["schemas"][part["$ref"].rpartition("/")[2]]
    chosen = [each for each in part.get("anyOf", ()) if each.get("type") != "null"]
    return _resolved(description, chosen[0]) if chosen else part
