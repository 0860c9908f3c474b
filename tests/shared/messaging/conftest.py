"""Events carried by hand, on both databases."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.kit.post import Post

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(params=["sqlite", "postgresql"])
def post(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Post]:
    """Two services on either database."""
    environ = request.getfixturevalue("postgres_environ")() if request.param == "postgresql" else {}
    made = Post(tmp_path, environ)
    yield made
    made.close()
