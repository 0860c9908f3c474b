"""A service put on a real Flask app over a real database; only who a token speaks for is made up."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from shared.auth import Principal
from shared.clock import Clock
from shared.database import Base, Database
from shared.errors import UnauthenticatedError
from shared.settings import Settings
from shared.web import Api
from shared.web.app import build_app
from shared.web.mounts import Mount

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


class Secrets:
    """Keys of which only this is needed here."""

    def secret(self, purpose: str) -> bytes:
        return purpose.encode().ljust(32, b".")


@dataclass(frozen=True)
class Tools:
    """What the routes under test use of a service's tools."""

    name: str
    settings: Settings
    database: Database
    clock: Clock = lambda: NOW
    keys: Secrets = field(default_factory=Secrets)


def authenticate(token: str, now: datetime) -> Principal:
    """Believe a token that says ``role:name``."""
    role, _, name = token.partition(":")
    if not name:
        raise UnauthenticatedError("This is not a token.")
    return Principal(subject=name, roles=frozenset({role}), issuer="console")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Make the settings of a trial."""
    return Settings.from_environ({"DISCREET_MODE": "trial", "DISCREET_HOME": str(tmp_path)})


@pytest.fixture
def tools(tmp_path: Path, settings: Settings):
    """Make a service's tools over an empty database."""
    database = Database(f"sqlite:///{tmp_path}/newsletter.sqlite3")
    Base.metadata.create_all(database.engine())
    yield Tools("newsletter", settings, database)
    database.close()


@pytest.fixture
def mount(tools: Tools, tmp_path: Path) -> Callable[..., Mount]:
    """Return what puts APIs under /newsletter, or under another name."""

    def make(*apis: Api, **options) -> Mount:
        name = options.pop("name", "newsletter")
        return Mount(
            name=name,
            tools=replace(tools, name=name),
            apis=apis,
            authenticate=authenticate,
            templates=tmp_path,
            **options,
        )

    return make


@pytest.fixture
def client(mount: Callable[..., Mount]) -> Callable[..., FlaskClient]:
    """Return what makes a client of an app with these APIs."""
    return lambda *apis, **options: build_app([mount(*apis, **options)], limits=lambda: NOW).test_client()


@pytest.fixture
def bearer() -> Callable[[str], dict[str, str]]:
    """Return what makes the header of a caller, such as ``physician:anna``."""
    return lambda token: {"Authorization": f"Bearer {token}"}


@pytest.fixture
def problem() -> Callable[[TestResponse], str]:
    """Return what reads the slug of a problem, after checking that it is one (RFC 9457)."""

    def read(response: TestResponse) -> str:
        assert response.mimetype == "application/problem+json", response.text
        assert response.json is not None
        assert response.json["status"] == response.status_code
        assert response.json["title"]
        return response.json["type"].removeprefix("/problems/")

    return read
