"""A real browser in front of a real console."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from services.console.accounts import ensure_trial_accounts
from services.console.app import create_app
from shared.keys import KeyStore, make_trial_keys
from shared.settings import SERVICES, Settings
from tests.browser.chromium import Chromium, Window, program
from tests.services.console.fake_requests import FakeRequests, Served


@pytest.fixture(scope="session")
def trial(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    """Make a trial's home once; return it with the passwords of its accounts."""
    home = tmp_path_factory.mktemp("home")
    settings = Settings.from_environ({"DISCREET_MODE": "trial", "DISCREET_HOME": str(home)})
    make_trial_keys(settings.keys, SERVICES)
    return home, dict(ensure_trial_accounts(settings))


@pytest.fixture
def fake(trial: tuple[Path, dict[str, str]]) -> FakeRequests:
    """Return the stand-in for the requests service."""
    return FakeRequests(KeyStore(trial[0] / "keys").roster().current())


@pytest.fixture
def service(fake: FakeRequests) -> Iterator[Served]:
    """Serve the stand-in."""
    served = Served(fake)
    yield served
    served.stop()


@pytest.fixture
def origin(trial: tuple[Path, dict[str, str]], service: Served) -> Iterator[str]:
    """Serve the console on a port of its own; return where."""
    environ = {"DISCREET_MODE": "trial", "DISCREET_HOME": str(trial[0]), "DISCREET_SERVICE_URL": service.url}
    served = Served(create_app(Settings.from_environ(environ)))
    yield served.url
    served.stop()


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chromium]:
    """Start a browser once for the windows of a file."""
    if program() is None:
        pytest.skip("no Chromium here")
    with Chromium(tmp_path_factory.mktemp("profile")) as started:
        yield started


@pytest.fixture
def browser(chromium: Chromium) -> Iterator[Window]:
    """Open a window whose pages run no scripts."""
    with chromium.window(javascript=False) as opened:
        yield opened
