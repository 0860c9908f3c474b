"""The claim check: asked in one's own name, of the owner only, and gone is gone."""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import TYPE_CHECKING

import pytest

from shared.auth import verify_token
from shared.errors import GoneError, NotFoundError, PermanentError, RetryableError
from tests.kit.installation import Installation, bare_service

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Owner:
    """The service that owns what is asked for: it answers as it was told, and keeps what it was asked."""

    def __init__(self) -> None:
        self.status, self.body, self.headers = 200, b"{}", {}
        self.asked: list[tuple[str, str | None]] = []

    @contextmanager
    def serving(self) -> Iterator[str]:
        """Serve on a free port; give the address."""
        owner = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                owner.asked.append((self.path, self.headers["Authorization"]))
                self.send_response(owner.status)
                for name, value in {"Content-Length": str(len(owner.body)), **owner.headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(owner.body)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        thread = Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def owner() -> Owner:
    """What the intake holds."""
    return Owner()


@pytest.fixture
def installation(owner: Owner, tmp_path: Path) -> Iterator[Installation]:
    """A newsletter that may ask, and what stands in the intake's and the requests service's place."""
    with owner.serving() as address:
        environ = {"DISCREET_SERVICE_URL": address}
        made = Installation(tmp_path, services={"newsletter": bare_service("newsletter")}, environ=environ)
        yield made
        made.close()


def test_the_content_is_asked_with_a_token_for_that_service_alone(owner: Owner, installation: Installation) -> None:
    """Signed by the asking service's own key; nobody else's service would take it."""
    owner.body = b'{"email": "anna@example.nl"}'
    tools = installation.tools["newsletter"]
    assert tools.claims.fetch("intake", "form-1") == {"email": "anna@example.nl"}
    [(path, bearer)] = owner.asked
    assert path == "/intake/v1/claims/form-1"
    token = str(bearer).removeprefix("Bearer ")
    principal = verify_token(token, audience="intake", roster=tools.roster.current(), now=installation.clock())
    assert (principal.subject, principal.roles) == ("newsletter", frozenset({"service"}))


def test_a_reference_stays_one_part_of_the_path(owner: Owner, installation: Installation) -> None:
    """Whatever an event says it is: it leads nowhere else."""
    installation.tools["newsletter"].claims.fetch("intake", "../../requests/v1/x?y")
    assert owner.asked[0][0] == "/intake/v1/claims/..%2F..%2Frequests%2Fv1%2Fx%3Fy"


@pytest.mark.parametrize(
    ("status", "error"),
    [(410, GoneError), (404, NotFoundError), (500, RetryableError), (403, RetryableError), (302, RetryableError)],
)
def test_every_other_answer_is_one_of_three_errors(
    owner: Owner, installation: Installation, status: int, error: type[Exception]
) -> None:
    """Gone for good, never there, or to be asked again; nobody is led elsewhere with a token in hand."""
    owner.status, owner.headers = status, {"Location": "/elsewhere"}
    with pytest.raises(error):
        installation.tools["newsletter"].claims.fetch("intake", "form-1")
    assert len(owner.asked) == 1


@pytest.mark.parametrize("body", [b"", b"<html>", b"\xff"])
def test_an_answer_that_is_no_json_is_asked_for_again(owner: Owner, installation: Installation, body: bytes) -> None:
    """Something stands in between that is not the service."""
    owner.body = body
    with pytest.raises(RetryableError):
        installation.tools["newsletter"].claims.fetch("intake", "form-1")


def test_a_service_that_is_away_is_asked_again(tmp_path: Path) -> None:
    """Nobody listens there."""
    environ = {"DISCREET_SERVICE_URL": "http://127.0.0.1:9"}
    made = Installation(tmp_path, services={"newsletter": bare_service("newsletter")}, environ=environ)
    with pytest.raises(RetryableError, match="intake service does not answer"):
        made.tools["newsletter"].claims.fetch("intake", "form-1")
    made.close()


def test_who_a_closed_decision_was_about_cannot_be_asked_any_more(owner: Owner, installation: Installation) -> None:
    """No attempt will bring it back: a person looks at it."""
    owner.status = 410
    with pytest.raises(PermanentError):
        installation.tools["newsletter"].claims.identifiers("d-1")
    assert owner.asked[0][0] == "/requests/v1/claims/d-1"


def test_no_proxy_of_the_environment_sees_whom_it_is_about(owner: Owner, installation: Installation) -> None:
    """A proxy that is set for the machine is not for what the services tell each other."""
    owner.body = b'{"email": "anna@example.nl"}'
    proxy = Owner()
    script = (
        "import json, os, sys\n"
        "from shared.composition import build_tools\n"
        "from shared.settings import Settings\n"
        "tools = build_tools(Settings.from_environ(os.environ), 'newsletter')\n"
        "print(json.dumps(tools.claims.fetch('intake', 'form-1')))\n"
    )
    settings = installation.settings
    with proxy.serving() as address:
        environ = {
            "DISCREET_MODE": "trial",
            "DISCREET_HOME": str(settings.home),
            "DISCREET_SERVICE_URL": settings.service_url_template,
            "http_proxy": address,
            "all_proxy": address,
        }
        done = subprocess.run([sys.executable, "-c", script], env=environ, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == {"email": "anna@example.nl"}
    assert (len(owner.asked), proxy.asked) == (1, [])
