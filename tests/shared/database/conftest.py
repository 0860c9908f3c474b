"""An empty database with the table of notes, of either kind."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from shared.database import Database
from tests.shared.database.notes import metadata

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """An empty database with one table, of either kind."""
    sqlite = request.param == "sqlite"
    made = Database(f"sqlite:///{tmp_path / 'notes.sqlite3'}" if sqlite else request.getfixturevalue("postgres_url")())
    metadata.create_all(made.engine())
    yield made
    made.close()


@pytest.fixture
def sqlite(tmp_path: Path) -> Iterator[Database]:
    """The same on SQLite."""
    made = Database(f"sqlite:///{tmp_path / 'notes.sqlite3'}")
    metadata.create_all(made.engine())
    yield made
    made.close()


@pytest.fixture
def postgresql(postgres_url: Callable[[], str]) -> Iterator[Database]:
    """The same on PostgreSQL."""
    made = Database(postgres_url())
    metadata.create_all(made.engine())
    yield made
    made.close()
