"""The desks that the tests sit at."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.shared.processors.opendsr.desk import Desk, open_desk


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """Give a service on SQLite."""
    yield from open_desk(tmp_path)


@pytest.fixture(params=["sqlite", "postgresql"])
def either_desk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Desk]:
    """Give the same on each of the two databases in turn."""
    postgresql = request.param == "postgresql"
    yield from open_desk(tmp_path, request.getfixturevalue("postgres_environ")() if postgresql else {})
