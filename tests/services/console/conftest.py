"""A console with real keys and accounts, in front of a stand-in for the requests service."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from services.console.accounts import ensure_trial_accounts
from services.console.app import create_app
from services.console.service import Console
from services.console.sessions import COOKIE
from shared.keys import KeyStore, make_trial_keys
from shared.settings import SERVICES, Settings
from tests.services.console.fake_requests import FakeRequests, Served


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a trial's home once, with keys and accounts: hashing passwords takes its time."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="session")
def passwords(home: Path) -> dict[str, str]:
    """Return the passwords of the trial accounts by name."""
    settings = Settings.from_environ({"DISCREET_MODE": "trial", "DISCREET_HOME": str(home)})
    make_trial_keys(settings.keys, SERVICES)
    return dict(ensure_trial_accounts(settings))


@pytest.fixture
def fake(home: Path, passwords: dict[str, str]) -> FakeRequests:
    """Return the stand-in, to set what it knows and to see what it was asked."""
    return FakeRequests(KeyStore(home / "keys").roster().current())


@pytest.fixture
def service(fake: FakeRequests) -> Iterator[Served]:
    """Serve the stand-in."""
    served = Served(fake)
    yield served
    served.stop()


@pytest.fixture
def settings(home: Path, service: Served) -> Settings:
    """Return a trial's settings, with the stand-in as its requests service."""
    (home / "console" / "sign-ins.json").unlink(missing_ok=True)
    return Settings.from_environ(
        {"DISCREET_MODE": "trial", "DISCREET_HOME": str(home), "DISCREET_SERVICE_URL": service.url}
    )


@pytest.fixture
def app(settings: Settings) -> Flask:
    """Make the console's app."""
    return create_app(settings)


@pytest.fixture
def console(app: Flask) -> Console:
    """Return what the pages use."""
    return app.extensions["discreet.console"]


class Visitor:
    """A browser, as far as these pages need one: cookies, and forms with the token that stands in them."""

    def __init__(self, client: FlaskClient) -> None:
        self.client = client

    def get(self, path: str, **options) -> TestResponse:
        """Open a page."""
        return self.client.get(path, headers={"Accept": "text/html"}, **options)

    def token(self, path: str) -> str:
        """Return the token that the forms of a page carry."""
        found = re.search(r'name="csrf_token" value="([^"]+)"', self.get(path).text)
        assert found, path
        return found[1]

    def post(self, path: str, *, seen_on: str | None = None, **fields: str) -> TestResponse:
        """Send a form that stands on the page ``seen_on``; hyphens and colons in names are given as they are."""
        token = self.token(seen_on or path)
        return self.client.post(path, data={"csrf_token": token, **fields}, headers={"Accept": "text/html"})

    def sign_in(self, name: str, password: str) -> TestResponse:
        """Sign in."""
        return self.post("/console/sign-in", name=name, password=password)


@pytest.fixture
def visitor(app: Flask) -> Visitor:
    """Return somebody who has not signed in."""
    return Visitor(app.test_client())


@pytest.fixture(scope="session")
def cookies() -> dict[str, str]:
    """Keep the sessions of the trial accounts: checking a password takes its time."""
    return {}


@pytest.fixture
def signed_in(app: Flask, passwords: dict[str, str], cookies: dict[str, str]) -> Callable[..., Visitor]:
    """Return what makes a visitor who signed in with a trial account, just now if it is to be ``fresh``."""

    def make(name: str, *, fresh: bool = False) -> Visitor:
        somebody = Visitor(app.test_client())
        if name in cookies and not fresh:
            somebody.client.set_cookie(COOKIE, cookies[name], path="/console")
            return somebody
        assert somebody.sign_in(name, passwords[name]).status_code == 303
        if not fresh:
            cookies[name] = somebody.client.get_cookie(COOKIE, path="/console").value
        return somebody

    return make
