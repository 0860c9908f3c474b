"""A key database, master keys that a command could rotate, and a vault over them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from shared.database import Database
from shared.keys import KeyRing
from shared.vault import KeyBase, Vault


@dataclass
class KeyFile:
    """Stands for the file with a service's master keys."""

    ring: KeyRing = field(default_factory=KeyRing.generate)
    reads: int = 0

    def read(self) -> KeyRing:
        self.reads += 1
        return self.ring


@dataclass
class Hands:
    """Two clocks that a test moves by hand: the calendar's, and seconds that pass."""

    now: datetime = datetime(2026, 3, 1, 12, tzinfo=UTC)
    seconds: float = 1000.0

    def calendar(self) -> datetime:
        return self.now

    def passing(self) -> float:
        return self.seconds

    def move(self, by: timedelta) -> None:
        self.now += by
        self.seconds += by.total_seconds()


@pytest.fixture(params=["sqlite", "postgresql"])
def keys_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Give the URL of an empty key database, of either kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'keys.sqlite3'}"
    return request.getfixturevalue("postgres_url")()


@pytest.fixture
def key_database(keys_url: str):
    """Make the tables."""
    database = Database(keys_url)
    KeyBase.metadata.create_all(database.engine())
    yield database
    database.close()


@pytest.fixture
def key_file() -> KeyFile:
    """Make master keys."""
    return KeyFile()


@pytest.fixture
def hands() -> Hands:
    """Set the clocks."""
    return Hands()


@pytest.fixture
def vault(key_database: Database, key_file: KeyFile, hands: Hands) -> Vault:
    """Open intake's vault."""
    return Vault(key_database, key_file.read, "intake", hands.calendar, seconds=hands.passing)
