"""A clinic's website form for each test, with everything behind it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.services.intake.website import open_website

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.services.intake.website import Website


@pytest.fixture
def website(tmp_path: Path) -> Iterator[Website]:
    """Give an installation of every service, with the intake over HTTP."""
    with open_website(tmp_path) as found:
        yield found
