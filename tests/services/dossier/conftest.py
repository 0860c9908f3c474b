"""A practice for each test, on files of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.services.dossier.practice import practice as opened

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.services.dossier.practice import Practice


@pytest.fixture
def practice(tmp_path: Path) -> Iterator[Practice]:
    """Give a practice on SQLite."""
    with opened(tmp_path) as found:
        yield found


@pytest.fixture(params=["sqlite", "postgresql"])
def anywhere(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Practice]:
    """Give a practice on one database, then on the other."""
    environ = {}
    if request.param == "postgresql":
        environ = request.getfixturevalue("postgres_environ")()
    with opened(tmp_path, **environ) as found:
        yield found
