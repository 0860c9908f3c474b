"""A newsletter for each test, on files of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from services.newsletter import programmes
from tests.services.newsletter.desk import desk

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.services.newsletter.desk import Desk


@pytest.fixture
def newsletter(tmp_path: Path) -> Iterator[Desk]:
    """Give a newsletter that faces Laposta."""
    with desk(tmp_path) as found:
        yield found


@pytest.fixture(params=programmes.PROGRAMMES)
def either(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Desk]:
    """Give a newsletter that faces each programme in turn."""
    with desk(tmp_path, request.param) as found:
        yield found


@pytest.fixture(params=sorted(programmes.TELLING))
def told(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Desk]:
    """Give a newsletter that faces each programme that posts to us, in turn."""
    with desk(tmp_path, request.param) as found:
        yield found


@pytest.fixture
def listmonk(tmp_path: Path) -> Iterator[Desk]:
    """Give a newsletter that faces listmonk."""
    with desk(tmp_path, "listmonk") as found:
        yield found


@pytest.fixture
def mailchimp(tmp_path: Path) -> Iterator[Desk]:
    """Give a newsletter that faces Mailchimp."""
    with desk(tmp_path, "mailchimp") as found:
        yield found


@pytest.fixture
def brevo(tmp_path: Path) -> Iterator[Desk]:
    """Give a newsletter that faces Brevo."""
    with desk(tmp_path, "brevo") as found:
        yield found


@pytest.fixture
def mailerlite(tmp_path: Path) -> Iterator[Desk]:
    """Give a newsletter that faces MailerLite."""
    with desk(tmp_path, "mailerlite") as found:
        yield found


@pytest.fixture(params=["sqlite", "postgresql"])
def anywhere(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Desk]:
    """Give a newsletter on one database, then on the other."""
    environ = {}
    if request.param == "postgresql":
        environ = request.getfixturevalue("postgres_environ")()
    with desk(tmp_path, **environ) as found:
        yield found
