"""A clinic that holds cards, on SQLite, and on either database where that matters."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.kit.cards import Clinic

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def clinic(tmp_path: Path) -> Iterator[Clinic]:
    """On SQLite."""
    made = Clinic(tmp_path)
    yield made
    made.close()


@pytest.fixture(params=["sqlite", "postgresql"])
def either(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Clinic]:
    """On either database."""
    environ = request.getfixturevalue("postgres_environ")() if request.param == "postgresql" else {}
    made = Clinic(tmp_path, environ)
    yield made
    made.close()
